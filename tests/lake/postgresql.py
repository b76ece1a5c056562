"""A real PostgreSQL on this machine, for as long as tests run."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

PASSWORD = "hush-hush-postgres"
_USER = "values"


def programs() -> Path | None:
    """The folder of PostgreSQL's own programs, the newest where Debian has several."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


class Server:
    """A server on loopback with a folder of its own; started by an unprivileged user."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="valuescope-postgresql-"))
        found = programs()
        assert found is not None
        self._programs = found
        # PostgreSQL does not run as root; Debian's package brings a user for it.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self.folder, self._user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        given = self.folder / "password"
        given.write_text(PASSWORD)
        self._run(
            *("initdb", "--auth=scram-sha-256", f"--username={_USER}", f"--pwfile={given}"),
            *("--no-sync", "--locale=C.UTF-8", f"--pgdata={self.folder / 'data'}"),
        )

    def start(self) -> None:
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self._control("start", "--wait", f"--log={self.folder / 'log'}", f"--options={settings}")

    def stop(self) -> None:
        """As when the power goes: no connection is waited for."""
        self._control("stop", "--mode=immediate", "--wait")

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def address(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={_USER} dbname={database}"

    def create_database(self, name: str) -> str:
        """A new database; returns its address."""
        self.ask("postgres", f"create database {name}")
        return self.address(name)

    def ask(self, database: str, statement: str) -> str:
        finished = subprocess.run(
            [
                *(str(self._programs / "psql"), "--no-psqlrc", "--tuples-only", "--no-align"),
                *("--dbname", self.address(database), "--command", statement),
            ],
            env=os.environ | {"PGPASSWORD": PASSWORD},
            capture_output=True,
            text=True,
            check=True,
        )
        return finished.stdout.strip()

    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", f"--pgdata={self.folder / 'data'}", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            user=self._user,
            group=self._user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )

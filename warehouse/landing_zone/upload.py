"""Upload what has landed to a shared store.

A file in a store is named after what it is about and after the SHA-256 of its bytes,
`schema=1/runs/0a1b2c3d4e5f.<sha256>.parquet`, and never changes. So sending and landing may be
repeated, stopped and done by several at once: a name shows what is new, and whether the bytes are
those that were sent.
"""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from valuescope.warehouse.home import Home
from valuescope.warehouse.landing_zone.shards import EMPTY_SHARD
from valuescope.warehouse.landing_zone.stores import SharedStore

STUDIES = "studies"
# What rows point to comes before the rows: a stop in between leaves nothing dangling.
FOLDERS = (STUDIES, "prompts", "models", "runs", "choice_log_likelihoods")
# Requests to an object store that are under way at once.
AT_ONCE = 8
_NAME = re.compile(r"(\w+)\.([0-9a-f]{64})\.(parquet|toml)")
_NOTE = "README.txt"
_NOTE_TEXT = """\
Answers of language models, scored with valuescope. Each file is named after the run, model, prompt
or study that it is about and after the SHA-256 of its bytes; none is ever changed.
  valuescope land ADDRESS     brings what is new into the landing zone of VALUESCOPE_HOME
  valuescope send ADDRESS     adds what has landed there
"""


@dataclass(frozen=True)
class SharedFile:
    """A file of a store. `subject` is the run, model, prompt or study that it is about."""

    folder: str
    subject: str
    sha256: str
    path: PurePosixPath


def shared_file(folder: str, path: PurePosixPath) -> SharedFile | None:
    """Parse the name of a file in a store; None if it is not one of ours."""
    name = _NAME.fullmatch(path.name)
    return SharedFile(folder, name[1], name[2], path) if name else None


@dataclass(frozen=True)
class Sent:
    """The outcome of sending: files and bytes new in the store, and files it had already."""

    files: int
    bytes: int
    already_there: int


class Sender:
    """Sends what lands in a home to a store, each file once; keep one while scoring."""

    def __init__(self, home: Home, store: SharedStore) -> None:
        """Open the store. Raises ValuescopeError if it cannot be written to."""
        self._home, self._store = home, store
        self._sent: set[tuple[Path, int, int]] = set()
        schema = home.landing.name
        # Fails before hours of scoring, not after.
        store.write(PurePosixPath(schema, _NOTE), _NOTE_TEXT.encode())
        self._there = {
            stored.path: stored.size
            for table in FOLDERS
            for stored in store.files(f"{schema}/{table}")
        }

    def send(self) -> Sent:
        """Send what has landed since the last call and is not in the store yet."""
        new = [
            (table, path)
            for table in FOLDERS
            for path in sorted((self._home.landing / table).glob("*.*"))
            if path.name != EMPTY_SHARD and not path.name.startswith(".")
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            sizes = list(pool.map(lambda found: self._send(*found), new))
        added = [size for size in sizes if size]
        return Sent(len(added), sum(added), sizes.count(0))

    def _send(self, table: str, path: Path) -> int | None:
        """Return bytes added; 0 if the store has the file, None if there is nothing to send."""
        try:
            status = path.stat()
            identity = path, status.st_size, status.st_mtime_ns
            if identity in self._sent:
                return 0
            content = path.read_bytes()
        except FileNotFoundError:
            # A run has merged it meanwhile; the larger file goes with the next call.
            return None
        subject = path.name.split(".")[0].split("-")[0]
        name = f"{subject}.{hashlib.sha256(content).hexdigest()}{path.suffix}"
        target = PurePosixPath(self._home.landing.name, table, name)
        is_there = self._there.get(target) == len(content)
        if not is_there:
            self._store.write(target, content)
            self._there[target] = len(content)
        self._sent.add(identity)
        return 0 if is_there else len(content)

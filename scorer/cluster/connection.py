"""Start Ray on this machine, or join a cluster that runs."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from valuescope.scorer.engine.numerics import default_threads
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.version import install_command

# Where no address is given.
THIS_MACHINE = "this machine"
# Ray itself waits for minutes.
SECONDS_TO_ANSWER = 60
# Rows of a question are a megabyte; the rest of the memory is for models.
_OBJECT_STORE_BYTES = 256 << 20
_NO_STATISTICS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Join Ray's cluster at `address`, or start Ray on this machine and end it afterwards.

    Usage statistics stay off. Raises ValuescopeError where Ray is not installed, where nothing
    answers at the address in `SECONDS_TO_ANSWER`, and where another version does.
    """
    os.environ.update(_NO_STATISTICS)
    try:
        import ray
    except ImportError as error:
        raise ValuescopeError(
            "Scoring on a cluster needs Ray, which is not installed: install the extra with "
            f"{install_command('ray')}, on every machine."
        ) from error
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "CRITICAL"}
    if address == THIS_MACHINE:
        settings |= {
            "address": "local",
            "num_cpus": default_threads(),
            "object_store_memory": _OBJECT_STORE_BYTES,
            "include_dashboard": False,
        }
    else:
        _require_answer(address)
        settings["address"] = address
    try:
        ray.init(**settings)
    except Exception as error:  # Ray raises many unrelated kinds
        raise ValuescopeError(
            f"Cannot join the Ray cluster at {address}: {_first_line(error)} Run the command on a "
            "machine that is part of the cluster (`ray start --address=...`), with the versions of "
            "Ray and Python that its other machines have."
        ) from error
    # Ray reports lost workers on stdout, which is for data; the driver reports them itself.
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        try:
            yield ray
        finally:
            ray.shutdown()


def _require_answer(address: str) -> None:
    """Raise ValuescopeError where no Ray cluster of this version answers at the address."""
    if address.startswith("ray://"):
        raise ValuescopeError(
            f"{address} is an address for Ray's client, which is not used here. Run the command on "
            "a machine of the cluster and name its address without ray://, or `auto`."
        )
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check"]
    if address != "auto":
        _require_open_port(address)
        command += ["--address", address]
    # In a process of its own, which can be ended when Ray goes on waiting.
    try:
        finished = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS_TO_ANSWER
        )
    except subprocess.TimeoutExpired:
        raise _no_answer(address, "") from None
    if finished.returncode != 0:
        lines = (finished.stdout + finished.stderr).strip().splitlines()
        raise _no_answer(address, f" It says: {lines[-1].strip()}" if lines else "")


def _require_open_port(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit() and int(port) < 1 << 16):
        raise ValuescopeError(
            f"'{address}' is not the address of a Ray cluster. Write it as host:port, as "
            "`ray start --head` prints it, or auto for the cluster of this machine."
        )
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise _no_answer(address, f" The system says: {error.strerror or error}.") from error


def _no_answer(address: str, reason: str) -> ValuescopeError:
    return ValuescopeError(
        f"No Ray cluster answers at {address} within {SECONDS_TO_ANSWER} seconds.{reason} Start "
        "one with `ray start --head` and name the address that it prints, check that this machine "
        "reaches it and has the cluster's token (~/.ray/auth_token), or leave the address out to "
        "score on this machine."
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__

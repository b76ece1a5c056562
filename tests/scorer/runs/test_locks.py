"""Who may score at once. Locks belong to an opened file, so that one process can stand for two."""

import errno
import fcntl
import os
import threading
from pathlib import Path

import pytest

from valuescope.scorer.runs.locks import part_of_run, whole_run
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home

RUN = ("tiny", "a" * 64, "prompt")


def unheard(notice: str) -> None:
    raise AssertionError(notice)


def test_different_parts_share_a_model_and_design(home: Home) -> None:
    with part_of_run(home, *RUN, "1-2", unheard), part_of_run(home, *RUN, "2-2", unheard) as lock:
        assert not lock.is_alone()


def test_a_home_that_cannot_be_written_to_is_named(home: Home) -> None:
    home.path.write_text("a file where the folder should be")
    with (
        pytest.raises(ValuescopeError, match=f"Cannot write to {home.path}.*Set VALUESCOPE_HOME"),
        whole_run(home, *RUN, unheard),
    ):
        pass


def test_the_last_part_is_alone(home: Home) -> None:
    with part_of_run(home, *RUN, "1-2", unheard):
        pass
    with part_of_run(home, *RUN, "2-2", unheard) as lock:
        assert lock.is_alone()


def test_a_whole_run_is_alone_and_keeps_out_another(home: Home) -> None:
    with whole_run(home, *RUN, unheard) as lock:
        assert lock.is_alone()
        with (
            pytest.raises(ValuescopeError, match="Another process is scoring tiny with prompt"),
            whole_run(home, *RUN, unheard),
        ):
            pass


def test_a_whole_run_is_refused_while_a_part_is_scored(home: Home) -> None:
    with (
        part_of_run(home, *RUN, "1-2", unheard),
        pytest.raises(ValuescopeError, match="Another process is scoring tiny with prompt"),
        whole_run(home, *RUN, unheard),
    ):
        pass


@pytest.mark.parametrize("first", ["whole", "same part"])
def test_a_part_waits_for_whoever_scores_the_same_cells_and_says_so(home: Home, first: str) -> None:
    waiting, notices = threading.Event(), []

    def hear(notice: str) -> None:
        notices.append(notice)
        waiting.set()

    def second() -> None:
        with part_of_run(home, *RUN, "1-2", hear):
            notices.append("goes on")

    thread = threading.Thread(target=second)
    held = (
        whole_run(home, *RUN, unheard)
        if first == "whole"
        else part_of_run(home, *RUN, "1-2", unheard)
    )
    with held:
        thread.start()
        assert waiting.wait(timeout=60)
        assert len(notices) == 1
    thread.join(timeout=60)
    assert "Waiting for another process that is scoring the same cells of tiny" in notices[0]
    assert notices[1:] == ["goes on"]


def test_a_file_system_without_locks_is_named_with_a_way_out(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _kind: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(ValuescopeError, match=r"has no locks .*valuescope land"),
        part_of_run(home, *RUN, "1-2", unheard),
    ):
        pass


def test_the_lock_of_a_process_that_is_gone_holds_nobody(home: Home) -> None:
    child = os.fork()
    if child == 0:
        with whole_run(home, *RUN, unheard):
            os._exit(0)
    os.waitpid(child, 0)
    assert list(Path(home.path / "landing" / "locks").iterdir())
    with whole_run(home, *RUN, unheard) as lock:
        assert lock.is_alone()

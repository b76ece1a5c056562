"""docs/cluster.md names options that exist, and is found."""

import re

import pytest

from valuescope.commands.score import command
from valuescope.scorer.runs.run import QUESTIONS_A_BLOCK
from valuescope.warehouse.home import CLONE

TEXT = (CLONE / "docs" / "cluster.md").read_text(encoding="utf-8")
CALLS = re.findall(r"valuescope score ((?:[^\n#]|\\\n)+)", TEXT)


@pytest.mark.parametrize("call", CALLS)
def test_options_of_the_examples_exist(call: str) -> None:
    known = {name for option in command.params for name in option.opts}
    assert set(re.findall(r"--[a-z-]+", call)) <= known


def test_options_of_the_text_exist() -> None:
    known = {name for option in command.params for name in option.opts}
    shown = set(re.findall(r"`(--[a-z-]+)", TEXT))
    assert shown
    assert shown <= known


def test_a_block_is_as_large_as_it_says() -> None:
    assert f"block of {QUESTIONS_A_BLOCK} questions" in TEXT


def test_readers_are_led_to_the_page() -> None:
    for page in ("README.md", "docs/studies.md", "docs/scoring.md"):
        assert "cluster.md" in (CLONE / page).read_text(encoding="utf-8")

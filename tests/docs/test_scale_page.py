"""docs/scale.md is what its constants make, and its lines say what they rest on."""

import re
from pathlib import Path

import pytest

from valuescope.scorer.planning.scale import CONSTANTS, PAGE, asked_in, main, scale_page
from valuescope.warehouse.home import CLONE


def tables(text: str) -> list[list[dict[str, str]]]:
    """The page's tables, a row by the names of its columns."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        header, _, *rows = (
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
        )
        found.append([dict(zip(header, row, strict=True)) for row in rows])
    return found


def test_the_committed_page_is_what_its_constants_make() -> None:
    is_current = PAGE.read_text(encoding="utf-8") == scale_page()
    assert is_current, "constants or the instrument have changed: run `make scale` and commit"


def test_the_command_writes_the_page_to_the_file_it_is_given(tmp_path: Path) -> None:
    main(tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == scale_page()


def test_a_design_is_the_whole_instrument_everywhere_and_nowhere() -> None:
    asked = asked_in("label")
    assert (asked.questions, asked.cells) == (258, 258 * 67)
    assert asked.rows % 67 == 0
    # 2 to 10 choices a question.
    assert 2 * asked.cells < asked.rows < 10 * asked.cells
    assert asked.tokens < asked_in("text").tokens < asked_in("label_text").tokens


def test_every_constant_is_measured_or_assumed_with_its_source() -> None:
    _, constants, machines, _ = tables(scale_page())
    for row in constants:
        assert re.match(r"measured \d{4}-\d\d-\d\d|assumed", row["where it is from"]), row
    for row in machines:
        assert re.search(r"measured|assumed", row["speed"]), row


def test_times_are_tokens_times_parameters_over_speed(tmp_path: Path) -> None:
    text = CONSTANTS.read_text(encoding="utf-8")
    constants = tmp_path / "scale.toml"
    tokens = asked_in("label_text").tokens
    # A laptop that takes 100 seconds for 135M, in float32; 8 cores of which 80% count.
    speed = 135e6 * tokens / 100 / (8 * 0.8)
    constants.write_text(re.sub(r"(?m)^f32 = .*$", f"f32 = {speed!r}", text), encoding="utf-8")
    _, _, machines, studies = tables(scale_page(constants))
    assert machines[0]["135M"] == "2 min"
    assert machines[0]["1.5B"] == "19 min"  # 100 s x 1500 / 135
    assert machines[0]["70B"] == "does not fit"
    # 4 designs of 135M, 360M and 1.5B.
    assert studies[0]["scoring"] == "1.6 h"


def test_a_thousand_models_in_ten_designs_are_ten_thousand_times_one() -> None:
    asked, *_, studies = tables(scale_page())
    rows = {row["answers"]: int(row["choice rows"].replace(",", "")) for row in asked}
    assert studies[-1]["rows"] == f"{rows['`label_text`'] * 10_000 / 1e9:.2f} billion"


@pytest.mark.parametrize("page", ["README.md", "docs/cluster.md"])
def test_readers_are_led_to_the_page(page: str) -> None:
    assert "scale.md" in (CLONE / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["cluster.md", "scale.md"])
def test_links_lead_to_files_that_exist(page: str) -> None:
    folder = CLONE / "docs"
    for link in re.findall(r"\]\(([^)#:]+)\)", (folder / page).read_text(encoding="utf-8")):
        assert (folder / link).is_file(), link

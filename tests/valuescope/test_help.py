from pathlib import Path

import pytest

from tests.valuescope.conftest import succeed


@pytest.mark.parametrize("name", ["score", "sql", "doctor", "export"])
def test_examples_in_a_help_stand_on_lines_of_their_own(tmp_path: Path, name: str) -> None:
    text = succeed(tmp_path, name, "--help")
    lines = [line.strip() for line in text.split("Examples:")[1].splitlines() if line.strip()]
    assert len(lines) >= 2
    assert all(line.startswith(f"valuescope {name} ") for line in lines)
    assert "\\b" not in text

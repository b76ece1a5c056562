"""The model that the demo names next can be scored with what is installed."""

from pathlib import Path

import pytest

from valuescope.commands import demo
from valuescope.scorer.models.files import local_file
from valuescope.scorer.models.found import FoundFile
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import load_instrument


def test_the_next_model_is_on_this_machine_where_one_is(tmp_path: Path) -> None:
    """The tests' models are installed."""
    home, instrument = Home(tmp_path), load_instrument()
    name = demo.next_model(home, instrument)
    assert name != demo.MODEL
    assert local_file(instrument.models[name], home) is not None


@pytest.mark.parametrize(
    ("found", "has_hub", "expected"),
    [
        (("broken", "mine"), True, "mine"),
        (("broken",), True, f"{demo.LARGER}   (downloads it)"),
        ((), False, "FILE.gguf   (any GGUF file that you have)"),
    ],
)
def test_without_one_it_is_a_found_file_a_download_or_any_file(
    found: tuple[str, ...],
    has_hub: bool,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = [
        FoundFile(
            *(name, "LM Studio", tmp_path, (), 1, "Q8_0", "llama", 1),
            problem="it is damaged" if name == "broken" else None,
        )
        for name in found
    ]
    monkeypatch.setattr(demo, "is_installed", lambda *_: False)
    monkeypatch.setattr(demo, "found_files", lambda: files)
    monkeypatch.setattr(demo, "find_spec", lambda _: object() if has_hub else None)
    assert demo.next_model(Home(tmp_path), load_instrument()) == expected
    assert demo.LARGER in load_instrument().models

import csv
from pathlib import Path

import pytest

from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import SEEDS, Home
from valuescope.warehouse.instruments.own_models import COLUMNS
from valuescope.warehouse.instruments.seeds import load_instrument


def write_models(home: Home, text: str) -> Home:
    home.instrument.mkdir(parents=True, exist_ok=True)
    (home.instrument / "models.csv").write_text(text, encoding="utf-8")
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_own_rows_stand_beside_the_registrys(home: Home) -> None:
    # As a spreadsheet saves it: a byte order mark, columns in any order.
    write_models(
        home,
        "\ufeffis_chat,model_name,partner_model_name,parameter_count,display_name\n"
        "false,mine-3b,mine-3b-chat,3000000000,\n"
        "true,mine-3b-chat,mine-3b,,Mine 3B Chat\n"
        # Another tuning of the same base model, and one of a registered base model.
        "true,mine-3b-other,mine-3b,,\n"
        "true,llama-3-8b-mine,llama-3-8b,8000000000,\n",
    )
    models, registry = load_instrument(home).models, load_instrument().models
    own = {name: model for name, model in models.items() if model.is_own}
    assert [*models] == [*registry, *own]
    assert {name: (m.display_name, m.is_chat, m.parameter_count) for name, m in own.items()} == {
        "mine-3b": ("mine-3b", False, 3_000_000_000),
        "mine-3b-chat": ("Mine 3B Chat", True, None),
        "mine-3b-other": ("mine-3b-other", True, None),
        "llama-3-8b-mine": ("llama-3-8b-mine", True, 8_000_000_000),
    }


def test_the_columns_are_the_registrys() -> None:
    with (SEEDS / "models.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    assert set(header) - set(COLUMNS) == {"in_paper", "package_name", "package_file"}
    assert set(COLUMNS) <= set(header)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("model_name\nmine", "must have the column 'is_chat' once"),
        ("model_name,is_chat,partner\nmine,true,x", "unknown column 'partner' (did you mean part"),
        (
            "model_name,is_chat\nMine 3B,true",
            "model_name 'Mine 3B' for 'Mine 3B'; it must be lower",
        ),
        ("model_name,is_chat\nmine,yes", "is_chat 'yes' for 'mine'; it must be true or false"),
        ("model_name,is_chat,parameter_count\nmine,true,3B", "parameter_count '3B' for 'mine'"),
        ("model_name,is_chat,corpus_kind\nmine,true,German", "one of synthetic, english, multil"),
        ("model_name,is_chat,file_sha256\nmine,true,abc", "64 hexadecimal digits"),
        (
            "model_name,is_chat,hub_file\nmine,true,a.gguf",
            "only one of hub_repository and hub_file",
        ),
        ("model_name,is_chat\nphi-2,false", "the model 'phi-2', which is listed already"),
        (
            "model_name,is_chat\nmine,true\nmine,true",
            "listed already; choose another name. Correct",
        ),
        ("model_name,is_chat,display_name\nmine,true,Phi-2", "'Phi-2' for mine, which is that of"),
        (
            "model_name,is_chat,partner_model_name\nmine,true,llama-3-8",
            "unknown partner 'llama-3-8' for mine (did you mean llama-3-8b",
        ),
        (
            "model_name,is_chat,partner_model_name\nmine,true,llama-3-8b-instruct",
            "partner llama-3-8b-instruct for mine, but both are chat models",
        ),
        (
            "model_name,is_chat,partner_model_name\nmine,false,llama-3-8b-instruct",
            "that of llama-3-8b-instruct is 'llama-3-8b'; a chat model names the base model",
        ),
        (
            "model_name,is_chat,partner_model_name,family\nmine,true,llama-3-8b,mine",
            "family mine for mine, but llama-3 for its partner llama-3-8b",
        ),
    ],
)
def test_a_wrong_row_is_named_with_file_and_line(home: Home, rows: str, message: str) -> None:
    write_models(home, rows)
    with pytest.raises(ValuescopeError) as refused:
        load_instrument(home)
    assert message in str(refused.value)
    assert str(home.instrument / "models.csv") in str(refused.value)

"""The user's own rows of the model registry, in the warehouse."""

from collections.abc import Callable

import numpy as np

from tests.dbt_project.study import (
    WITHOUT_TESTS,
    Instrument,
    add_load,
    build_successfully,
    land_cells,
    land_design,
    land_model,
    land_run,
    random_counts,
    read,
)
from valuescope.warehouse.home import Home

OWN = """model_name,is_chat,partner_model_name,parameter_count,corpus_kind,file_sha256
mine-6b,false,mine-6b-chat,6000000000,multilingual,
mine-6b-chat,true,mine-6b,,,
llama-mine,true,llama-3-8b,,,{digest}
"""
DIGEST = "ab" * 32
# Landed before the rows were written, so under the names of their files.
MODELS = {
    "base": ("Mine_6B.Q8_0", False),
    "chat": ("Mine-6B-Chat-Q8_0", True),
    DIGEST: ("anything", True),
    "registered": ("llama-3-8b", False),
    # No row's: registered models are known by content, own ones by their whole name.
    "phi": ("phi-2", False),
    "other": ("Mine-6B-v2", False),
}


def test_own_rows_describe_and_pair_models_that_were_scored_before(
    instrument: Instrument, new_home: Callable[[], Home]
) -> None:
    home, random = new_home(), np.random.default_rng(3)
    questions = ["Q1", "Q27", "Q46", "Q57", "Q106", "Q112", "Q176", "Q199"]
    countries = ["ARG", "CHN"]
    add_load(home, "people", random_counts(instrument, questions, countries, seed=1))
    land_design(home, "raw", chat_mode="raw")
    for model_id, (name, is_chat) in MODELS.items():
        land_model(
            home,
            model_id,
            name,
            is_chat=is_chat,
            is_in_registry=model_id == "registered",
            parameter_count=1,
        )
        land_run(home, f"run-{model_id}", model_id, "raw")
        ids = {"run_id": f"run-{model_id}", "model_id": model_id, "prompt_id": "raw"}
        cells = [
            (
                ids | {"country_id": country, "question_id": question},
                list(random.normal(size=instrument.choice_count(question)) - 3),
            )
            for question in questions
            for country in countries
        ]
        land_cells(home, cells)
    home.instrument.mkdir(parents=True)
    (home.instrument / "models.csv").write_text(OWN.format(digest=DIGEST), encoding="utf-8")
    build_successfully(home, *WITHOUT_TESTS, "--select", "+cmp_base_chat")

    described = read(home, "select * from marts.dim_models").set_index("model_id")
    columns = ["model_name", "is_in_registry", "size_group", "partner_model_name", "corpus_kind"]
    assert described[columns].astype(object).where(described[columns].notna(), None).T.to_dict(
        "list"
    ) == {
        "base": ["mine-6b", True, "medium", "mine-6b-chat", "multilingual"],
        "chat": ["mine-6b-chat", True, None, "mine-6b", None],
        DIGEST: ["llama-mine", True, None, "llama-3-8b", None],
        "registered": ["llama-3-8b", True, "medium", "llama-3-8b-instruct", "english"],
        "phi": ["phi-2", False, None, None, None],
        "other": ["Mine-6B-v2", False, None, None, None],
    }
    assert described["parameter_count"].to_dict() == {
        "base": 6_000_000_000,
        "registered": 8_000_000_000,
        **dict.fromkeys(("chat", DIGEST, "phi", "other"), 1),
    }
    differences = read(home, "select * from marts.cmp_base_chat")
    weights = differences[differences["comparison"] == "base_chat_weights"]
    assert set(zip(weights["model_id"], weights["other_model_id"], strict=True)) == {
        ("chat", "base"),
        (DIGEST, "registered"),
    }

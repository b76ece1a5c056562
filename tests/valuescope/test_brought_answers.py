"""`valuescope questions`, and `valuescope land` with a file of answers from elsewhere."""

import csv
from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.study import WITHOUT_DATA_TESTS
from tests.valuescope.conftest import COUNTRIES, QUESTIONS, succeed
from valuescope.scorer.brought import landing
from valuescope.warehouse.home import SEEDS, Home
from valuescope.warehouse.instruments.own_models import COLUMNS
from valuescope.warehouse.replication.comparison import compare_marts
from valuescope.warehouse.tables.build import build_warehouse
from valuescope.warehouse.tables.marts import built_marts

# The rows of a scoring as anybody would bring them.
ROWS = """
    select
        'brought' as model,
        question_id as question,
        country_id as country,
        choice_index as choice,
        prompts.choice_order as "order",
        'answer=label' as design,
        prompt_text as text,
        log_likelihood,
        label_log_likelihood,
        token_count,
        byte_count,
        off_choice_mass,
        boundary_merged,
        is_chat,
        quantization
    from staging.stg_choice_log_likelihoods
    inner join marts.dim_prompts as prompts using (prompt_id)
    inner join marts.dim_models using (model_id)
"""
# The names of the model, the run and its numerics. All else is compared.
NAMES = {"model_name", "display_name", "model", "partner_model_name", "run_id", "numerics_id"}
# What only a file of weights has.
OF_THE_FILE = {
    *("file_name", "file_bytes", "chat_template_sha256"),
    *("architecture", "context_length", "vocabulary_size", "is_in_registry"),
}


def as_registered(home: Home, model_name: str, name: str) -> None:
    """Describe a model of that `name` in the home as the registry describes `model_name`."""
    with (SEEDS / "models.csv").open(encoding="utf-8", newline="") as file:
        (row,) = (row for row in csv.DictReader(file) if row["model_name"] == model_name)
    own = {"model_name": name, "display_name": "", "file_sha256": "", "partner_model_name": ""}
    described = {column: own.get(column, row[column]) for column in COLUMNS}
    home.instrument.mkdir(parents=True)
    with (home.instrument / "models.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, described)
        writer.writeheader()
        writer.writerow(described)


def test_our_own_answers_brought_under_another_name_make_the_same_marts(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = tmp_path / "answers.csv"
    answers.write_text(succeed(study, "sql", "--format", "csv", ROWS), encoding="utf-8")
    ((model,),) = ((shard.stem,) for shard in Home(study).landing.glob("models/[!_]*.parquet"))
    # Random answers are drawn by the model's id.
    monkeypatch.setattr(landing, "model_id_of", lambda name: model)
    home = tmp_path / "home"
    as_registered(Home(home), "smollm2-135m-instruct", "brought")
    succeed(home, "ingest", str(study.parent / "answers.csv"))
    succeed(home, "land", str(answers))
    build_warehouse(Home(home), WITHOUT_DATA_TESTS)

    with duckdb.connect(str(Home(home).database), read_only=True) as here:
        here.execute(f"attach '{Home(study).database}' as there (read_only)")
        files, marts = [], built_marts(here)
        for mart in marts:
            files.append(tmp_path / f"{mart.name}.parquet")
            here.execute(f"copy there.marts.{mart.name} to '{files[-1]}'")
        compared = compare_marts(here, marts, files)

    assert {mart.name for mart in marts} >= {"fct_mean_scores", "agg_country_correlations"}
    for found in compared:
        if found.name != "dim_runs":
            expected = NAMES | OF_THE_FILE if found.name == "dim_models" else NAMES
            assert set(found.differing) <= expected, found
            assert (found.only_here, found.only_there) == (0, 0), found
    rows = {found.name: found.rows for found in compared}
    assert rows["fct_choice_probabilities"] == len(QUESTIONS) * (len(COUNTRIES) + 1) * 4
    assert sum(rows.values()) > 1000

"""`valuescope questions`, and `valuescope land` with a file of answers that somebody else asked for."""

import csv
import io
import json
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.study import WITHOUT_DATA_TESTS
from tests.valuescope.conftest import COUNTRIES, QUESTIONS, fail, run, succeed
from valuescope.warehouse.home import Home
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
# What names a model or a run, or says when: all else is compared.
IDENTITY = {
    *("model_id", "model_name", "display_name", "model", "run_id", "numerics_id"),
    *("described_at", "source_fingerprint"),
}
# The file of weights and the engine, which a brought model does not have.
OF_THE_FILE = {"dim_models", "dim_runs"}


def test_our_own_answers_brought_under_another_name_make_the_same_marts(
    study: Path, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.csv"
    answers.write_text(succeed(study, "sql", "--format", "csv", ROWS), encoding="utf-8")
    home = tmp_path / "home"
    succeed(home, "ingest", str(study.parent / "answers.csv"))
    succeed(home, "land", str(answers))
    build_warehouse(Home(home), WITHOUT_DATA_TESTS)

    with duckdb.connect(str(Home(home).database), read_only=True) as here:
        here.execute(f"attach '{Home(study).database}' as there (read_only)")
        files, marts = [], built_marts(here)
        for mart in marts:
            texts = [c.name for c in mart.columns if c.data_type == "varchar"]
            other_id = "(select model_id from there.marts.dim_models)"
            own_id = "(select model_id from marts.dim_models)"
            same_id = [f"replace({name}, {other_id}, {own_id}) as {name}" for name in texts]
            replaced = f"replace ({', '.join(same_id)})" if same_id else ""
            files.append(tmp_path / f"{mart.name}.parquet")
            here.execute(
                f"copy (select * {replaced} from there.marts.{mart.name}) to '{files[-1]}'"
            )
        compared = compare_marts(here, marts, files)

    assert {mart.name for mart in marts} >= {"fct_mean_scores", "agg_country_correlations"}
    for found in compared:
        if found.name not in OF_THE_FILE:
            assert set(found.differing) <= IDENTITY, found
            assert (found.only_here, found.only_there) == (0, 0), found
    rows = {found.name: found.rows for found in compared}
    assert rows["fct_choice_probabilities"] == len(QUESTIONS) * (len(COUNTRIES) + 1) * 4
    assert sum(rows.values()) > 1000

"""What a build needs, what it leaves behind and how it fails."""

import ast
import os
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import (
    DBT,
    WITHOUT_DATA_TESTS,
    WITHOUT_TESTS,
    Instrument,
    add_load,
    build,
    build_as_named,
    build_successfully,
    dbt_output,
    failing,
    land_cells,
    land_design,
    land_model,
    land_run,
    random_counts,
    read,
)
from valuescope.warehouse.home import CLONE, DBT_PROJECT, Home
from valuescope.warehouse.landing_zone.shards import ensure_landing_zone

HEADLINES = {
    "headline_categories",
    "headline_continents",
    "headline_countries",
    "headline_questions",
}
MARTS = {
    "agg_category_correlations",
    "agg_category_country_correlations",
    "agg_category_scores",
    "agg_change_correlations",
    "agg_continent_correlations",
    "agg_country_correlations",
    "agg_cultural_distances",
    "agg_distances",
    "agg_group_correlations",
    "agg_group_differences",
    "agg_item_structure",
    "agg_model_summary",
    "agg_prompt_errors",
    "agg_question_correlations",
    "agg_question_steering",
    "agg_specification_correlations",
    "agg_specification_spread",
    "agg_steering",
    "agg_variance_components",
    "agg_western_gap",
    "cmp_base_chat",
    "cmp_corpus",
    "cmp_elicitations",
    "cmp_model_size",
    "cmp_quantization",
    "cmp_quantization_cells",
    "dim_categories",
    "dim_citations",
    "dim_choices",
    "dim_countries",
    "dim_cultural_axes",
    "dim_fieldwork",
    "dim_models",
    "dim_populations",
    "dim_prompts",
    "dim_questions",
    "dim_reference_countries",
    "dim_runs",
    "dim_surveys",
    "fct_changes",
    "fct_choice_probabilities",
    "fct_cultural_map",
    "fct_human_choice_shares",
    "fct_human_mean_scores",
    "fct_mean_scores",
    "fct_normalized_mean_scores",
    *HEADLINES,
}


def test_nothing_loaded_and_nothing_scored_builds_empty_marts(
    new_home: Callable[[], Home], agreement: AgreementStudy
) -> None:
    home = new_home()
    ensure_landing_zone(home)
    build_successfully(home, *WITHOUT_DATA_TESTS)
    assert failing(home, agreement.tests_of_data) == []
    for mart in sorted(MARTS):
        count = read(home, f"select count(*) as n from marts.{mart}")["n"].item()
        is_instrument = mart in {
            "dim_categories",
            "dim_citations",
            "dim_choices",
            "dim_countries",
            # Ten indicators on two axes, without loadings.
            "dim_cultural_axes",
            "dim_questions",
            "dim_surveys",
        }
        assert (count > 0) == is_instrument, mart


def test_scores_without_a_survey_say_that_none_is_loaded(
    new_home: Callable[[], Home], instrument: Instrument
) -> None:
    home = new_home()
    land_design(home, "p")
    land_model(home, "m")
    land_run(home, "run", "m", "p")
    land_cells(
        home,
        [
            (
                {"model_id": "m", "prompt_id": "p", "question_id": "Q1", "country_id": country_id},
                [-1.0, -2.0, -3.0, -4.0],
            )
            for country_id in ("DEU", "ZZZ")
        ],
    )
    build_successfully(home, *WITHOUT_TESTS)
    row = read(home, "select * from marts.agg_country_correlations").iloc[0]
    assert row["null_reason"] == "no_survey_loaded"
    assert read(home, "select * from marts.fct_mean_scores")["llm_mean_score"].notna().all()


def test_a_survey_without_scores_fills_the_human_marts(
    new_home: Callable[[], Home], instrument: Instrument
) -> None:
    home = new_home()
    ensure_landing_zone(home)
    add_load(home, "a", random_counts(instrument, ["Q1", "Q42"], ["DEU", "JPN"], seed=1))
    build_successfully(home, *WITHOUT_TESTS)
    human = read(home, "select * from marts.fct_human_mean_scores where coding_id = 'native'")
    assert len(human) == 4
    assert read(home, "select * from marts.dim_populations")["is_reference"].all()
    assert len(read(home, "select * from marts.agg_category_scores")) > 0


def test_a_homes_name_is_no_pattern(new_home: Callable[[], Home], tmp_path: Path) -> None:
    home = Home(tmp_path / "wave [7]* {it's}")
    land_design(home, "p")
    land_model(home, "m")
    land_run(home, "run", "m", "p")
    # What the name would match if it were a pattern.
    other = Home(tmp_path / "wave 7 {it's}")
    land_model(other, "other")
    land_design(other, "p")
    selected = ("--select", "+dim_models", "+dim_runs")
    result = build_as_named(home, tmp_path, *WITHOUT_TESTS, *selected)
    assert result.returncode == 0, result.stdout
    assert list(read(home, "select model_id from marts.dim_models")["model_id"]) == ["m"]
    assert list(read(home, "select run_id from marts.dim_runs")["run_id"]) == ["run"]


def test_a_missing_landing_zone_is_named_with_the_remedy(new_home: Callable[[], Home]) -> None:
    home = new_home()
    home.path.mkdir(parents=True)
    result = build(home)
    assert result.returncode != 0
    message = " ".join(result.stdout.split())
    assert f"No landing zone at {dbt_output() / 'home'}/landing/schema=1" in message
    assert "VALUESCOPE_HOME" in message
    assert "valuescope score --help" in message
    with duckdb.connect(str(home.database)) as connection:
        schemas = connection.execute("select distinct table_schema from information_schema.tables")
        assert schemas.fetchall() == [("raw",)]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"reference_populations": {"wvs": "wvs:5:unweighted:all"}},
            "names 'wvs:5:unweighted:all' for the survey 'wvs', which is not loaded. "
            "Loaded populations: wvs:7:within_country:all.",
        ),
        ({"question_selection": "some"}, "question_selection is 'some'; it may be all or paper"),
        ({"nonsense": 1}, "There is no variable nonsense"),
    ],
)
def test_a_variable_that_asks_for_the_impossible_stops_the_build(
    new_home: Callable[[], Home], instrument: Instrument, variables: dict[str, Any], expected: str
) -> None:
    home = new_home()
    ensure_landing_zone(home)
    add_load(home, "a", random_counts(instrument, ["Q1"], ["DEU"], seed=1))
    result = build(home, **variables)
    assert result.returncode != 0
    assert expected in " ".join(result.stdout.split())


def test_schemas_are_exactly_the_four_of_the_design(agreement: AgreementStudy) -> None:
    tables = read(
        agreement.home, "select table_schema, table_name, table_type from information_schema.tables"
    )
    assert set(tables["table_schema"]) == {"raw", "staging", "intermediate", "marts"}
    assert set(tables.loc[tables["table_schema"] == "marts", "table_name"]) == MARTS
    # A view over Parquet would hold a path; these select from tables.
    views = tables.loc[tables["table_type"] != "BASE TABLE", "table_name"]
    assert set(views) == {"int_choice_distributions", "stg_choice_log_likelihoods", *HEADLINES}


def test_the_file_is_readable_by_older_tools_and_left_unlocked(agreement: AgreementStudy) -> None:
    with duckdb.connect(str(agreement.home.database)) as connection:
        (tags,) = connection.execute(
            "select tags from duckdb_databases() where database_name = 'valuescope'"
        ).fetchall()[0]
    assert tags["storage_version"].startswith("v1.5.0")


def test_the_documentation_is_one_static_page(agreement: AgreementStudy) -> None:
    result = build(agreement.home, "docs", "generate", "--static")
    assert result.returncode == 0, result.stdout
    page = dbt_output() / "target" / "static_index.html"
    text = page.read_text()
    assert "blind baseline" in text
    for mart in MARTS:
        assert f"model.valuescope.{mart}" in text


def test_a_plain_dbt_build_needs_no_python_of_ours(
    new_home: Callable[[], Home], tmp_path: Path
) -> None:
    home = new_home()
    ensure_landing_zone(home)
    result = subprocess.run(
        [
            str(DBT),
            "build",
            *WITHOUT_TESTS,
            "--select",
            "+stg_choice_log_likelihoods",
            # A model in Python, whose statistics are beside the project's models.
            "+int_cultural_axes",
            "--project-dir",
            str(DBT_PROJECT),
            "--profiles-dir",
            str(DBT_PROJECT),
            "--target-path",
            str(tmp_path / "target"),
            "--log-path",
            str(tmp_path / "logs"),
        ],
        # From elsewhere, and where no package of this project can be imported by accident.
        cwd=tmp_path,
        env={
            **os.environ,
            "VALUESCOPE_HOME": str(home.path),
            "PYTHONPATH": "",
            "PYTHONSAFEPATH": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert home.database.exists()


def test_no_model_imports_python_of_ours() -> None:
    ours = {"ingest", "scorer", "reports", "warehouse", "valuescope"}
    for path in sorted([*DBT_PROJECT.glob("models/**/*.py"), *DBT_PROJECT.glob("python/**/*.py")]):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        imported = {
            alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
        }
        imported |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        assert not {name.split(".")[0] for name in imported} & ours, path


def test_the_query_of_the_page_on_numbers_runs(agreement: AgreementStudy) -> None:
    page = (CLONE / "docs" / "numbers.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"^```sql\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert read(agreement.home, query).notna().all(axis=None)


def test_the_first_questions_run_and_have_answers(agreement: AgreementStudy) -> None:
    page = (CLONE / "docs" / "first-questions.md").read_text(encoding="utf-8")
    queries = re.findall(r"^```sql\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(queries) == 11
    for query in queries:
        assert len(read(agreement.home, query)) > 0, query


def test_headlines_say_of_each_model_one_thing_in_the_design_that_averages_orders(
    pairs: Home,
) -> None:
    countries = read(pairs, "select * from marts.headline_countries")
    assert countries["is_order_controlled"].all()
    assert not countries.duplicated(["model", "survey", "country"]).any()
    by_hand = read(
        pairs,
        """select model_id, avg(pearson_r) as r from marts.agg_country_correlations
        inner join marts.dim_prompts using (prompt_id)
        where choice_order = 'averaged' and chat_mode = 'template' group by all""",
    ).set_index("model_id")["r"]
    found = countries.groupby("model_id")["pearson_r"].mean()
    assert found.to_dict() == pytest.approx(by_hand.to_dict(), abs=1e-12)
    flagged = read(pairs, "select * from marts.dim_prompts where is_headline")
    assert set(flagged["choice_order"]) == {"averaged"}
    assert flagged["order_family_id"].is_unique


def test_the_database_says_what_its_tables_and_columns_hold(agreement: AgreementStudy) -> None:
    comments = read(
        agreement.home,
        """
        select schema_name, table_name, column_name, comment from duckdb_columns()
        where schema_name = 'marts'
        union all
        select schema_name, table_name, null, comment from duckdb_tables()
        where schema_name in ('staging', 'marts')
        union all
        select schema_name, view_name, null, comment from duckdb_views()
        where schema_name = 'marts'
        """,
    )
    assert comments[comments["comment"].isna()].empty
    grain = comments.query("table_name == 'headline_countries' and column_name.isna()")
    assert grain["comment"].item().strip().endswith("One row per model, survey and country.")


def test_a_part_is_built_in_a_new_warehouse_without_the_tests_of_other_parts(
    new_home: Callable[[], Home],
) -> None:
    home = new_home()
    ensure_landing_zone(home)
    build_successfully(home, "--select", "+stg_questions")
    assert len(read(home, "select * from staging.stg_questions")) > 200


def test_freshness_tells_how_old_the_newest_answers_are(new_home: Callable[[], Home]) -> None:
    home = new_home()
    ensure_landing_zone(home)
    nothing = build(home, "source", "freshness")
    assert nothing.returncode == 0, nothing.stdout
    assert "WARN freshness of landing.choice_log_likelihoods" in nothing.stdout
    assert "WARN freshness of raw.survey_loads" in nothing.stdout

    cell = {"model_id": "m", "prompt_id": "p", "question_id": "Q1", "country_id": "DEU"}
    land_cells(home, [({**cell, "scored_at": datetime.now(tz=UTC)}, [-1.0, -2.0])])
    landed = build(home, "source", "freshness")
    assert "PASS freshness of landing.choice_log_likelihoods" in landed.stdout

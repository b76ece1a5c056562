"""A build adds and replaces what has changed, and leaves the rest as it stands."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.dbt_project.study import (
    WITHOUT_TESTS,
    WITHOUT_UNIT_TESTS,
    Instrument,
    add_load,
    build,
    build_successfully,
    land_cells,
    land_design,
    land_model,
    land_run,
    random_counts,
    read,
)
from valuescope.warehouse.home import Home

QUESTIONS = ["Q1", "Q2", "Q57", "Q177", "Q178"]
COUNTRIES = ["DEU", "JPN", "ZZZ"]
BIG_TABLES = (
    "staging.stg_choice_log_likelihoods",
    "intermediate.int_asked_distributions",
    "intermediate.int_averaged_distributions",
    "marts.fct_choice_probabilities",
    "marts.fct_mean_scores",
    "intermediate.int_comparable_cells",
    # In Python; of designs alone.
    "intermediate.int_item_structure",
    "intermediate.int_shuffled_countries",
    "intermediate.int_random_answers",
    "intermediate.int_temperatures",
    "intermediate.int_category_intervals",
    "intermediate.int_agreement_estimates",
    "intermediate.int_distance_sums",
    "intermediate.int_country_correlations",
)
BUILD = (
    "--select",
    "+int_comparable_cells",
    "+fct_choice_probabilities",
    "dim_prompts",
    "int_item_structure",
    "int_shuffled_countries",
    "+int_random_answers",
    "int_temperatures",
    "int_category_intervals",
    "+int_agreement_estimates",
    "int_distance_sums",
)
ADDED = "smollm2-360m-instruct-Q8_0"
TAMPERED = 0.123456789
TAMPERED_COLUMNS = {
    "marts.fct_mean_scores": "llm_mean_score",
    "intermediate.int_item_structure": "structure_r",
    "intermediate.int_shuffled_countries": "shuffled_countries_r",
    "intermediate.int_random_answers": "random_mean",
    "intermediate.int_category_intervals": "rho0_above_blind",
    "intermediate.int_agreement_estimates": "estimate",
    "intermediate.int_distance_sums": "human_entropy",
    "intermediate.int_country_correlations": "mean_human_entropy",
}


@pytest.fixture(scope="module")
def home(instrument: Instrument, new_home: Callable[[], Home]) -> Home:
    home = new_home()
    add_load(home, "people", random_counts(instrument, QUESTIONS, ["DEU", "JPN", "USA"], seed=1))
    for order in ("forward", "reverse"):
        land_design(home, order, choice_order=order, order_family_id="averaged")
    for model_id in ("first", "second"):
        land_answers(home, instrument, model_id, "forward")
    rebuild(home)
    return home


def rebuild(home: Home, **variables: object) -> None:
    build_successfully(home, *BUILD, *WITHOUT_TESTS, **variables)


def land_answers(
    home: Home, instrument: Instrument, model_id: str, order: str, seed: int = 0
) -> Path:
    land_model(home, model_id, model_id)
    land_run(home, f"{model_id}-{order}", model_id, order)
    random = np.random.default_rng([seed, len(model_id), len(order)])
    cells = [
        (
            {
                "model_id": model_id,
                "prompt_id": order,
                "question_id": question_id,
                "country_id": country_id,
                "run_id": f"{model_id}-{order}",
            },
            list(-random.uniform(0.1, 5, size=instrument.choice_count(question_id))),
        )
        for question_id in QUESTIONS
        for country_id in COUNTRIES
    ]
    return land_cells(home, cells, f"{model_id}-{order}.parquet")


def tamper(home: Home, model_id: str) -> None:
    """Put a value into the tables that no build computes, to see whether it is built anew."""
    with duckdb.connect(str(home.database)) as connection:
        for table, column in TAMPERED_COLUMNS.items():
            connection.execute(
                f"update {table} set {column} = ? where model_id = ?", [TAMPERED, model_id]
            )


def is_tampered(home: Home, model_id: str) -> bool:
    found = set()
    for table, column in TAMPERED_COLUMNS.items():
        rows = read(home, f"select {column} from {table} where model_id = '{model_id}'")
        assert len(rows), table
        found.add(bool((rows[column] == TAMPERED).all()))
    (is_in_all,) = found
    return is_in_all


def test_a_new_model_is_added_and_the_others_are_not_computed_again(
    home: Home, instrument: Instrument
) -> None:
    tamper(home, "first")
    # A prompt that other models are not asked changes nothing for them.
    land_design(home, "another", template_text="{question} And {country}?")
    land_answers(home, instrument, "another", "forward")
    rebuild(home)
    assert is_tampered(home, "first")
    rows = read(home, "select model_id, count(*) as n from marts.fct_mean_scores group by all")
    assert dict(zip(rows["model_id"], rows["n"], strict=True)) == {
        "first": 15,
        "second": 15,
        "another": 15,
    }


def test_another_variable_computes_everything_anew(home: Home) -> None:
    tamper(home, "first")
    rebuild(home, deff=2.0)
    assert not is_tampered(home, "first")
    tamper(home, "first")
    rebuild(home)
    assert not is_tampered(home, "first")


def test_another_order_gives_the_model_an_averaged_design(
    home: Home, instrument: Instrument
) -> None:
    tamper(home, "first")
    land_answers(home, instrument, "second", "reverse", seed=7)
    rebuild(home)
    assert is_tampered(home, "first")
    probabilities = read(
        home,
        """select prompt_id, question_id, country_id, choice_index, llm_probability as p
        from marts.fct_choice_probabilities where model_id = 'second'""",
    ).pivot(index=["question_id", "country_id", "choice_index"], columns="prompt_id", values="p")
    assert len(probabilities) == sum(map(instrument.choice_count, QUESTIONS)) * len(COUNTRIES)
    np.testing.assert_allclose(
        probabilities["averaged"],
        (probabilities["forward"] + probabilities["reverse"]) / 2,
        rtol=0,
        atol=1e-15,
    )
    design = read(home, "select * from marts.dim_prompts where prompt_id = 'averaged'").iloc[0]
    assert design["choice_order"] == "averaged"
    assert design["is_order_controlled"]


def test_people_loaded_anew_change_every_comparison(home: Home, instrument: Instrument) -> None:
    tamper(home, "first")
    corrected = random_counts(instrument, ["Q1"], ["DEU"], seed=2)
    add_load(home, "correction", corrected, loaded_after=1)
    rebuild(home)
    assert not is_tampered(home, "first")


def test_answers_that_are_taken_away_leave_the_tables(home: Home, instrument: Instrument) -> None:
    path = land_answers(home, instrument, "passing", "forward")
    rebuild(home)
    path.unlink()
    rebuild(home)
    for table in BIG_TABLES:
        assert read(home, f"select * from {table} where model_id = 'passing'").empty, table


def marts(home: Home) -> dict[str, pd.DataFrame]:
    """Return the rows of every mart, in the order of what is no double."""
    columns = read(
        home,
        """
        select
            table_name,
            string_agg(column_name, ', ' order by data_type = 'DOUBLE', ordinal_position) as ordered
        from information_schema.columns
        where table_schema = 'marts'
        group by all
        """,
    )
    return {
        mart: read(home, f"select {ordered} from marts.{mart} order by all")
        for mart, ordered in columns.itertuples(index=False, name=None)
    }


def test_a_model_that_is_added_leaves_every_mart_as_a_build_from_scratch_does(
    pairs: Home, tmp_path: Path
) -> None:
    """The model is one of two sizes, two precisions, base and chat, and asked about groups."""
    home = Home(tmp_path / "home")
    shutil.copytree(pairs.path, home.path)
    from_scratch = marts(home)
    with duckdb.connect() as connection:
        answers = connection.execute(
            "select distinct filename from read_parquet(?, filename = true) where model_id = ?",
            [str(home.landing / "choice_log_likelihoods" / "*.parquet"), ADDED],
        ).fetchall()
    paths = [*(Path(name) for (name,) in answers), home.landing / "models" / f"{ADDED}.parquet"]
    paths += (home.landing / "runs").glob(f"{ADDED}-*.parquet")
    for path in paths:
        path.rename(path.with_suffix(".away"))
    build_successfully(home, *WITHOUT_TESTS)
    without = marts(home)
    for mart in ("dim_models", "fct_mean_scores", "agg_model_summary"):
        assert 0 < len(without[mart]) < len(from_scratch[mart]), mart
    # Its base model is compared with the other precision then.
    assert len(without["cmp_base_chat"])
    assert not without["cmp_base_chat"].equals(from_scratch["cmp_base_chat"])
    for path in paths:
        path.with_suffix(".away").rename(path)
    build_successfully(home, *WITHOUT_TESTS)
    added = marts(home)
    assert len(added) > 40
    for mart, rows in from_scratch.items():
        pd.testing.assert_frame_equal(
            added[mart], rows, check_exact=False, rtol=1e-12, atol=1e-12, obj=mart
        )


def test_tables_of_an_earlier_definition_are_made_anew(home: Home) -> None:
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("alter table marts.fct_mean_scores drop column llm_entropy")
        connection.execute("alter table intermediate.int_item_structure drop source_fingerprint")
        connection.execute(
            "update intermediate.table_definitions set definition = 'earlier' "
            "where unique_id like '%fct_mean_scores'"
        )
    rebuild(home)
    assert read(home, "select llm_entropy from marts.fct_mean_scores")["llm_entropy"].notna().all()
    assert len(read(home, "select source_fingerprint from intermediate.int_item_structure"))


def test_a_build_checks_the_rows_that_no_build_has_checked(
    instrument: Instrument, new_home: Callable[[], Home]
) -> None:
    home = new_home()
    asked = ("--select", "+fct_mean_scores", *WITHOUT_UNIT_TESTS)
    add_load(home, "people", random_counts(instrument, QUESTIONS, ["DEU", "JPN", "USA"], seed=1))
    land_design(home, "forward")
    for model_id in ("first", "second"):
        land_answers(home, instrument, model_id, "forward")
    build_successfully(home, *asked)
    with duckdb.connect(str(home.database)) as connection:
        connection.execute(
            "update marts.fct_mean_scores set llm_mean_score = 9 where model_id = 'first'"
        )
    broken = "marts.fct_mean_scores: llm_mean_score is outside -1 to 1 (15 rows"

    land_answers(home, instrument, "another", "forward")
    build_successfully(home, *asked)
    assert broken in build(home, "test", "--select", "fct_mean_scores").stdout

    with duckdb.connect(str(home.database)) as connection:
        (checked,) = connection.execute(
            """
            select count(*) from intermediate.checked_designs
            where table_name = 'model.valuescope.fct_mean_scores'
            """
        ).fetchall()
        assert checked == (6,)  # three models, each as landed and as compared
        connection.execute(
            """
            delete from intermediate.checked_designs
            where source_fingerprint in (
                select source_fingerprint from marts.fct_mean_scores where model_id = 'first'
            )
            """
        )
    assert broken in build(home, *asked).stdout
    # What failed is not taken for checked.
    assert broken in build(home, *asked).stdout

    build_successfully(home, *asked, "--full-refresh")
    with duckdb.connect(str(home.database)) as connection:
        connection.execute(
            "update marts.fct_mean_scores set llm_mean_score = 9 where model_id = 'first'"
        )
        connection.execute("update intermediate.checked_designs set code = 'of another version'")
    assert broken in build(home, *asked).stdout

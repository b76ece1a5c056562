"""The generated landing zone is one that dbt can read and that means something."""

from pathlib import Path

import duckdb
import pytest

from tests.benchmarks.landing_sizes import Size, write_answers, write_people
from valuescope.warehouse.home import Home
from valuescope.warehouse.landing_zone.shards import query_landing


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_every_model_answers_every_choice_once(home: Home) -> None:
    rows = write_answers(home, Size(models=2, countries=3))
    landed = query_landing(
        home,
        """
        select
            count(*),
            count(distinct (model_id, question_id, country_id, choice_index)),
            count(distinct country_id),
            count(distinct question_id),
            max(log_likelihood) < 0
        from choice_log_likelihoods
        """,
    )
    assert landed == [(rows, rows, 4, 258, True)]


def test_people_answer_in_every_country(home: Home) -> None:
    write_people(home, countries=3)
    with duckdb.connect(str(home.database), read_only=True) as connection:
        counts = connection.execute(
            """
            select count(distinct country_id), count(distinct question_id), min(respondents)
            from raw.human_marginals
            """
        ).fetchall()
    assert counts == [(3, 258, 1)]

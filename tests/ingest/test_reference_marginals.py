"""Real answers: published figures of wave 7 come out of the reference marginals."""

from pathlib import Path

import duckdb
import pytest

from tests.ingest.conftest import Query
from valuescope.ingest import LoadOptions, load_file
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument

VALID = "wvs7_marginals_valid_unweighted.csv"
ALL_RESPONDENTS = "wvs7_marginals_all_respondents_unweighted.csv"
VALID_SHARES = """
select
    country_id,
    question_id,
    code,
    sum_of_weights / sum(sum_of_weights) over (partition by country_id, question_id) as share
from raw.human_marginals
where code >= 0
"""


@pytest.mark.parametrize("file_name", [VALID, ALL_RESPONDENTS])
@pytest.mark.parametrize(
    ("question_id", "share_of_code_1"),
    [("Q46", 0.25580), ("Q57", 0.39737), ("Q178", 0.41433), ("Q180", 0.61820)],
)
def test_published_shares_of_the_united_states_are_reproduced(
    file_name: str,
    question_id: str,
    share_of_code_1: float,
    shared_data: Path,
    home: Home,
    instrument: Instrument,
    query: Query,
) -> None:
    load_file(shared_data / file_name, home, instrument, LoadOptions(weighting="unweighted"))

    found = query(
        f"select share from ({VALID_SHARES}) "
        "where country_id = 'USA' and question_id = ? and code = 1",
        question_id,
    )
    # Half of the file's cells are rounded to four decimals.
    assert found[0][0] == pytest.approx(share_of_code_1, abs=5.5e-5)


def test_both_files_are_loaded_whole_and_agree(
    shared_data: Path, home: Home, instrument: Instrument, query: Query
) -> None:
    valid = load_file(shared_data / VALID, home, instrument)
    everyone = load_file(shared_data / ALL_RESPONDENTS, home, instrument)

    assert (len(valid.file.country_ids), len(valid.file.questions)) == (44, 185)
    assert (len(everyone.file.country_ids), len(everyone.file.questions)) == (18, 259)
    assert valid.file.codes_outside_instrument == everyone.file.codes_outside_instrument == ()
    assert valid.file.questions_outside_instrument == ()
    assert everyone.file.questions_outside_instrument == ("Q234A",)
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select count(*) from read_csv(?)", [str(shared_data / VALID)]
        ).fetchall()
    assert valid.file.marginal_count == rows[0][0]
    differences = query(
        """
        with

        shares as (
            select
                load_id,
                country_id,
                question_id,
                code,
                sum_of_weights / sum(sum_of_weights) over (
                    partition by load_id, country_id, question_id
                ) as share
            from raw.human_marginals
        )

        select count(*), max(abs(valid.share - everyone.share))
        from shares as valid
        inner join shares as everyone using (country_id, question_id, code)
        where valid.load_id = ? and everyone.load_id = ?
        """,
        valid.load_ids[0],
        everyone.load_ids[0],
    )
    assert differences[0][0] > 5000
    assert differences[0][1] < 1.5e-4

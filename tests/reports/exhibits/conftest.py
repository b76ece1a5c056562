"""The built study that exhibits are checked on, and its cells computed a second way.

Connections are a module's: one that stays open keeps dbt out of the file.
"""

from collections.abc import Iterator

import duckdb
import pandas as pd
import pytest

from tests.dbt_project import oracle
from tests.dbt_project.agreement_study import AgreementStudy
from valuescope.reports.terminal.summary import Design, designs

POPULATION = "wvs:7:within_country:all"


@pytest.fixture(scope="module")
def built(agreement: AgreementStudy) -> Iterator[duckdb.DuckDBPyConnection]:
    """The agreement study's warehouse."""
    with duckdb.connect(str(agreement.home.database), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def knowing(built: duckdb.DuckDBPyConnection) -> Design:
    """The model that knows something, asked in the survey's own coding."""
    return next(design for design in designs(built) if design.model_id == "knowing")


@pytest.fixture(scope="module")
def found(built: duckdb.DuckDBPyConnection) -> dict[str, Design]:
    """All its designs by model and prompt, as in `knowing-native`."""
    return {f"{design.model_id}-{design.prompt_id}": design for design in designs(built)}


@pytest.fixture(scope="session")
def people(agreement: AgreementStudy) -> pd.DataFrame:
    """What people said, a row a country and question: `shares`, and `h`, the mean score."""
    loads = agreement.loads[agreement.loads["population_id"] == POPULATION]
    marginals = agreement.marginals[agreement.marginals["load_id"].isin(loads["load_id"])]
    return oracle.with_blind_scores(
        oracle.human_cells(loads, marginals, agreement.instrument, "native")
    )


@pytest.fixture(scope="session")
def cells(agreement: AgreementStudy, people: pd.DataFrame) -> pd.DataFrame:
    """The same of `knowing`: `p`, and `m`, its mean score, beside people's `h`."""
    scores = agreement.scores[
        (agreement.scores["model_id"] == "knowing") & (agreement.scores["prompt_id"] == "native")
    ]
    return oracle.model_cells(scores, people, agreement.instrument, "native")


@pytest.fixture(scope="session")
def empty(agreement: AgreementStudy) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse whose marts are built, and without a row."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"attach '{agreement.home.database}' as built (read_only)")
        names = connection.execute(
            "select table_name from duckdb_tables() "
            "where database_name = 'built' and schema_name = 'marts'"
        ).fetchall()
        connection.execute("create schema marts")
        for (name,) in names:
            connection.execute(
                f"create table marts.{name} as select * from built.marts.{name} limit 0"
            )
        connection.execute("detach built")
        yield connection

"""Blocks of questions: the same numbers whoever scores them, and whatever is scored beside them."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import ModelFile
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.runs.locks import DesignLock
from valuescope.scorer.runs.run import QUESTIONS_A_BLOCK, RunSummary, blocks_of
from valuescope.scorer.runs.session import ScoringSession
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Country, Instrument, Question

# Rounds activations, so that an answer moves as soon as other tokens share its batch.
ROUNDED = Numerics(compute_type="as-is")


@pytest.fixture(scope="module")
def questions(instrument: Instrument) -> list[Question]:
    return list(instrument.questions.values())[: QUESTIONS_A_BLOCK + 3]


@pytest.fixture(scope="module")
def countries(instrument: Instrument) -> list[Country]:
    return [instrument.country("JPN")]


def rows(home: Home) -> list[dict[str, Any]]:
    shards = sorted((home.landing / "choice_log_likelihoods").glob("*.parquet"))
    found: list[dict[str, Any]] = pa.concat_tables(map(pq.read_table, shards)).to_pylist()
    return found


def values(home: Home) -> dict[tuple[str, str, int], list[float]]:
    return {
        (row["question_id"], row["country_id"], row["choice_index"]): row["token_log_likelihoods"]
        for row in rows(home)
    }


def test_blocks_are_the_questions_in_their_order(questions: list[Question]) -> None:
    first, second = blocks_of(questions)
    assert [*first, *second] == questions
    assert (len(first), len(second)) == (QUESTIONS_A_BLOCK, 3)
    assert blocks_of([]) == ()


def test_parts_at_once_give_the_rows_of_a_whole_run_to_the_last_bit(
    home: Home,
    shallow_file: ModelFile,
    label_design: PromptDesign,
    questions: list[Question],
    countries: list[Country],
) -> None:
    whole, parts = Home(home.path / "whole"), Home(home.path / "parts")
    with ScoringSession(whole, shallow_file, numerics=ROUNDED, threads=1) as session:
        session.score(label_design, questions, countries)

    first, second = blocks_of(questions)
    with (
        ScoringSession(parts, shallow_file, numerics=ROUNDED, threads=1) as one,
        ScoringSession(parts, shallow_file, numerics=ROUNDED, threads=2) as other,
    ):
        of_second: list[RunSummary] = []

        def start_the_other_part(done: int, planned: int) -> None:
            if not of_second:
                of_second.append(
                    other.score(label_design, questions, countries, blocks=[second], part="2-2")
                )

        of_first = one.score(
            label_design,
            questions,
            countries,
            blocks=[first],
            part="1-2",
            on_progress=start_the_other_part,
        )
    summaries = (of_first, *of_second)
    assert values(parts) == values(whole)
    assert len(rows(parts)) == len(rows(whole))
    assert [summary.cells_planned for summary in summaries] == [2 * QUESTIONS_A_BLOCK, 6]
    # Each merges its own shards; what it finds of others it leaves to them.
    names = [path.stem for path in (parts.landing / "choice_log_likelihoods").glob("[!_]*")]
    assert sorted(names) == sorted(summary.run_id for summary in summaries)


def test_a_part_that_is_repeated_scores_nothing(
    home: Home,
    shallow_file: ModelFile,
    label_design: PromptDesign,
    questions: list[Question],
    countries: list[Country],
) -> None:
    _, last = blocks_of(questions)
    with ScoringSession(home, shallow_file, numerics=ROUNDED, threads=1) as session:
        for scored in (6, 0):
            summary = session.score(label_design, questions, countries, blocks=[last], part="2-2")
            assert (summary.cells_scored, summary.cells_planned) == (scored, 6)


def test_a_part_has_merged_its_shards_before_it_gives_its_lock_away(
    home: Home,
    shallow_file: ModelFile,
    label_design: PromptDesign,
    questions: list[Question],
    countries: list[Country],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise another part that ends at the same moment merges and deletes the same files."""
    seen: list[list[str]] = []

    def ask_in_vain(_lock: DesignLock) -> bool:
        shards = (home.landing / "choice_log_likelihoods").glob("*.parquet")
        seen.append([path.name for path in shards if "-" in path.stem])
        return False

    monkeypatch.setattr(DesignLock, "is_alone", ask_in_vain)
    _, second = blocks_of(questions)
    with ScoringSession(home, shallow_file, numerics=ROUNDED, threads=1) as session:
        session.score(label_design, questions, countries, blocks=[second], part="2-2")
    assert seen == [[]]
    assert len({row["question_id"] for row in rows(home)}) == len(second)

"""Wordings are added to what has been scored; nothing that exists is scored again."""

from dataclasses import replace

from tests.scorer.scoring import score
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import ModelFile
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.runs.run import RunSummary
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument
from valuescope.warehouse.instruments.wordings import OUR_WORDINGS, WordingSet

EVERYWHERE = {("Q1", ""): "Does family matter to you?"}
FIRST = replace(OUR_WORDINGS, name="mine", questions=EVERYWHERE)


def test_only_cells_that_read_differently_are_scored_again(
    home: Home,
    shallow_file: ModelFile,
    label_design: PromptDesign,
    instrument: Instrument,
    numerics: Numerics,
) -> None:
    questions = [instrument.question("Q1"), instrument.question("Q2")]
    countries = [instrument.country("JPN"), instrument.country("KOR")]

    def run(wordings: WordingSet) -> RunSummary:
        design = replace(label_design, wordings=wordings)
        return score(home, shallow_file, design, questions, countries, numerics=numerics, threads=1)

    first = run(FIRST)
    assert (first.cells_planned, first.cells_scored) == (3, 3)

    with_japan = EVERYWHERE | {("Q1", "JPN"): "Does your family matter to you?"}
    own_in_japan = run(replace(FIRST, questions=with_japan))
    assert own_in_japan.prompt_id == first.prompt_id
    assert (own_in_japan.cells_already_done, own_in_japan.cells_scored) == (2, 1)

    with_friends = with_japan | {("Q2", "KOR"): "Do friends matter to you?"}
    another_question = run(replace(FIRST, questions=with_friends))
    assert (another_question.cells_already_done, another_question.cells_scored) == (3, 1)

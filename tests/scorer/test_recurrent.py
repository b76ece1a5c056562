"""Models that remember by a state: they take copies, and single sequences where copies fail."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from tests.scorer.scoring import score
from tests.scorer.tiny_models import RECURRENT, write_tiny_model
from valuescope.scorer.engine.contexts import Context, Model
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import ModelFile, resolve_model
from valuescope.scorer.paths.choice import OpenedScorer, Probe, largest_difference, open_scorer
from valuescope.scorer.paths.copied_sequences import CopyScorer
from valuescope.scorer.paths.path import CellScore
from valuescope.scorer.paths.sequence import SequenceScorer
from valuescope.scorer.paths.tokens import TokenisedCell, tokenise_cell
from valuescope.scorer.paths.tree import TreeScorer
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.prompts import Answer, Prompt, render_prompt
from valuescope.scorer.planning.templates import named_template
from valuescope.scorer.process.messages import LoadRequest
from valuescope.scorer.process.replica import Replica
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument

COUNTRIES = ("JPN", "USA", "DEU", "KEN")
# The weights are float32, so that paths may differ by the order of sums alone.
EXACT = Numerics(compute_type="f32")


@pytest.fixture(scope="module", params=RECURRENT)
def tiny_file(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    models_home: Home,
    instrument: Instrument,
) -> ModelFile:
    path = tmp_path_factory.mktemp("tiny") / f"{request.param}.gguf"
    write_tiny_model(path, request.param)
    return resolve_model(str(path), models_home, instrument)


@pytest.fixture(scope="module")
def tiny(tiny_file: ModelFile) -> Iterator[Model]:
    with Model(tiny_file.path, tiny_file.name) as model:
        yield model


@pytest.fixture
def probe(tiny: Model, instrument: Instrument) -> Probe:
    cells = cells_of(tiny, instrument, "label")
    return Probe(cells[-1], [cells])


@pytest.fixture
def broken_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory whose copies are empty, as one that cannot copy would leave them."""
    monkeypatch.setattr(Context, "copy_sequence", lambda *_: None)


def cells_of(model: Model, instrument: Instrument, style: str) -> list[TokenisedCell]:
    design = PromptDesign(named_template("paper"), answer_style=style)
    question = instrument.question("Q1")
    countries = [None, *map(instrument.country, COUNTRIES)]
    return [
        tokenise_cell(model, render_prompt(question, country, design), "raw", style != "text")
        for country in countries
    ]


def scored_alone(model: Model, cells: Sequence[TokenisedCell]) -> list[CellScore]:
    with model.new_context(512, EXACT, threads=1) as context:
        return list(SequenceScorer(context).score([cells]))


def values(scores: Sequence[CellScore]) -> list[float | None]:
    return [
        value
        for cell_score in scores
        for answer in cell_score.answers
        for value in (*answer.token_log_likelihoods, answer.label_log_likelihood)
    ]


def opened(model: Model, path: str, probe: Probe) -> OpenedScorer:
    with open_scorer(model, EXACT, 1, path, probe) as scorer:
        return scorer


def test_a_state_is_not_attention_alone(tiny: Model) -> None:
    assert not tiny.is_attention_only


@pytest.mark.parametrize("style", ["label", "label_text", "text"])
def test_copies_agree_with_single_sequences(
    tiny: Model, instrument: Instrument, style: str
) -> None:
    cells = cells_of(tiny, instrument, style)
    with tiny.new_context(1024, EXACT, threads=1, sequences=33) as context:
        copied = list(CopyScorer(context).score([cells]))
    assert values(copied) == pytest.approx(values(scored_alone(tiny, cells)), abs=1e-4)


# Room for all five countries at once, for two, and for one; then for one by its tokens.
@pytest.mark.parametrize(
    ("batch_size", "sequences", "context_size"),
    [(128, 33, 1024), (16, 5, 1024), (7, 3, 1024), (32, 33, 320)],
)
def test_however_countries_are_grouped_and_batches_cut_answers_are_the_same(
    tiny: Model, instrument: Instrument, batch_size: int, sequences: int, context_size: int
) -> None:
    cells = cells_of(tiny, instrument, "label_text")
    numerics = replace(EXACT, batch_size=batch_size)
    with tiny.new_context(context_size, numerics, 1, sequences) as context:
        # The second question must not read what the first one left.
        copied = list(CopyScorer(context).score([cells, cells[::-1]]))
    alone = scored_alone(tiny, cells)
    assert values(copied) == pytest.approx(values([*alone, *alone[::-1]]), abs=1e-4)


def test_copies_read_the_question_once(tiny: Model, instrument: Instrument) -> None:
    cells = cells_of(tiny, instrument, "label")
    with tiny.new_context(1024, EXACT, threads=1, sequences=33) as context:
        list(CopyScorer(context).score([cells]))
        assert context.tokens_decoded < 2 * len(cells[0].answers[0].token_ids)


def test_a_long_prompt_needs_room_once_however_many_answers_it_has(tiny: Model) -> None:
    answers = tuple(
        Answer(index, index, label, label, label)
        for index, label in enumerate("ABCDEFGHIJKL", start=1)
    )
    # The country comes first, so that cells share almost nothing.
    cells = [
        tokenise_cell(tiny, Prompt("Q900", name, f"{name}: {'na' * 100}", answers), "raw", True)
        for name in ("JPN", "KEN")
    ]
    with tiny.new_context(256, EXACT, threads=1, sequences=33) as context:
        copied = list(CopyScorer(context).score([cells]))
    assert values(copied) == pytest.approx(values(scored_alone(tiny, cells)), abs=1e-4)


def test_the_tree_is_no_way_to_score_them(tiny: Model, instrument: Instrument) -> None:
    cells = cells_of(tiny, instrument, "label_text")
    numerics = replace(EXACT, batch_size=16)
    with tiny.new_context(1024, numerics, threads=1, sequences=8) as context:
        try:
            grown = list(TreeScorer(context).score([cells]))
        except ValuescopeError:
            return
    # A hybrid memory gives other values without an error.
    assert largest_difference(grown, scored_alone(tiny, cells)) > 1


def test_the_tree_is_refused_by_the_kind_of_memory(tiny: Model, probe: Probe) -> None:
    with pytest.raises(ValuescopeError, match=r"recurrent memory.* use --path copies or"):
        opened(tiny, "tree", probe)


@pytest.mark.parametrize("path", ["auto", "copies"])
def test_copies_are_taken_once_they_prove_right(tiny: Model, probe: Probe, path: str) -> None:
    taken = opened(tiny, path, probe)
    assert taken.scorer.name == "copies"
    assert taken.difference == pytest.approx(0, abs=1e-4)
    assert taken.notices == ()


@pytest.mark.usefixtures("broken_copies")
def test_where_copies_are_wrong_single_sequences_are_taken_and_it_is_told(
    tiny: Model, probe: Probe
) -> None:
    taken = opened(tiny, "auto", probe)
    assert (taken.scorer.name, taken.difference) == ("sequence", None)
    (notice,) = taken.notices
    assert f"The copies path is wrong for {tiny.name}: on the probe it differs by" in notice


def test_a_path_that_is_off_by_less_than_rounding_can_be_is_wrong_where_nothing_rounds(
    tiny: Model, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = CopyScorer.score

    def shifted(
        self: CopyScorer, questions: Iterable[Sequence[TokenisedCell]]
    ) -> Iterator[CellScore]:
        for cell_score in right(self, questions):
            first, *others = cell_score.answers
            moved = replace(first, token_log_likelihoods=(first.log_likelihood + 0.3,))
            yield replace(cell_score, answers=(moved, *others))

    monkeypatch.setattr(CopyScorer, "score", shifted)
    # Nothing is known of the weights, which are float32.
    with open_scorer(tiny, Numerics(compute_type="as-is"), 1, "auto", probe) as taken:
        assert taken.scorer.name == "sequence"
    (notice,) = taken.notices
    assert "differs by 0.30 nats from single sequences, which differ from themselves by" in notice


@pytest.mark.usefixtures("broken_copies")
def test_where_copies_are_wrong_asking_for_them_is_an_error(tiny: Model, probe: Probe) -> None:
    with pytest.raises(ValuescopeError, match=r"copies path is wrong.* use --path sequence"):
        opened(tiny, "copies", probe)


def test_a_run_records_that_it_took_copies(
    home: Home,
    tiny_file: ModelFile,
    label_design: PromptDesign,
    instrument: Instrument,
    numerics: Numerics,
) -> None:
    questions = [instrument.question(question_id) for question_id in ("Q1", "Q57")]
    countries = [instrument.country(country_id) for country_id in COUNTRIES]
    summary = score(
        home, tiny_file, label_design, questions, countries, numerics=numerics, threads=1
    )
    assert (summary.status, summary.cells_scored) == ("finished", 10)
    (run,) = pq.read_table(home.landing / "runs" / f"{summary.run_id}.parquet").to_pylist()
    assert (run["scoring_path"], run["status"]) == ("copies", "finished")
    assert run["path_difference"] < 1e-4


@pytest.mark.usefixtures("broken_copies", "own_cache")
def test_a_model_that_falls_back_says_so(
    home: Home, tiny_file: ModelFile, label_design: PromptDesign, instrument: Instrument
) -> None:
    replica = Replica()
    request = LoadRequest(tiny_file, EXACT, home, 1, "auto", earlier=None, measures=False)
    replica.load(request)
    opening = replica.open(label_design, [instrument.question("Q1")], [instrument.country("JPN")])
    assert (opening.scoring_path, opening.path_difference) == ("sequence", None)
    (notice,) = opening.notices
    assert "The copies path is wrong for" in notice

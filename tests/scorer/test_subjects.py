"""Groups and invented countries asked beside countries, whose answers they must not move."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.scorer.tiny_models import write_tiny_model
from valuescope.scorer.engine.numerics import Numerics
from valuescope.scorer.models.files import ModelFile, resolve_model
from valuescope.scorer.planning.design import PromptDesign
from valuescope.scorer.planning.templates import named_template
from valuescope.scorer.runs.run import RunSummary
from valuescope.scorer.runs.session import ScoringSession
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.group_words import load_group_words
from valuescope.warehouse.instruments.seeds import Country, Instrument, Question
from valuescope.warehouse.instruments.subjects import (
    Group,
    Subject,
    choose_groups,
    choose_placebos,
)
from valuescope.warehouse.instruments.wordings import OUR_WORDINGS

# Rounds activations, so that an answer moves as soon as other tokens share its batch.
ROUNDED = Numerics(compute_type="as-is", batch_size=32)
Key = tuple[str, str, str | None, str | None, int]


@pytest.fixture(scope="module")
def questions(instrument: Instrument) -> list[Question]:
    return [instrument.question(name) for name in ("Q1", "Q57")]


@pytest.fixture(scope="module")
def countries(instrument: Instrument) -> list[Country]:
    return [instrument.country(name) for name in ("JPN", "PER")]


@pytest.fixture(scope="module")
def others(countries: list[Country]) -> list[Subject]:
    # With a longer prompt than any about a country.
    long = Group(countries[0], "sex=female,age=50-and-over,education=middle,urban=rural")
    return [*choose_groups(countries, ["sex"]), long, *choose_placebos(2)]


def rows(home: Home) -> list[dict[str, Any]]:
    shards = sorted((home.landing / "choice_log_likelihoods").glob("*.parquet"))
    found: list[dict[str, Any]] = pa.concat_tables(map(pq.read_table, shards)).to_pylist()
    return found


def values(home: Home) -> dict[Key, tuple[list[float], float, str]]:
    """Return everything that is computed of each choice."""
    return {
        (
            row["question_id"],
            row["country_id"],
            row["group_id"],
            row["placebo_id"],
            row["choice_index"],
        ): (row["token_log_likelihoods"], row["off_choice_mass"], row["text_sha256"])
        for row in rows(home)
    }


def score(
    home: Home,
    model_file: ModelFile,
    design: PromptDesign,
    questions: list[Question],
    subjects: list[Subject],
    limit: int | None = None,
    path: str = "tree",
) -> RunSummary:
    with ScoringSession(home, model_file, numerics=ROUNDED, threads=1, path=path) as session:
        return session.score(design, questions, subjects, limit=limit)


@pytest.fixture(scope="module")
def label_design() -> PromptDesign:
    return PromptDesign(named_template("paper"), answer_style="label", chat_mode="raw")


@pytest.fixture
def tiny_file(home: Home, tmp_path: Path, instrument: Instrument) -> ModelFile:
    path = tmp_path / "tiny.gguf"
    write_tiny_model(path, "llama")
    return resolve_model(str(path), home, instrument)


@pytest.fixture(scope="module")
def together(
    tmp_path_factory: pytest.TempPathFactory,
    shallow_file: ModelFile,
    label_design: PromptDesign,
    questions: list[Question],
    countries: list[Country],
    others: list[Subject],
) -> Home:
    home = Home(tmp_path_factory.mktemp("together"))
    summary = score(home, shallow_file, label_design, questions, [*countries, *others])
    assert summary.scoring_path == "tree"
    assert summary.cells_scored == len(questions) * (1 + len(countries) + len(others))
    return home


def test_countries_have_the_same_rows_to_the_last_bit_with_and_without_others(
    home: Home,
    together: Home,
    shallow_file: ModelFile,
    label_design: PromptDesign,
    questions: list[Question],
    countries: list[Country],
) -> None:
    score(home, shallow_file, label_design, questions, [*countries])
    of_countries = {
        key: value for key, value in values(together).items() if key[2] is None and key[3] is None
    }
    assert of_countries == values(home)
    assert len(of_countries) == 3 * sum(len(question.choices["native"]) for question in questions)


def test_others_that_are_asked_later_give_the_same_rows(
    home: Home,
    together: Home,
    shallow_file: ModelFile,
    label_design: PromptDesign,
    questions: list[Question],
    countries: list[Country],
    others: list[Subject],
) -> None:
    """A home that has the countries is asked about the others alone."""
    subjects = [*countries, *others]
    with ScoringSession(home, shallow_file, numerics=ROUNDED, threads=1, path="tree") as session:
        session.score(label_design, questions, countries)
        before = session.score(label_design, questions, subjects)
        again = session.score(label_design, questions, subjects)
    assert (before.cells_already_done, before.cells_scored) == (6, 2 * len(others))
    assert values(home) == values(together)
    assert again.cells_scored == 0
    assert len(rows(home)) == len(rows(together))


def test_a_limit_holds_for_all_subjects_together(
    home: Home,
    tiny_file: ModelFile,
    label_design: PromptDesign,
    questions: list[Question],
    countries: list[Country],
    others: list[Subject],
) -> None:
    subjects = [*countries, *others]
    first = score(home, tiny_file, label_design, questions[:1], subjects, limit=6)
    assert first.cells_scored == 6
    asked = Counter(row["group_id"] for row in rows(home))
    # Three cells of countries come before any of a group.
    assert sum(asked.values()) == 2 * asked[None]
    rest = score(home, tiny_file, label_design, questions[:1], subjects)
    assert rest.cells_already_done == 6
    assert rest.cells_scored == 1 + len(subjects) - 6


def test_rows_name_the_group_or_the_invented_country(together: Home) -> None:
    found = {(row["country_id"], row["group_id"], row["placebo_id"]) for row in rows(together)}
    assert {placebo for _, _, placebo in found} == {
        None,
        *(placebo.placebo_id for placebo in choose_placebos(2)),
    }
    assert {country for country, _, placebo in found if placebo} == {"ZZZ"}
    assert sum(group == "sex=female" for _, group, _ in found) == 2
    women = [row for row in rows(together) if row["group_id"] == "sex=female"]
    assert all("women" in row["prompt_text"] for row in women)


def test_the_estimate_counts_the_tokens_of_others_apart(
    home: Home,
    tiny_file: ModelFile,
    label_design: PromptDesign,
    questions: list[Question],
    countries: list[Country],
    others: list[Subject],
) -> None:
    with ScoringSession(home, tiny_file, numerics=ROUNDED, threads=1) as session:
        alone = session.estimate(label_design, questions, [*countries])
        both = session.estimate(label_design, questions, [*countries, *others])
        summary = session.score(label_design, questions, [*countries, *others])
    assert (alone.other_cells, alone.other_tokens) == (0, 0)
    assert both.other_cells == 2 * len(others)
    assert both.tokens - both.other_tokens == alone.tokens
    # Questions share their beginning, which the estimate counts for each.
    assert both.tokens == pytest.approx(summary.tokens_decoded, rel=0.1)


@pytest.mark.parametrize("architecture", ["llama", "jamba"])
def test_more_groups_than_a_context_has_sequences_are_asked(
    home: Home, tmp_path: Path, instrument: Instrument, architecture: str
) -> None:
    path = tmp_path / f"{architecture}.gguf"
    write_tiny_model(path, architecture)
    countries = list(instrument.countries.values())[:8]
    groups = choose_groups(countries, ["sex,age,education,urban"])
    assert len(groups) == 288
    design = PromptDesign(named_template("paper"), answer_style="label", chat_mode="raw")
    model_file = resolve_model(str(path), home, instrument)
    summary = score(home, model_file, design, [instrument.question("Q57")], [*groups], path="auto")
    assert summary.scoring_path == {"llama": "tree", "jamba": "copies"}[architecture]
    assert summary.cells_scored == 289


def test_words_that_do_not_fit_the_model_are_refused_with_the_group(
    home: Home, tiny_file: ModelFile, instrument: Instrument
) -> None:
    words = load_group_words()
    long = dict(words.categories) | {("sex", "female"): "women " * 1000}
    wordings = replace(OUR_WORDINGS, groups=replace(words, categories=long))
    design = PromptDesign(named_template("paper"), answer_style="label", wordings=wordings)
    groups = choose_groups([instrument.country("JPN")], ["sex"])
    with pytest.raises(ValuescopeError, match=r"Q57 for JPN:sex=female needs \d+ tokens"):
        score(home, tiny_file, design, [instrument.question("Q57")], [*groups])

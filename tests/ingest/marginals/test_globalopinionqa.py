"""GlobalOpinionQA: what its texts become, what is left out, and what is refused."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valuescope.ingest.marginals.globalopinionqa import is_globalopinionqa, read_globalopinionqa
from valuescope.ingest.readers import open_source
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.instruments.seeds import Instrument, load_instrument
from valuescope.warehouse.instruments.surveys import OwnInstrument, faults, store_instrument
from valuescope.warehouse.problems import Problems

INSTRUMENT = load_instrument()
MARGINALS = """
create temp table marginals (
    wave integer not null,
    country_id varchar not null,
    breakdown varchar not null default 'all',
    subgroup_id varchar not null default 'all',
    question_id varchar not null,
    code integer not null,
    respondents bigint,
    sum_of_weights double not null,
    sum_of_squared_weights double
)
"""
VIEW = "Do you have a favorable or unfavorable view of the United Nations?"
FAVOURABLE = ["Very favorable", "Somewhat favorable", "Somewhat unfavorable", "Very unfavorable"]
Row = tuple[str, dict[str, list[Any]], list[Any], str]


def write(path: Path, rows: Sequence[Row]) -> Path:
    """The file as it is published: texts of Python objects."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "selections", "options", "source"])
        for question, selections, options, source in rows:
            writer.writerow([question, str(defaultdict(list, selections)), str(options), source])
    return path


class Reading:
    """What one reading of a file gave."""

    def __init__(self, path: Path, instrument: Instrument = INSTRUMENT) -> None:
        self.problems = Problems(path)
        with duckdb.connect() as connection:
            connection.execute(MARGINALS)
            source = open_source(path, path.parent)
            self.own = read_globalopinionqa(connection, source, self.problems, instrument)
            self.rows = connection.execute(
                "select question_id, country_id, code, sum_of_weights from marginals order by all"
            ).fetchall()
            self.others = connection.execute(
                "select distinct wave, breakdown, subgroup_id, respondents, "
                "sum_of_squared_weights from marginals"
            ).fetchall()

    @property
    def instrument(self) -> OwnInstrument:
        self.problems.raise_refusals()
        assert self.own is not None
        assert not list(faults(self.own, {"wvs"}))
        return self.own

    def shares(self) -> dict[tuple[str, int], float]:
        """By country and code, for a file of one question."""
        assert len({question_id for question_id, *_ in self.rows}) == 1
        return {(country, code): share for _, country, code, share in self.rows}

    @property
    def warnings(self) -> str:
        return "\n".join(self.problems.warnings)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "global_opinions.csv"


def question(own: OwnInstrument) -> dict[str, str]:
    ((_, row),) = own.questions
    return row


def test_the_format_is_told_by_its_columns() -> None:
    assert is_globalopinionqa(["question", "selections", "options", "source"])
    assert is_globalopinionqa(["", "Options", "Source", "Question", "Selections"])
    assert not is_globalopinionqa(["question", "options", "source"])


def test_a_question_becomes_an_instrument_and_shares(file: Path) -> None:
    selections = {"Belgium": [0.21, 0.5, 0.19, 0.06, 0.04], "Japan": [0.04, 0.4, 0.3, 0.2, 0.06]}
    write(file, [(VIEW, selections, [*FAVOURABLE, "DK/Refused"], "GAS")])

    reading = Reading(file)

    row = question(reading.instrument)
    assert row["wording"] == VIEW
    assert row["scale_kind"] == "ordinal"
    assert row["category_id"] == "globalopinionqa:gas"
    assert row["question_id"].startswith("globalopinionqa:do_you_have_a_favorable_")
    assert [choice["choice_text"] for _, choice in reading.instrument.choices] == FAVOURABLE
    assert [choice["survey_codes"] for _, choice in reading.instrument.choices] == list("1234")
    assert reading.shares() == {
        (country_id, code): share
        for country_id, name in (("BEL", "Belgium"), ("JPN", "Japan"))
        for code, share in zip((1, 2, 3, 4, -1), selections[name], strict=True)
    }
    assert reading.others == [(1, "all", "all", None, None)]
    assert reading.warnings == ""


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        pytest.param(FAVOURABLE, "ordinal", id="a known scale"),
        pytest.param(FAVOURABLE[::-1], "ordinal", id="reversed"),
        pytest.param([f" {text.upper()}. " for text in FAVOURABLE], "ordinal", id="as one shouts"),
        pytest.param(["Don’t know", *FAVOURABLE, "Refused"], "ordinal", id="with non-answers"),
        pytest.param([*FAVOURABLE, "Neither (VOL)"], "nominal", id="with another answer"),
        pytest.param(FAVOURABLE[:3], "nominal", id="without its end"),
        pytest.param([*FAVOURABLE[1:], FAVOURABLE[0]], "nominal", id="in another order"),
        pytest.param([1, 2, 3, 4, 5], "ordinal", id="whole numbers"),
        pytest.param([0.0, 5.0, 10.0], "ordinal", id="whole numbers with decimals"),
        pytest.param(["1", "2", "3", "No answer"], "ordinal", id="whole numbers as texts"),
        pytest.param([1, 3, 2], "nominal", id="numbers in no order"),
        pytest.param([0.5, 1.5, 2.5], "nominal", id="numbers that are not whole"),
        pytest.param(["Never", 2, 3, 4, "Always"], "ordinal", id="numbers between named ends"),
        pytest.param(["Never", 3, 4, 5, "Always"], "nominal", id="numbers out of place"),
        pytest.param(["Tea", "Coffee"], "binary", id="two answers"),
        pytest.param(["Tea", "Coffee", "Don't know", "Not asked"], "binary", id="two of four"),
        pytest.param(["Tea", "Coffee", "Water"], "nominal", id="three things"),
    ],
)
def test_an_order_is_known_or_not_but_never_guessed(
    file: Path, options: list[Any], kind: str
) -> None:
    share = 1 / len(options)
    write(file, [("Which?", {"Japan": [share] * len(options)}, options, "WVS")])

    reading = Reading(file)

    assert question(reading.instrument)["scale_kind"] == kind
    assert ("nominal and get no mean scores" in reading.warnings) == (kind == "nominal")


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ("Don't know", -1),
        ("Don´t know", -1),
        ("DK/Refused", -1),
        ("No answer", -2),
        ("refused", -2),
        ("Missing; Unknown", -5),
        ("Missing", -5),
        ("Not asked in survey", -5),
        ("Not available", -5),
        ("Neither", 3),
        ("None of these", 3),
        ("Refused entry to the country", 3),
        ("Missing my family", 3),
    ],
)
def test_options_without_an_answer_leave_the_scale_but_keep_their_share(
    file: Path, option: str, code: int
) -> None:
    write(file, [("Which?", {"Japan": [0.5, 0.25, 0.25]}, ["Tea", "Coffee", option], "GAS")])

    reading = Reading(file)

    assert reading.shares() == {("JPN", 1): 0.5, ("JPN", 2): 0.25, ("JPN", code): 0.25}
    assert len(reading.instrument.choices) == (3 if code == 3 else 2)


def test_missing_options_of_one_code_are_added_up(file: Path) -> None:
    options = ["Missing", "Tea", "Coffee", "Not available"]
    write(file, [("Which?", {"Japan": [0.125, 0.5, 0.25, 0.125]}, options, "GAS")])

    assert Reading(file).shares() == {("JPN", 2): 0.5, ("JPN", 3): 0.25, ("JPN", -5): 0.25}


def test_ids_stay_when_rows_move_or_go(file: Path) -> None:
    rows: list[Row] = [
        (f"Question {n}?", {"Japan": [0.5, 0.5]}, ["Yes", "No"], "GAS") for n in range(5)
    ]
    first = Reading(write(file, rows)).instrument
    other = Reading(write(file, rows[:0:-1])).instrument

    ids = {row["wording"]: row["question_id"] for _, row in first.questions}
    assert len(set(ids.values())) == 5
    assert {row["wording"]: row["question_id"] for _, row in other.questions}.items() < ids.items()


def test_a_question_with_other_options_or_of_another_source_is_another(file: Path) -> None:
    shares = {"Japan": [0.5, 0.5]}
    write(
        file,
        [
            ("Which?", shares, ["Tea", "Coffee"], "GAS"),
            ("Which?", shares, ["Tea", "Water"], "GAS"),
            ("Which?", shares, ["Tea", "Coffee"], "WVS"),
        ],
    )

    own = Reading(file).instrument

    assert len({row["question_id"] for _, row in own.questions}) == 3
    assert [row["category_name"] for _, row in own.categories] == [
        "Global Attitudes Survey",
        "World Values Survey",
    ]


def test_samples_are_told_apart(file: Path) -> None:
    write(
        file,
        [
            (
                "Which?",
                {
                    "India (Current national sample)": [0.5, 0.5],
                    "India (Old national sample)": [0.25, 0.75],
                    "Bolivia (Non-national sample)": [0.125, 0.875],
                },
                ["Tea", "Coffee"],
                "GAS",
            )
        ],
    )

    reading = Reading(file)

    assert reading.shares() == {("IND", 1): 0.5, ("IND", 2): 0.5}
    assert "were left out (2): India (Old national sample), Bolivia (Non-na" in reading.warnings


def test_a_country_that_a_question_has_twice_is_left_out_and_named(file: Path) -> None:
    write(
        file,
        [
            (
                "Which?",
                {
                    "India": [0.25, 0.75],
                    "India (Current national sample)": [0.5, 0.5],
                    "Japan": [0, 1],
                },
                ["Tea", "Coffee"],
                "GAS",
            )
        ],
    )

    reading = Reading(file)

    assert reading.shares() == {("JPN", 1): 0, ("JPN", 2): 1}
    assert "IND globalopinionqa:which_" in reading.warnings
    assert "(India and India (Current national sample))" in reading.warnings


def test_one_question_in_two_rows_joins_their_countries(file: Path) -> None:
    write(
        file,
        [
            ("Which?", {"Japan": [0.5, 0.5], "Peru": [1, 0]}, ["Tea", "Coffee"], "GAS"),
            ("Which? ", {"India": [0.25, 0.75], "Peru": [0, 1]}, ["Tea", "Coffee"], "GAS"),
        ],
    )

    reading = Reading(file)

    assert {country for country, _ in reading.shares()} == {"JPN", "IND"}
    assert "PER globalopinionqa" in reading.warnings


def test_unknown_countries_are_listed_together_with_the_nearest(file: Path) -> None:
    write(
        file,
        [("Which?", {"Jappan": [1, 0], "Peru": [1, 0], "Qqq": [1, 0]}, ["Tea", "Coffee"], "GAS")],
    )

    reading = Reading(file)

    with pytest.raises(
        ValuescopeError, match=r"that are not known: 'Jappan' \(nearest: Japan\), 'Qqq'\. Write"
    ):
        reading.problems.raise_refusals()
    assert reading.rows == []


def test_shares_that_miss_1_by_more_than_rounding_are_reported(file: Path) -> None:
    selections = {"Japan": [0.33, 0.33, 0.33], "Peru": [0.3, 0.3, 0.3], "Chile": [0.0, 0.0, 0.0]}
    write(file, [("Which?", selections, ["Tea", "Coffee", "Water"], "GAS")])

    reading = Reading(file)

    assert {country for country, _ in reading.shares()} == {"JPN", "PER"}
    assert "do not sum to 1 were loaded as they are (1): PER globalopi" in reading.warnings
    assert "sum 0.9" in reading.warnings
    assert "nobody answered a question were left out (1): CHL" in reading.warnings


def test_questions_that_cannot_be_asked_are_left_out_and_named(file: Path) -> None:
    write(
        file,
        [
            ("One?", {"Japan": [0.5, 0.5]}, ["Yes", "Don't know"], "GAS"),
            ("Same?", {"Japan": [0.5, 0.25, 0.25]}, ["Yes", "yes", "No"], "GAS"),
            ("Many?", {"Japan": [0.03125] * 32}, list(range(32)), "GAS"),
            ("Nobody?", {}, ["Yes", "No"], "GAS"),
            ("Good?", {"Japan": [0.5, 0.5]}, ["Yes", "No"], "GAS"),
        ],
    )

    reading = Reading(file)

    assert question(reading.instrument)["wording"] == "Good?"
    for named in ("line 2, One?", "line 3, Same?", "line 4, Many?", "line 5, Nobody?"):
        assert named in reading.warnings


@pytest.mark.parametrize(
    ("selections", "options", "says"),
    [
        ("{'Japan': [0.5]}", "['a', 'b']", "another number of shares for Japan than options"),
        ("{'Japan': [0.5, 1.5]}", "['a', 'b']", "shares outside 0 to 1 for Japan"),
        ("{'Japan': [-0.5, 1]}", "['a', 'b']", "shares outside 0 to 1 for Japan"),
        ("{'Japan': ['x', 1]}", "['a', 'b']", "shares outside 0 to 1 for Japan"),
        ("{'Japan': [1e999, 1]}", "['a', 'b']", "shares outside 0 to 1 for Japan"),
        ("{'Japan': [open('x'), 1]}", "['a', 'b']", "selections that cannot be read"),
        ("__import__('os').mkdir('hacked')", "['a', 'b']", "selections that cannot be read"),
        ("[0.5, 0.5]", "['a', 'b']", "map no countries"),
        ("{'Japan': [0.5, 0.5]", "['a', 'b']", "selections that cannot be read"),
        ("{'Japan': [0.5, 0.5]}", "['a', print('b')]", "options that cannot be read"),
        ("{'Japan': [0.5, 0.5]}", "'ab'", "options that are not a list"),
        ("(" * 3000, "['a', 'b']", "selections that cannot be read"),
    ],
)
def test_what_is_no_literal_or_no_share_is_refused_with_its_line(
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    selections: str,
    options: str,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows(
            [
                ["question", "selections", "options", "source"],
                ["Which?", f"defaultdict(<class 'list'>, {selections})", options, "GAS"],
            ]
        )

    reading = Reading(file)

    assert reading.own is None
    (problem,) = reading.problems.refusals
    assert "cannot be read in line 2" in problem.what
    assert says in problem.what
    assert not (tmp_path / "hacked").exists()


def test_an_order_that_a_user_wrote_into_the_home_stays(file: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    rows: list[Row] = [("Which?", {"Japan": [1, 0, 0]}, ["Cold", "Warm", "Hot"], "GAS")]
    store_instrument(home, Reading(write(file, rows)).instrument)
    path = home.surveys / "globalopinionqa" / "questions.csv"
    path.write_text(path.read_text().replace(",nominal,", ",ordinal,"))
    more: Row = ("New?", {"Japan": [0.5, 0.5]}, ["Yes", "No"], "GAS")

    store_instrument(home, Reading(write(file, [more, *rows])).instrument)

    found = load_instrument(home).questions_of_survey("globalopinionqa")
    assert [(q.wording, q.scale_kind) for q in found] == [("Which?", "ordinal"), ("New?", "binary")]


COUNTRIES = [country for country in INSTRUMENT.countries.values() if country.in_wvs7]
ANSWERS = st.lists(
    st.sampled_from(["Yes", 'It\'s "so"', "Non, merci", "否", "7", "A, B", "x" * 90]),
    min_size=2,
    max_size=6,
    unique=True,
)


@st.composite
def items(draw: st.DrawFn) -> Row:
    options: list[Any] = list(draw(ANSWERS))
    if draw(st.booleans()):
        options.insert(draw(st.integers(0, len(options))), "Don't know")
    countries = draw(st.lists(st.sampled_from(COUNTRIES), min_size=1, max_size=4, unique=True))
    selections = {}
    for country in countries:
        counts = draw(st.lists(st.integers(1, 50), min_size=len(options), max_size=len(options)))
        selections[country.name] = [count / sum(counts) for count in counts]
    wording = draw(st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1))
    return wording, selections, options, draw(st.sampled_from(["GAS", "WVS"]))


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(items(), min_size=1, max_size=4, unique_by=lambda row: row[0]))
def test_whatever_is_written_comes_back(
    rows: list[Row], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = write(tmp_path_factory.mktemp("goqa") / "file.csv", rows)

    reading = Reading(file)

    wordings = {row["question_id"]: row["wording"] for _, row in reading.instrument.questions}
    texts = {
        (row["question_id"], int(row["survey_codes"])): row["choice_text"]
        for _, row in reading.instrument.choices
    }
    found = {
        (wordings[question_id], country, texts.get((question_id, code), "Don't know")): share
        for question_id, country, code, share in reading.rows
    }
    assert found == dict(expected(rows))


def expected(rows: Sequence[Row]) -> Iterator[tuple[tuple[str, str, str], float]]:
    for wording, selections, options, _ in rows:
        for name, shares in selections.items():
            for option, share in zip(options, shares, strict=True):
                yield (wording, INSTRUMENT.country(name).country_id, option), share

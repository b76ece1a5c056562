"""The data dictionary: every question, choice, country and survey of the seeds as a Markdown page.

`python -m valuescope.reports.files.data_dictionary [FILE]` writes it, by default to
docs/data-dictionary.md.
"""

import csv
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from valuescope.warehouse.home import CLONE, SEEDS

PAGE = CLONE / "docs" / "data-dictionary.md"

# What Markdown, its tables and GitHub's formulas read as markup; & only where it begins an entity.
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|~$]|&(?=#?\w+;)")
_OUTSIDE, _MISSING = "outside", "missing"

_INTRODUCTION = """\
# Data dictionary

What the ids in valuescope's tables mean: questions, their choices in both codings,
countries and surveys. `make dictionary` wrote this page from `dbt_project/seeds`: change the seeds,
not the page. Every question has an address of its own, its id after a `#`, as in [#q1](#q1).
"""

_HOW_TO_READ = """\
## How to read it

- **Questions.** An id is the survey's own name of the variable. The wording is the one in prompts,
  this project's own: it asks for the same thing as the survey, in other words. There is no
  Q223, whose choices are each country's own parties.
- **Codings.** `native`, the default, has the survey's own options. `paper` has an odd number of
  choices: scales of 2, 4 and 8 gain a "Don't know" in the middle, scales of 10 fold to 1-3, 4-7 and
  8-10, odd ones stay. It is a reconstruction; the paper does not print its own.
- **Tables of choices.** One row a survey code: the choice that it counts for in each coding
  (`choice_index`), the text that prompts show, and the score. Where both codings are the same they
  share their columns. A code that is `outside` is an answer, but not on the scale: it leaves scale
  and denominator, and its share is kept apart. One that is `missing` is not an answer in that
  coding; negative codes that a table does not have are missing in both.
- **Score.** Choice k of K scores s_k = -1 + 2(k-1)/(K-1), from -1 for the first choice to 1 for the
  last, here rounded to two places. A mean score is their mean, weighted by the choices' shares.
- **Scales.** `ordinal` (choices in order) and `binary` (two native choices) have mean scores.
  `nominal` (no order) and `knowledge` (a quiz) have them only in a build that replicates the
  paper's set; the scores below are for that one. The number beside a scale counts native choices.
- **Polarity and pole.** The keyed score is polarity times score, and high at the pole: with
  polarity 1 the last choice is there, with -1 the first one. Only keyed scores are averaged over
  questions. A question without polarity enters no such average.
- **Battery.** Questions that were asked together. Intervals draw them together, too.
- **Paper's set.** Whether the question is among the 209 taken to be the paper's, and how sure the
  reconstruction is of its category.

The formulas in full: [method](method.md). Each column of the seeds:
[questions](../dbt_project/seeds/questions.yml), [choices](../dbt_project/seeds/choices.yml),
[categories](../dbt_project/seeds/categories.yml), [countries](../dbt_project/seeds/countries.yml),
[surveys](../dbt_project/seeds/surveys.yml).
"""

_COUNTRIES = """\
## Countries

The code is ISO 3166-1 alpha-3 and is `country_id` in every table; ISO has no code for Northern
Ireland (NIR) and Kosovo (XKX). The number is the one that survey files use, the name the one in
prompts. Three lists say what is Western: the paper's (it prints none; this one is an assumption),
the UN's Western European and Others Group (WEOG), and the Inglehart-Welzel map. `?` is left open.
"""

_REMARKS = """\
### Remarks on countries

Why a country counts to its continent where another one could be argued for, and under which other
numbers and names survey files hold it.
"""


@dataclass(frozen=True)
class DescribedChoice:
    """A choice of one coding, or an answer outside the scale, which has no index."""

    index: int | None
    text: str
    codes: tuple[int, ...]


@dataclass(frozen=True)
class Coding:
    """The choices of one question in one coding, in scale order, then those outside the scale."""

    choices: tuple[DescribedChoice, ...]

    @property
    def size(self) -> int:
        """Return K, the number of choices on the scale."""
        return sum(choice.index is not None for choice in self.choices)

    def choice_of(self, code: int) -> DescribedChoice | None:
        """Return the choice of a survey code; None for a missing answer."""
        return next((choice for choice in self.choices if code in choice.codes), None)

    def score(self, choice: DescribedChoice) -> float | None:
        """Return s_k = -1 + 2(k-1)/(K-1); None outside the scale."""
        return None if choice.index is None else -1 + 2 * (choice.index - 1) / (self.size - 1)


@dataclass(frozen=True)
class TrendItem:
    """A variable of the survey's time series that asks a question.

    `recodes` pairs its codes with those of the question; empty where they are the same.
    """

    variable: str
    recodes: tuple[tuple[int, int], ...]
    confidence: str
    note: str


@dataclass(frozen=True)
class DescribedQuestion:
    """One question with all that the seeds say about it; `row` is its row of questions.csv."""

    row: dict[str, str]
    native: Coding
    paper: Coding
    trend_items: tuple[TrendItem, ...]

    @property
    def question_id(self) -> str:
        """Return the survey's name of the variable."""
        return self.row["question_id"]


@dataclass(frozen=True)
class CountryColumn:
    """A column of the table of countries; seeds without it go without."""

    header: str
    seed_column: str
    is_flag: bool = False

    def cell(self, row: dict[str, str]) -> str:
        """Return the country's cell; a flag that is null reads `?`."""
        value = row[self.seed_column]
        if self.is_flag:
            return {"true": "yes", "false": "no"}.get(value.lower(), "?")
        return _escaped(value)


_COUNTRY_COLUMNS = (
    CountryColumn("code", "country_id"),
    CountryColumn("alpha-2", "iso_alpha_2"),
    CountryColumn("number", "iso_numeric"),
    CountryColumn("name in prompts", "country_name"),
    CountryColumn("continent", "continent"),
    CountryColumn("subregion", "un_subregion"),
    CountryColumn("Western: paper", "is_western_paper", is_flag=True),
    CountryColumn("Western: WEOG", "is_western_weog", is_flag=True),
    CountryColumn("Western: Inglehart-Welzel", "is_western_inglehart_welzel", is_flag=True),
    CountryColumn("in the WVS", "in_wvs", is_flag=True),
    CountryColumn("in wave 7", "in_wvs7", is_flag=True),
)


def data_dictionary(seeds: Path = SEEDS) -> str:
    """Return the page as GitHub Markdown, made of the CSV files in a folder of seeds."""
    questions = _questions(seeds)
    categories = sorted(_rows(seeds / "categories.csv"), key=lambda row: int(row["category_order"]))
    batteries: dict[str, list[str]] = {}
    for question in questions:
        batteries.setdefault(question.row["battery_id"], []).append(question.question_id)
    sections = [_INTRODUCTION, _HOW_TO_READ, _contents(categories, questions)]
    for category in categories:
        members = [q for q in questions if q.row["category_id"] == category["category_id"]]
        sections.append(_category(category, members))
        sections += [
            _entry(question, category["category_name"], batteries[question.row["battery_id"]])
            for question in members
        ]
    sections.append(_countries(_rows(seeds / "countries.csv")))
    sections.append(_surveys(_rows(seeds / "surveys.csv"), questions))
    return "\n".join(sections)


def _questions(seeds: Path) -> list[DescribedQuestion]:
    """Return all questions in the questionnaire's order."""
    choices: dict[tuple[str, str], list[DescribedChoice]] = {}
    for row in _rows(seeds / "choices.csv"):
        choices.setdefault((row["coding_id"], row["question_id"]), []).append(
            DescribedChoice(
                index=int(row["choice_index"]) if row["choice_index"] else None,
                text=row["choice_text"],
                codes=tuple(int(code) for code in row["survey_codes"].split("|")),
            )
        )
    trend_items: dict[str, list[TrendItem]] = {}
    trend_file = seeds / "trend_items.csv"
    for row in _rows(trend_file) if trend_file.exists() else ():
        trend_items.setdefault(row["question_id"], []).append(
            TrendItem(
                variable=row["trend_variable"],
                recodes=_recodes(row["recodes"]),
                confidence=row.get("confidence", ""),
                note=row.get("note", ""),
            )
        )
    return [
        DescribedQuestion(
            row=row,
            native=_coding(choices["native", row["question_id"]]),
            paper=_coding(choices["paper", row["question_id"]]),
            trend_items=tuple(trend_items.get(row["question_id"], ())),
        )
        for row in sorted(
            _rows(seeds / "questions.csv"), key=lambda row: int(row["question_order"])
        )
    ]


def _recodes(cell: str) -> tuple[tuple[int, int], ...]:
    """Return the pairs of a cell such as `1>1|0>2`."""
    pairs = (pair.split(">") for pair in cell.split("|") if pair)
    return tuple((int(code), int(wave_7_code)) for code, wave_7_code in pairs)


def _coding(choices: Iterable[DescribedChoice]) -> Coding:
    return Coding(tuple(sorted(choices, key=lambda choice: _position(choice))))


def _contents(categories: Iterable[dict[str, str]], questions: Sequence[DescribedQuestion]) -> str:
    rows = []
    for category in categories:
        members = [q.row for q in questions if q.row["category_id"] == category["category_id"]]
        rows.append(
            (
                _link(category["category_name"]),
                f"`{category['category_id']}`",
                f"{members[0]['question_id']}-{members[-1]['question_id']}" if members else "",
                str(len(members)),
                str(sum(_is_true(row["in_paper_set"]) for row in members)),
            )
        )
    rows.append(("all", "", "", str(len(questions)), str(sum(int(row[-1]) for row in rows))))
    headers = ("category", "`category_id`", "ids", "questions", "in the paper's set")
    return "\n".join(
        [
            "## Contents\n",
            _table(headers, rows, "lllrr"),
            f"Then {_link('Countries')} and {_link('Surveys')}.\n",
        ]
    )


def _category(category: dict[str, str], questions: Sequence[DescribedQuestion]) -> str:
    """Return the heading of a category and the table of its questions."""
    has_trends = any(question.trend_items for question in questions)
    headers = ["id", "question", "scale", "polarity", "pole", "battery", "paper's set"]
    rows = []
    for question in questions:
        row = question.row
        cells = [
            _link(question.question_id),
            _escaped(row["short_label"]),
            f"{row['scale_kind']}, {question.native.size}",
            row["polarity"],
            _escaped(row["pole"]),
            f"`{row['battery_id']}`",
            "yes" if _is_true(row["in_paper_set"]) else "no",
        ]
        if has_trends:
            cells.append(", ".join(f"`{item.variable}`" for item in question.trend_items))
        rows.append(cells)
    if has_trends:
        headers.append("time series")
    standing = "one" if _is_true(category["in_paper"]) else "not one"
    return "\n".join(
        [
            f"## {_escaped(category['category_name'])}\n",
            f"`{category['category_id']}`, {standing} of the paper's categories.\n",
            _table(headers, rows, "lllrlll" + "l" * has_trends),
        ]
    )


def _entry(question: DescribedQuestion, category_name: str, battery: Sequence[str]) -> str:
    """Return all about one question under a heading of its own."""
    row = question.row
    parts = [
        f"### {question.question_id}\n",
        f"**{_sentence(row['short_label'])}** {_escaped(row['wording'])}\n",
        f"{_facts(question, category_name, battery)}\n",
    ]
    parts += [f"{_trend(item)}\n" for item in question.trend_items]
    if row["caution"]:
        parts.append(f"Caution: {_escaped(row['caution'])}\n")
    parts.append(_choices(question))
    return "\n".join(parts)


def _trend(item: TrendItem) -> str:
    """Return the line on a variable of the time series."""
    line = f"Time series: `{item.variable}`"
    if item.recodes:
        line += ", recoded " + ", ".join(f"{code} to {here}" for code, here in item.recodes)
    if item.confidence == "memory":
        line += " (paired from memory; no source found)"
    return line + (f"; {_sentence(item.note)}" if item.note else ".")


def _facts(question: DescribedQuestion, category_name: str, battery: Sequence[str]) -> str:
    row, native, paper = question.row, question.native, question.paper
    also = "" if native.size == paper.size else f" ({paper.size} in `paper`)"
    facts = [
        f"{_link(category_name)}.",
        f"{row['scale_kind'].capitalize()}, {native.size} choices{also}.",
    ]
    if row["correct_choice_index"]:
        (right,) = (c for c in native.choices if c.index == int(row["correct_choice_index"]))
        facts.append(f"Right answer: {_sentence(right.text)}")
    if row["polarity"]:
        end = "last" if int(row["polarity"]) > 0 else "first"
        facts.append(f"Polarity {row['polarity']}: at the {end} choice, *{_escaped(row['pole'])}*.")
    else:
        facts.append("No polarity.")
    if len(battery) > 1:
        facts.append(f"Battery `{row['battery_id']}`, {_id_ranges(battery)}.")
    else:
        facts.append(f"Battery `{row['battery_id']}`, of its own.")
    standing = "In" if _is_true(row["in_paper_set"]) else "Not in"
    facts.append(f"{standing} the paper's set (confidence {row['paper_set_confidence']}).")
    return " ".join(facts)


def _choices(question: DescribedQuestion) -> str:
    """Return the table of choices; codes of the same choice in both codings share a row."""
    native, paper = question.native, question.paper
    codes_of_pair: dict[tuple[DescribedChoice | None, DescribedChoice | None], list[int]] = {}
    for choice in (*native.choices, *paper.choices):
        for code in choice.codes:
            codes = codes_of_pair.setdefault((native.choice_of(code), paper.choice_of(code)), [])
            if code not in codes:
                codes.append(code)
    pairs = sorted(
        codes_of_pair.items(), key=lambda pair: (_position(pair[0][1]), _position(pair[0][0]))
    )
    if native == paper:
        headers = ("code", "native and paper", "choice", "score")
        rows = [(_codes(codes), *_cells(native, choice)) for (choice, _), codes in pairs]
        return _table(headers, rows, "rrlr")
    headers_of_both = ("code", "native", "choice", "score", "paper", "choice", "score")
    rows_of_both = [
        (_codes(codes), *_cells(native, native_choice), *_cells(paper, paper_choice))
        for (native_choice, paper_choice), codes in pairs
    ]
    return _table(headers_of_both, rows_of_both, "rrlrrlr")


def _cells(coding: Coding, choice: DescribedChoice | None) -> tuple[str, str, str]:
    """Return index, text and score of a choice."""
    if choice is None:
        return _MISSING, "", ""
    score = coding.score(choice)
    if score is None:
        return _OUTSIDE, _escaped(choice.text), ""
    return str(choice.index), _escaped(choice.text), f"{score:.2f}"


def _codes(codes: Iterable[int]) -> str:
    return ", ".join(str(code) for code in codes)


def _position(choice: DescribedChoice | None) -> float:
    """Return the sorting key of a choice: its index; choices without one come last."""
    return float("inf") if choice is None or choice.index is None else choice.index


def _countries(rows: Sequence[dict[str, str]]) -> str:
    known = [column for column in _COUNTRY_COLUMNS if column.seed_column in rows[0]]
    remarks = []
    for row in rows:
        numbers, names = (_listed(row[name]) for name in ("other_numeric_codes", "survey_names"))
        if row["continent_note"] or numbers or names:
            remarks.append(
                (row["country_id"], _escaped(row["continent_note"]), numbers, _escaped(names))
            )
    alignment = "".join("r" if column.header == "number" else "l" for column in known)
    return "\n".join(
        [
            _COUNTRIES,
            _table(
                [column.header for column in known],
                [[column.cell(row) for column in known] for row in rows],
                alignment,
            ),
            _REMARKS,
            _table(("code", "continent", "other numbers", "other names"), remarks, "llll"),
        ]
    )


def _surveys(rows: Iterable[dict[str, str]], questions: Sequence[DescribedQuestion]) -> str:
    table = [
        (
            f"`{row['survey_id']}`",
            _escaped(row["survey_name"]),
            row["default_wave"],
            str(sum(question.row["survey_id"] == row["survey_id"] for question in questions)),
            f"{_escaped(row['citation'])} [{_escaped(row['doi'])}](https://doi.org/{row['doi']})",
        )
        for row in rows
    ]
    return "\n".join(
        [
            "## Surveys\n",
            "The wave is the one that tables compare models with, unless you choose another.\n",
            _table(("`survey_id`", "name", "wave", "questions", "please cite"), table, "llrrl"),
        ]
    )


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]], alignment: str) -> str:
    """Return a Markdown table; `alignment` has one letter per column, l or r."""
    rules = {"l": "---", "r": "---:"}
    lines = [headers, [rules[letter] for letter in alignment], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _link(heading: str) -> str:
    """Return a link to a heading of the page, by the anchor that GitHub gives it."""
    anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    return f"[{_escaped(heading)}](#{anchor})"


def _escaped(text: str) -> str:
    r"""Escape plain text for Markdown, in tables too.

    >>> print(_escaped("a | b, <c> & *d*"))
    a \| b, \<c\> & \*d\*
    """
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))


def _sentence(text: str) -> str:
    """Return escaped text that ends with a punctuation mark."""
    return _escaped(text if text.endswith((".", "?", "!")) else f"{text}.")


def _id_ranges(question_ids: Sequence[str]) -> str:
    """List ids, with runs of them as ranges.

    >>> _id_ranges(["Q1", "Q2", "Q3", "Q234", "happy"])
    'Q1-Q3, Q234, happy'
    """
    runs: list[list[str]] = []
    for question_id in question_ids:
        if runs and question_id == _next_id(runs[-1][-1]):
            runs[-1].append(question_id)
        else:
            runs.append([question_id])
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _next_id(question_id: str) -> str | None:
    """Return the id one number higher; None without a number at the end."""
    parts = re.fullmatch(r"(.*?)(\d+)", question_id)
    return f"{parts[1]}{int(parts[2]) + 1}" if parts else None


def _listed(cell: str) -> str:
    """Return the parts of a cell that separates them by `|`."""
    return "; ".join(part for part in cell.split("|") if part)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _is_true(value: str) -> bool:
    return value.strip().lower() == "true"


def main(target: Path = PAGE) -> None:
    """Write the page."""
    target.write_text(data_dictionary(), encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))

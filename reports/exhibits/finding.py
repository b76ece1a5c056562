"""The finding about one model, in a sentence that claims no more than its numbers allow."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from valuescope.reports.exhibits.agreement import countries as of_countries
from valuescope.reports.exhibits.agreement import models as of_models
from valuescope.reports.exhibits.agreement import question as of_questions
from valuescope.reports.exhibits.exhibit import Exhibit, Row
from valuescope.reports.exhibits.reasons import in_words
from valuescope.reports.files.number_format import brackets, decimals
from valuescope.reports.terminal.summary import Design

_KEY = ("model_id", "prompt_id", "population_id")
_SIGNIFICANT = 0.05
_FEW_COUNTRIES = 5
"""With fewer, single questions say more than a mean over countries."""
_ENOUGH_COUNTRIES = 10
_MOST_QUESTIONS = 3
# Names of countries that English gives an article in a sentence.
_WITH_ARTICLE = re.compile(
    r"(United|Netherlands|Philippines|Maldives|Gambia|Bahamas|Comoros|Seychelles)\b"
    r"|(Democratic )?Republic of|.* (Republic|Islands)$"
)


@dataclass(frozen=True)
class Finding:
    """A design, the name that tells it from the others, and what was found."""

    design: Design
    name: str
    sentence: str


def findings(connection: duckdb.DuckDBPyConnection, designs: Sequence[Design]) -> list[Finding]:
    """Return the finding of each design, the highest r first."""
    by_key = {tuple(design.parameters[name] for name in _KEY): design for design in designs}
    found = []
    for row in _exhibit(of_models, "model_agreement").rows(connection, {}):
        design = by_key.get(tuple(row[name] for name in _KEY))
        if design is not None:
            sentence = finding(
                row,
                _exhibit(of_countries, "country_agreement").rows(connection, design.parameters),
                _exhibit(of_questions, "question_agreement").rows(connection, design.parameters),
            )
            found.append(Finding(design, row["design_name"], sentence))
    return found


def _exhibit(module: Any, exhibit_id: str) -> Exhibit:
    found: Exhibit = next(one for one in module.EXHIBITS if one.exhibit_id == exhibit_id)
    return found


def finding(summary: Row, countries: Sequence[Row], questions: Sequence[Row]) -> str:
    """Return what one design's rows of the models, countries and questions exhibits say.

    The difference from knowing no country is said beside what random answers reach, with a verdict
    only where the orders of choices are averaged and a test exists.
    """
    said = [_agreement(summary, countries), _closest_and_farthest(countries)]
    if summary["country_count"] < _FEW_COUNTRIES:
        said.append(_on_questions(questions))
    said.append(_order(summary))
    return ". ".join(part for part in said if part) + "."


def _agreement(summary: Row, countries: Sequence[Row]) -> str:
    r = summary["mean_pearson_r"]
    if r is None:
        return f"no r with people: {in_words(summary['null_reason'])}"
    known = [row for row in countries if row["pearson_r"] is not None]
    where, of = f"people in {len(known)} countries", summary
    if len(known) == 1:
        (of,) = known
        where = f"people in {_in_a_sentence(of)} over {of['question_count']} questions"
    said = f"r {decimals(r)}{brackets(of['ci_low'], of['ci_high'])} with {where}"
    if of["ci_low"] is None and summary["interval_null_reason"]:
        said += f" (no interval: {in_words(summary['interval_null_reason'])})"
    return said + _gap(summary)


def _in_a_sentence(row: Row) -> str:
    """Return the name of a row's country, with the article that it has in a sentence."""
    name: str = row["country_name"]
    return f"the {name}" if _WITH_ARTICLE.match(name) else name


def _gap(summary: Row) -> str:
    """Say how far r is from the blind baseline's, and how far that of random answers is."""
    gap = summary["mean_r_above_blind"]
    if gap is None:
        return ""
    low, high = summary["r_above_blind_ci_low"], summary["r_above_blind_ci_high"]
    q = summary["r_above_blind_q_value"]
    beside = "knowing no country at all"
    if q is not None and q >= _SIGNIFICANT and summary["is_order_controlled"]:
        said = f"not distinguishable from {beside} ({decimals(gap)}{brackets(low, high)})"
    elif gap < 0:
        ends = (None, None) if low is None or high is None else (-high, -low)
        said = f"{decimals(-gap)}{brackets(*ends)} below {beside}"
    else:
        said = f"{decimals(gap)}{brackets(low, high)} above {beside}"
    random = summary["random_r_above_blind"]
    if random is not None:
        said += f"; random answers: {_side(random)}"
    return f", {said}"


def _side(difference: float) -> str:
    return f"{decimals(abs(difference))} {'below' if difference < 0 else 'above'}"


def _closest_and_farthest(countries: Sequence[Row]) -> str:
    """Name both ends by r minus that of random answers, and say if their intervals overlap."""
    known = [row for row in countries if row["r_above_random"] is not None]
    if len(known) < _FEW_COUNTRIES:
        return ""
    farthest, *_, closest = sorted(
        known, key=lambda row: (row["r_above_random"], row["country_id"])
    )
    said = (
        f"Closest to people in {_in_a_sentence(closest)}, farthest in {_in_a_sentence(farthest)} "
        f"({decimals(closest['r_above_random'])} and {decimals(farthest['r_above_random'])} above "
        "the r of random answers"
    )
    low, high = closest["r_above_random_ci_low"], farthest["r_above_random_ci_high"]
    if low is not None and high is not None and low <= high:
        said += "; their intervals overlap"
    return f"{said})"


def _on_questions(questions: Sequence[Row]) -> str:
    known = [
        row
        for row in questions
        if row["pearson_r"] is not None and row["country_count"] >= _ENOUGH_COUNTRIES
    ][:_MOST_QUESTIONS]
    if not known:
        return ""
    each = (
        f"r {decimals(row['pearson_r'])} on {row['question_id']} {row['short_label']} "
        f"({row['country_count']} countries)"
        for row in known
    )
    return f"Between countries: {', '.join(each)}"


def _order(summary: Row) -> str:
    spread: Any = summary["order_spread"]
    if not summary["is_order_controlled"]:
        return "No verdict: the choices were shown in one order only"
    if spread is None:
        return ""
    return f"Reversing the choices moves r by {decimals(abs(spread))}"

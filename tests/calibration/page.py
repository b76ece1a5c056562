"""docs/calibration.md: coverage, rejection rates and bias, written from measured scenes."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from tests.calibration.cultural import MISSING, PEOPLE_OF_COUNTRY
from tests.calibration.measured import Measured, is_null
from tests.calibration.study import PLACEBOS, SAMPLED, Kind, Scene
from tests.calibration.truth import RESPONDENTS, STUDIES_OF_PROMPTS

# What is said of each kind of scene, in the list of all and above its tables.
_KINDS: dict[Kind, tuple[str, str]] = {
    "models": ("", ""),
    "prompts": (" with several prompts", ", one model in three templates and two orders"),
    "subjects": (" with groups and invented ones", ", groups of people and invented countries"),
    "ways": (" in two ways of asking", ", two ways of asking"),
    "ranks": (" in pairs with the same ranks", ", ranked units, alike and apart"),
    "differences": (
        " with the smallest detectable differences",
        ", differences of the size that is said to be detected",
    ),
    "map": (" with the cultural map", ", places of people on the cultural map"),
}
COVERAGE_GOAL = (0.93, 0.97)
REJECTION_GOAL = (0.04, 0.06)
WRONG_GOAL = 0.05
POWER_GOAL = (0.77, 0.83)

_HEAD = """# Calibration: do intervals and tests hold what they promise?

`make calibrate` generates people and models whose agreement is known exactly, builds them with
`dbt build` as a user's study, and compares what the marts state with the truth. This page is its
output (`tests/calibration/`), from {scenes}.

- Each survey is drawn anew: 175 questions in the 49 batteries of the instrument's Q1-Q198 (the
  largest have 25, 19 and 11 questions), {respondents} respondents per country, variances and shares
  of batteries as in wave 7. The truth is the value over infinitely many batteries of these sizes
  and respondents.
- Five models: a base model, its chat version and that in Q4, each with the r of the blind baseline,
  but with errors that they partly share (true differences 0); a small chat model with r = .40;
  random answers.
- Intervals over prompts are of one model in three templates and two orders, each with errors of its
  own; the truth is its mean r over endlessly many of them.
- Two models are asked about two groups of each country's people and {placebos} invented countries.
  One repeats people's differences, with others of its own, and real names move it twice as far as
  invented ones. The other's differences are its own, half of them the same in all countries, as
  people's are, and it answers about invented names as about real ones. A group is half of the
  respondents, whose sampling error is part of the truth.
- Ways of asking: log-likelihoods and {sampled} sampled answers of one model, and such answers of
  its Q4, all with the r of the blind baseline.
- Ranks: of the five models above, countries and categories are all alike, and so are three of the
  models. "Wrong" is the share of equals that an interval sets apart, or of intervals that leave out
  the true rank.
- Reliabilities: five models are asked in two templates. In one, models and countries are alike, and
  a ranking has the reliability 0. In the other, errors differ between models, countries and
  categories, by factors that each two surveys share: what is true is the rank correlation of the
  two surveys' rankings. So it is for categories in both, because larger ones are further beyond
  random answers.
- Smallest detectable differences: a base model and its chat version differ by what is stated on
  average as `smallest_detectable_delta`, one pair by that of means over countries, one by that of
  single countries. Goal: p < .05 in .77 to .83 of them, .80 being what is stated.
- Errors forecast: for other numbers of templates and orders than the 3 x 2 asked
  (`agg_prompt_errors`), beside the standard deviation of the mean r in {studies} generated studies
  with as many. Coverage is that of the interval's forecast width about these studies' means.
- Cultural map: {respondents} respondents of each country are drawn from {people} whose places are
  known, with unequal weights, and {missing}% of their answers lack. Intervals are places +- 1.96
  standard errors; what is true is the place of all people on the axes that the study found, which
  the error is about, and on their own.
- Verdicts of saved questions are those that `valuescope sql --saved` prints.
- Random answers and models that say the same of all countries are tested for what they do not know:
  their place among random answers (from both sides), and shuffled countries.
- Behind each rate is its standard error, from the differences between surveys, because rows of one
  survey are not independent. **Bold** misses the goal by more than two of them, or of those that as
  many rows as surveys would have. Goals: coverage .93 to .97; p < .05 in .04 to .06 of true nulls;
  at most .05 of verdicts wrong, and of families of true nulls with a q < .05.
- People's sampling error lowers every r a little, that of the demeaned r most. The intervals are
  about the r that such a survey shows: where countries are many enough for a narrow interval of
  their mean, this bias alone can leave the truth outside.
- Measured with another number here: intervals and places among random answers come from the same
  draws (`random_*_low` and `random_place`, `shuffled_low` and `shuffled_p_value`); q-values of
  observations 1 and 2 decide their verdicts; the interval of r above random answers is that of
  `r_above_blind`, moved; changes between waves are differences as those between groups.
- Not measured here: ranks of categories and by demeaned r where the true ranks differ; the
  reliability of rankings by demeaned r, or of more than 6 countries; forecasts where other than 3
  templates and 2 orders were asked, and of demeaned r; the smallest detectable difference of
  continents and of `cmp_model_size`, which are computed alike; models' places and distances on the
  map, which have no error; and any number where the questions' batteries are others.

"""


def page(scenes: Iterable[tuple[Scene, Measured]]) -> str:
    """Return the page."""
    alike: dict[tuple[int, Kind], list[tuple[Scene, Measured]]] = {}
    for scene, own in scenes:
        alike.setdefault((scene.countries, scene.kind), []).append((scene, own))
    parts, names = [], []
    for (countries, kind), some in alike.items():
        measured = Measured.together(some)
        surveys = sum(scene.surveys for scene, _ in some)
        short, long = _KINDS[kind]
        names.append(f"{surveys} surveys of {countries} countries{short}")
        parts.append(f"\n## {countries} countries{long}\n")
        for title, table in (
            ("Intervals", _coverage(measured.intervals)),
            ("Tests of true nulls", _rejections(measured)),
            ("Tests of what is there", _found(measured.tests)),
            ("Tests of the smallest detectable difference", _power(measured.power)),
            ("Ranks", _set_apart(measured.ranks)),
            ("Verdicts", _wrong(measured.verdicts)),
            ("Estimates without an interval", _bias(measured.estimates)),
            ("Errors forecast for numbers of prompts", _forecast(measured.forecasts)),
        ):
            if len(table):
                parts.append(f"\n### {title}\n\n" + _table(table))
    text = "".join(parts)
    rates = [line for line in text.splitlines() if line.endswith((") |", ")** |"))]
    missed = sum(line.endswith(")** |") for line in rates)
    head = _HEAD.format(
        scenes="; ".join(names),
        respondents=RESPONDENTS,
        placebos=PLACEBOS,
        sampled=SAMPLED,
        studies=STUDIES_OF_PROMPTS,
        people=f"{PEOPLE_OF_COUNTRY:,}",
        missing=f"{100 * MISSING:.0f}",
    )
    return f"{head}{missed} of {len(rates)} rates miss their goal.\n{text}"


def _coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """Return coverage, bias and width by number and model."""
    table = []
    for (mart, number, model), own in _groups(rows, "mart", "number", "model_id"):
        known = own[own["ci_low"].notna()]
        if known.empty:
            continue
        covers = known["truth"].between(known["ci_low"], known["ci_high"])
        table.append(
            {
                "number": f"`{number}` ({mart})",
                "model": model,
                "truth": _figure(own["truth"].mean(), 3),
                "bias": _figure((own["estimate"] - own["truth"]).mean(), 3),
                "SD": _spread(own["estimate"]),
                "mean width": _figure((known["ci_high"] - known["ci_low"]).mean(), 3),
                "intervals": f"{len(known):,}",
                "coverage": _rate(covers, known["survey_id"], *COVERAGE_GOAL),
            }
        )
    return pd.DataFrame(table)


def _rejections(measured: Measured) -> pd.DataFrame:
    """Return how often true nulls are rejected, by p of one test and by q of a family."""
    table = []
    tests = _where(
        measured.intervals, lambda rows: rows["p_value"].notna() & is_null(rows["truth"])
    )
    for (mart, number, model), own in _groups(tests, "mart", "number", "model_id"):
        rejected = _rate(own["p_value"] < 0.05, own["survey_id"], *REJECTION_GOAL)
        table.append([f"`{number}` ({mart})", model, f"{len(own):,} p", rejected])
    nulls = _where(measured.tests, lambda rows: rows["is_null"])
    for (mart, number, model), own in _groups(nulls, "mart", "number", "model_id"):
        # No permutation of 6 countries is rarer than one in 6.
        rejected = _rate(own["p_value"] < 0.05, own["survey_id"], 0, REJECTION_GOAL[1])
        table.append([f"`{number}` ({mart})", model, f"{len(own):,} p", rejected])
    for (mart, number), own in _groups(measured.families, "mart", "number"):
        rejected = _rate(own["q_value"] < 0.05, own["survey_id"], 0, WRONG_GOAL)
        table.append([f"any q of `{number}` ({mart})", "all", f"{len(own):,} families", rejected])
    return pd.DataFrame(table, columns=["null", "model", "tests", "below .05"])


def _found(tests: pd.DataFrame) -> pd.DataFrame:
    """Return how often tests find what is truly there."""
    planted = _where(tests, lambda rows: ~rows["is_null"])
    table = [
        [
            f"`{number}` ({mart})",
            model,
            f"{len(own):,} p",
            _figure((own["p_value"] < 0.05).mean(), 3),
        ]
        for (mart, number, model), own in _groups(planted, "mart", "number", "model_id")
    ]
    return pd.DataFrame(table, columns=["what is there", "model", "tests", "below .05"])


def _power(tests: pd.DataFrame) -> pd.DataFrame:
    """Return how often a difference is found that is as large as is said to be detected."""
    table = []
    for (mart, number, model), own in _groups(tests, "mart", "number", "model_id"):
        found = _rate(own["is_found"], own["survey_id"], *POWER_GOAL)
        truth, stated = (_figure(abs(own[name].mean()), 3) for name in ("truth", "stated"))
        table.append([f"`{number}` ({mart})", model, truth, stated, f"{len(own):,} p", found])
    columns = ["difference in", "pair", "true difference", "mean stated size", "tests", "below .05"]
    return pd.DataFrame(table, columns=columns)


def _forecast(rows: pd.DataFrame) -> pd.DataFrame:
    """Return forecast errors beside the spread of studies with so many prompts."""
    table = []
    groups = _groups(rows, "number", "prompts")
    for (number, prompts), own in sorted(groups, key=lambda group: _numbers(*group[0])):
        truth = own["truth"].mean()
        ratio = own["estimate"] / truth
        error = _survey_error(ratio, own["survey_id"])
        table.append(
            [
                f"`{number}`",
                prompts,
                _figure(truth, 3),
                _figure(own["estimate"].mean() - truth, 3),
                f"{_figure(ratio.mean(), 3)} ({_figure(error, 3)})",
                _rate(own["covers"], own["survey_id"], *COVERAGE_GOAL),
            ]
        )
    columns = ["number", "templates x orders", "true SD", "bias", "forecast / true", "coverage"]
    return pd.DataFrame(table, columns=columns)


def _numbers(number: str, prompts: str) -> tuple[str, list[int]]:
    """Return what rows of numbers of prompts are ordered by."""
    return number, [int(count) for count in prompts.split(" x ")]


def _set_apart(ranks: pd.DataFrame) -> pd.DataFrame:
    """Return the share of units that an interval sets apart though alike, or of wrong intervals."""
    table = []
    for (mart, number, model), own in _groups(ranks, "mart", "number", "model_id"):
        rate = _rate(own["share"], own["survey_id"], 0, WRONG_GOAL)
        table.append([f"`{number}` ({mart})", model, f"{len(own):,}", rate])
    return pd.DataFrame(table, columns=["rank", "model", "ranks", "wrong"])


def _wrong(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return how often a verdict says a difference that is not there, or the wrong sign."""
    table = []
    for (mart, model, measure), own in _groups(verdicts, "mart", "model_id", "measure"):
        wrong = _rate(own["is_wrong"], own["survey_id"], 0, WRONG_GOAL)
        said = _figure((own["said"] != 0).mean(), 3)
        truth = _figure(own["truth"].mean(), 3)
        table.append([mart, model, f"`{measure}`", truth, f"{len(own):,}", said, wrong])
    columns = ["mart", "pair", "measure", "truth", "verdicts", "say a difference", "wrong"]
    return pd.DataFrame(table, columns=columns)


def _bias(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the bias of each estimate by model."""
    table = []
    for (number, model), own in _groups(rows, "number", "model_id"):
        difference = own["estimate"] - own["truth"]
        error = _survey_error(difference, own["survey_id"])
        table.append(
            [
                f"`{number}`",
                model,
                _figure(own["truth"].mean(), 3),
                f"{_figure(difference.mean(), 3)} ({_figure(error, 3)})",
                _spread(own["estimate"]),
            ]
        )
    return pd.DataFrame(table, columns=["number", "model", "truth", "bias", "SD"])


def _where(rows: pd.DataFrame, condition: Callable[[pd.DataFrame], pd.Series]) -> pd.DataFrame:
    """Return the rows that meet a condition; no rows have no columns to ask."""
    return rows[condition(rows)] if len(rows) else rows


def _groups(rows: pd.DataFrame, *keys: str) -> Iterable[tuple[tuple[str, ...], pd.DataFrame]]:
    if rows.empty:
        return
    for key, own in rows.groupby(list(keys)):
        yield tuple(map(str, key)), own


def _survey_error(values: pd.Series, surveys: pd.Series) -> float:
    """Return the standard error of a mean of values, of which those of one survey go together."""
    groups = values.astype(float).groupby(surveys.to_numpy())
    sums = groups.sum() - groups.size() * values.mean()
    number = len(sums)
    return float(np.sqrt(number / max(number - 1, 1) * (sums**2).sum()) / len(values))


def _rate(events: pd.Series, surveys: pd.Series, lowest: float, highest: float) -> str:
    """Return a rate with its standard error, bold where it misses the goal by more than two."""
    rate, error = float(events.mean()), _survey_error(events, surveys)
    text = f"{_figure(rate, 3)} ({_figure(error, 3)})"
    # All of few surveys may agree by chance.
    margin = 2 * max(error, np.sqrt(0.95 * 0.05 / surveys.nunique()))
    is_missed = rate < lowest - margin or rate > highest + margin
    return f"**{text}**" if is_missed else text


def _figure(value: float, digits: int) -> str:
    """Return a number as tables print it: .950, -.012, 1.02."""
    text = f"{value:.{digits}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.2f}"
    return text.replace("-.000", ".000")


def _spread(estimates: pd.Series) -> str:
    """Return the standard deviation, which one estimate has not."""
    return _figure(estimates.std(), 3) if len(estimates) > 1 else ""


def _table(rows: pd.DataFrame) -> str:
    """Return a table in Markdown."""
    lines = [list(rows.columns), ["---"] * len(rows.columns), *rows.astype(str).to_numpy().tolist()]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)

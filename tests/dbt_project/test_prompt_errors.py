"""Errors of a model's r from batteries and prompts: by numpy, by simulation, and in the mart."""

from itertools import product

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pytest
from valuescope_statistics.agreement.cells import MEMBERSHIPS, Settings
from valuescope_statistics.agreement.prompt_errors import (
    RESULT,
    components,
    error,
    interval,
    prompt_errors,
)

from tests.dbt_project.agreement_study import AgreementStudy
from tests.dbt_project.study import read

Floats = npt.NDArray[np.float64]
COUNTRIES, BATTERIES, OF_BATTERY = 12, 8, 3
QUESTIONS = BATTERIES * OF_BATTERY
SETTINGS = Settings(5, 5, 5, 5)
FACTORS = {
    "choice_order": "forward",
    "template": "paper",
    "answer_style": "text",
    "chat_mode": "raw",
    "wording": "own/en",
    "elicitation": "likelihood",
}


def table_of(
    random: np.random.Generator, sizes: tuple[int, ...], variances: dict[tuple[int, ...], float]
) -> Floats:
    """Draw a table of random effects with these variances."""
    table = np.zeros(sizes)
    for axes, variance in variances.items():
        shape = [size if axis in axes else 1 for axis, size in enumerate(sizes)]
        table = table + np.sqrt(variance) * random.standard_normal(shape)
    return table


def test_components_of_two_ways_are_those_of_textbooks() -> None:
    table = table_of(np.random.default_rng(1), (6, 4), {(0,): 2.0, (1,): 1.0, (0, 1): 0.1})
    found = {tuple(sorted(part.axes)): part for part in components(table, 3.5)}
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    rest = table - rows[:, None] - columns + table.mean()
    residual = (rest**2).sum() / 15
    assert found[0, 1].variance == pytest.approx(residual)
    assert found[0,].variance == pytest.approx(rows.var(ddof=1) - residual / 4)
    assert found[1,].variance == pytest.approx(columns.var(ddof=1) - residual / 6)
    # Batteries have 3.5 instead of 5 degrees of freedom.
    assert [found[key].freedom for key in ((0,), (1,), (0, 1))] == pytest.approx([3.5, 3, 10.5])
    own = error(list(found.values()), (6, 4), 3.5)
    assert own.variance == pytest.approx(
        rows.var(ddof=1) / 6 + columns.var(ddof=1) / 4 - residual / 24
    )
    assert own.battery_by_prompt == pytest.approx(residual / 24)


def test_without_prompts_the_error_is_the_jackknife_s() -> None:
    moves = np.random.default_rng(2).normal(size=9)
    parts = components((8 * -moves).reshape(9, 1, 1), 4.0)
    own = error(parts, (9, 1, 1), 4.0)
    about_mean = moves - moves.mean()
    # sqrt((n - 1) / n sum moves^2), about the mean of the moves.
    assert own.variance == pytest.approx(8 / 9 * (about_mean**2).sum())
    assert (own.prompt, own.battery_by_prompt, own.freedom) == (0, 0, 4)
    low, high = interval(0.5, own.variance, own.freedom)
    assert low < 0.5 < high


def test_what_is_expected_of_other_numbers_is_what_they_show() -> None:
    """The decision study, against studies of so many templates and orders."""
    random = np.random.default_rng(3)
    variances: dict[tuple[int, ...], float] = {(0,): 3.0, (1,): 1.0, (2,): 0.5}
    variances |= {(0, 1): 2.0, (0, 2): 1.0, (1, 2): 0.3, (0, 1, 2): 1.0}
    asked, other = (20, 2, 3), (20, 4, 10)
    expected = []
    for _ in range(2000):
        parts = components(table_of(random, asked, variances), 19.0)
        expected.append(error(parts, other, 19.0).variance)
    shown = np.var([table_of(random, other, variances).mean() for _ in range(2000)])
    exact = sum(
        variance / np.prod([other[axis] for axis in axes]) for axes, variance in variances.items()
    )
    assert shown == pytest.approx(exact, rel=0.1)
    # Components below 0 are taken as 0, which adds a little.
    assert exact <= np.mean(expected) < 1.2 * exact


def frames(seed: int, designs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return cells of model m in these designs, people, and countries."""
    random = np.random.default_rng(seed)
    places = pd.MultiIndex.from_product(
        [[f"C{c:02d}" for c in range(COUNTRIES)], [f"Q{q:02d}" for q in range(QUESTIONS)]],
        names=["country_id", "question_id"],
    ).to_frame(index=False)
    places = places.assign(survey_id="wvs", coding_id="native")
    human = random.uniform(-1, 1, len(places))
    battery = "b" + (places["question_id"].str[1:].astype(int) // OF_BATTERY).astype(str)
    people = places.assign(human_mean_score=human, battery_id=battery)
    cells = [
        places.assign(
            model_id="m",
            prompt_id=prompt_id,
            llm_mean_score=0.4 * human + 0.3 * random.uniform(-1, 1, len(places)),
        )
        for prompt_id in designs["prompt_id"]
    ]
    countries = places[["country_id"]].drop_duplicates()
    countries = countries.assign(continent="Asia", is_reference_country=True)
    countries = countries.assign(**{f"is_{name}": False for name in MEMBERSHIPS})
    return pd.concat(cells, ignore_index=True), people, countries


def designs_of(**levels: list[str]) -> pd.DataFrame:
    """Return all combinations of the levels."""
    rows = [
        {**FACTORS, **dict(zip(levels, values, strict=True)), "prompt_id": "-".join(values)}
        for values in product(*levels.values())
    ]
    return pd.DataFrame(rows)


def found_for(
    cells: pd.DataFrame, designs: pd.DataFrame, people: pd.DataFrame, countries: pd.DataFrame
) -> pd.DataFrame:
    lacking = pd.DataFrame(columns=["survey_id", "model_id", "prompt_id", "country_id"])
    found = prompt_errors(cells, designs, people, countries, lacking, 3, SETTINGS)
    assert pa.Table.from_pandas(found, RESULT, preserve_index=False).num_rows == len(found)
    return found


def mean_r(cells: pd.DataFrame, people: pd.DataFrame) -> Floats:
    """Return the mean r over countries of each design, in the order of their names."""
    both = cells.merge(people)
    r = both.groupby(["prompt_id", "country_id"])[["llm_mean_score", "human_mean_score"]].corr()
    between = r["human_mean_score"].xs("llm_mean_score", level=-1)
    means: Floats = between.groupby("prompt_id").mean().to_numpy(float)
    return means


def test_estimate_and_error_are_those_of_pandas() -> None:
    designs = designs_of(template=["one", "two", "three"])
    cells, people, countries = frames(4, designs)
    found = found_for(cells.sample(frac=1, random_state=1), designs, people, countries)
    row = found[found["is_asked"] & (found["measure"] == "pearson_r")].iloc[0]
    whole = mean_r(cells, people)
    assert row["estimate"] == pytest.approx(whole.mean())
    pseudo = np.stack(
        [
            BATTERIES * whole
            - (BATTERIES - 1) * mean_r(cells, people[people["battery_id"] != battery])
            for battery in sorted(people["battery_id"].unique())
        ]
    )
    rows, columns = pseudo.mean(axis=1), pseudo.mean(axis=0)
    rest = ((pseudo - rows[:, None] - columns + pseudo.mean()) ** 2).sum() / (2 * (BATTERIES - 1))
    sigma = {
        "battery": max(0, rows.var(ddof=1) - rest / 3),
        "prompt": max(0, columns.var(ddof=1) - rest / BATTERIES),
    }
    for name, templates in (("asked", 3), ("other", 10)):
        own = found[(found["measure"] == "pearson_r") & (found["template_count"] == templates)]
        variance = (
            sigma["battery"] / BATTERIES
            + sigma["prompt"] / templates
            + rest / (BATTERIES * templates)
        )
        assert own["standard_error"].iloc[0] == pytest.approx(np.sqrt(variance)), name
        assert own["battery_standard_error"].iloc[0] == pytest.approx(
            np.sqrt(sigma["battery"] / BATTERIES)
        )
    shares = ["battery_share", "prompt_share", "battery_by_prompt_share"]
    np.testing.assert_allclose(found[shares].sum(axis=1), 1)
    # Orders were not varied, so nothing is known of others.
    assert set(found["order_count"]) == {1}
    assert list(found["template_count"].unique()) == [1, 2, 3, 5, 10, 20]
    widths = found[found["measure"] == "pearson_r"].set_index("template_count")["standard_error"]
    assert widths.is_monotonic_decreasing


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ({"template": ["one", "two"]}, "too_few_designs"),
        # Chat modes are no prompts that could have been drawn: only one of them counts.
        ({"template": ["one", "two"], "chat_mode": ["raw", "template"]}, "too_few_designs"),
        ({"template": ["one", "two"], "choice_order": ["forward", "reverse"]}, None),
    ],
)
def test_few_designs_give_a_reason(levels: dict[str, list[str]], reason: str | None) -> None:
    designs = designs_of(**levels)
    cells, people, countries = frames(5, designs)
    found = found_for(cells, designs, people, countries)
    assert set(found["null_reason"]) == {reason}
    assert found["ci_low"].isna().all() == (reason is not None)
    assert found["is_asked"].sum() == 2


def test_few_countries_and_batteries_give_a_reason() -> None:
    designs = designs_of(template=["one", "two", "three"])
    cells, people, countries = frames(6, designs)
    few = cells[cells["country_id"] < "C04"]
    assert set(found_for(few, designs, people, countries)["null_reason"]) == {
        "too_few_countries",
        "no_country_with_r",
    }
    few = cells[cells["question_id"] < "Q12"]
    assert set(found_for(few, designs, people, countries)["null_reason"]) == {"too_few_batteries"}


def test_the_mart_has_a_row_as_asked_of_every_model(agreement: AgreementStudy) -> None:
    rows = read(agreement.home, "select * from marts.agg_prompt_errors")
    models = read(
        agreement.home, "select distinct model_id, survey_id from intermediate.int_comparable_cells"
    )
    asked = rows[rows["is_asked"]]
    assert len(asked) == 2 * len(models) > 0
    # No model was asked three crossed designs there.
    assert set(asked["null_reason"]) == {"too_few_designs"}

"""docs/numbers.md explains every measure of the marts that people read, and computes right."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import spearmanr, wasserstein_distance

from valuescope.warehouse.home import CLONE, DBT_PROJECT

PAGE = CLONE / "docs" / "numbers.md"
TEXT = PAGE.read_text(encoding="utf-8")
CODE = set(re.findall(r"`([^`\n]+)`", TEXT))
MARTS = DBT_PROJECT / "models" / "marts"
EXPLAINED = [
    "aggregates/agg_country_correlations",
    "aggregates/agg_model_summary",
    "aggregates/agg_change_correlations",
    "aggregates/agg_continent_correlations",
    "aggregates/agg_category_correlations",
    "aggregates/agg_distances",
    "aggregates/agg_group_correlations",
    "aggregates/agg_group_differences",
    "aggregates/agg_item_structure",
    "aggregates/agg_prompt_errors",
    "aggregates/agg_question_steering",
    "aggregates/agg_steering",
    "comparisons/cmp_base_chat",
    "comparisons/cmp_model_size",
    "comparisons/cmp_corpus",
    "comparisons/cmp_elicitations",
    "comparisons/cmp_quantization",
]


def measures(mart: str) -> set[str]:
    """The columns of a mart that hold numbers."""
    properties = yaml.safe_load((MARTS / f"{mart}.yml").read_text(encoding="utf-8"))
    return {
        column["name"]
        for column in properties["models"][0]["columns"]
        if column["data_type"] in ("double", "bigint")
    }


def tables() -> list[list[list[str]]]:
    """The page's tables: rows of cells, without the line below the header."""
    blocks = re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE)
    return [
        [[cell.strip() for cell in row.strip("|").split("|")] for row in block.splitlines()]
        for block in blocks
    ]


def without_rule(rows: list[list[str]]) -> list[list[str]]:
    return [row for row in rows if set(row[0]) != {"-"}]


def correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    return float(np.corrcoef(x, y)[0, 1])


@pytest.mark.parametrize("mart", EXPLAINED)
def test_every_measure_is_explained(mart: str) -> None:
    columns = measures(mart)
    assert columns
    # The page says what `mean_` and `common_` before a name mean.
    missing = {name for name in columns if not {name, re.sub(r"^(mean|common)_", "", name)} & CODE}
    assert not missing


def test_the_example_of_five_questions_is_worked_out_right() -> None:
    example, results = (without_rule(rows)[1:] for rows in tables()[:2])
    people, model, blind, all_people, all_model = np.array(
        [[float(cell) for cell in row[1:]] for row in example]
    ).T
    # All countries are this one and the others, whose mean is blind; five of them here.
    np.testing.assert_allclose(all_people, (4 * blind + people) / 5)
    r, blind_r = correlation(model, people), correlation(blind, people)

    def congruence(scores: NDArray[np.float64]) -> float:
        return float(scores @ people / np.sqrt(scores @ scores * (people @ people)))

    expected = {
        "pearson_r": r,
        "blind_baseline_r": blind_r,
        "r_above_blind": r - blind_r,
        "skill": 1 - np.sum((model - people) ** 2) / np.sum((blind - people) ** 2),
        "country_gain": r - correlation((5 * all_model - model) / 4, people),
        "demeaned_pearson_r": correlation(model - all_model, people - all_people),
        "spearman_rho": spearmanr(model, people)[0],
        "mean_absolute_error": np.mean(np.abs(model - people)),
        "rho0": congruence(model),
        "blind_rho0": congruence(blind),
    }
    shown = {row[0].strip("`"): float(row[1]) for row in results}
    assert shown == {name: pytest.approx(value, abs=0.0051) for name, value in expected.items()}


def test_the_example_of_distances_is_worked_out_right() -> None:
    (rows,) = [rows for rows in map(without_rule, tables()) if "people" in rows[0][1:2]][-1:]
    scores = np.array([-1, -1 / 3, 1 / 3, 1])
    for row in rows[1:]:
        people, model = (np.array([float(p) for p in cell.split(",")]) for cell in row[1:3])
        assert [float(cell) for cell in row[4:]] == [
            pytest.approx(value, abs=0.0051)
            for value in (
                abs(people @ scores - model @ scores),
                np.abs(people - model).sum() / 2,
                wasserstein_distance(scores, scores, people, model),
                jensenshannon(people, model, base=2),
            )
        ]


def test_a_sample_of_question_c_is_as_far_off_as_the_page_says() -> None:
    shares, random = np.array([0.1, 0.2, 0.3, 0.4]), np.random.default_rng(1)
    shown = re.findall(
        r"a sample of 100 people would be (.*) off by .*, one of 1000 people (.*)\.", TEXT
    )
    for size, figure in zip((100, 1000), *shown, strict=True):
        drawn = random.multinomial(size, shares, 20_000) / size
        assert np.abs(drawn - shares).sum(axis=1).mean() / 2 == pytest.approx(
            float(figure), abs=0.005
        )


def test_turning_items_around_changes_r_and_not_rho0() -> None:
    people, model = np.array([0.5, 0.4, 0.6, 0.3, 0.5]), np.array([0.3, 0.4, 0.2, 0.5, 0.4])
    turned = np.array([1, 1, 1, -1, -1])
    rho0 = people @ model / np.sqrt(people @ people * (model @ model))
    for number in (
        correlation(people, model),
        correlation(people * turned, model * turned),
        rho0,
    ):
        assert f"{number:+.2f}".replace("0.", ".").removeprefix("+") in TEXT


@pytest.mark.parametrize("page", [CLONE / "README.md", DBT_PROJECT / "models" / "overview.md"])
def test_readers_are_led_to_the_page(page: Path) -> None:
    assert "docs/numbers.md" in page.read_text(encoding="utf-8")


def test_links_lead_to_files_that_exist() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (PAGE.parent / link).is_file(), link

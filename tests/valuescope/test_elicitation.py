"""`valuescope score --elicit`: ways of asking side by side, in one study and one report."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import valuescope as vs
from tests.dbt_project.study import WITHOUT_TESTS
from tests.valuescope.conftest import COUNTRIES, QUESTIONS, fail, run, succeed
from valuescope.scorer.brought.landing import Brought
from valuescope.warehouse.home import Home
from valuescope.warehouse.tables.build import build_warehouse

MODEL = "smollm2-135m-instruct"
# Countries that are asked in every way.
ASKED = COUNTRIES[:3]
CELLS = len(QUESTIONS) * (len(ASKED) + 1)
COUNTS = f"""
model,question,country,choice,count,design
{MODEL}-api,Q1,JPN,A,150,answer=label
{MODEL}-api,Q1,JPN,B,50,answer=label
"""


@pytest.fixture(scope="module")
def mixed(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scored study with a study file's draws and percentages, and counts that were brought."""
    home = Path(shutil.copytree(study, tmp_path_factory.mktemp("mixed") / "home"))
    file = home.parent / "ways.toml"
    file.write_text(
        f"""
        models = ["{MODEL}"]
        countries = {json.dumps(ASKED)}
        questions = {json.dumps(QUESTIONS)}
        [[designs]]
        elicit = ["likelihood", "sampled"]
        answers = "label"
        draws = 500
        [[designs]]
        elicit = "verbalised"
        """,
        encoding="utf-8",
    )
    succeed(home, "score", "--study", str(file), "--compute", "f32")
    counts = home.parent / "counts.csv"
    counts.write_text(COUNTS.lstrip(), encoding="utf-8")
    vs.land(counts, home=home)
    build_warehouse(Home(home), WITHOUT_TESTS)
    return home


def rows(home: Path, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = vs.query(query, home=home).to_pylist()
    return found


def test_no_row_has_two_elicitations_and_each_has_all_cells(mixed: Path) -> None:
    found = rows(
        mixed,
        """
        select model_name, elicitation, template_id, temperature, count(*) as cells,
            min(draws) as fewest, max(draws) as most
        from fct_mean_scores inner join dim_prompts using (prompt_id)
        inner join dim_models using (model_id)
        group by all order by all
        """,
    )
    assert [tuple(row.values()) for row in found] == [
        (MODEL, "likelihood", "paper", None, len(QUESTIONS) * (len(COUNTRIES) + 1), None, None),
        (MODEL, "sampled", "paper", 1.0, CELLS, 500, 500),
        (MODEL, "verbalised", "percentages", None, CELLS, None, None),
        (f"{MODEL}-api", "sampled", "paper", 1.0, 1, 200, 200),
    ]


def test_draws_differ_from_likelihoods_by_chance_alone_and_percentages_by_more(
    mixed: Path,
) -> None:
    found = rows(
        mixed,
        "select * from cmp_elicitations order by elicitation, other_elicitation",
    )
    assert [(row["elicitation"], row["other_elicitation"]) for row in found] == [
        ("sampled", "likelihood"),
        ("verbalised", "likelihood"),
        ("verbalised", "sampled"),
    ]
    sampled, verbalised, _ = found
    ratio = sampled["rms_score_difference"] / sampled["rms_sampling_error"]
    assert 0.6 < ratio < 1.4
    assert sampled["mean_score_pearson_r"] > 0.95
    assert sampled["mean_stated_sum"] is None
    assert verbalised["rms_sampling_error"] is None
    assert verbalised["mean_stated_sum"] > 0
    assert verbalised["mean_total_variation"] > 2 * sampled["mean_total_variation"]
    for row in found:
        assert row["cell_count"] + row["unanswered_cell_count"] == CELLS - len(QUESTIONS)


def test_what_the_model_wrote_is_kept(mixed: Path) -> None:
    found = rows(
        mixed,
        """
        select answer_text, stated_sum, log_likelihood
        from staging.stg_choice_log_likelihoods inner join dim_prompts using (prompt_id)
        where elicitation = 'verbalised' and (question_id, country_id) = ('Q1', 'JPN')
        order by choice_index
        """,
    )
    numbers = [int(row["answer_text"][3:-1]) for row in found]
    assert [row["answer_text"] for row in found] == [
        f"{label}) {number}%" for label, number in zip("ABCD", numbers, strict=True)
    ]
    assert {row["stated_sum"] for row in found} == {sum(numbers) / 100}


def test_one_report_has_all_ways(mixed: Path) -> None:
    text = succeed(mixed, "report")
    assert "chat template, sampled" in text
    assert "chat template, verbalised" in text
    assert f"{MODEL}-api" in text
    document = vs.report(format="md", home=mixed).document
    assert document is not None
    assert "SmolLM2 135M Instruct: sampled beside likelihood" in document
    saved = vs.query(saved="does_it_matter_how_it_is_asked", home=mixed).to_pylist()
    assert len(saved) == 3


def test_the_same_draws_are_not_taken_again_and_more_of_them_replace_them(mixed: Path) -> None:
    home = Path(shutil.copytree(mixed, mixed.parent / "again"))
    asked: dict[str, Any] = {
        "answer": "label",
        "elicit": "sampled",
        "questions": ["Q1"],
        "countries": ["JPN"],
        "compute": "f32",
        "home": home,
    }
    (same,) = vs.score(MODEL, **asked, draws=500)
    (more,) = vs.score(MODEL, **asked, draws=1000)
    assert (same.cells_already_done, same.cells_scored) == (2, 0)
    assert (more.cells_already_done, more.cells_scored) == (0, 2)
    assert same.prompt_id == more.prompt_id


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--draws", "5"), "for sampled answers only"),
        (("--elicit", "sampled", "--answer", "text"), "begin with a label"),
        (("--elicit", "verbalised", "--answer", "text"), "named beside labels, not text"),
        (("--elicit", "verbalised", "--template", "listed"), "with the template 'percentages'"),
        (("--template", "percentages"), "does not go with the template 'percentages'"),
        (("--elicit", "sampled", "--temperature", "11"), "at most 10, not 11"),
    ],
)
def test_what_does_not_go_together_is_refused(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    assert message in fail(tmp_path, "score", "--model", MODEL, *options)


def test_percentages_can_be_asked_elsewhere_and_brought(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (free, cell) = vs.questions(elicit="verbalised", questions=["Q1"], countries=["JPN"], home=home)
    assert free.country == "ZZZ"
    assert "What percentage of people in Japan" in cell.text
    assert cell.design == "template=percentages;answer=label"
    answers = tmp_path / "answers.csv"
    lines = [f"m,{cell.id},{choice.choice},0.25" for choice in cell.choices]
    answers.write_text("\n".join(["model,id,choice,probability", *lines]), encoding="utf-8")
    brought = vs.land(answers, home=home)
    assert isinstance(brought, Brought)
    assert brought.elicitation == "verbalised"
    text = run(home, "land", str(answers), "--check").stderr.decode()
    assert "elicitation: verbalised." in text

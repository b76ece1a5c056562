"""The functions of `import valuescope`: what the commands do, as values and without print."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

import valuescope as vs
from tests.valuescope.conftest import COUNTRIES, QUESTIONS, fail, succeed, write_survey
from valuescope import api
from valuescope.commands import build, ingest, land, questions, report, score
from valuescope.ingest.request import load_options
from valuescope.scorer.planning.chosen_plan import chosen_plan
from valuescope.scorer.runs.request import scoring_request

MODEL = "smollm2-135m-instruct"
QUERY = "select country_id, pearson_r from agg_country_correlations order by all"
# What only says how a command prints.
OF_PRINTING = {"json", "dry_run", "verbose", "top", "all", "check"}
# How prompts are written to a file, and what those who ask elsewhere choose themselves.
NOT_ASKED = {"format", "draws", "temperature"}


def names_of(*functions: Callable[..., Any]) -> set[str]:
    parameters = [p for f in functions for p in inspect.signature(f).parameters.values()]
    not_options = {
        "home",
        "listener",
        "confirm",
        "loaded",
        "file",
        "address",
        "instrument",
        "models",
    }
    return {p.name for p in parameters if p.kind != p.VAR_KEYWORD and p.name not in not_options}


@pytest.mark.parametrize(
    ("command", "functions"),
    [
        (ingest.command, (api.ingest, load_options)),
        (score.command, (api.score, scoring_request)),
        (build.command, (api.build,)),
        (report.command, (api.report,)),
        (land.command, (api.land,)),
        (questions.command, (api.questions, chosen_plan)),
    ],
)
def test_arguments_are_called_like_the_options(
    command: click.Command, functions: tuple[Callable[..., Any], ...]
) -> None:
    options = {
        option.opts[0].lstrip("-").replace("-", "_")
        for option in command.params
        if isinstance(option, click.Option)
    }
    left_out = OF_PRINTING | (NOT_ASKED if command is questions.command else set())
    assert names_of(*functions) - left_out == options - left_out


def test_functions_do_what_commands_do_and_print_nothing(
    copy_of_study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home, survey = copy_of_study, write_survey(tmp_path / "answers.csv")
    asked = json.loads(succeed(home, "sql", QUERY, "--format", "json"))
    capfd.readouterr()

    assert vs.check(survey, home=home).refusals == ()
    loaded = vs.ingest(survey, home=home)
    (run,) = vs.score(MODEL, countries=["USA"], questions=["Q1", "Q2"], answer="label", home=home)
    rows = vs.query(QUERY, home=home).to_pylist()
    (summary,) = vs.report(home=home).summaries
    written = vs.report(format="csv", output=tmp_path / "tables", home=home).files
    document = vs.report(format="md", home=home).document
    state = vs.status(home=home)
    with vs.connect(home) as connection:
        count = connection.execute("select count(*) from fct_mean_scores").fetchone()

    assert capfd.readouterr() == ("", "")
    assert loaded.already_loaded
    assert (run.cells_scored, run.cells_already_done) == (0, 4)
    assert rows == asked
    assert {row.unit_id: row.r for row in summary.countries} == {
        row["country_id"]: row["pearson_r"] for row in rows
    }
    assert written
    assert all(path.parent == tmp_path / "tables" for path in written)
    assert document is not None
    assert MODEL in document
    assert (len(state.loads), state.is_built, state.stale) == (1, True, ())
    assert count == (len(QUESTIONS) * (len(COUNTRIES) + 1),)


@pytest.mark.parametrize(
    ("call", "arguments", "code"),
    [
        (lambda home: vs.score(home=home), ("score",), 2),
        (lambda home: vs.score("nowhere.gguf", home=home), ("score", "--model", "nowhere.gguf"), 1),
        (lambda home: vs.ingest(home=home), ("ingest",), 2),
        (lambda home: vs.ingest("none.csv", home=home), ("ingest", "none.csv"), 1),
        (lambda home: vs.build(home=home), ("build",), 1),
        (lambda home: vs.query("select 1", home=home), ("sql", "select 1"), 1),
        (lambda home: vs.report(home=home), ("report",), 1),
    ],
)
def test_errors_have_the_words_of_the_commands(
    tmp_path: Path, call: Callable[[Path], object], arguments: tuple[str, ...], code: int
) -> None:
    with pytest.raises(vs.ValuescopeError) as raised:
        call(tmp_path)
    assert f"Error: {raised.value}\n" in fail(tmp_path, *arguments, code=code)


def test_an_unknown_argument_is_an_error_of_python(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="contries"):
        vs.score(MODEL, contries=["USA"], home=tmp_path)
    with pytest.raises(AttributeError, match="no attribute 'scores'"):
        vs.scores  # noqa: B018

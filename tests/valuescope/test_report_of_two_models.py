"""`valuescope report --compare`: two models that were asked alike, side by side."""

import json

import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from tests.valuescope.conftest import fail, succeed


def test_both_models_stand_side_by_side_and_no_other(agreement: AgreementStudy) -> None:
    home = agreement.home.path
    arguments = ("report", "--compare", "knowing", "guessing", "--prompt", "native")
    text = succeed(home, *arguments, "--format", "json")
    exhibits = json.loads(text)["exhibits"]
    compared = [part for part in exhibits if part["exhibit_id"] == "compared_countries"]
    assert {part["design"]["model_id"] for part in compared} == {"knowing", "guessing"}
    assert {part["design"]["other_model_id"] for part in compared} == {"knowing", "guessing"}
    first, second = (
        {
            row["country_id"]: row["difference"]
            for row in part["rows"]
            if row["difference"] is not None
        }
        for part in compared[:2]
    )
    assert len(first) > 5
    assert first == pytest.approx({country_id: -delta for country_id, delta in second.items()})
    shown = succeed(home, *arguments)
    assert "In which countries is one model closer than the other?" in shown


def test_models_that_were_never_asked_alike_are_refused(agreement: AgreementStudy) -> None:
    message = fail(agreement.home.path, "report", "--compare", "knowing", "nobody")
    assert "nobody" in message

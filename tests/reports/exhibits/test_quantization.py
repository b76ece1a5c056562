"""What smaller files change, and what is said of it."""

import duckdb
import numpy as np
import pytest

from tests.reports.exhibits.pictures import marks
from valuescope.reports.exhibits.exhibit import Row
from valuescope.reports.exhibits.quantization import EXHIBITS, may_be_used, quantization_drift

(DRIFT,) = EXHIBITS


def test_drift_is_that_of_the_mean_scores_of_both_files(paired: duckdb.DuckDBPyConnection) -> None:
    rows = DRIFT.rows(paired, {})
    assert [row["pair_name"] for row in rows] == [
        "SmolLM2 360M Instruct Q4_K_M beside Q8_0, chat raw",
        "SmolLM2 360M Instruct Q4_K_M beside Q8_0, chat template",
    ]
    for row in rows:
        chat_mode = row["pair_name"].rsplit(" ", 1)[-1]
        scores = paired.execute(
            "select small.llm_mean_score - large.llm_mean_score "
            "from marts.fct_mean_scores as small inner join marts.fct_mean_scores as large "
            "using (prompt_id, question_id, country_id) "
            "inner join marts.dim_prompts using (prompt_id) "
            "where small.model_id = 'smollm2-360m-instruct-Q4_K_M' "
            "and large.model_id = 'smollm2-360m-instruct-Q8_0' and is_derived "
            "and chat_mode = $chat_mode and country_id != 'ZZZ' "
            "and small.llm_mean_score is not null",
            {"chat_mode": chat_mode},
        ).fetchall()
        differences = np.array([difference for (difference,) in scores])
        assert row["scored_cell_count"] == len(differences)
        assert row["rms_score_drift"] == pytest.approx(np.sqrt((differences**2).mean()), abs=1e-9)
        assert row["mean_absolute_score_drift"] == pytest.approx(abs(differences).mean(), abs=1e-9)
        assert row["pearson_r_delta"] == pytest.approx(row["pearson_r"] - row["other_pearson_r"])


def test_without_measured_noise_there_is_no_answer_and_the_reason(
    paired: duckdb.DuckDBPyConnection,
) -> None:
    rows = DRIFT.rows(paired, {})
    assert {row["answer"] for row in rows} == {None}
    assert {row["null_reason"] for row in rows} == {"noise_not_measured"}
    assert may_be_used(rows) == (
        "Of 2 smaller files, no answer (numerical noise was not measured): 2"
    )
    yes = {**rows[0], "answer": "small change in r", "modal_answer_changed_share": 0.061}
    yes |= {"pearson_r_delta": -0.005, "pearson_r_delta_ci_low": -0.0081}
    assert may_be_used([{**yes, "pearson_r_delta_ci_high": -0.002}]) == (
        f"{yes['pair_name']}: may be used for r; r changes by \u2212.005 [\u2212.008, \u2212.002], "
        "6% of likeliest answers change"
    )
    (points,) = marks(quantization_drift(), rows, "symbol")
    assert [mark.said["kind"] for mark in points] == ["drift of mean scores"] * 2
    (told,) = marks(quantization_drift(), rows, "text")
    assert all(mark.text.startswith("no answer: noise not measured; r 0.8") for mark in told)


def test_one_file_of_each_model_compares_nothing(built: duckdb.DuckDBPyConnection) -> None:
    assert DRIFT.rows(built, {}) == []


def test_the_noise_floor_is_a_stroke_beside_the_drift_and_the_answer_is_told() -> None:
    row: Row = {
        "pair_name": "<i>mine</i> Q4_0 beside F16",
        "answer": "small change in r",
        "null_reason": None,
        "rms_score_drift": 0.1,
        "rms_noise_floor": 0.05,
        "pearson_r": 0.25,
        "other_pearson_r": -0.5,
        "rank": 1,
    }
    (points,) = marks(quantization_drift(), [row], "symbol")
    floor, drift = sorted(points, key=lambda mark: mark.x)
    assert [floor.said["kind"], drift.said["kind"]] == [
        "numerical noise alone",
        "drift of mean scores",
    ]
    assert floor.x == pytest.approx(drift.x / 2)
    ((told,),) = marks(quantization_drift(), [row], "text")
    assert told.text.replace("\u2212", "-") == "small change in r; r 0.25, larger file -0.50"

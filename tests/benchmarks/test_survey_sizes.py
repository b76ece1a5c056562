"""The made-up files have the official layout, and the same size and seed give the same bytes."""

from pathlib import Path

import pandas as pd
import pyreadstat

from tests.benchmarks import survey_sizes


def test_wave7_is_the_same_in_each_format(tmp_path: Path) -> None:
    path = survey_sizes.wave7_csv(300, folder=tmp_path)
    frame = pd.read_csv(path)
    from_sav, metadata = pyreadstat.read_sav(
        survey_sizes.wave7_sav(300, folder=tmp_path), user_missing=True
    )
    from_dta, _ = pyreadstat.read_dta(survey_sizes.wave7_dta(300, folder=tmp_path))

    assert frame.shape == (300, survey_sizes.WAVE7_COLUMNS)
    assert frame["B_COUNTRY_ALPHA"].nunique() == 66
    assert frame["D_INTERVIEW"].is_unique
    means = frame.groupby("B_COUNTRY_ALPHA")["W_WEIGHT"].mean()
    assert ((means - 1).abs() < 1e-9).all()
    assert 20 < (frame["W_WEIGHT"] == 1).groupby(frame["B_COUNTRY_ALPHA"]).all().sum() < 46
    assert set(frame["Q182"]) <= {-5, -4, -2, -1, *range(1, 11)}
    assert (frame["Q57"] == -4).groupby(frame["B_COUNTRY_ALPHA"]).all().any()
    assert metadata.missing_ranges["Q182"] == [{"lo": -5, "hi": -1}]
    for other in (from_sav, from_dta):
        pd.testing.assert_frame_equal(other, frame, check_dtype=False)


def test_the_time_series_has_all_waves_and_fills_some_columns(tmp_path: Path) -> None:
    path = survey_sizes.time_series_csv(600, folder=tmp_path)

    frame = pd.read_csv(path)
    assert frame.shape == (600, survey_sizes.TIME_SERIES_COLUMNS)
    assert set(frame["S002VS"]) == set(range(1, 8))
    filled = frame.select_dtypes("number").gt(-4).mean() > 0.1
    assert 250 < filled.sum() < 400


def test_a_file_is_written_once_for_its_size_and_seed(tmp_path: Path) -> None:
    first = survey_sizes.wave7_csv(100, folder=tmp_path)
    written = first.stat().st_mtime_ns

    assert survey_sizes.wave7_csv(100, folder=tmp_path) == first
    assert first.stat().st_mtime_ns == written
    again = survey_sizes.wave7_csv(100, folder=tmp_path / "again")
    assert again.read_bytes() == first.read_bytes()
    other = survey_sizes.wave7_csv(100, seed=8, folder=tmp_path)
    assert other != first
    assert other.read_bytes() != first.read_bytes()

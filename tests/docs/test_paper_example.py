"""docs/examples/analysis.R and paper.qmd, run by R; skipped where R or its packages are missing."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyreadstat
import pytest

from tests.dbt_project.agreement_study import AgreementStudy
from valuescope.warehouse.exports.exported_tables import exported_tables
from valuescope.warehouse.exports.table_files import write_tables
from valuescope.warehouse.home import CLONE

EXAMPLES = CLONE / "docs" / "examples"
RSCRIPT = shutil.which("Rscript")
MISSING = "r-base-core is not installed"
if RSCRIPT is not None:
    WANTED = "q(status = !all(sapply(c('haven', 'lme4'), requireNamespace, quietly = TRUE)))"
    has_packages = not subprocess.run([RSCRIPT, "-e", WANTED], check=False).returncode
    MISSING = "" if has_packages else "r-cran-haven or r-cran-lme4 is not installed"
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs R: {MISSING}")

READ_BACK = """
library(haven)
read <- function(path) as.data.frame(zap_formats(zap_labels(zap_label(
  if (endsWith(path, "dta")) read_dta(path) else read_sav(path)))))
stata <- read("tables/analysis_cells.dta")
spss <- read("tables-sav/analysis_cells.sav")
csv <- read.csv("tables-csv/analysis_cells.csv", na.strings = "", check.names = FALSE)
stopifnot(identical(names(stata), names(csv)), identical(names(spss), names(csv)))
for (name in names(csv)) {
  is_text <- is.character(stata[[name]])
  there <- csv[[name]]
  if (is_text) there <- ifelse(is.na(there), "", as.character(there))
  if (!is_text && is.character(there)) there <- there == "true"
  if (!is_text) there <- as.numeric(there)
  for (read_back in list(stata[[name]], spss[[name]])) {
    if (!is_text) read_back <- as.numeric(read_back)
    if (!isTRUE(all.equal(as.vector(read_back), there, tolerance = 1e-15)))
      stop(name, " differs: ", all.equal(as.vector(read_back), there))
  }
}
cat(nrow(stata), levels(as_factor(read_dta("tables/analysis_cells.dta")$country_number))[1])
"""


def run_r(folder: Path, *arguments: str) -> str:
    assert RSCRIPT is not None
    finished = subprocess.run(
        [RSCRIPT, "--vanilla", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def connection(agreement: AgreementStudy) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(agreement.home.database), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def folder(connection: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the page says: the tables, the script and the paper."""
    folder = tmp_path_factory.mktemp("paper")
    table = exported_tables(connection, ("analysis_cells",))
    for name, form in (("tables", "dta"), ("tables-sav", "sav"), ("tables-csv", "csv")):
        write_tables(connection, table, folder / name, file_format=form, variables={})
    for file in ("analysis.R", "paper.qmd"):
        shutil.copy(EXAMPLES / file, folder)
    return folder


def test_stata_and_spss_files_read_in_r_as_the_csv_file_does(
    connection: duckdb.DuckDBPyConnection, folder: Path
) -> None:
    (folder / "read_back.R").write_text(READ_BACK, encoding="utf-8")
    rows = pd.read_csv(folder / "tables-csv" / "analysis_cells.csv")
    first = rows.sort_values("country_number")["country"].iloc[0]
    assert run_r(folder, "read_back.R") == f"{len(rows)} {first}"


def test_the_paper_runs_to_its_end(folder: Path) -> None:
    page = (folder / "paper.qmd").read_text(encoding="utf-8")
    chunks = re.findall(r"^```\{r\}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    inline = re.findall(r"`r ([^`]+)`", page)
    assert (len(chunks), len(inline)) == (3, 8)
    (folder / "paper.R").write_text("\n".join([*chunks, *inline]), encoding="utf-8")
    assert "mean_survey_error" in run_r(folder, "paper.R")


def test_a_known_slope_and_spread_are_found_again(tmp_path: Path) -> None:
    """60 countries x 40 questions with a slope of .3, tau of .1 and errors of .05 to .4."""
    dice = np.random.default_rng(5)
    country, question = (grid.ravel() for grid in np.meshgrid(np.arange(60), np.arange(40)))
    size = len(country)
    error = dice.uniform(0.05, 0.4, size)
    of_question = dice.normal(0, 0.4, 40)[question]
    of_country = dice.normal(0, 0.4, size)
    # As the analysis takes them apart: no question's mean is left in what is said of countries.
    of_country -= pd.Series(of_country).groupby(question).transform("mean").to_numpy()
    people = (
        (0.5 * of_question + 0.3 * of_country + dice.normal(0, 0.1, 60)[country])
        + dice.normal(0, 0.1, 40)[question]
        + dice.normal(0, 0.1, size)
        + dice.normal(0, error)
    )
    cells = pd.DataFrame(
        {
            "model_id": "m",
            "model": "Known",
            "is_headline": 1,
            "null_reason": "",
            "country_number": country + 1.0,
            "battery_id": [f"battery {number // 4}" for number in question],
            "question_id": [f"Q{number}" for number in question],
            "human_mean_score": people,
            "human_standard_error": error,
            "llm_mean_score": of_question + of_country,
        }
    )
    names = {"country_number": {float(number): f"C{number}" for number in range(1, 61)}}
    pyreadstat.write_dta(cells, tmp_path / "cells.dta", variable_value_labels=names, version=14)
    shutil.copy(EXAMPLES / "analysis.R", tmp_path)
    header, row = run_r(tmp_path, "analysis.R", "cells.dta").splitlines()[-2:]
    found = dict(zip(header.split(), row.split()[1:], strict=True))
    slope, standard_error = float(found["slope"]), float(found["standard_error"])
    assert abs(slope - 0.3) < 3 * standard_error
    # Generalised least squares with the true variances: the best that a linear estimate can do.
    same = np.equal.outer(country, country) + 1.0 * np.equal.outer(question, question)
    variance = 0.1**2 * same + np.diag(0.1**2 + error**2)
    predictors = np.column_stack([np.ones(size), of_question, of_country])
    information = predictors.T @ np.linalg.solve(variance, predictors)
    assert standard_error == pytest.approx(np.sqrt(np.linalg.inv(information)[2, 2]), rel=0.05)
    assert float(found["tau"]) == pytest.approx(0.1, rel=0.15)
    assert found["cells"] == "2400"

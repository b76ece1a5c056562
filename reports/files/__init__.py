"""Reports and tables of the instrument as files."""

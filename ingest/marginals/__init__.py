"""Files that hold marginals already."""

"""The content of a home, and whether its tables are up to date."""

"""Figures and tables of a report: words, query and picture of each."""

"""Answers and country names of files, converted to the survey's codes and countries."""

"""Measures of agreement, and by a jackknife over batteries their intervals and tests."""

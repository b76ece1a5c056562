"""The main results as values and as terminal tables."""

"""Checks of a model's prompts and arithmetic, before hours are spent on it."""

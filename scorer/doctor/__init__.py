"""What a model is asked and how well it is computed, before hours are spent on it."""

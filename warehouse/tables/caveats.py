"""What every report says of its numbers."""

CAVEATS = (
    "Measured is a model's match to survey marginals (wave 7: 2017-2022), not its values; asked in "
    "English wordings of our own. The published tables are probably in its training data. The "
    "paper's 209 questions and the paper coding are reconstructions."
)

"""Files of respondents, counted into marginals."""

"""The instrument: what is asked, in which words, of which countries and models."""

"""Other ways to ask than by log-likelihoods: sampled answers, and percentages that are named."""

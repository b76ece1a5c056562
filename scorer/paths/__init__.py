"""Ways to compute the log-likelihoods of answers, and the choice between them."""

"""Scoring on many machines with Ray: replicas of models score, the driver lands what they say.

- `connection`: start Ray here or join a cluster;
- `replica`: what runs on a node: a loaded model, no landing zone;
- `work` and `nodes`: what is left to score, and what machines there are;
- `driver`: shares tasks out among replicas and lands their rows.

Ray, the extra `ray`, is imported by `connection` when it is asked for, and on nodes.
"""

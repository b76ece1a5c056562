"""Scoring on many machines with Ray: replicas of models score, the driver lands what they say.

- `connection`: start Ray here or join a cluster;
- `replica`: what runs on a node: a loaded model, no landing zone;
- `driver`: shares tasks out among replicas and lands their rows.

Only `connection` and `driver` need the extra `ray`.
"""

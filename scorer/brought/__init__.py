"""Answers that others have asked for: what to ask, and what they bring back."""

"""Runs in the landing zone: their records, locks and sessions."""

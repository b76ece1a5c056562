"""Loads: one transaction, its checks, its effects and its report."""

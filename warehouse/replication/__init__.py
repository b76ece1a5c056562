"""Replication packages: what a home's tables were computed from, as a folder of files, and back.

A package is laid out like a home without its database: scores under `landing/`, the user's
instrument under `instrument/`, build variables in `variables.json`; the raw tables of surveys
are Parquet files under `survey/`. `manifest.json` names every file with its SHA-256.
"""

"""The DuckDB file or the shared lake: connections, locks, and copies between them."""

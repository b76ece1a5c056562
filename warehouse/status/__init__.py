"""What a home holds, and whether its tables are up to date."""

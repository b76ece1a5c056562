"""What a report shows: figures and tables, each with the query behind it."""

"""The tables that dbt builds: building, describing and querying them."""

"""The tables that dbt builds: building, describing, querying and writing them as files."""

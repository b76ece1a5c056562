"""The command line of valuescope: thin, and the only place that prints."""

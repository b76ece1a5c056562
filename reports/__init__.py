"""Marts in, pictures and tables out. Nothing here computes a statistic; the marts hold them all."""

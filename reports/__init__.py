"""Marts in, pictures and tables out; seeds in, a page out.

Nothing here computes a statistic; the marts hold them all.
"""

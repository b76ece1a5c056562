"""Where valuescope keeps things: places, raw tables, landing zone and instrument.

Every other package imports this one; it imports none of them.
"""

"""Pictures: each function gives a Vega-Lite specification whose data, `rows`, comes later."""

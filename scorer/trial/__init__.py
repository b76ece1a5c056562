"""A trial of the engine: does llama.cpp, as it was compiled, compute right numbers here?

A small generated model is decoded in every common weight type by a process of its own, which may
die, and compared with plain numpy in float64. Only `child` loads llama.cpp; its callers do not.

- `try_engine.try_engine()`: the trial -> one result for each weight type;
- `records.require_tried_engine()`: the trial once for each engine and processor;
- `variants.build_variants(features)`: how to compile an engine, best first.
"""

"""llama.cpp's library, loaded so that its threads wait for one another without burning processors.

Threads of OpenMP spin at the barrier after every operation of a model. Beside a busy neighbour one
of two threads is often off its processor, and the other burns its own share meanwhile: scoring
falls to a quarter, under more load to a fiftieth. Bounded spinning costs nothing where it is quiet.
The runtime reads its settings when it is loaded; those of the user are left alone.
"""

import os

from valuescope.scorer.engine.installation import broken_engine

# GNU's runtime spins that many times, and without it for ever. LLVM's yields by itself where there
# are more threads than processors; a library without OpenMP, as Apple's compiler makes it, has no
# setting for its barrier.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

try:
    import llama_cpp.llama_cpp as llama
except Exception as error:  # which kind depends on what is broken
    raise broken_engine(error) from error

__all__ = ["llama"]

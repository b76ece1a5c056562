"""llama.cpp's library, loaded so that its threads wait for one another without burning processors.

Threads of OpenMP spin at the barrier after every operation of a model. Beside a busy neighbour one
of two threads is often off its processor, and the other burns its own share meanwhile: scoring
falls to a quarter, under more load to a fiftieth. Bounded spinning costs nothing where it is quiet.
The runtimes read their settings when they are loaded; those of the user are left alone.
"""

import os

# GNU's runtime spins that many times; LLVM's and Intel's wait that many milliseconds. A library
# without OpenMP, as Apple's compiler makes it, has no setting for its own barrier.
_PATIENCE = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}

if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.update({name: os.environ.get(name, value) for name, value in _PATIENCE.items()})

import llama_cpp.llama_cpp as llama  # noqa: E402

__all__ = ["llama"]

"""Print the path of llama.cpp's own multiple-choice scorer, the program llama-perplexity.

It is compiled once for this machine; the benchmarks compare valuescope with it. It comes from the
same hash-checked source archive as the engine's wheel, with the same build tools, compilers, flags
and cache key. An interrupted build leaves nothing in the cache.

    python -m scripts.multiple_choice_tool STAMPS
"""

import shlex
import shutil
import sys
import tarfile
from pathlib import Path

from scripts.engine_wheel import (
    HASHED,
    Build,
    CompilerCrashError,
    create_build_venv,
    fail,
    kept_variant,
    remembered_settings,
    run,
    working_folder,
)
from valuescope.scorer.trial.records import cache_folder
from valuescope.warehouse.errors import ValuescopeError

# One file that runs from anywhere. What decides the speed (the processor's instructions, OpenMP,
# llamafile's kernels) is llama.cpp's default here as in the wheel.
_OPTIONS = (
    *("-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=OFF"),
    *("-DLLAMA_OPENSSL=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF"),
    *("-DLLAMA_BUILD_SERVER=OFF", "-DLLAMA_BUILD_APP=OFF"),
)
_TOOL = "llama-perplexity"
# Of real models, which benchmarks give to models of true shape and random weights.
_VOCABULARIES = "vocabularies"


def multiple_choice_tool(build: Build) -> Path:
    """Return the path of the tool. Raises ValuescopeError when it cannot be compiled."""
    folder = cache_folder() / "tools" / build.key
    if (folder / _TOOL).is_file() and (folder / _VOCABULARIES).is_dir():
        return folder / _TOOL
    build.require_compilers(_TOOL, "make bench")
    sys.stderr.write(f"Compiling {_TOOL}, once for this machine: about 7 minutes on 2 cores.\n")
    environment = build.environment(kept_variant(build))
    with working_folder(folder.parent) as work:
        create_build_venv(build, work)
        archive, source, tool = work / "archive", work / "source", work / "tool"
        pip = work / "venv" / "bin" / "pip"
        unpacked_by_us = ("--no-binary", ":all:", "--no-build-isolation", "--dest", archive)
        run(
            [pip, "download", *unpacked_by_us, *HASHED, "requirements/engine.lock"],
            work,
            environment,
        )
        (found,) = archive.glob("*.tar.gz")
        with tarfile.open(found) as packed:
            packed.extractall(source, filter="data")
        (llama,) = source.glob("*/vendor/llama.cpp")
        options = shlex.split(environment.get("CMAKE_ARGS", ""))
        run(["cmake", "-S", llama, "-B", work / "build", *_OPTIONS, *options], work, environment)
        run(["cmake", "--build", work / "build", "--target", _TOOL], work, environment)
        (tool / _VOCABULARIES).mkdir(parents=True)
        shutil.copy(work / "build" / "bin" / _TOOL, tool)
        for vocabulary in (llama / "models").glob("ggml-vocab-llama-*.gguf"):
            shutil.copy(vocabulary, tool / _VOCABULARIES)
        shutil.rmtree(folder, ignore_errors=True)
        tool.rename(folder)
    return folder / _TOOL


def main() -> None:
    """Do what the command line says."""
    try:
        path = multiple_choice_tool(Build(remembered_settings(Path(sys.argv[1]))))
    except CompilerCrashError as crash:
        fail(ValuescopeError(f"the compiler crashes; its log ends with\n{crash}"))
    except ValuescopeError as problem:
        fail(problem)
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()

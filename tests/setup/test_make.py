import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Stands in for a Python whose pip compiles: the real compilation takes minutes.
COMPILING_PYTHON = """#!/usr/bin/env bash
if [ "$1" = -m ]; then
    mkdir -p "$3/bin"
    cp "$(dirname "$0")/pip" "$3/bin/pip"
else
    exec {python} "$@"
fi
"""

COMPILING_PIP = """#!/usr/bin/env bash
[ "$1" = wheel ] || exit 0
folder="${{!#}}"
mkdir -p "$folder"
echo "compiled with '$CMAKE_ARGS'" > "$folder/engine.whl"
echo once >> {log}
[ ! -e {failure} ]
"""


def run(*command: str | Path, **environment: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        check=False,
    )


def executable(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


class Compiler:
    """A stand-in for compiling, with a wheel cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "valuescope" / "wheels"
        self.log = folder / "log"
        self.failure = folder / "failure"
        self.python = executable(folder / "python", COMPILING_PYTHON.format(python=sys.executable))
        executable(folder / "pip", COMPILING_PIP.format(log=self.log, failure=self.failure))

    def wheel(self, cmake_args: str = "") -> subprocess.CompletedProcess[str]:
        return run(
            "scripts/engine_wheel.sh",
            self.python,
            XDG_CACHE_HOME=self.cache.parents[1],
            CMAKE_ARGS=cmake_args,
            CC="true",
            CXX="true",
        )

    @property
    def compilations(self) -> int:
        return len(self.log.read_text(encoding="utf-8").splitlines())


@pytest.fixture
def compiler(tmp_path: Path) -> Compiler:
    return Compiler(tmp_path)


def test_make_alone_lists_every_described_target() -> None:
    described = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"setup", "demo", "test", "lint", "bench", "docs", "clean"} <= set(described)
    listing = run("make").stdout
    assert re.findall(r"^  make ([a-z]+) ", listing, re.MULTILINE) == described


def test_ci_installs_what_debian_has_and_runs_make_test() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    called = [line for line in script[1:] if not line.startswith("#")]
    assert called == [
        "set -euo pipefail",
        'cd "$(dirname "$0")/.."',
        "scripts/system_packages.sh",
        "export CI=true",
        "make test",
    ]


def test_an_unsupported_python_is_refused_with_a_remedy(tmp_path: Path) -> None:
    old = executable(tmp_path / "python3.9", "#!/bin/sh\nexit 1\n")
    result = run("scripts/create_venv.sh", tmp_path / "venv", old)
    assert result.returncode == 1
    assert str(old) in result.stderr
    assert "make setup PYTHON=" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_a_python_without_venv_is_refused_with_a_remedy(tmp_path: Path) -> None:
    bare = executable(tmp_path / "python", '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n')
    result = run("scripts/create_venv.sh", tmp_path / "venv", bare)
    assert result.returncode == 1
    assert "apt install python3-venv" in result.stderr


def test_a_missing_compiler_is_named_with_a_remedy_before_anything_is_built(
    tmp_path: Path,
) -> None:
    result = run(
        "scripts/engine_wheel.sh", sys.executable, XDG_CACHE_HOME=tmp_path, CXX="no-such-c++"
    )
    assert result.returncode == 1
    assert "no-such-c++" in result.stderr
    assert "apt install build-essential" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_engine_is_compiled_once(compiler: Compiler) -> None:
    first, second = compiler.wheel(), compiler.wheel()
    assert "about 7 minutes" in first.stderr
    assert second.stderr == ""
    assert second.stdout == first.stdout
    assert Path(first.stdout.strip()).is_file()
    assert compiler.compilations == 1


def test_other_cmake_arguments_make_another_engine(compiler: Compiler) -> None:
    plain = Path(compiler.wheel().stdout.strip())
    cuda = Path(compiler.wheel("-DGGML_CUDA=on").stdout.strip())
    assert plain != cuda
    assert cuda.read_text(encoding="utf-8") == "compiled with '-DGGML_CUDA=on'\n"


def test_a_failed_compilation_leaves_nothing_behind_and_is_tried_again(
    compiler: Compiler,
) -> None:
    compiler.failure.touch()
    assert compiler.wheel().returncode != 0
    assert list(compiler.cache.iterdir()) == []
    compiler.failure.unlink()
    assert compiler.wheel().returncode == 0
    assert compiler.compilations == 2

import json
import os
import platform
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from scripts.engine_wheel import SETTINGS
from tests.scorer.broken_engine import broken_kernels, write_wheel
from valuescope.scorer.engine.processor import processor_features
from valuescope.scorer.trial.records import Engine
from valuescope.scorer.trial.variants import build_variants

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "scripts" / "tile_configuration.h"
MENDED = f"-include {shlex.quote(str(HEADER))} "

# Stands in for a Python whose pip compiles: the real compilation takes minutes.
COMPILING_PYTHON = """#!/usr/bin/env bash
if [ "$2" = venv ]; then
    mkdir -p "$3/bin"
    cp "$(dirname "$0")/pip" "$3/bin/pip"
else
    exec {python} "$@"
fi
"""

# The n-th compilation gives the wheel `compiled/n.whl`, or else ends as the log `compiled/n.log`.
COMPILING_PIP = """#!/usr/bin/env bash
[ "$1" = wheel ] || exit 0
echo "CFLAGS=$CFLAGS CXXFLAGS=$CXXFLAGS LDFLAGS=$LDFLAGS CMAKE_ARGS=$CMAKE_ARGS" >> {log}
number=$(wc -l < {log})
if [ -e {compiled}/$number.wait ]; then
    mktemp -d > {compiled}/scratch
    touch {compiled}/started
    sleep 60
fi
if [ -e {compiled}/$number.log ]; then cat {compiled}/$number.log; exit 1; fi
mkdir -p "${{!#}}"
cp {compiled}/$number.whl "${{!#}}/engine.whl"
"""

# Stands in for a compiler; its version is all that is asked of it.
COMPILER = """#!/bin/sh
echo "{version}"
"""
GCC, CLANG = "g++ 12.2.0 Copyright (C) 2022 Free Software Foundation, Inc.", "clang version 19.1"


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
    """A stand-in for compiling, with a cache, compilers and remembered settings of its own."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.log, self.compiled, self.stamps = (folder / n for n in ("log", "compiled", "stamps"))
        self.python = executable(folder / "python", COMPILING_PYTHON.format(python=sys.executable))
        executable(folder / "pip", COMPILING_PIP.format(log=self.log, compiled=self.compiled))
        self.compiled.mkdir()
        self.stamps.mkdir()
        self.set_version(GCC)
        self.settings = {"CC": str(folder / "cc"), "CXX": str(folder / "c++")}

    def set_version(self, version: str) -> None:
        for name in ("cc", "c++"):
            executable(self.log.parent / name, COMPILER.format(version=version))

    def tried_wheels(self, count: int) -> None:
        """Let the next compilations give wheels whose trials are on record, so that none runs."""
        for number in range(1, count + 1):
            library = self.log.parent / "lib" / "libggml.so"
            library.parent.mkdir(exist_ok=True)
            library.write_text(f"engine {number}", encoding="utf-8")
            with zipfile.ZipFile(self.compiled / f"{number}.whl", "w") as wheel:
                wheel.write(library, "llama_cpp/lib/libggml.so")
            record = Engine(library.parent).record().name
            (self.cache / "trials").mkdir(parents=True, exist_ok=True)
            (self.cache / "trials" / record).write_text("{}", encoding="utf-8")

    def command(self, task: str) -> list[str | Path]:
        return [
            *(sys.executable, "-m", "scripts.engine_wheel", task, self.stamps),
            *("--python", self.python),
        ]

    def wheel(self, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.settings, **settings, "VALUESCOPE_CACHE": str(self.cache)}
        return run(*self.command("wheel"), **environment)

    def state(self, **settings: str) -> str:
        environment = {**self.settings, **settings, "VALUESCOPE_CACHE": str(self.cache)}
        assert run(*self.command("state"), **environment).returncode == 0
        return (self.stamps / "engine-key").read_text(encoding="utf-8")

    @property
    def compilations(self) -> list[str]:
        """The flags of each compilation."""
        return self.log.read_text(encoding="utf-8").splitlines()

    @property
    def kept(self) -> list[Path]:
        """What lies in the cache of wheels."""
        return sorted((self.cache / "wheels").glob("*"))


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiler:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
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
    compiler: Compiler,
) -> None:
    result = compiler.wheel(CXX="no-such-c++")
    assert result.returncode == 1
    assert "no-such-c++" in result.stderr
    assert "apt install build-essential" in result.stderr
    assert compiler.kept == []


def test_the_engine_is_compiled_once(compiler: Compiler) -> None:
    compiler.tried_wheels(1)
    first, second = compiler.wheel(), compiler.wheel()
    assert "about 7 minutes" in first.stderr
    assert second.stderr == ""
    assert second.stdout == first.stdout
    assert Path(first.stdout.strip()).is_file()
    assert len(compiler.compilations) == 1


@pytest.mark.parametrize("name", ["CFLAGS", "CXXFLAGS", "LDFLAGS", "CMAKE_ARGS"])
def test_a_setting_reaches_the_compiler_and_makes_another_engine(
    name: str, compiler: Compiler
) -> None:
    compiler.tried_wheels(2)
    plain, other = compiler.wheel().stdout, compiler.wheel(**{name: "-DONE=two"}).stdout
    assert plain != other
    assert f"{name}=-DONE=two" in compiler.compilations[1].replace(MENDED, "")


def test_another_compiler_or_another_version_makes_another_engine(compiler: Compiler) -> None:
    states = [compiler.state(), compiler.state(CC="true"), compiler.state(CXX="true")]
    compiler.set_version(GCC.replace("12.2.0", "12.4.0"))
    states.append(compiler.state(**compiler.settings))
    assert len(set(states)) == 4


def test_settings_are_remembered_until_they_are_set_anew(compiler: Compiler) -> None:
    plain, sized = compiler.state(), compiler.state(CFLAGS="-Os")
    assert plain != sized
    assert compiler.state() == sized
    assert compiler.state(CFLAGS="") == plain


def test_the_state_is_written_only_when_it_changes(compiler: Compiler) -> None:
    compiler.state()
    before = (compiler.stamps / "engine-key").stat().st_mtime_ns
    compiler.state()
    assert (compiler.stamps / "engine-key").stat().st_mtime_ns == before


def test_an_installed_engine_needs_no_compiler(compiler: Compiler) -> None:
    assert compiler.state() == compiler.state(CC="no-such-cc", CXX="no-such-c++")


def test_gcc_gets_the_header_that_mends_its_tile_configuration_and_clang_does_not(
    compiler: Compiler,
) -> None:
    compiler.tried_wheels(2)
    compiler.wheel()
    compiler.set_version(CLANG)
    compiler.wheel()
    by_gcc, by_clang = compiler.compilations
    assert MENDED.strip() in by_gcc
    assert "-include" not in by_clang


def test_the_header_keeps_all_stores_of_the_tile_configuration(tmp_path: Path) -> None:
    gcc = shutil.which("g++")
    if gcc is None or platform.machine() != "x86_64":
        pytest.skip("no g++, or no processor that could have AMX")
    source = tmp_path / "tiles.cpp"
    source.write_text(
        "#include <immintrin.h>\n"
        "void configure() {\n"
        "    alignas(64) unsigned char tiles[64] = {1};\n"
        "    tiles[48] = 77;\n"
        "    _tile_loadconfig(tiles);\n"
        "}\n"
    )
    compile_it = (gcc, "-O2", "-S", "-o", "-", "-include", HEADER, source)
    assert "$77" in run(*compile_it, "-mamx-tile").stdout
    without = (gcc, "-E", "-P", "-x", "c++", "-include", HEADER, "/dev/null")
    assert run(*without).stdout.strip() == ""


def test_a_wheel_that_dies_is_not_kept_and_the_engine_is_compiled_with_less(
    compiler: Compiler,
) -> None:
    broken, right = compiler.compiled / "1.whl", compiler.compiled / "2.whl"
    write_wheel(broken, broken_kernels(compiler.compiled))
    write_wheel(right)
    result = compiler.wheel()
    assert result.returncode == 0
    second = build_variants(processor_features())[1]
    assert (
        "Compiled native, the engine dies with SIGILL (Illegal instruction) on Q4_1 weights (and "
        f"fails with 1 more weight type). Compiling again: {second.name}.\n"
    ) in result.stderr
    wheel = Path(result.stdout.strip())
    assert wheel.read_bytes() == right.read_bytes()
    assert [folder.name for folder in compiler.kept] == [wheel.parent.name]
    flags = second.compiler_flags or second.cmake_args
    assert flags in compiler.compilations[1]
    (record,) = (compiler.cache / "trials").iterdir()
    assert json.loads(record.read_text())["variant"] == second.name


def test_where_nothing_works_the_error_says_what_was_seen_and_what_to_try(
    compiler: Compiler,
) -> None:
    variants = build_variants(processor_features())
    for number in range(1, len(variants) + 1):
        log = "mmq.cpp:12: internal compiler error: in extract_insn, at recog.cc:2791\n"
        (compiler.compiled / f"{number}.log").write_text(log)
    result = compiler.wheel()
    assert result.returncode == 1
    assert result.stderr.count("internal compiler error: in extract_insn") == len(variants)
    seen = "; ".join(f"{variant.name}: the compiler crashes" for variant in variants)
    assert f"error: no engine that was compiled works on this processor ({seen})" in result.stderr
    assert (
        "Nothing was kept. Try another compiler: CC=clang CXX=clang++ make setup" in result.stderr
    )
    assert compiler.kept == []


def test_any_other_error_stops_at_once_shows_the_log_and_leaves_nothing_behind(
    compiler: Compiler,
) -> None:
    compiler.tried_wheels(2)
    (compiler.compiled / "1.log").write_text("error: no space left on device\n")
    result = compiler.wheel()
    assert result.returncode == 1
    assert "error: compiling the engine failed; the log ends with\n" in result.stderr
    assert "  error: no space left on device\n" in result.stderr
    assert "CC=clang CXX=clang++ make setup" in result.stderr
    assert compiler.kept == []
    assert compiler.wheel().returncode == 0
    assert len(compiler.compilations) == 2


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_build_leaves_nothing_behind(
    ending: signal.Signals, compiler: Compiler
) -> None:
    (compiler.compiled / "1.wait").touch()
    environment = {**os.environ, **compiler.settings, "VALUESCOPE_CACHE": str(compiler.cache)}
    command = [str(part) for part in compiler.command("wheel")]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE) as build:
        while not (compiler.compiled / "started").exists():
            time.sleep(0.05)
        assert len(compiler.kept) == 1
        build.send_signal(ending)
        build.wait()
    assert build.returncode != 0
    assert compiler.kept == []
    assert not Path((compiler.compiled / "scratch").read_text().strip()).exists()


def test_a_cache_that_cannot_be_written_is_named(compiler: Compiler) -> None:
    compiler.cache.touch()
    result = compiler.wheel()
    assert result.returncode == 1
    assert f"error: cannot write to {compiler.cache / 'wheels'} (Not a directory)" in result.stderr
    assert "VALUESCOPE_CACHE=" in result.stderr

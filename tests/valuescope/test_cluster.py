"""`valuescope score --ray`: on Ray's own test cluster of several nodes, and on this machine."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from tests.scorer.tiny_models import write_tiny_model
from tests.valuescope.conftest import command, environment, fail, run, run_apart, succeed
from tests.valuescope.tiny_study import answers, landed, running_processes, write_study
from valuescope.warehouse.home import CLONE

THREADS = ("--threads", "1")
# A model whose packages and SHA-256 the registry does not know: each node has a file of its own.
REGISTERED, FILE = "phi-1.5", "phi-1_5-Q4_K_M.gguf"
OTHER_VERSION = "9.9.9"


@pytest.fixture(scope="module", autouse=True)
def ray_environment() -> Iterator[None]:
    """What nodes and commands inherit; no token is written into the user's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_TOKEN", uuid.uuid4().hex)
        yield


@pytest.fixture(scope="module")
def cluster(ray_environment: None) -> Iterator[Any]:
    """A head without processors; tests add the nodes that score and take them away."""
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    yield cluster
    cluster.shutdown()


@pytest.fixture
def add_node(cluster: Any) -> Iterator[Callable[..., Any]]:
    nodes = []

    def add(**settings: Any) -> Any:
        nodes.append(cluster.add_node(num_cpus=1, **settings))
        return nodes[-1]

    yield add
    for node in nodes:
        if node in cluster.list_all_nodes():
            cluster.remove_node(node)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def whole(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study scored by one process."""
    home = tmp_path_factory.mktemp("whole")
    succeed(home, "score", "--study", str(study), *THREADS)
    return home


def started(home: Path, study: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("score", "--study", str(study), *THREADS, "--ray", *arguments),
        env=environment(home),
        cwd=CLONE,
        stderr=subprocess.PIPE,
        # Ctrl-C in a terminal reaches the whole group of processes.
        start_new_session=True,
    )


def descendants(pid: int) -> set[int]:
    found, parent_of = {pid}, running_processes()
    while new := {child for child, parent in parent_of.items() if parent in found} - found:
        found |= new
    return found - {pid}


def workers_of(node: Any) -> set[int]:
    """The processes on a node that have a model loaded, or are loading it."""
    (raylet,) = node.all_processes["raylet"]
    listed = subprocess.check_output(["ps", "-A", "-o", "pid=,args="], text=True)
    names = dict(line.split(maxsplit=1) for line in listed.splitlines())
    found = descendants(raylet.process.pid)
    workers = {pid for pid in found if names.get(str(pid), "").startswith("ray::NodeReplica")}
    assert workers
    return workers


def wait_for_shards(home: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    folder = home / "landing" / "schema=1" / "choice_log_likelihoods"
    while len(list(folder.glob("[!_]*.parquet"))) < count:
        assert process.poll() is None, process.communicate()[1].decode()
        time.sleep(0.02)


def test_a_node_that_is_killed_in_the_middle_changes_no_row(
    cluster: Any, add_node: Callable[..., Any], study: Path, whole: Path, tmp_path: Path
) -> None:
    first = add_node()
    scoring = started(tmp_path, study, cluster.address)
    wait_for_shards(tmp_path, 1, scoring)
    # Held, so that it is in the middle of a block when its node goes.
    workers = workers_of(first)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    add_node()
    add_node()
    cluster.remove_node(first, allow_graceful=False)
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    message = scoring.communicate()[1].decode()
    assert scoring.returncode == 0, message
    assert "is gone; the questions that it had in hand are scored again" in message
    assert answers(tmp_path) == answers(whole)
    runs = landed(tmp_path, "runs")
    assert {row["status"] for row in runs} == {"finished"}
    assert sum(row["cells_scored"] for row in runs) == sum(
        row["cells_scored"] for row in landed(whole, "runs")
    )
    assert {row["study_name"] for row in runs} == {"tiny"}


def test_a_node_that_cannot_score_is_refused_with_the_reason(
    cluster: Any, add_node: Callable[..., Any], tmp_path: Path
) -> None:
    def home_of(node: str, architecture: str | None) -> dict[str, str]:
        models = tmp_path / node / "models"
        models.mkdir(parents=True)
        if architecture is not None:
            write_tiny_model(models / FILE, architecture)
        return {"VALUESCOPE_HOME": str(tmp_path / node), "HF_HUB_OFFLINE": "1"}

    mine = home_of("driver", "llama")
    other_clone = copy_of_clone(tmp_path / "clone")
    add_node(env_vars=home_of("without", None))
    add_node(env_vars=home_of("other-file", "jamba"))
    add_node(env_vars=home_of("other-version", "llama") | {"PYTHONPATH": str(other_clone)})
    add_node(env_vars=home_of("small", "llama"), memory=100 << 20)
    study = tmp_path / "study.toml"
    study.write_text(
        f'models = ["{REGISTERED}"]\ncountries = ["JPN"]\nquestions = ["Q1", "Q2"]\n'
        '[[designs]]\nanswers = "label"\nchat = "raw"\n',
        encoding="utf-8",
    )
    score = ("score", "--study", str(study), "--compute", "as-is", *THREADS)
    # Not from the clone: Ray has workers look for code in the folder of the command, too.
    refused = subprocess.run(
        command(*score, "--ray", cluster.address),
        env=environment(Path(mine["VALUESCOPE_HOME"])),
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    message = refused.stderr.decode()
    assert refused.returncode == 1, message
    assert f"No machine of the cluster can score {REGISTERED}" in message
    assert "of 1 machines that are left the largest have 1, 0 and 0.1 GB" in message
    assert f"Cannot download {FILE}" in message
    assert "is another file than the other machines have" in message
    assert f"it runs valuescope {OTHER_VERSION}" in message
    assert landed(Path(mine["VALUESCOPE_HOME"])) == []

    add_node(env_vars=home_of("right", "llama"))
    store = tmp_path / "store"
    store.mkdir()
    sent = ("--landing", str(store))
    scored = run_apart(Path(mine["VALUESCOPE_HOME"]), *score, "--ray", cluster.address, *sent)
    assert scored.returncode == 0, scored.stderr.decode()
    assert len(answers(Path(mine["VALUESCOPE_HOME"]))) == 16
    assert len(list(store.rglob("choice_log_likelihoods/*.parquet"))) == 1


def copy_of_clone(target: Path) -> Path:
    """The code of another version, with what pip would say of it."""
    for folder in ("scorer", "warehouse", "dbt_project/seeds"):
        shutil.copytree(
            CLONE / folder,
            target / folder,
            ignore=shutil.ignore_patterns("*.duckdb*", "*.gguf", "home"),
        )
    shutil.copytree(CLONE / "valuescope", target / "valuescope", symlinks=True)
    package = distribution("valuescope")
    metadata = package.read_text("METADATA") or ""
    changed = metadata.replace(f"Version: {package.version}\n", f"Version: {OTHER_VERSION}\n")
    (target / f"valuescope-{OTHER_VERSION}.dist-info").mkdir()
    (target / f"valuescope-{OTHER_VERSION}.dist-info" / "METADATA").write_text(changed)
    return target


def test_a_model_that_ends_its_workers_fails_by_name_and_the_others_land(
    cluster: Any, add_node: Callable[..., Any], tmp_path: Path
) -> None:
    study = write_study(tmp_path / "study", ["Q1", "Q2"])
    write_tiny_model(study.parent / "models" / "attention.gguf", "llama", epsilon=-1)
    add_node(env_vars={"GGML_NO_BACKTRACE": "1"})  # a debugger would draw it, which takes long
    home = tmp_path / "home"
    failed = run_apart(home, "score", "--study", str(study), *THREADS, "--ray", cluster.address)
    message = failed.stderr.decode()
    assert failed.returncode == 1, message
    assert "Failed: " in message
    assert "The questions Q1 to Q2 ended 3 workers" in message
    assert "Worker exit detail" in message
    assert "OOM" not in message  # Ray's advice is long
    assert {row["model_name"] for row in landed(home, "models")} == {"recurrent"}
    assert {row["status"] for row in landed(home, "runs")} == {"finished"}


def test_ctrl_c_on_this_machine_ends_ray_and_the_next_call_goes_on(
    study: Path, whole: Path, tmp_path: Path
) -> None:
    scoring = started(tmp_path, study)
    wait_for_shards(tmp_path, 1, scoring)
    started_by_ray = descendants(scoring.pid)
    assert len(started_by_ray) > 2
    os.killpg(scoring.pid, signal.SIGINT)
    message = scoring.communicate()[1].decode()
    assert scoring.returncode == 130, message
    assert "Interrupted. What had landed or was loaded is kept" in message
    assert "Traceback" not in message
    deadline = time.monotonic() + 60
    while left := started_by_ray & set(running_processes()):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    before = len(landed(tmp_path))
    assert 0 < before < len(answers(whole))
    assert "interrupted" in {row["status"] for row in landed(tmp_path, "runs")}

    assert run_apart(tmp_path, "score", "--study", str(study), *THREADS, "--ray").returncode == 0
    found, expected = answers(tmp_path), answers(whole)
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert found[key][0] == pytest.approx(values[0], abs=1e-4)
        assert found[key][1:3] == values[1:3]


def test_an_address_that_does_not_answer_is_told(study: Path, tmp_path: Path) -> None:
    message = fail(tmp_path, "score", "--study", str(study), "--ray", "127.0.0.1:1")
    assert "No Ray cluster answers at 127.0.0.1:1 within 60 seconds" in message
    assert "ray start --head" in message


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ray://head:10001", "an address for Ray's client"),
        ("head", "not the address of a Ray cluster"),
    ],
)
def test_what_is_no_address_is_told(study: Path, tmp_path: Path, address: str, words: str) -> None:
    assert words in fail(tmp_path, "score", "--study", str(study), "--ray", address)


def test_without_ray_the_extra_is_named(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError('not here')\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    failed = run_apart(tmp_path, "score", "--study", str(study), "--ray")
    message = failed.stderr.decode()
    assert failed.returncode == 1, message
    assert "install the extra" in message
    assert ".[ray]" in message


def test_options_of_one_machine_are_refused(study: Path, tmp_path: Path) -> None:
    finished = run(tmp_path, "score", "--study", str(study), "--ray", "--limit", "3")
    assert finished.returncode == 2
    assert "--verbose are for one machine" in finished.stderr.decode()


def test_usage_statistics_are_off(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED")
    ask = (
        "from valuescope.scorer.cluster.connection import connected\n"
        f"with connected({cluster.address!r}):\n"
        "    from ray._common.usage import usage_lib\n"
        "    found = usage_lib.usage_stats_enabled()\n"
        "print(found)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", ask], cwd=CLONE, capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "False"

"""Shards in an object store: a server that speaks S3 on this machine."""

from collections.abc import Iterator

import pytest
from moto.core import set_initial_no_auth_action_count
from moto.server import ThreadedMotoServer
from pyarrow.fs import FileSystem

from tests.warehouse.test_sharing import answers, score
from valuescope.warehouse.errors import ValuescopeError
from valuescope.warehouse.home import Home
from valuescope.warehouse.landing_zone.download import land_shards
from valuescope.warehouse.landing_zone.stores import open_store
from valuescope.warehouse.landing_zone.upload import Sender

ADDRESS = "s3://lab/value-study/landing"
SECRET = "wJalrXUtnFEMI-hush"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture(autouse=True)
def credentials(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="module", autouse=True)
def bucket(server: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", server)
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        filesystem, _ = FileSystem.from_uri("s3://lab?region=us-east-1&allow_bucket_creation=true")
        filesystem.create_dir("lab")


def test_shards_travel_through_a_bucket(
    home: Home, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cluster = Home(tmp_path_factory.mktemp("cluster"))
    score(cluster)
    store = open_store(ADDRESS)

    sent = Sender(cluster, store).send()
    landed = land_shards(home, store)

    assert (sent.files, landed.files, landed.refused) == (5, 5, ())
    assert answers(home) == answers(cluster)
    assert Sender(cluster, store).send().files == 0
    assert land_shards(home, store).files == 0
    # No secret is in what was sent, nor in what has landed.
    stored = [store.read(file.path) for file in store.files("schema=1/runs")]
    stored += [path.read_bytes() for path in home.path.rglob("*.parquet")]
    assert not any(SECRET.encode() in content for content in stored)


def test_an_object_that_was_cut_off_is_refused(
    home: Home, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cluster = Home(tmp_path_factory.mktemp("cluster"))
    score(cluster)
    store = open_store("s3://lab/damaged")
    Sender(cluster, store).send()
    hurt = store.files("schema=1/choice_log_likelihoods")[0].path
    store.write(hurt, store.read(hurt)[:-10])

    (refusal,) = land_shards(home, store).refused

    assert hurt.name in refusal


def test_a_bucket_that_is_not_there_is_named(home: Home) -> None:
    with pytest.raises(ValuescopeError, match="Nothing to land at s3://nowhere/path"):
        land_shards(home, open_store("s3://nowhere/path"))
    with pytest.raises(ValuescopeError, match=r"Cannot write .* at s3://nowhere/path: .*bucket"):
        Sender(home, open_store("s3://nowhere/path"))


@set_initial_no_auth_action_count(0)
def test_a_key_without_permission_is_told_before_anything_is_sent_or_landed(home: Home) -> None:
    score(home)
    for use in (lambda store: Sender(home, store), lambda store: land_shards(home, store)):
        with pytest.raises(
            ValuescopeError, match=r"at s3://lab/value-study/landing: .*AWS Error"
        ) as no:
            use(open_store(ADDRESS))
        assert SECRET not in str(no.value)

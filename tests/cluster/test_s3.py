"""Copies of finished runs in an S3 store: over HTTP, by s3fs, against moto's server on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from npf_engine.cli import main
from npf_engine.errors import InputError
from npf_engine.runs import fetching, location, sending
from npf_engine.runs.artifacts import Artifacts
from npf_engine.runs.store import RunStore
from tests.conftest import ROOT
from tests.runs import fabricated
from tests.runs.conftest import counting, make_store, state, wait_for

__all__ = ["make_store"]
pytestmark = pytest.mark.cluster
URL = "s3://lab/runs"
GALLERY = ROOT / "assets" / "gallery" / "npf-himmelblau.zip"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 store with an empty bucket ``lab``, which the environment names as a user's would."""
    import boto3
    import s3fs
    from moto.backends import get_backend
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    s3fs.S3FileSystem.clear_instance_cache()  # which know the last test's server
    monkeypatch.setenv("AWS_ENDPOINT_URL", address(server))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-tests")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    boto3.client("s3").create_bucket(Bucket="lab")
    yield server
    server.stop()
    get_backend("s3").reset()


def address(server: Any) -> str:
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def objects(server: Any) -> list[str]:
    import boto3

    client = boto3.client("s3", endpoint_url=address(server))
    return [item["Key"] for item in client.list_objects_v2(Bucket="lab").get("Contents", [])]


def test_a_run_goes_to_s3_by_itself_and_comes_back_in_another_home(server, make_store, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv(location.VARIABLE, URL)
    store = make_store(watch=False)
    run = store.submit(counting(20, name="counted"))
    wait_for(lambda: f"runs/{run.id}/manifest.json" in objects(server))
    assert state(store, run.id) == "done"
    wait_for(lambda: sending.Sent.of(run.folder) == sending.Sent(URL))
    monkeypatch.setenv("NPF_HOME", str(tmp_path / "other"))
    assert main(["artifacts", "list"]) == 0
    assert run.id in capsys.readouterr().out
    assert main(["artifacts", "fetch", "counted"]) == 0
    back = RunStore(gallery=None).get(run.id)
    assert back.metrics == store.get(run.id).metrics
    for path in run.folder.glob("*.json*"):
        assert b"a-secret-of-tests" not in path.read_bytes()


def test_a_bundle_of_megabytes_arrives_bit_for_bit(server, own_home, tmp_path):
    store = RunStore(own_home, gallery=None)
    run = store.import_bundle(GALLERY)
    copy = sending.send(Artifacts(URL), run)
    assert copy.size > 10**6 and len(objects(server)) == len(copy.files) + 1
    other = RunStore(tmp_path / "other", gallery=None)
    back = fetching.restore(Artifacts(URL), run.id, other)
    assert other.bundle(back.id).read_bytes() == store.bundle(run.id).read_bytes()


def test_a_store_that_is_down_is_told_and_tried_again(server, own_home, monkeypatch):
    import s3fs

    monkeypatch.setenv(location.VARIABLE, URL)
    store = RunStore(own_home, gallery=None)
    run = fabricated.run(store, counting(), "hills", fabricated.metrics(1.1))
    shutil.copy(GALLERY, run.folder / "npf-hills.zip")
    clock = [1e9]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert sending.send_due(store.home, store.table, lambda: clock[0]) == 0
    sent = sending.Sent.of(run.folder)
    assert sent is not None and sent.tries == 1 and "a-secret-of-tests" not in str(sent.error)
    assert store.get(run.id).state == "done" and objects(server) == []
    clock[0] += 31
    s3fs.S3FileSystem.clear_instance_cache()  # as a process that begins later
    monkeypatch.setenv("AWS_ENDPOINT_URL", address(server))
    assert sending.send_due(store.home, store.table, lambda: clock[0]) == 1 and len(objects(server)) == 6


def test_a_bucket_that_is_not_there_is_a_sentence(server, own_home):
    store = RunStore(own_home, gallery=None)
    run = fabricated.run(store, counting(), "hills", fabricated.metrics(1.1))
    with pytest.raises(InputError, match=r"s3://labb/runs cannot be used \(.*bucket.*\); check NPF_ARTIFACTS"):
        sending.send(Artifacts("s3://labb/runs"), run)
    assert (run.folder / "artifacts.json").exists()

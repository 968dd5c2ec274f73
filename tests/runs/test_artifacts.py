"""Finished runs copied to a store and taken back: whole or not at all, and whatever lies there is judged first."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from npf_engine.errors import InputError
from npf_engine.runs import artifacts, fetching, location, sending
from npf_engine.runs.artifacts import MANIFEST, Artifacts
from npf_engine.runs.store import Run, RunStore
from npf_engine.studies.factorization.spec import TrainingSpec, with_values
from npf_engine.tasks import layout
from tests.runs import fabricated
from tests.runs.conftest import counting, state, wait_for
from tests.tiny import tiny_bundle


@pytest.fixture
def url() -> Iterator[str]:
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    yield "memory://lab/runs"
    memory.store.clear()


@pytest.fixture
def home(own_home: Path) -> RunStore:
    return RunStore(own_home, gallery=None)


def finished(store: RunStore, bundle: Path | None = None, name: str = "hills") -> Run:
    """A training that is done, with its bundle and all that a worker leaves."""
    run = fabricated.run(
        store, with_values(TrainingSpec(), {"name": name, "device": "cpu"}), name, fabricated.metrics(1.1)
    )
    report = layout.read_json(run.folder / layout.REPORT) or {}
    if bundle is not None:
        shutil.copy(bundle, run.folder / "npf-hills.zip")
    layout.write_json(run.folder / layout.REPORT, report | {"bundle": str(run.folder / "npf-hills.zip")})
    (run.folder / layout.EVENTS).write_text('{"t": 1.0, "kind": "run", "state": "done"}\n')
    (run.folder / layout.CONTROL).write_text("pause")
    (run.folder / layout.CHECKPOINTS).mkdir()
    (run.folder / layout.CHECKPOINTS / "u.pt").write_bytes(b"weights")
    return store.get(run.id)


def notes(run: Run) -> list[str]:
    lines = (run.folder / layout.EVENTS).read_text().splitlines()
    return [event["text"] for event in map(json.loads, lines) if event["kind"] == "note"]


def test_a_run_comes_back_in_another_home_as_it_was(home, url, tmp_path):
    run = finished(home, tiny_bundle(tmp_path))
    home.describe(run.id, tags=["steep"], notes="by the lake")
    copy = sending.send(Artifacts(url), run)
    assert set(copy.files) == {"spec.json", "about.json", "report.json", "events.jsonl", "npf-hills.zip"}
    assert notes(run) == [f"a copy of the run is at memory://lab/runs/{run.id}"]
    other = RunStore(tmp_path / "other", gallery=None)
    back = fetching.restore(Artifacts(url), "hills", other)
    assert (back.id, back.name, back.kind, back.state, back.source) == (run.id, "hills", "train", "done", "imported")
    assert back.metrics == run.metrics and back.verdict == "good" and back.seconds == run.seconds
    assert back.created == run.created and back.spec == run.spec
    assert back.tags == ("steep",) and back.notes == "by the lake"
    assert other.bundle(back.id).read_bytes() == home.bundle(run.id).read_bytes()
    assert other.report(back.id)["bundle"] == str(back.folder / "npf-hills.zip")
    assert other.model(back.id).d == 2
    assert sorted(path.name for path in other.folder.iterdir()) == [run.id]
    with pytest.raises(InputError, match="is here already"):
        fetching.restore(Artifacts(url), run.id, other)
    taken = fetching.take_out(Artifacts(url), run.id, tmp_path / "out")
    assert (tmp_path / "out" / "npf-hills.zip").stat().st_size == taken.files["npf-hills.zip"].size
    with pytest.raises(InputError, match="not empty"):
        fetching.take_out(Artifacts(url), run.id, tmp_path / "out")


def broken_at(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    """The store gives up when this file is on its way."""
    whole = artifacts._put

    def put(files: Any, path: Path, target: str) -> artifacts.File:
        if path.name == name:
            raise error
        return whole(files, path, target)

    monkeypatch.setattr(artifacts, "_put", put)


def test_half_a_copy_is_none_is_told_and_is_made_later(home, url, monkeypatch):
    run = finished(home)
    monkeypatch.setenv(location.VARIABLE, url)
    clock = [1e9]
    with monkeypatch.context() as patch:
        broken_at(patch, layout.EVENTS, PermissionError(13, "Access Denied"))
        assert sending.send_due(home.home, home.table, lambda: clock[0]) == 0
    assert Artifacts(url).copies() == ([], [])
    with pytest.raises(InputError, match="no whole copy of 'hills'"):
        fetching.restore(Artifacts(url), "hills", home)
    sent = sending.Sent.of(run.folder)
    assert sent is not None and sent.tries == 1 and "Access Denied" in str(sent.error) and sent.again == 1e9 + 30
    assert home.get(run.id).state == "done" and home.get(run.id).error is None
    clock[0] += 29
    assert sending.send_due(home.home, home.table, lambda: clock[0]) == 0 and len(notes(run)) == 1
    clock[0] += 2
    assert sending.send_due(home.home, home.table, lambda: clock[0]) == 1
    assert sending.Sent.of(run.folder) == sending.Sent(url)
    assert [text.split(":")[0] for text in notes(run)] == ["no copy yet", "a copy of the run is at memory"]
    assert sending.send_due(home.home, home.table, lambda: clock[0]) == 0
    monkeypatch.setenv(location.VARIABLE, "memory://elsewhere")
    assert sending.send_due(home.home, home.table, lambda: clock[0]) == 1


def test_an_old_copy_is_none_while_a_new_one_is_made(home, url, monkeypatch):
    run = finished(home)
    place = Artifacts(url)
    first = sending.send(place, run)
    assert sending.send(place, run) == first  # the same results: nothing is sent
    layout.write_json(run.folder / layout.REPORT, fabricated.metrics(3.0))
    broken_at(monkeypatch, layout.EVENTS, OSError("gone"))
    with pytest.raises(InputError, match="gone"):
        sending.send(place, run)
    assert place.copies() == ([], [])


def test_what_was_not_sent_from_here_is_not_sent(home, url, monkeypatch):
    monkeypatch.setenv(location.VARIABLE, url)
    run = finished(home)
    home.table.update(run.id, source="imported")
    assert sending.send_due(home.home, home.table) == 0
    home.table.update(run.id, source="trained", state="failed")
    with pytest.raises(InputError, match="is failed"):
        sending.send(Artifacts(url), home.get(run.id))


def changed(url: str, run: Run, change: Any) -> None:
    """The manifest as somebody else would write it."""
    files, root = fsspec.core.url_to_fs(url)
    path = f"{root}/{run.id}/{MANIFEST}"
    record = json.loads(files.cat_file(path))
    change(record)
    files.pipe_file(path, json.dumps(record).encode())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../evil.py", "leads out of its folder"),
        ("/etc/evil", "leads out of its folder"),
        ("npf-..\\evil.zip", "leads out of its folder"),
        ("checkpoints/u.pt", "which no run of this kind has"),
        ("control", "which no run of this kind has"),
        ("worker.json", "which no run of this kind has"),
    ],
)
def test_names_that_no_run_has_are_refused(home, url, name, words, tmp_path):
    run = finished(home)
    sending.send(Artifacts(url), run)
    changed(url, run, lambda record: record["files"].update({name: {"size": 1, "sha256": "0"}}))
    copies, wrong = Artifacts(url).copies()
    assert copies == [] and words in wrong[0] and len(wrong) == 1
    with pytest.raises(InputError, match=words):
        fetching.restore(Artifacts(url), run.id, RunStore(tmp_path / "other", gallery=None))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda record: record.update(id="../up"), "leads out"),
        (lambda record: record.update(id="another"), "that of another run"),
        (lambda record: record.update(format=99), "another version"),
        (lambda record: record["files"].pop("report.json"), "has no report.json"),
        (lambda record: record.update(files=[1]), "files must be"),
    ],
)
def test_a_manifest_that_is_none_is_told(home, url, change, words):
    run = finished(home)
    sending.send(Artifacts(url), run)
    changed(url, run, change)
    copies, wrong = Artifacts(url).copies()
    assert copies == [] and words in wrong[0]


def test_changed_content_is_refused_and_leaves_nothing(home, url, tmp_path):
    run = finished(home)
    sending.send(Artifacts(url), run)
    files, root = fsspec.core.url_to_fs(url)
    other = RunStore(tmp_path / "other", gallery=None)
    whole = files.cat_file(f"{root}/{run.id}/report.json")
    for data in (whole.replace(b"good", b"evil"), whole + b" " * 10**6, whole[:-1]):
        files.pipe_file(f"{root}/{run.id}/report.json", data)
        with pytest.raises(InputError, match=r"report.json is not what was sent"):
            fetching.restore(Artifacts(url), run.id, other)
    assert list(other.folder.iterdir()) == [] and other.list() == []


def test_a_bundle_that_is_none_and_a_bomb_are_refused(home, url, tmp_path):
    run = finished(home)
    (run.folder / "npf-hills.zip").write_bytes(b"PK no bundle")
    sending.send(Artifacts(url), run)
    other = RunStore(tmp_path / "other", gallery=None)
    with pytest.raises(InputError, match=r"npf-hills.zip"):
        fetching.restore(Artifacts(url), run.id, other)
    (run.folder / "npf-hills.zip").unlink()
    (run.folder / layout.FIELD).write_bytes(b"\x80\x04 a pickle")
    sending.send(Artifacts(url), run)
    with pytest.raises(InputError, match=r"field.npz cannot be read"):
        fetching.restore(Artifacts(url), run.id, other)
    assert list(other.folder.iterdir()) == []


def test_keys_are_told_to_nobody(home, monkeypatch, caplog):
    secret, token = "s3cr3t/pass", "tok-12345"
    url = f"ftp://me:s3cr3t%2Fpass@store.example/runs?sig={token}"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "amazonsecret")
    monkeypatch.setenv(location.VARIABLE, url)

    def unreachable(asked: str) -> None:
        raise OSError(f"{asked} {secret} amazonsecret {token}: no route")

    monkeypatch.setattr(fsspec.core, "url_to_fs", unreachable)
    run = finished(home)
    assert sending.send_due(home.home, home.table) == 0
    told = "".join(path.read_text() for path in run.folder.glob("*.json*")) + caplog.text
    assert "no route" in told and "ftp://store.example/runs" in told
    for word in (secret, "s3cr3t%2Fpass", token, "amazonsecret"):
        assert word not in told
    with pytest.raises(InputError, match="AWS_ACCESS_KEY_ID") as error:
        Artifacts("s3://AKIAKEY:verysecret@bucket/runs")
    assert "verysecret" not in str(error.value)


@pytest.mark.parametrize("wrong", ["/mnt/runs", "s3:bucket", "simplecache::s3://b/r", "http://[::1"])
def test_what_is_no_url_is_a_sentence(wrong):
    with pytest.raises(InputError, match="NPF_ARTIFACTS"):
        Artifacts(wrong)


def test_a_store_that_is_not_installed_says_what_to_install():
    with pytest.raises(InputError, match=r"cannot be used|\.\[cluster\]"):
        Artifacts("unheardof://bucket/runs").copies()


def test_a_finished_run_is_sent_without_a_page(make_store, tmp_path, monkeypatch):
    """By the process that a worker leaves as it ends: no server is there."""
    monkeypatch.setenv(location.VARIABLE, f"file://{tmp_path}/bucket/runs")
    store = make_store(watch=False)
    run = store.submit(counting(20))
    wait_for(lambda: (tmp_path / "bucket" / "runs" / run.id / MANIFEST).exists())
    assert state(store, run.id) == "done"
    wait_for(lambda: sending.Sent.of(run.folder) == sending.Sent(f"file://{tmp_path}/bucket/runs"))
    back = fetching.restore(
        Artifacts(f"file://{tmp_path}/bucket/runs"), run.id, RunStore(tmp_path / "other", gallery=None)
    )
    assert back.metrics == store.get(run.id).metrics
    assert any(event["kind"] == "note" and "a copy of the run is at" in event["text"] for event in store.events(run.id))

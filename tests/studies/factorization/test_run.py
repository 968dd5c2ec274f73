"""From a spec to a bundle, through the real training, and back in again."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from npf_engine.errors import Cancelled, InputError
from npf_engine.polar import PolarFactorization
from npf_engine.runs import machine
from npf_engine.runs.console import ConsoleRecorder
from npf_engine.runs.devices import settle
from npf_engine.runs.estimate import estimate
from npf_engine.runs.job import run_job
from npf_engine.runs.recording import FolderRecorder
from npf_engine.runs.store import RunStore
from npf_engine.studies import kinds
from npf_engine.studies.factorization.spec import TrainingSpec, with_values
from npf_engine.tasks import layout
from tests.runs.conftest import state, wait_for

TINY = {
    "name": "Tiny terrain",
    "field.source": "jacksboro",
    "field.max_samples": 5000,
    "u.hidden": (8, 8),
    "u.pair_size": 150,
    "u.pairings": 1,
    "u.regression_steps": 30,
    "u.polish_steps": 4,
    "u.batch": 128,
    "v.hidden": (8,),
    "v.steps": 20,
    "m.hidden": (8,),
    "m.steps": 20,
    "inverse.hidden": (8,),
    "inverse.steps": 30,
    "inverse.batch": 128,
    "report.draws": 2,
    "report.n": 128,
    "report.neighbourhoods": 4,
    "device": "cpu",
}
METRICS = {
    "pushforward",
    "measure_preservation",
    "measure_preservation_implicit",
    "reconstruction",
    "inverse",
    "inverse_cosine",
    "inverse_miss",
    "test_dual",
    "pushforward_sliced",
    "measure_preservation_sliced",
    "measure_preservation_local",
    "measure_preservation_hole",
    "map_error",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    """The result of a tiny training in this process, and its folder."""
    folder = tmp_path_factory.mktemp("trained")
    recorder = ConsoleRecorder(folder, stream=io.StringIO())
    return run_job(with_values(TrainingSpec(), TINY | {"report.draws": 3}), folder, recorder).to_json(), folder


def test_the_result_has_the_contracts_keys(trained):
    result, folder = trained
    assert set(result) == {
        "metrics",
        "verdict",
        "verdict_reason",
        "seconds",
        "device",
        "threads",
        "seed",
        "fingerprint",
        "bundle",
    }
    assert set(result["metrics"]) == METRICS
    assert result["metrics"]["pushforward"]["draws"] == 3
    assert result["verdict"] in ("good", "usable", "not trustworthy") and result["verdict_reason"]
    assert list(result["seconds"]) == ["field", "u", "v", "m", "inverse", "report", "bundle", "total"]
    parts = dict(result["seconds"])
    assert parts.pop("total") == pytest.approx(sum(parts.values())) and min(parts.values()) > 0
    assert result["device"] == "cpu" and result["threads"] >= 1 and result["seed"] == 0
    assert json.loads((folder / layout.REPORT).read_text()) == result
    assert Path(result["bundle"]) == folder / "npf-tiny-terrain.zip" and zipfile.is_zipfile(result["bundle"])
    assert not (folder / layout.CHECKPOINTS).exists()
    kept = kinds.spec_from_json(json.loads((folder / layout.SPEC).read_text()))
    assert kept.threads == result["threads"] and kept.report.draws == 3


def test_the_fingerprint_is_of_the_weights(trained):
    result, _ = trained
    model = PolarFactorization.load(result["bundle"])
    assert model.fingerprint() == result["fingerprint"] and len(result["fingerprint"]) == 64
    with torch.no_grad():
        next(iter(model.bridge.parameters())).view(-1)[0] += 1e-6
    assert model.fingerprint() != result["fingerprint"]
    assert dataclasses.replace(model, m=None).fingerprint() != model.fingerprint()


def test_a_folder_keeps_to_its_training(trained):
    _, folder = trained
    other = with_values(TrainingSpec(), TINY | {"seed": 1, "report.draws": 3})
    with pytest.raises(InputError, match=r"holds another training \(seed is 0 there, not 1\)"):
        settle(other, folder)
    same = settle(with_values(TrainingSpec(), TINY | {"report.draws": 3, "name": "renamed"}), folder)
    assert same.threads == trained[0]["threads"] and same.name == "renamed"
    with pytest.raises(InputError, match="threads is"):
        settle(with_values(same, {"threads": same.threads + 1}), folder)


def test_device_and_threads(tmp_path, monkeypatch):
    assert machine.resolve_device("cpu") == "cpu"
    assert machine.resolve_device("auto") in ("cpu", "cuda", "mps")
    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(InputError, match=f"device '{absent}' is not on this machine"):
        machine.resolve_device(absent)
    monkeypatch.setattr(machine, "_cores", lambda: 2)
    with pytest.raises(InputError, match=r"devices=3 asks for more .* 2 processor cores; set devices=2 or less"):
        settle(with_values(TrainingSpec(), TINY | {"device": "cpu", "devices": 3}), tmp_path / "many")
    machine.check_devices(1, "mps")
    with pytest.raises(InputError, match=r"which is 1 accelerator \(MPS\); set devices=1$"):
        machine.check_devices(2, "mps")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert machine.choose_threads() in (1, 2)
        assert torch.get_num_threads() == 2  # measured, not changed
        torch.set_num_threads(1)
        assert machine.choose_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_cancel_while_the_field_is_built_leaves_nothing_half_written(tmp_path):
    (tmp_path / layout.CONTROL).write_text("cancel")
    with pytest.raises(Cancelled):
        run_job(with_values(TrainingSpec(), TINY), tmp_path, FolderRecorder(tmp_path))
    assert not (tmp_path / layout.REPORT).exists() and not list(tmp_path.glob("*.zip"))


def test_an_unknown_field_fails_with_its_sentence(own_home, known_cities):
    store = RunStore(own_home, gallery=None).watch()
    run = store.submit(with_values(TrainingSpec(), TINY | {"field.source": "jacksborro"}))
    wait_for(lambda: state(store, run.id) == "failed", seconds=180)
    sentence = store.get(run.id).error or ""
    assert "jacksboro" in sentence and "Traceback" not in sentence


def test_a_queued_run_ends_as_one_that_can_be_used_and_imported(own_home, trained):
    store = RunStore(own_home, gallery=None).watch()
    run = store.submit(with_values(TrainingSpec(), TINY | {"report.draws": 3, "threads": trained[0]["threads"]}))
    wait_for(lambda: state(store, run.id) in ("done", "failed"), seconds=120)
    done = store.get(run.id)
    assert done.state == "done", store.log(run.id)
    assert done.metrics == trained[0]["metrics"]  # another process, the same numbers
    assert done.verdict == trained[0]["verdict"]
    assert {stage["state"] for stage in store.status(run.id)["stages"]} == {"done"}
    assert set(store.history(run.id)) >= {"u", "v", "m", "inverse"}
    assert store.snapshot(run.id) is not None
    model = store.model(run.id)
    x = model.samples["x_test"][:5]
    assert torch.isfinite(model.grad_u(model.scaling.to_user(x))).all()

    taken = store.import_bundle(store.bundle(run.id))
    assert taken.source == "imported" and taken.state == "done" and taken.name == "Tiny terrain (2)"
    assert taken.metrics == done.metrics and taken.verdict == done.verdict and taken.spec.u == done.spec.u
    assert store.model(taken.id).fingerprint() == model.fingerprint()  # its programs and its card are made anew
    assert (store.report(taken.id) or {})["verdict_reason"] == (store.report(run.id) or {})["verdict_reason"]
    assert torch.equal(store.model(taken.id).grad_u(model.scaling.to_user(x)), model.grad_u(model.scaling.to_user(x)))
    assert estimate(store, run.spec).runs == 1  # what was imported took its time elsewhere
    with pytest.raises(InputError, match="is done and cannot be resumed"):
        store.resume(taken.id)
    store.delete(taken.id)
    assert store.bundle(run.id).exists()


def test_a_bad_bundle_is_refused_and_leaves_nothing(own_home, tmp_path, trained):
    store = RunStore(own_home, gallery=None).watch()
    with pytest.raises(InputError, match="there is no bundle"):
        store.import_bundle(tmp_path / "absent.zip")
    junk = tmp_path / "npf-junk.zip"
    junk.write_bytes(b"PK not a zip")
    with pytest.raises(InputError):
        store.import_bundle(junk)
    torn = tmp_path / "npf-torn.zip"
    torn.write_bytes(Path(trained[0]["bundle"]).read_bytes()[:-2000])
    with pytest.raises(InputError):
        store.import_bundle(torn)
    assert store.list() == [] and list(store.folder.iterdir()) == []


def test_the_gallery_is_listed_read_only_and_follows_its_folder(own_home, tmp_path, trained):
    gallery = tmp_path / "gallery"
    gallery.mkdir()
    shutil.copy(trained[0]["bundle"], gallery / "npf-first.zip")
    (gallery / "npf-broken.zip").write_bytes(b"not a bundle")
    store = RunStore(own_home, gallery=gallery)
    runs = store.list()
    assert [(run.id, run.source, run.state) for run in runs] == [("gallery-first", "gallery", "done")]
    assert runs[0].metrics == trained[0]["metrics"]
    assert store.model("gallery-first").d == 2
    for act in (store.delete, lambda run_id: store.rename(run_id, "mine")):
        with pytest.raises(InputError, match="belongs to the gallery"):
            act("gallery-first")
    created = runs[0].created
    assert RunStore(own_home, gallery=gallery).list()[0].created == created  # not taken in twice
    (gallery / "npf-first.zip").rename(gallery / "npf-second.zip")
    assert [run.id for run in RunStore(own_home, gallery=gallery).list()] == ["gallery-second"]
    assert not (store.folder / "gallery-first").exists()


def test_a_run_of_the_command_line_kicks_no_queue(trained, monkeypatch, own_home):
    from npf_engine.runs import worker

    called: list[object] = []
    monkeypatch.setattr(worker.subprocess, "Popen", lambda *arguments, **options: called.append(arguments))
    worker.kick(trained[1])
    assert called == []

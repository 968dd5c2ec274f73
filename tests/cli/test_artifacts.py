"""``npf artifacts``: what it prints, and what it refuses."""

from __future__ import annotations

from npf_engine.runs.store import RunStore
from tests.runs import fabricated
from tests.runs.conftest import counting
from tests.test_cli import answer, call, sentence


def test_a_run_is_sent_listed_and_fetched(capsys, own_home, tmp_path, monkeypatch):
    run = fabricated.run(RunStore(own_home, gallery=None), counting(), "hills", fabricated.metrics(1.1))
    at = f"file://{tmp_path}/bucket"
    assert answer(capsys, "artifacts", "list", "--at", at) == {"at": at, "runs": [], "broken": []}
    sent = answer(capsys, "artifacts", "send", "hills", "--at", at)
    assert sent["runs"][0]["id"] == run.id and set(sent["runs"][0]["files"]) == {
        "spec.json",
        "about.json",
        "report.json",
    }
    listed = answer(capsys, "artifacts", "list", "--at", at)["runs"]
    assert listed[0]["bytes"] == sum(file["size"] for file in listed[0]["files"].values()) > 100
    assert "hills" in call(capsys, "artifacts", "list", "--at", at)[1]
    monkeypatch.setenv("NPF_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("NPF_ARTIFACTS", at)
    back = answer(capsys, "artifacts", "fetch", run.id)["runs"][0]
    assert back == {"id": run.id, "name": "hills", "out": str(tmp_path / "other" / "runs" / run.id)}
    assert answer(capsys, "artifacts", "fetch", run.id, "--out", tmp_path / "out")["runs"][0]["out"] == str(
        tmp_path / "out"
    )
    assert (tmp_path / "out" / "report.json").exists()


def test_what_cannot_be_is_a_sentence(capsys, tmp_path):
    assert "NPF_ARTIFACTS is not set" in sentence(capsys, "artifacts", "list")
    at = f"file://{tmp_path}/bucket"
    assert "there is no run 'hills'" in sentence(capsys, "artifacts", "send", "hills", "--at", at)
    assert "no whole copy of 'hills'" in sentence(capsys, "artifacts", "fetch", "hills", "--at", at)
    assert "name the runs to fetch" in sentence(capsys, "artifacts", "fetch", "--at", at)
    assert "one run at a time" in sentence(capsys, "artifacts", "fetch", "a", "b", "--out", "x", "--at", at)
    assert "takes no run" in sentence(capsys, "artifacts", "list", "a", "--at", at)
    assert "must be one URL" in sentence(capsys, "artifacts", "list", "--at", "/mnt/runs")

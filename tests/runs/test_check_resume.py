"""`make check-resume` in the small: killed twice, resumed twice, the same to the last bit."""

from __future__ import annotations

import pytest

from benchmarks import check_resume


@pytest.mark.long  # tests/runs/test_queue.py and tests/tasks kill and resume in seconds
def test_a_training_killed_twice_ends_with_the_same_numbers(tmp_path, monkeypatch):
    monkeypatch.setenv("NPF_CHECKPOINT_SECONDS", "0.1")
    small = {"field.max_samples": 4000, "u.pair_size": 200, "u.hidden": (16, 16), "report.n": 128, "device": "cpu"}
    result = check_resume.compare(tmp_path, check_resume.SPEC | small)
    assert result["same"], result["differ"]
    assert len(result["unbroken"]) > 25 and len(result["unbroken"]["weights (sha256)"]) == 64
    assert [kill["stage"] for kill in result["kills"]] == ["u", "inverse"]
    assert result["late"] == []
    assert "the same to the last bit" in check_resume.table(result)


def test_a_difference_is_found():
    rows = {"unbroken": {"a": 1.0, "b": 2}, "resumed": {"a": 1.0 + 1e-15, "b": 2}, "kills": [], "same": False}
    assert "DIFFERS" in check_resume.table(rows | {"differ": ["a"]})
    assert check_resume.flat({"a": {"b": 1, "c": {"d": 2}}, "e": None}) == {"a.b": 1, "a.c.d": 2, "e": None}

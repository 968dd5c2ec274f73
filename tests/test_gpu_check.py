"""``make gpu-check`` where a card fails: each failure is a finding with its sentence, and the rest is done."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks import gpu_check


def test_a_card_that_cannot_is_a_finding_and_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """One on which nothing can be made, and whose run prints what nobody can read."""

    def made(device: torch.device) -> list[Any]:
        if device.type == "cuda":
            raise RuntimeError("no kernel image")
        return []

    def run(what: str, arguments: tuple[str, ...], device: str) -> dict[str, Any]:
        if device == "cuda":
            raise ValueError("no JSON")
        return {"what": what, "device": device, "figures": {}}

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(gpu_check, "described", lambda: {"card": "a card"})
    monkeypatch.setattr(gpu_check, "count_all", lambda: [])
    monkeypatch.setattr(gpu_check, "trainings", made)
    monkeypatch.setattr(gpu_check, "run", run)
    found = gpu_check.check()
    assert found.failures[0] == "the trainings on cuda: RuntimeError: no kernel image"
    assert found.failures[1:] == [f"{what} on cuda: ValueError: no JSON" for what in gpu_check.RUNS]
    assert [row["device"] for row in found.runs] == ["cpu"] * len(gpu_check.RUNS)

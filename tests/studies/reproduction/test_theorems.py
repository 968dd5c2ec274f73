"""Theorem 2.13 and the remarks on other flows, as items: their claims are in the rows and in the pictures."""

from __future__ import annotations

from pathlib import Path

import plotly.io
import pytest

from npf_engine.studies.reproduction import theorems
from npf_engine.studies.reproduction.result import ReproductionResult, Row
from npf_engine.studies.reproduction.run import reproduce
from npf_engine.studies.reproduction.spec import ReproductionSpec
from npf_engine.tasks.recorder import Recorder


def made(folder: Path, item: str) -> tuple[ReproductionResult, dict[str, Row], int]:
    result = reproduce(ReproductionSpec(paper="cdm", item=item), Recorder(), folder)
    figure = plotly.io.from_json((folder / "picture.json").read_text())
    return result, {row.what: row for row in result.rows}, len(figure.data)


def test_the_flow_stays_below_the_theorems_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theorems, "OUTER", 5)
    monkeypatch.setattr(theorems, "INNER", 5)
    result, rows, curves = made(tmp_path, "theorem-2.13")
    formulas = [row for what, row in rows.items() if what.startswith("Gaussians")]
    assert len(formulas) == 10 and all(row.paper is None for row in rows.values())
    bounds = [float(row.note.split("bound: ")[1].split(";")[0]) for row in formulas if "bound: " in row.note]
    ours = [row.ours for row in formulas if "bound: " in row.note]
    assert len(bounds) == 8 and all(0.97 * most <= value <= most for value, most in zip(ours, bounds, strict=True))
    assert "below the bound" in result.notes[1] or "above the bound" in result.notes[1]
    assert rows["Network: KL(T♯μ | ν) at t = 0.5"].trivial > 4 and curves == 6
    assert result.fingerprint is not None and len(result.fingerprint) == 64


def test_what_is_said_of_a_flow_beside_its_bound_is_what_came_out() -> None:
    def flow(*values: float) -> list[dict[str, float]]:
        return [{"t": k / 10, "kl": value, "bound": 1 / (k + 1)} for k, value in enumerate(values)]

    every = theorems.beside(flow(1.0, 0.4, 0.3))
    assert every.startswith("It is below the bound at every step: at t = 0.2 it has KL 0.3, and the bound is 0.333")
    some = theorems.beside(flow(1.0, 0.6, 0.3, 0.2, 0.4))
    assert "below the bound at 2 of 4 steps, the first at t = 0.2, the last at t = 0.3: at t = 0.4" in some
    assert "above the bound at every step" in theorems.beside(flow(1.0, 0.6, 0.4))


def test_two_ways_to_one_map(tmp_path: Path) -> None:
    result, rows, curves = made(tmp_path, "remark-3.9")
    assert rows["largest distance of the two maps at one t, in L²(μ)"].ours > 1e-3 and curves == 5
    ends = [row for what, row in rows.items() if what.endswith("t = 40")]
    assert len(ends) == 2 and all(row.ours < 1e-4 < row.trivial for row in ends)
    assert result.fingerprint is None


def test_without_convexity_the_law_comes_and_the_optimal_map_does_not(tmp_path: Path) -> None:
    _, rows, curves = made(tmp_path, "remark-3.10")
    assert rows["unconstrained: KL(T♯μ | ν) at t = 40"].ours < 1e-6 and curves == 4
    apart = "|T - T*| in L²(μ) at t = 40"
    assert rows[f"constrained: {apart}"].ours < 1e-4 < 0.05 < rows[f"unconstrained: {apart}"].ours

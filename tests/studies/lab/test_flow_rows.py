"""Rows of the flow's theorems: what they claim is what is in them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from npf_engine.studies.lab import flow_rows
from npf_engine.studies.lab.laws import mixture_log_density


def test_the_constrained_flow_is_as_fast_as_the_theorem_says() -> None:
    rows = flow_rows.convergence_rate()
    assert [rows[0]["t"], rows[-1]["t"]] == [0.0, 4.0] and rows[0]["kl"] == rows[0]["bound"]
    for row in rows:
        assert row["kl"] <= row["bound"] * (1 + 1e-6) and row["distance"] <= row["distance_bound"] * (1 + 1e-6)
    assert rows[-1]["kl"] < 0.1 * rows[0]["kl"]


def test_the_bound_is_nearly_reached_along_the_slowest_axis_so_that_a_larger_rate_would_fail() -> None:
    rows, rate = flow_rows.convergence_rate(), flow_rows.SLOW.convexity
    late = [row for row in rows if row["t"] >= 2]
    slope = -np.polyfit([row["t"] for row in late], [math.log(row["kl"]) for row in late], 1)[0]
    assert slope == pytest.approx(2 * rate, rel=0.01) and slope >= 2 * rate * (1 - 1e-6)
    for row in rows[1:]:
        assert row["kl"] > rows[0]["kl"] * math.exp(-2 * 1.2 * rate * row["t"]) or row["t"] < 0.2
        assert 0.97 * row["distance_bound"] < row["distance"]


def test_remarks_on_other_geometries() -> None:
    natural = flow_rows.wasserstein_natural_gradient(times=np.linspace(0, 40, 41))
    assert max(row["apart"] for row in natural) > 1e-3
    assert natural[-1]["distance"] < 1e-4 and natural[-1]["distance_wasserstein"] < 1e-4
    free = flow_rows.unconstrained_drift(times=np.linspace(0, 40, 41))
    assert free[-1]["kl_free"] < 1e-6 and free[-1]["distance"] < 1e-4
    assert free[-1]["distance_free"] > 0.05 and free[-1]["turn"] > 0.02 and free[0]["turn"] == 0


def test_a_networks_divergence_falls_from_that_of_the_identity() -> None:
    found = flow_rows.trained_rate(outer=4, inner=10)
    rows = found.rows
    assert len(found.fingerprint) == 64 and found.fingerprint != flow_rows.trained_rate(1, 1, 1).fingerprint
    assert [row["t"] for row in rows] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert rows[0]["kl"] == rows[0]["bound"] > rows[1]["bound"] > rows[4]["bound"]
    assert rows[4]["kl"] < rows[0]["kl"]


def test_the_density_of_a_mixture() -> None:
    x = torch.tensor([[0.5, -1.0], [2.0, 0.0]])
    means, weights = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([0.25, 0.75])
    found = mixture_log_density(means, torch.eye(2).expand(2, 2, 2), weights, x)
    first = 0.25 * math.exp(-1.25 / 2) + 0.75 * math.exp(-3.25 / 2)
    second = 0.25 * math.exp(-4 / 2) + 0.75
    assert found.exp().tolist() == pytest.approx([first / (2 * math.pi), second / (2 * math.pi)], rel=1e-5)

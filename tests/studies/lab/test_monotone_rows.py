"""Moments and law: rows of seed 004's losses."""

from __future__ import annotations

import pytest
import torch

from npf_engine.studies.lab.monotone_rows import losses_of_networks, moment_errors


def test_errors_of_moments_are_relative_to_the_targets_spread() -> None:
    y = torch.randn(400, 2, generator=torch.Generator().manual_seed(0)).double()
    y = (y - y.mean(0)) / y.std(0, correction=0)
    mean, spread = moment_errors(y + torch.tensor([0.02, 0.0]), y)
    assert mean == pytest.approx(100 * 0.02 / 2**0.5, rel=1e-6) and spread == pytest.approx(0, abs=1e-9)
    assert moment_errors(1.1 * y, y)[1] == pytest.approx(21.0)


def test_the_gaussian_divergence_keeps_the_moments_and_says_nothing_of_the_law() -> None:
    (row,) = losses_of_networks("mixtures", ["cmgn"], ["kl"], steps=60)
    assert (row["network"], row["loss"], row["form"], row["metric"]) == ("cmgn", "kl", "published", "s_eps")
    assert float(str(row["mean_error"])) < 4 and float(str(row["covariance_error"])) < 8
    assert float(str(row["value"])) > 5 * float(str(row["floor"]))

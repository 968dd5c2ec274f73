"""The energy distance and the unexplained variance on clouds small enough for the back of an envelope."""

from __future__ import annotations

import pytest
import torch

from npf_engine.divergences.distances import energy_mmd, l2_uvp


def test_the_energy_distance_of_a_point_to_two() -> None:
    """2 (3 + 5) / 2 - 0 - (0 + 2 + 2 + 0) / 4 = 7; and each cloud may come in pieces."""
    one, two = torch.tensor([[0.0]]), torch.tensor([[3.0], [5.0]])
    assert energy_mmd(one, two) == pytest.approx(7.0)
    assert energy_mmd(two, one) == pytest.approx(7.0)
    assert energy_mmd(two, one, chunk=1) == pytest.approx(7.0)


@pytest.mark.parametrize("chunk", [4, 7, 2048])
def test_the_energy_distance_is_the_double_sum_of_its_definition(chunk: int) -> None:
    g = torch.Generator().manual_seed(0)
    x, y = 100 + 3 * torch.randn(9, 3, generator=g), 99 + torch.randn(14, 3, generator=g)

    def mean(a: torch.Tensor, b: torch.Tensor) -> float:
        return sum(float((p - q).double().norm()) for p in a for q in b) / (len(a) * len(b))

    assert energy_mmd(x, y, chunk) == pytest.approx(2 * mean(x, y) - mean(x, x) - mean(y, y), rel=1e-4)
    assert energy_mmd(x, x, chunk) == pytest.approx(0.0, abs=1e-9) and energy_mmd(x, x) >= 0


def test_a_cloud_that_is_not_finite_has_no_energy_distance() -> None:
    good, bad = torch.zeros(2, 2), torch.tensor([[0.0, float("inf")]])
    for pair in ((good, bad), (bad, good)):
        with pytest.raises(ValueError, match="not finite"):
            energy_mmd(*pair)


def test_unexplained_variance_in_percent_of_the_targets_trace() -> None:
    truth = 50 + torch.tensor([[0.0, 1.0], [2.0, 1.0], [0.0, 5.0], [2.0, 5.0]])  # variances 1 and 4
    assert l2_uvp(truth + torch.tensor([0.3, -0.4]), truth) == pytest.approx(100 * 0.25 / 5, rel=1e-4)
    assert l2_uvp(truth.mean(0).expand(4, 2), truth) == pytest.approx(100.0)
    assert l2_uvp(truth, truth) == 0
    with pytest.raises(ValueError, match="constant"):
        l2_uvp(truth, torch.ones(4, 2))

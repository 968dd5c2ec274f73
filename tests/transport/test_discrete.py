"""Maps without a network: units, points in both clouds, clouds of one point, what is said of rough potentials."""

from __future__ import annotations

import pytest
import torch

from npf_engine.divergences import entropic
from npf_engine.transport.discrete import entropic_map, exact_map


def cloud(n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e9])
def test_the_exact_map_knows_no_units(unit: float) -> None:
    x, y, z = cloud(14, 1), cloud(14, 2), cloud(80, 3)
    torch.testing.assert_close(exact_map(unit * x, unit * y).forward(unit * z), unit * exact_map(x, y).forward(z))
    uneven = exact_map(x[:9], y).forward(z)
    torch.testing.assert_close(exact_map(unit * x[:9], unit * y).forward(unit * z), unit * uneven)


def test_a_point_in_both_clouds_is_no_trouble() -> None:
    x = torch.tensor([[0.0, 0.0], [10.0, 0.0], [20.0, 1.0]]).double()
    found = exact_map(x, x)
    torch.testing.assert_close(found.forward(x + 0.3), x)
    y = torch.cat([x[:1], cloud(2, 1) + 12])
    assert float((exact_map(x, y).forward(x[:1]) - x[:1]).abs().max()) == 0
    same = torch.ones(4, 2).double()
    assert torch.equal(exact_map(same, same).forward(cloud(5, 1)), torch.ones(5, 2).double())
    assert exact_map(x, x).jacobian(cloud(5, 1)).shape == (5, 2, 2)


def test_all_goes_to_a_target_that_is_a_point() -> None:
    x = cloud(30, 1).float()
    found = entropic_map(x, torch.full((20, 2), 4.0))
    torch.testing.assert_close(found.forward(x), torch.full((30, 2), 4.0))
    assert float(found.jacobian(x).abs().max()) < 1e-6 and found.report.note == ""


def test_potentials_that_are_rough_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.cat([cloud(30, 1), cloud(30, 2) + 40]).float()
    y = torch.cat([cloud(10, 3), cloud(50, 4) + 43]).float()
    whole = entropic_map(x, y, 1e-6)
    assert whole.report.note == "" and whole.report.error is not None and whole.report.error < 1e-4
    assert entropic_map(x[:30], x[30:], 0.5).report.note == ""
    monkeypatch.setattr(entropic, "MAX_BUILDS", 1)
    rough = entropic_map(x, y, 1e-6)
    assert rough.report.note.startswith("potentials to a marginal error of")

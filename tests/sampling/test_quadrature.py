"""exp(-c g) by quadrature where it is narrower than the cells of the grid: against Laplace and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from npf_engine.sampling import landscapes
from npf_engine.sampling.exact import Truth
from npf_engine.sampling.langevin import LangevinSettings
from npf_engine.sampling.nearness import Nearness
from npf_engine.sampling.quadrature import Cells, cut, narrow


def _grid(side: int) -> tuple[Tensor, Tensor]:
    middles = torch.linspace(-1, 1, side + 1, dtype=torch.float64)[:-1] + 1 / side
    return torch.cartesian_prod(middles, middles), torch.tensor([2 / side] * 2, dtype=torch.float64)


@pytest.mark.parametrize("c", [1e3, 1e6])
def test_weights_at_a_large_coefficient_are_laplaces(c: float) -> None:
    """All minima of Himmelblau are 0: each has its share of 1 / sqrt(det H). A grid alone says .09, .00, .00, .91."""
    truth = Truth(landscapes.find("himmelblau"), c, side=201)
    dets = torch.tensor([p.determinant for p in truth.critical if p.kind == "minimum"]).rsqrt()
    assert truth.weights == pytest.approx((dets / dets.sum()).tolist(), abs=1e-3)
    draws = truth.sample(4000, torch.Generator().manual_seed(0))
    near = Nearness(truth)
    assert near.expected.modes == pytest.approx(0.99, abs=1e-3) and near.shares(draws).modes > 0.98
    assert truth.energy_at(draws).mean() == pytest.approx(1.0, abs=0.06), "half for each of two squares"


def test_the_law_at_an_edge_narrower_than_a_cell() -> None:
    """exp(-c (x + y)) on a box: both coordinates are exponential from the corner on."""
    truth = Truth(landscapes.find("x + y", (), (-1, -1), (1, 1)), 1e4, side=101)
    draws = truth.sample(4000, torch.Generator().manual_seed(0)) + 1
    assert draws.mean(dim=0).tolist() == pytest.approx([1e-4, 1e-4], rel=0.06)


def test_the_own_law_at_a_large_coefficient_has_its_share_of_each_critical_point() -> None:
    """Of the double well (x^2 - 1)^2 + y^2, 1 / |det H| is 1/16 at both minima and 1/8 at the saddle: a quarter, a half
    and a quarter; the last step of the chain has left none of them."""
    truth = Truth(landscapes.find("(x^2 - 1)^2 + y^2", (), (-2, -2), (2, 2)), 1e4, side=101)
    draws = truth.own_draws(LangevinSettings(1e-9, 1e4, 1))
    assert draws is not None
    at = [float(((draws[:, 0] - x).abs() < 0.3).double().mean()) for x in (-1, 0, 1)]
    assert at == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


def test_cells_are_cut_where_the_energy_varies_and_have_its_mass() -> None:
    points, size = _grid(11)
    scale = torch.tensor([900.0, 40_000.0], dtype=torch.float64)
    place = torch.tensor([0.123, -0.456], dtype=torch.float64)

    def energy(x: Tensor) -> Tensor:
        return ((x - place).square() * scale).sum(dim=1) / 2

    cells = cut(energy, points, size)
    assert len(cells.points) < 300_000 and float(cells.mass.sum()) == pytest.approx(1.0)
    assert float(cells.size.prod(dim=1).sum()) == pytest.approx(4.0), "they fill the box"
    away = cells.points - place
    variance = (cells.mass[:, None] * (away.square() + cells.size.square() / 12)).sum(dim=0)
    assert (variance * scale).tolist() == pytest.approx([1.0, 1.0], rel=0.02)
    inside = (cells.points - points[cells.base]).abs() < size / 2
    assert bool(inside.all())


def test_a_wall_of_no_energy_is_not_cut_for_ever() -> None:
    points, size = _grid(51)

    def energy(x: Tensor) -> Tensor:
        wall = torch.where(x[:, 0] > 0, 0.0, torch.inf)
        return 10 * x.square().sum(dim=1) + wall

    cells = cut(energy, points, size)
    assert len(cells.points) < 100_000 and torch.isfinite(cells.mass).all()
    assert float(cells.mass[cells.points[:, 0] < -size[0]].sum()) == 0.0


def test_only_what_is_narrow_is_cut() -> None:
    size = torch.tensor([0.1, 0.2], dtype=torch.float64)
    none = torch.zeros(1, 2, dtype=torch.float64)
    assert not narrow(torch.tensor([[199.0, 49.0]]).double(), none, size)
    assert narrow(torch.tensor([[201.0, 0.0]]).double(), none, size)
    assert narrow(none, torch.tensor([[0.0, 7.2]]).double(), size) and not narrow(none * math.nan, none, size)
    plain = Truth(landscapes.find("double-well"), 5.0, side=51).cells
    even = Cells.even(plain.points, plain.size[0], plain.energy)
    assert torch.equal(plain.mass, even.mass) and torch.equal(plain.base, torch.arange(51 * 51))

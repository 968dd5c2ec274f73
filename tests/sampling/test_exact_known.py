"""Quadrature, critical points and basins of landscapes whose answers are known in closed form, boxes off the origin."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine.sampling import basins, exact
from npf_engine.sampling.exact import Truth, critical_points, describe, hessian, relax
from npf_engine.sampling.landscapes import Landscape, find
from npf_engine.sampling.langevin import LangevinSettings

A, B = 3.0, 50.0  # the middle of the box; its axes are of different size and units
LOW, HIGH = (1.0, 40.0), (5.5, 62.0)


def _wells(tilt: float = 0.4) -> Landscape:
    """g = (p^2 - 1)^2 + q^2 / 2 + tilt p with p = x - A, q = (y - B) / 5."""

    def value(x: Tensor) -> Tensor:
        p, q = x[:, 0] - A, (x[:, 1] - B) / 5
        return (p.square() - 1).square() + q.square() / 2 + tilt * p

    def slope(x: Tensor) -> Tensor:
        p, q = x[:, 0] - A, (x[:, 1] - B) / 5
        return torch.stack([4 * p * (p.square() - 1) + tilt, q / 5], 1)

    return Landscape("wells", "wells", value, slope, LOW, HIGH)


def _roots(tilt: float) -> np.ndarray:
    return np.sort(np.roots([4, 0, -4, tilt]).real)


def test_the_hessian_by_differences_is_the_derivative_along_each_axis() -> None:
    def slope(x: Tensor) -> Tensor:  # of x^3 y + y^2: not symmetric in its axes
        return torch.stack([3 * x[:, 0] ** 2 * x[:, 1], x[:, 0] ** 3 + 2 * x[:, 1]], 1)

    x = torch.tensor([[0.5, 2.0], [-1.0, 30.0]], dtype=torch.float64)
    truth = torch.stack([torch.tensor([[6 * a * b, 3 * a * a], [3 * a * a, 2.0]]) for a, b in x.tolist()]).double()
    torch.testing.assert_close(hessian(slope, x, torch.tensor([1.0, 20.0])), truth, rtol=1e-5, atol=1e-5)


def test_the_critical_points_of_a_tilted_well_in_their_order() -> None:
    left, middle, right = _roots(0.4)
    points = critical_points(_wells())
    assert [p.kind for p in points] == ["minimum", "minimum", "saddle"]
    for point, p in zip(points, (left, right, middle), strict=True):  # the lower minimum comes first
        assert point.location == pytest.approx([A + p, B], abs=1e-6)
        assert point.value == pytest.approx((p * p - 1) ** 2 + 0.4 * p)
        second = 12 * p * p - 4
        assert sorted(point.eigenvalues) == pytest.approx(sorted([second, 1 / 25]), rel=1e-3)
        assert point.determinant == pytest.approx(abs(second) / 25, rel=1e-3) and point.residual < 1e-7
    turned = replace(_wells(), potential=lambda x: -_wells().potential(x), gradient=lambda x: -_wells().gradient(x))
    assert [p.kind for p in critical_points(turned)] == ["saddle", "saddle", "maximum"] or [
        p.kind for p in critical_points(turned)
    ] == ["saddle", "maximum", "maximum"]


def test_a_place_with_a_given_gradient_from_few_starts() -> None:
    v = torch.tensor([0.4, -0.06], dtype=torch.float64)  # 4 p (p^2 - 1) + .4 = .4 at p = 0 and +-1; q = -0.3
    starts = torch.tensor([[A - 1.2, B], [A + 0.1, B + 3], [A + 0.9, B - 3], [A + 0.95, B]], dtype=torch.float64)
    points = critical_points(_wells(), v, starts)
    assert sorted(p.location[0] for p in points) == pytest.approx([A - 1, A, A + 1], abs=1e-6)
    assert all(p.location[1] == pytest.approx(B - 1.5, abs=1e-5) for p in points)
    nowhere = critical_points(_wells(), torch.tensor([0.0, 50.0]).double(), starts)
    assert nowhere == []


def test_the_type_of_a_critical_point() -> None:
    def bowl(a: float, b: float) -> Landscape:
        size = torch.tensor([a, b], dtype=torch.float64)
        return Landscape("", "", lambda x: (size * x.square()).sum(1) / 2 + 3, lambda x: size * x, (-1, -2), (1, 2))

    kinds = {(2, 5): "minimum", (-2, -5): "maximum", (2, -5): "saddle", (1, 1e-9): "degenerate", (1, 1e-3): "minimum"}
    for (a, b), kind in kinds.items():
        point = describe(bowl(a, b), torch.zeros(2).double(), 0.125)
        assert (point.kind, point.value, point.residual) == (kind, 3.0, 0.125)
        assert point.eigenvalues == pytest.approx(sorted((a, b)), abs=1e-8)


def test_the_grid_has_the_cells_centres_with_the_second_axis_fastest() -> None:
    points = exact._grid(_wells(), 4)
    x, y = 1.0 + 4.5 * (np.arange(4) + 0.5) / 4, 40.0 + 22 * (np.arange(4) + 0.5) / 4
    np.testing.assert_allclose(points.numpy(), [(a, b) for a in x for b in y])


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth(_wells(), 2.0, side=181)


def _density() -> tuple[np.ndarray, np.ndarray]:
    """Places along the first axis, and their share of exp(-2 g)."""
    p = np.linspace(LOW[0] - A, HIGH[0] - A, 200_001)
    density = np.exp(-2 * ((p * p - 1) ** 2 + 0.4 * p))
    return p, density / density.sum()


def test_weights_and_basins_are_those_on_either_side_of_the_barrier(truth: Truth) -> None:
    p, density = _density()
    left = float(density[p < _roots(0.4)[1]].sum())
    assert [m.kind for m in truth.modes] == ["minimum", "minimum"]
    assert truth.modes[0].location[0] < A < truth.modes[1].location[0]
    assert truth.weights == pytest.approx([left, 1 - left], abs=0.01)
    x = torch.tensor([[A - 1.5, 41.0], [A - 0.2, 61.0], [A + 0.4, 60.0], [A + 2.4, 40.5], [0.0, 0.0], [9.0, 90.0]])
    assert truth.basin(x).tolist() == [0, 0, 1, 1, 0, 1]
    assert truth.shares(x).tolist() == [0.5, 0.5] and truth.shares(x[:0]).tolist() == [0.0, 0.0]
    assert float(truth.cells.mass.sum()) == pytest.approx(1.0)


def test_draws_have_the_moments_of_the_law_and_fill_their_cells(truth: Truth) -> None:
    p, density = _density()
    draws = truth.sample(40_000, torch.Generator().manual_seed(1))
    mean = float((p * density).sum())
    spread = math.sqrt(float(((p - mean) ** 2 * density).sum()))
    assert float(draws[:, 0].mean()) == pytest.approx(A + mean, abs=4.5 * spread / 200)
    assert float(draws[:, 0].std()) == pytest.approx(spread, rel=0.03)
    # y is normal with variance 25 / c, cut at the box, which begins two deviations and more below.
    assert float(draws[:, 1].mean()) == pytest.approx(B, abs=0.1)
    assert float(draws[:, 1].std()) == pytest.approx(math.sqrt(12.5), rel=0.05)
    side = torch.tensor([4.5, 22.0]) / 181
    inside = ((draws - torch.tensor(LOW)) / side).frac()
    assert torch.histc(inside[:, 0], 4, 0, 1).min() > 9300 and torch.histc(inside[:, 1], 4, 0, 1).min() > 9300
    assert float(inside.mean()) == pytest.approx(0.5, abs=0.01)


def test_where_g_is_not_finite_there_is_no_mass() -> None:
    flat = Landscape(
        "", "", lambda x: torch.where(x[:, 0] < 2.0, torch.nan, 0.0 * x[:, 0]), lambda x: 0.0 * x, LOW, HIGH
    )
    truth = Truth(flat, 1.0, side=45)
    assert float(truth.cells.mass[truth.cells.points[:, 0] < 2.0].sum()) == 0.0
    draws = truth.sample(2000, torch.Generator().manual_seed(0))
    assert float(draws[:, 0].min()) >= 2.0 and float(draws[:, 0].mean()) == pytest.approx(3.75, abs=0.1)


def test_the_edge_of_omega_is_a_mode_where_it_stops_the_flow() -> None:
    slope = Landscape(
        "", "", lambda x: x[:, 0] + 0 * x[:, 1], lambda x: torch.tensor([1.0, 0.0]).to(x).expand(len(x), 2), LOW, HIGH
    )
    steep = replace(
        slope,
        potential=lambda x: x[:, 0] + (x[:, 1] - B).square() / 40,
        gradient=lambda x: torch.stack([torch.ones(len(x)).to(x), (x[:, 1] - B) / 20], 1),
    )
    truth = Truth(steep, 1.0, side=61)
    assert [m.kind for m in truth.modes] == ["boundary"] and truth.weights == pytest.approx([1.0])
    assert truth.modes[0].location == pytest.approx([LOW[0], B], abs=0.4)


def test_the_lowest_neighbour_is_the_lowest_of_nine() -> None:
    side = 7
    energy = torch.rand(side * side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    energy[10] = torch.inf
    found = basins._lowest_neighbour(energy, side)
    for i in range(side):
        for j in range(side):
            near = [
                (float(energy[a * side + b]), a * side + b)
                for a in range(max(0, i - 1), min(side, i + 2))
                for b in range(max(0, j - 1), min(side, j + 2))
            ]
            assert int(found[i * side + j]) == min(near)[1]
    flat = basins._lowest_neighbour(torch.full((9,), torch.inf, dtype=torch.float64), 3)
    assert flat.tolist() == list(range(9))


def test_the_flow_goes_down_from_everywhere_but_the_minima() -> None:
    landscape, side = _wells(), 61
    points = exact._grid(landscape, side)
    energy = landscape.potential(points)
    pointer = basins._downhill(landscape, points, energy, side)
    moved = pointer != torch.arange(side * side)
    assert bool((energy[pointer[moved]] < energy[moved]).all())
    cell = torch.tensor([4.5, 22.0]) / side
    reach = ((points[pointer] - points) / cell).norm(dim=1)
    assert float(reach.max()) < 3.0 + 1.0 and float(reach[moved].mean()) > 2.0
    # Far from the minima a step follows the gradient.
    ahead = (points[pointer] - points)[moved] / cell
    slope = -landscape.gradient(points[moved]) * cell
    along = torch.nn.functional.cosine_similarity(ahead, slope, dim=1)
    assert float(along.median()) > 0.9


def test_the_own_law_has_the_weights_of_all_critical_points() -> None:
    """For large c a jump puts 1/|det H| on minima and saddle alike; without Langevin steps the shares are basins'."""
    truth = Truth(_wells(0.0), 60.0, side=306)  # of 9: the ridge, at 4/9 of the box, then lies between two cells
    settings = LangevinSettings(1e-6, 60.0, inner=1)
    assert truth.own_law(settings) == pytest.approx([0.5, 0.5], abs=0.03)
    # u(M(x)) is told: all mass where it is least, at the right minimum.
    lifted = truth.own_law(settings, lambda v: torch.zeros(len(v)).double())
    assert sum(lifted) == pytest.approx(1.0)
    again = truth.own_law(settings, seed=0)
    assert again == truth.own_law(settings, seed=0) != truth.own_law(settings, seed=1)
    plain = Landscape("", "", lambda x: x[:, 0], lambda x: torch.tensor([1.0, 0.0]).to(x).expand(len(x), 2), LOW, HIGH)
    assert all(math.isnan(w) for w in Truth(plain, 1.0, side=31).own_law(settings))


def test_the_own_law_of_a_tilted_well_by_quadrature() -> None:
    """exp(-c |grad g|^2 / (2 b)) with b^2 = 1 / sum 1/|det H_i|, integrated over each basin."""
    truth = Truth(_wells(0.4), 8.0, side=241)
    b = sum(1 / p.determinant for p in truth.critical) ** -0.5
    slope = truth.landscape.gradient(truth.cells.points)
    weight = torch.softmax(-8.0 * slope.square().sum(1) / (2 * b), 0)
    first = float(weight[truth.labels == 0].sum())
    found = truth.own_law(LangevinSettings(1e-9, 8.0, inner=1))
    assert found[0] == pytest.approx(first, abs=4.5 * 0.5 / math.sqrt(6000))


def test_relaxing_is_0_to_n_less_1_langevin_steps_in_the_landscapes_units() -> None:
    bowl = Landscape(
        "", "", lambda x: (x - 3).square().sum(1), lambda x: 2 * (x - 3), (-1e6, -1e6), (1e6, 1e6), unit=(2.0, 0.5)
    )
    x = torch.zeros(15_000, 2).double()
    moved = relax(bowl, x, LangevinSettings(0.01, 3.0, inner=3), 0)
    assert not bool(moved[::3].any())  # a third of them right after the jump
    for axis, unit in ((0, 2.0), (1, 0.5)):
        tau = 0.01 * unit * unit
        share = 1 - tau * 3.0 * 2
        for steps in (1, 2):
            found, variance = moved[steps::3, axis], 2 * tau * sum(share ** (2 * k) for k in range(steps))
            assert float(found.mean()) == pytest.approx(3 - 3 * share**steps, abs=4.5 * math.sqrt(variance / 5000))
            assert float(found.var()) == pytest.approx(variance, rel=4.5 * math.sqrt(2 / 5000))
    box = replace(bowl, low=(0.0, 0.0), high=(0.1, 0.1))
    assert bool(box.region().inside(relax(box, x[:50], LangevinSettings(0.01, 3.0, inner=3), 0)).all())


def test_only_two_dimensions_are_integrated() -> None:
    with pytest.raises(ValueError, match="two dimensions"):
        Truth(replace(_wells(), low=(0.0,) * 3, high=(1.0,) * 3), 1.0)


def test_positions_of_a_landscape_and_of_the_model() -> None:
    wells = replace(_wells(), unit=(9.0, 2.2))
    value, slope = wells.in_model()
    x_hat = torch.tensor([[0.3, -0.4]], dtype=torch.float64, requires_grad=True)
    x = torch.tensor([[3.25 + 0.3 * 2.25, 51.0 - 0.4 * 11.0]], dtype=torch.float64)
    torch.testing.assert_close(value(x_hat), wells.potential(x))
    torch.testing.assert_close(slope(x_hat), torch.autograd.grad(value(x_hat).sum(), x_hat)[0])
    assert wells.metric == pytest.approx(((9.0 / 2.25) ** 2, (2.2 / 11.0) ** 2))
    assert _wells().metric == pytest.approx((1 / 2.25**2, 1 / 11.0**2))
    assert wells.d == 2 and wells.region().low == LOW
    for name in ("himmelblau", "cosines", "cosines-2", "double-well", "mueller-brown", "rastrigin", "mixture"):
        landscape = find(name)
        assert landscape.coefficient > 0 and bool(landscape.region().inside(torch.tensor([landscape.start])).all())
        x = torch.tensor([landscape.low]).double() + torch.rand(4, 2).double() * (
            torch.tensor(landscape.high) - torch.tensor(landscape.low)
        )
        x.requires_grad_(True)
        (auto,) = torch.autograd.grad(landscape.potential(x).sum(), x)
        torch.testing.assert_close(landscape.gradient(x), auto, rtol=1e-6, atol=1e-6)
        assert find(name, low=(-1.0, -1.0), high=(1.0, 1.0)).low == (-1.0, -1.0)


def test_a_formula_that_is_not_everywhere_a_number_has_its_critical_points_where_it_is_one(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A root is NaN on half of the box; LAPACK takes no NaN, says so a thousand times, and fails."""
    rough = find("expression", ("x^(y^3)",))
    assert all(len(point.eigenvalues) == 2 for point in critical_points(rough))
    half = find("expression", ("(x - 2)^2 + (y - 1)^2 + 0*sqrt(9 - (x - y)^2)",), (-4.0, -4.0), (4.0, 4.0))
    (point,) = critical_points(half)
    assert point.kind == "minimum" and point.location == pytest.approx([2.0, 1.0], abs=1e-6)
    assert not capfd.readouterr().err


def test_many_critical_points_are_described_as_each_by_itself() -> None:
    waves = find("expression", ("sin(3*x)*sin(3*y)",))
    found = critical_points(waves)
    assert {point.kind for point in found} == {"minimum", "maximum", "saddle"}
    for point in found[::20]:
        alone = describe(waves, torch.tensor(point.location, dtype=torch.float64), point.residual)
        assert alone.kind == point.kind and alone.eigenvalues == pytest.approx(point.eigenvalues, abs=1e-6)

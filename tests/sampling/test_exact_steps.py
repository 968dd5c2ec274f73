"""Newton, the types of critical points, ends of the flow and levels of nearness by hand, at scales that are not 1."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine.sampling import basins, exact, nearness
from npf_engine.sampling.basins import Mode
from npf_engine.sampling.exact import Truth, critical_points, describe, hessian
from npf_engine.sampling.landscapes import Landscape, find
from npf_engine.sampling.langevin import LangevinSettings, Region
from npf_engine.sampling.nearness import LEVEL, Nearness

LOW, HIGH = (-3.0, -40.0), (2.0, 60.0)
SIZES = torch.tensor([5.0, 100.0], dtype=torch.float64)


def bent(x: Tensor) -> Tensor:
    """The gradient of g = cos(2 p) + p q + q^4 / 4 - 3 q with q = y / 20."""
    p, q = x[:, 0], x[:, 1] / 20
    return torch.stack([-2 * torch.sin(2 * p) + q, (p + q**3 - 3) / 20], 1)


def by_definition(x: Tensor, v: Tensor, steps: int) -> np.ndarray:
    """One start: a Newton step of at most a tenth of the box, times a damping that is halved where |grad g - v| does
    not fall or the step leaves the box, and doubled up to 1 where it does."""
    at, damping = x[None], 1.0
    for _ in range(steps):
        p, q = float(at[0, 0]), float(at[0, 1]) / 20
        H = np.array([[-4 * math.cos(2 * p), 1 / 20], [1 / 20, 3 * q * q / 400]])
        r = (bent(at)[0] - v).numpy()
        step = np.linalg.solve(H, -r)
        step *= min(1.0, 0.1 / np.abs(step / SIZES.numpy()).max())
        trial = at + damping * torch.from_numpy(step)
        inside = bool(((trial >= torch.tensor(LOW)) & (trial <= torch.tensor(HIGH))).all())
        if inside and float((bent(trial)[0] - v).norm()) < np.linalg.norm(r):
            at, damping = trial, min(1.0, 2 * damping)
        else:
            damping /= 2
    return at[0].numpy()


@pytest.mark.parametrize("steps", [1, 2, 3, 9])
def test_newton_takes_the_steps_of_its_definition(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "NEWTON_STEPS", steps)
    g = torch.Generator().manual_seed(0)
    x = torch.tensor(LOW) + torch.rand(50, 2, generator=g, dtype=torch.float64) * SIZES
    v = torch.tensor([0.3, -0.02], dtype=torch.float64)
    found = exact._newton(bent, x, v, SIZES, Region(LOW, HIGH))
    for row in range(50):
        np.testing.assert_allclose(found[row] / SIZES, by_definition(x[row], v, steps) / SIZES.numpy(), atol=2e-5)


def test_newton_ends_once_no_start_can_move(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def slope(x: Tensor) -> Tensor:
        asked.append(len(x))
        return torch.full_like(x, torch.nan)

    x = torch.tensor([[0.0, 0.0], [1.0, 5.0]]).double()
    found = exact._newton(slope, x, torch.zeros(2).double(), SIZES, Region(LOW, HIGH))
    # Ten halvings bring the damping below a thousandth: each asks for four differences and one trial.
    assert torch.equal(found, x) and len(asked) == 1 + 10 * 5


def test_a_hessian_is_the_symmetric_part_of_the_differences() -> None:
    x = torch.tensor([[0.3, 7.0]]).double()
    found = hessian(lambda x: torch.stack([x[:, 1] + 2 * x[:, 0], 4 * x[:, 1]], 1), x, SIZES)
    torch.testing.assert_close(found, torch.tensor([[[2.0, 0.5], [0.5, 4.0]]]).double(), atol=1e-6, rtol=1e-6)


def wells(scale: float = 1.0) -> Landscape:
    """Two tilted wells along each axis: of the nine critical points a saddle lies lower than the highest minimum."""

    def well(p: Tensor) -> Tensor:
        return (p * p - 1) ** 2 + 0.4 * p

    def slope(p: Tensor) -> Tensor:
        return 4 * p * (p * p - 1) + 0.4

    def value(x: Tensor) -> Tensor:
        return scale * (well(x[:, 0]) + well(x[:, 1] / 9))

    def gradient(x: Tensor) -> Tensor:
        return scale * torch.stack([slope(x[:, 0]), slope(x[:, 1] / 9) / 9], 1)

    return Landscape("", "", value, gradient, (-1.7, -16.0), (2.0, 19.0))


@pytest.mark.parametrize("scale", [1.0, 1e7, 1e-7])
def test_critical_points_are_found_whatever_the_units_of_g(scale: float) -> None:
    roots = np.sort(np.roots([4, 0, -4, 0.4]).real)
    found = critical_points(wells(scale))
    assert [p.kind for p in found] == ["minimum"] * 4 + ["saddle"] * 4 + ["maximum"]
    values = np.array([p.value for p in found])
    assert (np.diff(values[:4]) >= 0).all() and (np.diff(values[4:8]) >= 0).all() and values[4] < values[3]
    grid = {(round(a, 5), round(b, 5)) for a in roots for b in roots}
    assert {(round(p.location[0], 5), round(p.location[1] / 9, 5)) for p in found} == grid
    assert all(p.residual < 1e-6 * scale for p in found)


def flat(a: float, b: float, low: float = 0.0, half: float = 5.0) -> Landscape:
    """g = low + (a x^2 + b y^2) / 2."""
    size = torch.tensor([a, b], dtype=torch.float64)
    return Landscape(
        "", "", lambda x: low + (size * x.square()).sum(1) / 2, lambda x: size * x, (-half, -half), (half, half)
    )


def test_degenerate_is_a_millionth_of_the_largest_curvature() -> None:
    zero = torch.zeros(2).double()
    kinds = {
        (1e6, 0.5): "degenerate",
        (1e6, 2.0): "minimum",
        (1e-7, 1e-7): "minimum",
        (-1e6, -2.0): "maximum",
        (-1e-7, 1e-7): "saddle",
        (-0.5, 1e6): "degenerate",
        (0.0, 0.0): "degenerate",
        (0.5, 0.25): "minimum",
        (-0.5, -0.25): "maximum",
    }
    for (a, b), kind in kinds.items():
        assert describe(flat(a, b), zero, 0.0).kind == kind, (a, b)
    rough = dataclasses.replace(flat(1, 1), gradient=lambda x: torch.where(x > 0, torch.nan, x))
    point = describe(rough, zero, 0.25)
    assert (point.kind, point.eigenvalues, point.residual) == ("degenerate", [0.0, 0.0], 0.25)


def test_what_is_rounding_is_0() -> None:
    """1e-14 of the box, here 10 wide, for a place; of the curvature times the square of the box for a value."""
    at = torch.tensor([0.5e-13, 2e-13], dtype=torch.float64)
    assert describe(flat(2, 2), at, 0.0).location == [0.0, 2e-13]
    assert describe(flat(2, 2), -at, 0.0).location == [0.0, -2e-13]
    zero = torch.zeros(2).double()
    assert (
        describe(flat(3, 2, 2.9e-12), zero, 0.0).value == 0.0 and describe(flat(3, 2, -2.9e-12), zero, 0.0).value == 0
    )
    assert describe(flat(3, 2, 3.1e-12), zero, 0.0).value == 3.1e-12


# -- the own law -------------------------------------------------------------------------------------------------------


def test_what_a_trained_u_says_of_the_own_law() -> None:
    """exp(-c u(M(x))) with u(M(x)) = 0.8 g_x^2 + 0.1 g_y^2 told, where the quadratic estimate leaves any mass."""
    truth = Truth(find("double-well"), 9.0, side=121)
    asked: list[Tensor] = []

    def lifted(v: Tensor) -> Tensor:
        asked.append(v)
        return (0.8 * v[:, 0].square() + 0.1 * v[:, 1].square()).float()

    draws = truth.own_draws(LangevinSettings(1e-9, 9.0, inner=1), lifted)
    slope = truth.landscape.gradient(truth.cells.points)
    weight = torch.softmax(-9.0 * (0.8 * slope[:, 0].square() + 0.1 * slope[:, 1].square()), 0)
    assert draws is not None
    for power in (1, 2):
        expected = (weight[:, None] * truth.cells.points.abs() ** power).sum(0)
        torch.testing.assert_close((draws.abs() ** power).mean(0), expected, atol=0.03, rtol=0.03)
    b = sum(1 / p.determinant for p in truth.critical) ** -0.5
    near = 9.0 * slope.square().sum(1) / (2 * b) < exact.OWN_REACH
    assert torch.equal(asked[0], slope[near]) and 100 < int(near.sum()) < len(slope)


def test_cells_and_shares_of_a_small_grid() -> None:
    truth = Truth(wells(), 1.0, side=60)
    cell = torch.tensor([3.7, 35.0]).double() / 60
    corner = torch.tensor([-1.7, -16.0]).double()
    for i, j in ((0, 0), (59, 59), (7, 31)):
        x = corner + cell * torch.tensor([i + 0.01, j + 0.99])
        assert int(truth.basin(x[None])[0]) == int(truth.labels[i * 60 + j])
        torch.testing.assert_close(truth.cells.points[i * 60 + j], corner + cell * torch.tensor([i + 0.5, j + 0.5]))
    draws = truth.sample(500, torch.Generator().manual_seed(0), basin=2)
    assert truth.shares(draws).tolist() == [0.0, 0.0, 1.0, 0.0]
    assert truth.energy_at(truth.cells.points[:3]).tolist() == pytest.approx(
        truth.landscape.potential(truth.cells.points[:3]).tolist()
    )
    below = Truth(
        dataclasses.replace(wells(), potential=lambda x: torch.where(x[:, 0] < 0, -torch.inf, x[:, 0])), 2.0, 20
    )
    assert bool(torch.isinf(below.energy_at(torch.tensor([[-1.0, 0.0]]))).all())


# -- ends of the flow --------------------------------------------------------------------------------------------------


def test_every_cell_points_where_the_flow_leads_next() -> None:
    """Three cells along the gradient that is read one and a half cells on, where that is lower; else one cell along
    the gradient of the place itself; else to the lowest neighbour; a cell that no neighbour is below to itself."""
    side, landscape = 21, wells()
    cell = (np.array(landscape.high) - np.array(landscape.low)) / side
    points = exact._grid(landscape, side)
    energy = landscape.potential(points)

    def along(x: np.ndarray) -> np.ndarray:
        slope = landscape.gradient(torch.from_numpy(x[None]))[0].numpy() * cell
        return slope / np.linalg.norm(slope) * cell

    def index(x: np.ndarray) -> int:
        i, j = np.clip(np.floor((x - np.array(landscape.low)) / cell), 0, side - 1).astype(int)
        return int(i * side + j)

    lowest = basins._lowest_neighbour(energy, side)
    expected = []
    for k, place in enumerate(points.numpy()):
        first = along(place)
        middle = landscape.region().confine(torch.from_numpy((place - 1.5 * first)[None]))[0].numpy()
        near, far = index(place - first), index(place - 3 * along(middle))
        target = int(lowest[k])
        if target != k:
            for reached in (near, far):
                target = reached if float(energy[reached]) < float(energy[k]) else target
        expected.append(target)
    found = basins._downhill(landscape, points, energy, side).tolist()
    assert found == expected and len({*found}) > 50
    still = [k for k, target in enumerate(found) if k == target]
    assert len(still) == 4, "the minima"


def test_ends_that_touch_are_the_one_nearest_to_their_middle() -> None:
    """On 5 x 5 cells: (0, 0), (1, 1) and (1, 2) touch, their middle is (2 / 3, 1); (4, 3) and (4, 4) do, ties go to the
    first; (3, 0) is alone. All others flow to one of them."""
    side, ends = 5, [(0, 0), (1, 1), (1, 2), (4, 3), (4, 4), (3, 0)]
    pointer = torch.full((25,), 15)
    pointer[[4, 9]] = 7  # two cells that flow to (1, 2)
    for row, column in ends:
        pointer[row * side + column] = row * side + column
    found = basins._one_end_each(pointer, side)
    assert found[[0, 6, 7, 4, 9]].tolist() == [6] * 5
    assert found[[23, 24]].tolist() == [23, 23] and found[[15, 10, 20]].tolist() == [15, 15, 15]


def test_an_end_joins_the_nearest_mode_within_six_cells_or_is_one_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends at cells of a 60 x 60 grid, the deepest first: beside a minimum, near it, far from it, and near the edge."""
    side = 60
    landscape = dataclasses.replace(wells(), low=(0.0, 0.0), high=(60.0, 120.0))
    points = exact._grid(landscape, side)
    ends = {(30, 30): 0.0, (37, 30): 3.0, (30, 36): 2.0, (6, 30): 1.0, (5, 30): 9.0, (30, 53): 4.0, (54, 54): 5.0}
    pointer = torch.full((side * side,), 30 * side + 30)
    energy = torch.full((side * side,), 50.0).double()
    for (row, column), level in ends.items():
        pointer[row * side + column] = row * side + column
        energy[row * side + column] = level
    monkeypatch.setattr(basins, "_downhill", lambda *rest: pointer)
    monkeypatch.setattr(basins, "_one_end_each", lambda pointer, side: pointer)
    minima = [Mode([30.5, 61.5], "minimum")]  # half a cell along the second axis from the end at (30, 30)
    modes, labels = basins.basins(landscape, points, energy, minima, side)
    assert [(mode.kind, mode.location) for mode in modes] == [
        ("minimum", [30.5, 61.5]),
        ("degenerate", [6.5, 61.0]),  # 24 cells away; six from the edge
        ("degenerate", [37.5, 61.0]),  # seven cells along the first axis
        ("degenerate", [30.5, 107.0]),
        ("boundary", [54.5, 109.0]),  # the edge is five cells away
    ]
    at = {cell: int(labels[cell[0] * side + cell[1]]) for cell in ends}
    assert at == {(30, 30): 0, (30, 36): 0, (6, 30): 1, (5, 30): 1, (37, 30): 2, (30, 53): 3, (54, 54): 4}


def test_the_pointers_are_followed_to_their_end() -> None:
    """A valley of one path through all rows: from everywhere to its lower end, on the right edge."""
    valley = Landscape(
        "",
        "",
        lambda x: 0.01 * (50 - x[:, 0]) + (x[:, 1] - 25).square(),
        lambda x: torch.stack([torch.full_like(x[:, 0], -0.01), 2 * (x[:, 1] - 25)], 1),
        (0.0, 0.0),
        (50.0, 50.0),
    )
    truth = Truth(valley, 1.0, side=51)
    assert [mode.kind for mode in truth.modes] == ["boundary"] and truth.modes[0].location[0] > 49
    assert abs(truth.modes[0].location[1] - 25) < 1 and not truth.labels.any()


# -- nearness ----------------------------------------------------------------------------------------------------------


def told(energy: list[float], mass: list[float], labels: list[int], bottoms: list[float], c: float = 3.0) -> Any:
    """Cells and modes as quadrature would have them; the k-th mode is at (k, 0) with the energy ``bottoms[k]``."""
    table = torch.tensor(bottoms).double()
    return SimpleNamespace(
        cells=SimpleNamespace(energy=torch.tensor(energy).double(), mass=torch.tensor(mass).double()),
        labels=torch.tensor(labels),
        modes=[SimpleNamespace(location=[float(k), 0.0]) for k in range(len(bottoms))],
        coefficient=c,
        energy_at=lambda x: table[x[:, 0].long()],
    )


def test_the_level_of_a_basin_holds_99_percent_of_its_mass_or_that_of_a_gaussian() -> None:
    """Basin 0: 0.9, 0.085, 0.01, 0.005 of its mass from below, so that 0.99 is passed in the third cell. Basin 1 holds
    it at once; basin 2 has no mass; basin 3 no cell."""
    truth = told(
        [20.0, 5.0, 30.0, 12.0, 1.0, 2.0, 7.0, 8.0],
        [0.045, 0.45, 0.0025, 0.0475, 0.455, 0.0, 0.0, 0.0],
        [0, 0, 0, 0, 1, 1, 2, 2],
        [4.0, 1.5, 9.0, 6.0],
    )
    truth.cells.mass = torch.tensor([0.005, 0.45, 0.0025, 0.0425, 0.5, 0.0, 0.0, 0.0]).double()
    levels = nearness._levels(truth)
    # From the lower of the mode's own energy and its lowest cell's.
    assert levels.tolist() == pytest.approx([20.0, 1.0 + LEVEL, 7.0 + LEVEL, 6.0 + LEVEL])


def test_forms_are_c_times_half_the_hessian_of_its_sizes() -> None:
    """H = [[1, 2], [2, 1]] has the eigenvalues 3 and -1: |H| = [[2, 1], [1, 2]]."""
    truth: Any = SimpleNamespace(
        landscape=dataclasses.replace(
            wells(), gradient=lambda x: torch.stack([x[:, 0] + 2 * x[:, 1], 2 * x[:, 0] + x[:, 1]], 1)
        ),
        coefficient=6.0,
    )
    forms = nearness._forms(truth, torch.tensor([[0.3, 5.0]]).double())
    torch.testing.assert_close(forms, torch.tensor([[[6.0, 3.0], [3.0, 6.0]]]).double(), atol=1e-5, rtol=1e-5)
    assert nearness._forms(truth, torch.zeros(0, 2).double()).shape == (0, 2, 2)


def test_the_nearest_of_several_saddles_and_maxima_counts_by_its_own_form() -> None:
    """c x^T |H| x / 2 <= LEVEL = 4.6: about (0, 0) with [[2, 1], [1, 2]], and about (3, 0) with 0.1 I."""
    near = object.__new__(Nearness)
    near.levels = torch.tensor([1.0, 2.0]).double()
    near._codes = torch.tensor([nearness.SADDLE, nearness.MAXIMUM])
    near._places = torch.tensor([[0.0, 0.0], [3.0, 0.0]]).double()
    near._forms = torch.tensor([[[2.0, 1.0], [1.0, 2.0]], [[0.1, 0.0], [0.0, 0.1]]]).double()
    x = torch.tensor([[1.2, 0.0], [1.2, 1.2], [1.2, -1.2], [0.1, 0.1], [3.0, 6.7], [3.0, 6.9], [9.0, 9.0], [9.0, 9.0]])
    labels = torch.tensor([0, 0, 0, 0, 0, 0, 1, 0])
    energy = torch.tensor([9.0, 9, 9, 9, 9, 9, 2.0, 1.01]).double()
    found = near._where(x.double(), labels, energy).tolist()
    # 2.88 against 0.324: the maximum; 8.64 against 0.468; 2.88 against 0.468; 0.06; 4.49; 4.76; the mode's level.
    assert found == [-3, -3, -3, -2, -3, -1, 1, -1]
    told = near._count(torch.tensor([-1, -2, -3, 0, 1, 1]), torch.tensor([0.1, 0.2, 0.3, 0.05, 0.15, 0.2]).double())
    assert told.each == pytest.approx((0.05, 0.35)) and told.saddles == pytest.approx(0.2)
    assert told.maxima == pytest.approx(0.3) and told.modes == pytest.approx(0.4)
    assert told.to_json() == pytest.approx({"near_modes": 0.4, "near_saddles": 0.2, "near_maxima": 0.3})

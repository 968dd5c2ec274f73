"""Semi-discrete transport and Laguerre cells: Voronoi cells, translations, linear maps, the exact discrete plan."""

from __future__ import annotations

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.transport import simplex
from npf_engine.transport.laguerre import EDGE, cells_of
from npf_engine.transport.semi_discrete import SemiDiscrete, polygon_area, regular, semi_discrete

SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
K = 12
LINE = (np.arange(K) + 0.5) * 2 / K - 1
GRID = np.stack(np.meshgrid(LINE, LINE), axis=-1).reshape(-1, 2)  # middles of K x K equal squares
RNG = np.random.default_rng(5)
PLACES = RNG.uniform(-1, 1, (4000, 2))


def inside(found: SemiDiscrete) -> np.ndarray:
    """Places that are no nearer than rounding to the border of two cells."""
    values = np.sort(PLACES @ found.y.T - found.psi, axis=1)
    return values[:, -1] - values[:, -2] > 1e-9 * np.ptp(values)


def test_cells_are_where_their_function_is_the_largest() -> None:
    y = RNG.normal(size=(60, 2))
    psi = (y * y).sum(axis=1) / 2 + 0.05 * RNG.normal(size=60)  # some are nowhere the largest
    cells = cells_of(y, psi, SQUARE)
    areas = cells.areas()
    assert areas.sum() == pytest.approx(4.0, rel=1e-12)
    at = np.stack(np.meshgrid(*[(np.arange(400) + 0.5) / 200 - 1] * 2), axis=-1).reshape(-1, 2)
    which = (at @ y.T - psi).argmax(axis=1)
    assert np.abs(np.bincount(which, minlength=60) / 40_000 - areas).max() < 2e-3 and (areas == 0).any()
    middles = np.stack([np.bincount(which, at[:, k], 60) for k in (0, 1)], axis=1)
    large = areas > 0.05
    found = cells.barycentres()
    np.testing.assert_allclose(found[large], (middles[large].T / np.bincount(which, minlength=60)[large]).T, atol=5e-3)
    assert np.isnan(found[areas == 0]).all()


def test_an_edge_is_as_long_from_both_sides_and_sides_of_the_polygon_are_none() -> None:
    y = RNG.uniform(-1, 1, (80, 2))
    cells = cells_of(y, (y * y).sum(axis=1) / 2, regular(7))
    first, second, lengths = cells.edges()
    known = dict(zip(zip(first.tolist(), second.tolist(), strict=True), lengths.tolist(), strict=True))
    for (j, k), length in known.items():
        assert known.get((k, j), 0.0) == pytest.approx(length, abs=1e-12)
    sides = [cells.beyond[j, i] for j in range(80) for i in range(cells.counts[j])]
    assert sides.count(EDGE) >= 7 and polygon_area(cells.polygon(0)) == pytest.approx(cells.areas()[0])


@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.0, -40.0), (1e6, 1e6)])
def test_a_grid_and_its_translation_have_their_own_voronoi_cells(shift: tuple[float, float]) -> None:
    """grad u = x + shift, up to the side of a cell: the Voronoi cells of a grid are equal squares, and a translation is
    optimal."""
    found = semi_discrete(GRID + np.array(shift), SQUARE)
    np.testing.assert_allclose(found.masses, 1 / K**2, rtol=1e-8)
    nearest = GRID[((PLACES[:, None] - GRID[None]) ** 2).sum(axis=2).argmin(axis=1)]
    away = np.abs(np.mod(PLACES * K / 2, 1.0))  # of a border between squares
    clear = ((away > 1e-3) & (away < 1 - 1e-3)).all(axis=1)
    np.testing.assert_allclose(found.gradient(PLACES)[clear], nearest[clear] + np.array(shift), rtol=1e-12)
    np.testing.assert_allclose(found.cells.barycentres() + np.array(shift), found.y, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("region", ["square", "disc"])
def test_a_linear_map_is_found_up_to_the_size_of_the_cells(region: str) -> None:
    """y = A x, A symmetric and positive, is optimal: at the barycentre of each cell it misses by a share of a cell."""
    A = np.array([[2.0, 0.7], [0.7, 1.0]])
    polygon = SQUARE if region == "square" else regular(128)
    x = GRID if region == "square" else GRID[(GRID**2).sum(axis=1) < 1]
    errors = []
    for fine in (1, 2):
        steps = (np.arange(fine) - (fine - 1) / 2) * 2 / (K * fine)
        found = semi_discrete(np.concatenate([x + np.array([a, b]) for a in steps for b in steps]) @ A, polygon)
        off = found.cells.barycentres() @ A - found.y
        errors.append(float(np.sqrt((off**2).sum(axis=1).mean())))
    assert errors[0] < 0.3 * 2 / K  # on the disc the grid of x is no more exact than its border
    assert region == "disc" or errors[1] < 0.7 * errors[0]


def test_it_agrees_with_the_exact_discrete_plan_of_a_fine_sample() -> None:
    """The correlation of the cells is the plan's between 576 places and the targets, up to the places' own grid, and
    no place lies in another target's cell but near a border."""
    y = np.stack([RNG.exponential(size=24), RNG.normal(size=24)], axis=1)
    found = semi_discrete(y, SQUARE)
    line = (np.arange(24) + 0.5) / 12 - 1
    x = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    plan = simplex.plan(-(x @ y.T))
    discrete = float((plan * (x @ y.T)).sum())
    exact = float((found.cells.barycentres() * found.y).sum(axis=1) @ found.weights)
    assert exact == pytest.approx(discrete, rel=5e-3)
    assert (plan.argmax(axis=1) == found.cell(x)).mean() > 0.9
    # the dual has the same value: the integral of u over the square, and the mean of psi
    fine = (np.arange(400) + 0.5) / 200 - 1
    at = np.stack(np.meshgrid(fine, fine), axis=-1).reshape(-1, 2)
    assert float(found.potential(at).mean() + found.psi @ found.weights) == pytest.approx(exact, abs=2e-4)


@pytest.mark.parametrize("law", ["cauchy", "clusters", "normal"])
def test_masses_are_exact_for_targets_of_any_law(law: str) -> None:
    drawn = {
        "cauchy": RNG.standard_cauchy((120, 2)),
        "clusters": np.concatenate([1e-3 * RNG.normal(size=(60, 2)), 5 + 1e-3 * RNG.normal(size=(60, 2))]),
        "normal": 1e5 + RNG.normal(size=(120, 2)) * [3.0, 0.01],
    }[law]
    seen: list[float] = []
    found = semi_discrete(drawn, SQUARE * [1.0, 3.0] + 7.0, lambda step, error: seen.append(error))
    assert np.abs(found.masses * 120 - 1).max() <= 1e-8 and found.error <= 1e-8
    assert len(seen) == found.steps + 1 and seen[-1] == found.error
    at = PLACES[:50] * [0.9, 2.7] + 7.0
    step = 1e-6
    slopes = [(found.potential(at + step * e) - found.potential(at - step * e)) / (2 * step) for e in np.eye(2)]
    scale = np.abs(found.y).max()
    same = np.abs(np.stack(slopes, axis=1) - found.gradient(at)).max(axis=1) < 1e-3 * scale
    assert same.mean() > 0.9  # but where a border lies within the step


def test_the_order_of_the_targets_changes_nothing() -> None:
    y = RNG.normal(size=(80, 2))
    order = RNG.permutation(80)
    one, other = semi_discrete(y, SQUARE), semi_discrete(y[order], SQUARE)
    np.testing.assert_allclose(one.psi[order] - one.psi.mean(), other.psi - other.psi.mean(), atol=1e-9)
    clear = inside(one)
    np.testing.assert_array_equal(one.gradient(PLACES)[clear], other.gradient(PLACES)[clear])


def test_targets_at_one_place_are_one_of_their_mass() -> None:
    y = RNG.normal(size=(30, 2))
    found = semi_discrete(np.concatenate([y, y[:5], y[:5]]), SQUARE)
    assert found.merged == 10 and len(found.y) == 30
    np.testing.assert_allclose(found.masses, np.where(np.arange(30) < 5, 3, 1) / 40, rtol=1e-7)


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (np.stack([LINE, 2 * LINE], axis=1), "lie in a line or a point"),
        (np.ones((50, 2)), "lie in a line or a point"),
        (np.array([[0.0, 1.0], [np.nan, 0.0], [1.0, 1.0]]), "is not finite"),
        (np.array([[0.0, 1.0], [1.0, 0.0]]), "lie in a line or a point"),
        (np.zeros((0, 2)), "lie in a line or a point"),
    ],
)
def test_what_has_no_cells_is_one_sentence(y: np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=says):
        semi_discrete(y, SQUARE)

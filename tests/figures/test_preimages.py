"""The map of pre-images and the ladder of what F misses there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from npf_engine.fields.field import Grid, Units
from npf_engine.figures import shares
from npf_engine.figures.layout import Extent
from npf_engine.figures.preimages import Exact, behind, miss_ladder, preimage_map

UNITS = Units(("x", "y"), ("", ""), "")
BOX = Extent(UNITS, (-1.0, -1.0), (1.0, 1.0))
GAP = np.full((1, 2), np.nan)


def _map(places: np.ndarray, levels: tuple[np.ndarray, np.ndarray] | None = None) -> Any:
    weights = np.full(len(places), 1 / len(places))
    return preimage_map(np.zeros((5, 2)), np.zeros(2), BOX, exact=Exact(levels, (places, weights)))


@pytest.mark.parametrize("way", [(0.0, 0.01), (0.01, 0.0), (0.01, 0.004)])
def test_the_numbers_of_two_near_places_stand_on_opposite_sides(way: tuple[float, float]) -> None:
    notes = _map(np.array([[0.0, 0.0], way])).layout.annotations
    first, second = (np.array([note.xshift, note.yshift]) for note in notes)
    assert first @ second < 0 and min(np.linalg.norm(first), np.linalg.norm(second)) > 8
    assert all("50 %" in note.text for note in notes)


@pytest.mark.parametrize("corner", [(-0.97, 0.97), (0.97, 0.97), (0.97, -0.97), (-0.97, -0.97)])
@pytest.mark.parametrize("way", [(0.0, 0.05), (0.05, 0.0), (0.05, 0.02)])
def test_the_numbers_of_places_in_a_corner_stand_on_the_map(
    corner: tuple[float, float], way: tuple[float, float]
) -> None:
    inwards = -np.sign(corner) * way
    for note in _map(np.array([corner, corner + inwards])).layout.annotations:
        assert note.x * note.xshift <= 0 and note.y * note.yshift <= 0


def test_no_number_hides_another_and_the_largest_shares_have_theirs() -> None:
    rng = np.random.default_rng(1)
    plane = np.vstack([rng.uniform(-0.2, 0.2, (14, 2)), [[0.9, 0.9]]])
    weights = np.sort(rng.dirichlet(np.full(15, 3.0)))[::-1]
    named = np.flatnonzero(weights >= shares.NAMED)
    box = (np.full(2, -1.0), np.full(2, 1.0))
    found = shares.written(plane, weights, named, box)
    pixels = (plane + 1) / 2 * shares.SIDE
    labels = [shares._label(pixels[k], side, shares._away(weights[k])) for k, side in found]
    assert not any(a.meets(b) for k, a in enumerate(labels) for b in labels[:k])
    assert found[0][0] == 0 and 3 < len(found) < len(named)


def test_exact_places_have_a_mark_of_their_own() -> None:
    marks = {trace.name: trace.marker.symbol for trace in _map(np.zeros((1, 2))).data}
    assert marks["exact pre-images"] == "diamond" and marks["draws"] is None


def test_larger_shares_are_larger_dots() -> None:
    sizes = shares.size_of(np.array([0.0, 0.06, 0.24]))
    assert sizes[1] - sizes[0] == pytest.approx((sizes[2] - sizes[0]) / 2) and sizes[2] > 1.4 * sizes[1]


def test_a_cross_that_is_not_on_the_map_is_not_in_the_legend() -> None:
    far = preimage_map(np.zeros((5, 2)), np.array([3.0, 0.0]), BOX)
    near = preimage_map(np.zeros((5, 2)), np.array([1.0, 0.0]), BOX)
    drawn = ["∇u*(v)" in {trace.name for trace in figure.data} for figure in (far, near)]
    assert drawn == [False, True]


def test_a_component_that_is_nowhere_as_asked_has_no_line_in_the_legend() -> None:
    names = [trace.name for trace in _map(np.zeros((1, 2)), (np.array([[0.0, 0.0], [1.0, 1.0]]), GAP)).data]
    assert "F₁ as asked" in names and "F₂ as asked" not in names


@pytest.mark.parametrize("largest", [0.3, 2.0, 49.0, 5000.0])
def test_each_bar_ends_within_the_axis_with_room_for_its_number(largest: float) -> None:
    figure = miss_ladder({"exact": 0.0, "ours": 0.1, "nearest": 0.1, "random": largest})
    low, high = figure.layout.xaxis.range
    assert low == -4 and high >= 0.4 + np.log10(largest)
    assert 1e-4 in figure.layout.xaxis.tickvals and max(figure.layout.xaxis.tickvals) <= 10**high


def test_what_has_not_arrived_is_not_called_exact() -> None:
    ladders = ({"exact": 14.0, "ours": 14.0}, {"exact": 1e-9, "ours": 0.1})
    labels = [miss_ladder(ladder | {"random": 16.0}).data[0].y[0] for ladder in ladders]
    assert labels == ["our draws, carried on", "exact, from our draws"]


@pytest.mark.parametrize(("offset", "unit"), [(0.0, "metres"), (5000.0, "metres above 5,000")])
def test_what_lies_behind_the_draws_has_values_and_words(offset: float, unit: str) -> None:
    """The elevation with its unit, without what is outside of Omega; else the samples of rho."""
    z = np.array([[1.0, 2.0], [3.0, 900.0]])
    inside = np.array([[True, True], [True, False]])
    grid = Grid(z, z, inside, -1.0, -1.0, 1.0, 1.0, offset)
    units = Units(("degrees", "degrees"), ("", ""), "metres per pixel")
    where = Extent(units, (-1.0, -1.0), (1.0, 1.0))
    relief = preimage_map(np.zeros((5, 2)), np.zeros(2), where, grid=grid).data[0]
    assert relief.name == "elevation" and f"%{{z:,.0f}} {unit}<" in relief.hovertemplate
    assert behind(grid, units) == f"Behind is the elevation, from 1 (dark) to 3 {unit} (light)."
    dots = preimage_map(np.zeros((5, 2)), np.zeros(2), BOX, backdrop=np.ones((4, 2))).data[0]
    assert dots.hoverinfo is None and "a sample of ρ" in dots.hovertemplate and "samples of ρ" in behind(None, UNITS)

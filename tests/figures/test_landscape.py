"""Figures of a landscape run: g, shares and targets as given."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Units
from npf_engine.figures import critical, landscape

PLAIN = Units(("x", "y"), ("", ""), "")


def test_the_contour_carries_g_and_the_modes() -> None:
    x, y = np.linspace(-1, 1, 5), np.linspace(0, 2, 4)
    g = x[:, None] ** 2 + y[None, :]
    figure = landscape.contour(x, y, g, PLAIN, (-1, 0), (1, 2))
    np.testing.assert_allclose(figure.data[0].customdata, g.T, rtol=1e-6)
    assert (np.argsort(figure.data[0].z.ravel()) == np.argsort(figure.data[0].customdata.ravel())).mean() > 0.5
    landscape.add_modes(figure, [{"location": [0.0, 0.0]}])
    assert figure.data[1].name == "mode"


def test_ranks_count_what_is_below_and_take_what_is_no_number_for_the_highest() -> None:
    ranks = landscape.ranks(np.array([[3.0, 1.0], [np.nan, 1e9]]))
    np.testing.assert_allclose(ranks, [[1 / 3, 0.0], [1.0, 2 / 3]])


def test_occupancy_and_weights_show_what_was_given_beside_the_exact_weights() -> None:
    shares = np.array([[1.0, 0.0], [0.6, 0.4]])
    figure = landscape.occupancy(np.array([0, 10]), shares, [0.7, 0.3])
    np.testing.assert_allclose(figure.data[1].y, shares[:, 1], rtol=1e-6)
    assert [shape.y0 for shape in figure.layout.shapes] == [0.7, 0.3]
    modes = [{"occupancy": 0.6, "near": 0.1, "target": 0.7}, {"occupancy": 0.4, "near": 0.4, "target": 0.3}]
    bars = landscape.weights([{"method": "lmc", "modes": modes}])
    np.testing.assert_allclose(bars.data[0].y, [0.7, 0.3], rtol=1e-6)
    np.testing.assert_allclose(bars.data[1].y, [0.1, 0.4], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(bars.data[2].base, dtype=float) + bars.data[2].y, [0.6, 0.4], rtol=1e-6)
    assert bars.data[1].offsetgroup == bars.data[2].offsetgroup != bars.data[0].offsetgroup
    older = landscape.weights([{"method": "lmc", "modes": [{"occupancy": 0.5, "target": 0.7}]}])
    assert len(older.data) == 2 and older.data[1].y[0] == 0.5


def test_where_the_draws_are_fills_a_bar() -> None:
    shares = {"near_modes": 0.2, "near_saddles": 0.3, "near_maxima": 0.1}
    figure = landscape.where([("LMC-NPF", shares), ("exp(-c g)", dict.fromkeys(shares, 0.0) | {"near_modes": 1.0})])
    assert [trace.name for trace in figure.data] == ["near modes", "near saddles", "near maxima", "elsewhere"]
    np.testing.assert_allclose(sum(np.asarray(trace.x) for trace in figure.data), [1.0, 1.0], rtol=1e-6)
    assert list(figure.data[0].y) == ["exp(-c g)", "LMC-NPF"], "the first row is on top"
    np.testing.assert_allclose([trace.x[1] for trace in figure.data], [0.2, 0.3, 0.1, 0.4], rtol=1e-6)


def test_a_mode_is_marked_as_no_saddle_is_and_bears_its_number() -> None:
    figure = critical.add_points(go.Figure(), [([1.0, 1.0], "saddle")])
    landscape.add_modes(figure, [{"location": [0.0, 0.0]}, {"location": [2.0, 0.0]}])
    saddle, modes = figure.data
    assert modes.marker.symbol != saddle.marker.symbol and modes.name == "mode"
    assert [note.text for note in figure.layout.annotations] == ["<b>1</b>", "<b>2</b>"]

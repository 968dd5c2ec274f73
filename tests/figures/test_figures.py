"""Figures: what is drawn is what was given, as float32 arrays, with units on equal axes."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from npf_engine.fields.field import Field, Units
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.terrains import jacksboro_field
from npf_engine.figures import accuracy, histograms, inverse, panels, preimages, surface, terrain, training
from npf_engine.figures.layout import Extent, aspect, counts, place_format, span, thin, value_format

PLAIN = Units(("x", "y"), ("", ""), "")


@pytest.fixture(scope="module")
def field() -> Field:
    return jacksboro_field(FieldSpec())


@pytest.fixture(scope="module")
def samples(field: Field) -> tuple[np.ndarray, np.ndarray]:
    return field.scaling.to_user(field.x_test.double()).numpy(), field.y_test.numpy()


def arrays_of(figure: go.Figure) -> list[np.ndarray]:
    found = []
    for trace in figure.data:
        for name in ("x", "y", "z", "u", "v"):
            value = getattr(trace, name, None) if name in trace else None
            if value is not None and not isinstance(value[0], str):
                found.append(np.asarray(value))
    return found


def all_figures(field: Field, samples: tuple[np.ndarray, np.ndarray]) -> dict[str, go.Figure]:
    x, y = samples
    assert field.grid is not None
    box = (field.units, field.low, field.high)
    metric = {"value": 0.4, "self_distance": 0.36, "ratio": 1.11, "se": 0.1, "trivial": 4.0, "n": 2048}
    return {
        "elevation": terrain.elevation_map(field.grid, field.units),
        "arrows": terrain.arrows(x, y, *box),
        "norm": terrain.norm_map(x, y, *box),
        "values": terrain.values_map(y, field.units),
        "histogram column": histograms.component_column(y),
        "shares within": histograms.shares_within(
            y[:, 0], "x", [("half", 1.0, 0.5, "m")], least=1e-3, colour="inverse"
        ),
        "histograms": histograms.component_histograms(y),
        "cosine": histograms.cosine_histogram(np.cos(np.linspace(-1, 1, 500)), trivial=0.4),
        "points": inverse.norm_points(x[:900], y[:900], Extent(*box), top=8.0, grid=field.grid),
        "preimages": preimages.preimage_map(
            x[:50],
            x[0],
            Extent(*box),
            grid=field.grid,
            chosen=x[1],
            exact=preimages.Exact((x[:90], x[90:95]), (x[:80], np.full(80, 1 / 80))),
        ),
        "miss ladder": preimages.miss_ladder({"exact": 1e-9, "ours": 0.07, "nearest": 0.05, "random": 1.4}),
        "trust": inverse.trust_map(x[:900], np.abs(y[:900, 0]), 0.5, Extent(*box), grid=field.grid),
        "difference": inverse.norm_difference(x[:900], y[:900, 0], Extent(*box), top=5.0, grid=field.grid),
        "surface": surface.potential_surface(np.arange(5.0), np.arange(4.0), np.ones((4, 5)), ("x", "y")),
        "ladder": accuracy.ladder({"pushforward": metric, "inverse": metric}),
        "snapshot": training.live_snapshot(y[:300], y[300:600]),
    }


def test_every_figure_is_clear_has_a_revision_and_sends_numbers_as_bytes(field, samples) -> None:
    for name, figure in all_figures(field, samples).items():
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)", name
        assert figure.layout.uirevision, name
        for array in arrays_of(figure):
            assert array.dtype.kind in "fu" and array.dtype.itemsize <= 4, name
        text = figure.to_json()
        assert len(text) < 3_000_000, name
        sizes = [len(item) for trace in json.loads(text)["data"] for item in trace.values() if isinstance(item, list)]
        assert not sizes or max(sizes) <= 64, f"{name} sends a list of numbers"


def test_axes_carry_units_and_the_aspect_of_the_ground(field, samples) -> None:
    figure = all_figures(field, samples)["norm"]
    assert figure.layout.xaxis.title.text == "longitude (degrees)"
    assert figure.layout.yaxis.scaleanchor == "x"
    middle = np.radians((field.low[1] + field.high[1]) / 2)
    assert figure.layout.yaxis.scaleratio == pytest.approx(1 / np.cos(middle))
    values = all_figures(field, samples)["values"]
    assert values.layout.xaxis.title.text == "F₁ (metres per pixel)" and values.layout.yaxis.scaleratio == 1
    assert aspect(Units(("a", "b"), ("m", "s"), ""), (0, 0), (1, 1)) is None


def test_elevation_lies_where_the_samples_say(field, samples) -> None:
    assert field.grid is not None
    heat = terrain.elevation_map(field.grid, field.units).data[0]
    summit = np.unravel_index(np.nanargmax(heat.z), heat.z.shape)
    rows, cols = field.grid.elevation.shape
    row, col = np.unravel_index(field.grid.elevation.argmax(), (rows, cols))
    pixel = (field.grid.east - field.grid.west) / cols
    assert heat.x[summit[1]] == pytest.approx(field.grid.west + (col + 0.5) * pixel, abs=2 * pixel)
    assert heat.y[summit[0]] == pytest.approx(field.grid.north - (row + 0.5) * pixel, abs=2 * pixel)
    assert heat.y[0] > heat.y[-1]


def test_arrows_point_along_the_field_and_grow_with_it(field, samples) -> None:
    x, y = samples
    quiver = terrain.arrows(x, y, field.units, field.low, field.high, side=10).data[0]
    assert 90 <= len(quiver.x) <= 100
    index = [int(np.abs(x - (a, b)).sum(1).argmin()) for a, b in zip(quiver.x, quiver.y, strict=True)]
    shown = np.stack([quiver.u, quiver.v], axis=1).astype(float)
    cosine = (shown * y[index]).sum(1) / np.linalg.norm(shown, axis=1) / np.linalg.norm(y[index], axis=1)
    assert cosine.min() > 0.9999
    assert np.linalg.norm(shown, axis=1).max() == pytest.approx(1.0, abs=1e-5)


def test_mean_on_cells_is_the_mean(samples) -> None:
    x = np.random.default_rng(0).uniform(size=(40_000, 2))
    picture, x_mid, y_mid = terrain.mean_on_cells(x, x[:, 0] + 10 * x[:, 1], (0, 0), (1, 1), 10)
    assert np.allclose(picture, x_mid[None, :] + 10 * y_mid[:, None], atol=0.2)


def test_histogram_shares_add_up(samples) -> None:
    _, y = samples
    figure = histograms.component_histograms(y)
    assert len(figure.data) == 3
    assert all(float(bars.y.sum()) == pytest.approx(100, abs=0.5) for bars in figure.data)
    cosine = histograms.cosine_histogram(np.full(100, 0.5), trivial=0.1)
    assert [line.name for line in cosine.data[1:]] == ["mean 0.50", "one fixed direction 0.10"]


def test_the_curve_of_shares_goes_through_its_marks() -> None:
    values = np.random.default_rng(3).lognormal(-3, 1, 2001)
    middle = float(np.median(values))
    figure = histograms.shares_within(-values, "x", [("half", middle, 0.5, "m")], least=1e-3, colour="inverse")
    curve, mark = figure.data
    assert np.interp(np.log(mark.x[0]), np.log(curve.x), curve.y) == pytest.approx(mark.y[0], abs=0.5)
    assert curve.y[-1] == 100 and curve.x.min() >= np.float32(1e-3)
    assert list(figure.layout.xaxis.ticktext)[:3] == ["0.001", "0.01", "0.1"]


def test_panels_share_ranges_within_a_space_and_colours_within_a_point(samples) -> None:
    x, y = samples[0][:500], samples[1][:500]
    planes = {"rho": x, "field": y, "grad_u": 2 * y, "m": x[::-1]}
    made = {
        key: panels.panel(key, planes, Extent(PLAIN, (0, 0), (1, 1)), position=key in ("rho", "m")) for key in planes
    }
    assert made["field"].ranges == made["grad_u"].ranges and made["rho"].ranges == made["m"].ranges
    figure = panels.column([made["grad_u"], made["m"]], np.arange(500, dtype=np.uint16).astype(np.uint8))
    assert np.array_equal(figure.data[0].marker.color, figure.data[1].marker.color)
    assert figure.data[1].yaxis == "y2" and figure.layout.yaxis2.scaleanchor == "x2"
    assert {trace.type for trace in figure.data} == {"scattergl"}


def test_more_points_than_dots_can_show_become_counts() -> None:
    points = np.random.default_rng(1).normal(size=(200_001, 2)).astype(np.float32)
    panel = panels.panel("field", {"field": points}, Extent(PLAIN, (0, 0), (1, 1)), position=False)
    figure = panels.column([panel], np.zeros(200_001, dtype=np.uint8))
    assert figure.data[0].type == "heatmap"
    picture = counts(points, (-6.0, 6.0), (-6.0, 6.0)).z
    assert np.nansum(10.0 ** picture.astype(float) - 1) == pytest.approx(200_001, rel=1e-3)


def test_ladder_puts_floor_at_one_and_value_at_its_ratio() -> None:
    metric = {"value": 0.72, "self_distance": 0.36, "ratio": 2.0, "se": 0.3, "trivial": 3.6, "n": 2048}
    figure = accuracy.ladder({"pushforward": metric, "inverse_cosine": None})
    assert [float(trace.x[-1]) for trace in figure.data] == pytest.approx([10.0, 10.0, 1.0, 2.0])
    row = accuracy.rows({"pushforward": metric})[0]
    assert row["better"] == pytest.approx(np.log(5) / np.log(10)) and row["floor"] == 0.36
    assert accuracy.rows({"pushforward": metric | {"trivial": 0.2}})[0]["better"] is None

    narrow = metric | {"value": 0.5 * metric["self_distance"], "se": 0.02}
    assert accuracy.rows({"pushforward": narrow})[0]["better"] is None
    assert accuracy.rows({"pushforward": narrow | {"se": 0.2}})[0]["better"] == 1.0
    miss = {"mean": 0.03, "self_distance": 0.05, "trivial": 1.4, "n": 100}
    assert accuracy.rows({"inverse_miss": miss})[0]["better"] == 1.0  # nearer than the nearest samples, and no cloud
    assert accuracy.rows({"inverse": None}) == []


def test_graphs_are_sorted_and_snapshots_of_one_dimension_are_densities() -> None:
    x = np.array([0.3, -1.0, 0.7])
    figure = panels.graphs(x, {"field": x**2}, "x", "F")
    assert np.allclose(figure.data[0].x, [-1, 0.3, 0.7]) and np.allclose(figure.data[0].y, [1, 0.09, 0.49])
    rng = np.random.default_rng(2)
    laws = training.live_snapshot(rng.normal(size=(400, 1)), rng.normal(size=(400, 1)), "m")
    assert laws.layout.xaxis.title.text == "F₁ (m)"
    plane = training.live_snapshot(rng.normal(size=(9, 2)), rng.normal(size=(9, 2)), "m")
    assert (plane.layout.xaxis.title.text, plane.layout.yaxis.title.text) == ("F₁ (m)", "F₂ (m)")
    assert {trace.type for trace in laws.data} == {"scatter"}


def test_what_is_pointed_at_is_written_as_finely_as_its_axis_and_in_its_unit(field, samples) -> None:
    assert place_format(6.83, 7.01) == ",.5f" and place_format(-5, 5) == ",.3f" and place_format(0, 1) == ",.4f"
    assert place_format(300_000, 340_000) == ",.0f" and place_format(0, 1e-9) == place_format(1, 1) == ".6~g"
    assert value_format(np.array([0.1, -8.3])) == ",.3~f" and value_format(np.array([2187.0, np.nan])) == ",.0~f"
    assert value_format(np.array([3e-9])) == value_format(np.zeros(0)) == ".4~g"
    x, y = samples
    box = (field.units, field.low, field.high)
    figure = inverse.norm_points(x[:50], y[:50], Extent(*box), top=8.0)
    assert field.units.value and f" {field.units.value}<extra>" in figure.data[0].hovertemplate
    assert figure.layout.xaxis.hoverformat == place_format(field.low[0], field.high[0])


def test_ranges_ignore_outliers_and_survive_constants() -> None:
    values = np.concatenate([np.linspace(0, 1, 1000), [1e9]])
    low, high = span(values)
    assert -0.1 < low < 0 and 1 < high < 1.2
    assert span(np.full(4, 3.0)) == (1.5, 4.5) and span(np.array([np.nan])) == (-1.0, 1.0)
    grid, step = thin(np.zeros((1000, 400)), 300)
    assert grid.shape == (250, 100) and step == 4


def test_panel_of_one_dimension_is_a_graph_with_free_aspect() -> None:
    x = np.linspace(0, 1, 50)
    planes = {"rho": np.stack([x, x], axis=1), "field": np.stack([x, 100 * x], axis=1)}
    made = panels.panel("field", planes, Extent(Units(("t",), ("s",), "m"), (0,), (1,)), position=False)
    assert made.titles == ("t (s)", "F₁ (m)") and made.ratio is None
    assert panels.column([made], np.zeros(50, dtype=np.uint8)).layout.yaxis.scaleanchor is None


def test_the_miss_of_the_inverse_has_its_own_row() -> None:
    miss = {"mean": 0.06, "self_distance": 0.03, "trivial": 1.4, "n": 10_000, "exact": None}
    (row,) = accuracy.rows({"inverse_miss": miss})
    assert (row["value"], row["floor"], row["trivial"], row["n"]) == (0.06, 0.03, 1.4, 10_000)
    assert row["ratio"] == pytest.approx(2.0) and 0.7 < row["better"] < 1
    assert accuracy.rows({"inverse_miss": miss | {"self_distance": 0.0}})[0]["ratio"] is None

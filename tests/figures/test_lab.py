"""Pictures of the lab show the arrays that they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from npf_engine.figures import lab
from npf_engine.figures.lab_styles import STYLES, style
from npf_engine.transport.methods import registry


def row(mean: float | None, curve: list[float] | None = None, cost: float | None = 2.0) -> dict[str, Any]:
    values = curve or []
    return {
        "metric": "mmd",
        "mean": mean,
        "std": 0.1,
        "failed_share": 0.0,
        "seconds": 3.0,
        "parameters": 541,
        "values": [mean, None],
        "cost": cost,
        "min_eigenvalue": 0.01,
        "note": "",
        "curve": {"seconds": list(range(len(values))), "step": list(range(len(values))), "value": values},
    }


@pytest.fixture
def report() -> dict[str, Any]:
    results = {"explicit": row(0.02, [0.9, 0.1, 0.02]), "exact": row(0.01), "fit": row(None, cost=None)}
    return {"metric": "mmd", "floor": 0.0005, "trivial": 0.88, "exact_cost": 1.6, "results": results}


@pytest.fixture
def clouds() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.normal(size=(50, 2)).astype(np.float32), generator.normal(size=(40, 2)).astype(np.float32)


def test_every_method_has_a_style_of_its_own() -> None:
    assert set(STYLES) == set(registry.names())
    assert len(set(STYLES.values())) == len(STYLES)
    assert style("of nobody") not in STYLES.values()


def test_pushforwards_interpolate_between_source_and_image(clouds: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = clouds
    figure = lab.pushforwards(x, y, {"explicit": x + 2, "fit": x - 1}, t=0.25)
    assert [trace.name for trace in figure.data] == ["source", "target", "Explicit", "Full fit"]
    np.testing.assert_allclose(figure.data[2].x, x[:, 0] + 0.5, rtol=1e-5)
    np.testing.assert_allclose(figure.data[1].y, y[:, 1])
    assert figure.data[3].x.dtype == np.float32
    assert len(figure.layout.annotations) == 4, "the panels' titles"
    away = lab.pushforwards(x, y, {"explicit": 1e6 * (x + 9)}).layout.annotations
    assert "outside the picture" in away[3].text, "a panel without points says why"
    line = lab.pushforwards(x[:, :1], y[:, :1], {"fit": 2 * x[:, :1]})
    assert (np.diff(line.data[0].y) >= 0).all()


def test_displacements_are_arrows_from_x_to_its_image(clouds: tuple[np.ndarray, np.ndarray]) -> None:
    x, _ = clouds
    arrows, starts = lab.displacements(x, x + 1, "explicit", most=10).data
    assert arrows.marker.color != starts.marker.color and list(arrows.marker.size[:3]) == [0, 9, 0], "a head at T(x)"
    assert len(arrows.x) == 30 and np.isnan(arrows.x[2::3]).all()
    np.testing.assert_allclose(arrows.x[1::3] - arrows.x[0::3], 1, rtol=1e-5)


def test_convergence_has_curves_dots_and_references(report: dict[str, Any]) -> None:
    figure = lab.convergence(report)
    assert figure is not None
    assert [trace.name for trace in figure.data] == ["Explicit", "Exact"]
    np.testing.assert_allclose(figure.data[0].y, [0.9, 0.1, 0.02], rtol=1e-6)
    np.testing.assert_allclose((figure.data[1].x[0], figure.data[1].y[0]), (3.0, 0.01), rtol=1e-6)
    assert len(figure.layout.shapes) == 2 and figure.layout.yaxis.type == "log"
    heights = [10**note.y for note in figure.layout.annotations]
    assert heights == pytest.approx([0.0005, 0.88]), "words stand at their lines, also on a logarithmic axis"
    diverged = lab.convergence(report | {"results": {"explicit": row(1e9, [0.9, 1e3, 1e9])}})
    assert diverged is not None and 10 ** diverged.layout.yaxis.range[1] < 1e3
    assert lab.convergence(report | {"results": {"fit": row(None)}}) is None


def test_spread_shows_each_seed(report: dict[str, Any]) -> None:
    figure = lab.spread(report)
    assert figure is not None and [trace.y[0] for trace in figure.data] == ["Explicit", "Exact"]
    assert lab.spread(report | {"results": {}}) is None


def test_table_has_the_best_first_and_references_last(report: dict[str, Any]) -> None:
    gone = row(1e20, cost=1e20) | {"min_eigenvalue": -1e24}
    rows = lab.table(report | {"results": report["results"] | {"adam": gone, "cmgn": row(None, cost=None)}})
    assert [r["method"] for r in rows] == ["explicit", "fit", "adam", "cmgn", "exact"]
    assert rows[2]["value"] is rows[2]["cost_ratio"] is rows[2]["min_eigenvalue"] is None, "beyond all sense"
    assert rows[0]["cost_ratio"] == pytest.approx(1.25) and rows[1]["cost_ratio"] is None


def test_curves_stand_between_levels_of_as_many_points(report: dict[str, Any]) -> None:
    """The floor of 512 points is far above that of 10,000: a curve of 512 is to be seen beside its own."""
    report |= {"look": {"points": 512, "floor": 0.004, "trivial": 0.9}}
    for item in report["results"].values():
        item["look"] = None if item["mean"] is None else item["mean"] + 0.003
    figure = lab.convergence(report)
    assert figure is not None
    assert [shape.y0 for shape in figure.layout.shapes] == [0.004, 0.9]
    dots = {trace.name: trace.y for trace in figure.data}
    assert dots["Exact"] == pytest.approx([0.013]), "measured once: on as many points as the curves"


def test_a_value_below_the_floor_is_not_better_than_one_at_it(report: dict[str, Any]) -> None:
    report["results"] = {"icnn": row(0.0005), "cmgn": row(0.0001), "mmgn": row(0.02)}
    assert [item["method"] for item in lab.table(report)] == ["icnn", "cmgn", "mmgn"]


def test_images_about_the_target_are_wholly_in_sight_and_far_ones_do_not_stretch_the_axes() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    near = lab.pushforwards(x, x, {"fit": 1.3 * x}).layout.xaxis.range
    far = lab.pushforwards(x, x, {"fit": 100 * x}).layout.xaxis.range
    assert near[0] < -1.25 and near[1] > 1.25
    assert far[0] > -2.5 and far[1] < 2.5

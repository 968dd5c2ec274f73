"""Figures of colours and digits: what is drawn is what was given, as bytes."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from npf_engine.fields.pictures import built_in
from npf_engine.figures import colour

DAY, SUNSET = built_in("day", 90, 60).rgb, built_in("sunset", 90, 60).rgb


def all_figures() -> dict[str, go.Figure]:
    return {
        "pictures": colour.pictures({"before": DAY, "after": SUNSET}),
        "palette": colour.palette(SUNSET, "after"),
        "digits": colour.digit_sheet(np.random.default_rng(0).random((10, 784))),
    }


@pytest.mark.parametrize("name", ["pictures", "palette", "digits"])
def test_figures_are_clear_keep_their_zoom_and_send_bytes(name: str) -> None:
    figure = all_figures()[name]
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)" and figure.layout.uirevision
    for trace in json.loads(figure.to_json())["data"]:
        assert max((len(item) for item in trace.values() if isinstance(item, list)), default=0) <= 64


def test_points_of_the_cube_have_their_own_colours() -> None:
    trace = colour.palette(DAY, "one").data[0]
    scale = trace.marker.colorscale
    last = trace.marker.cmax
    for i in (0, 7, 99):
        entry = min(scale, key=lambda item: abs(item[0] - trace.marker.color[i] / last))
        channels = [int(v) for v in entry[1][4:-1].split(",")]
        assert np.abs(np.array(channels) - [trace.x[i], trace.y[i], trace.z[i]]).max() <= 8
    single = colour.palette(DAY[:1, :1], "one").data[0].marker
    assert len(single.colorscale) == 2 and single.size > trace.marker.size, "one point that can be seen"


def test_the_sheet_holds_the_images_and_large_pictures_are_thinned() -> None:
    images = np.random.default_rng(1).random((10, 784)).astype(np.float32)
    sheet = colour.digit_sheet(images, columns=8).data[0].z
    assert sheet.shape == (2 * 29, 8 * 29)
    assert np.array_equal(sheet[29:57, 29:57], images[9].reshape(28, 28)) and np.isnan(sheet[29:57, 58:86]).all()
    large = np.zeros((1000, 2000, 3), dtype=np.uint8)
    assert max(colour.pictures({"large": large}).data[0].z.shape) <= 900

"""The message of points: laid out as its description says, and restored on both sides alike."""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import Any

import numpy as np
import pytest

from npf_engine.fields.field import Grid, Units
from npf_engine.figures import blob, message, palette
from npf_engine.measures.linked import LinkedClouds
from npf_engine.measures.views import FactorizationView, principal_axes

KEYS = ("field", "grad_u", "rho", "m")


def clouds(n: int = 500, d: int = 2, wild: bool = False) -> LinkedClouds:
    rng = np.random.default_rng(0)
    arrays = {key: rng.uniform(-1, 1, (n, d)) for key in KEYS}
    arrays["rho"][:, 0] *= 3
    if wild:
        arrays["m"][0] = 1e6
    units = Units(tuple("abcdefgh"[:d]), ("km",) * d, "m/s")
    projection = principal_axes(arrays["field"]) if d > 3 else None
    view = FactorizationView(
        arrays, units, (-3.0,) + (-1.0,) * (d - 1), (3.0,) + (1.0,) * (d - 1), (3.0,) + (1.0,) * (d - 1), projection
    )
    scalars = {"norm": np.linalg.norm(arrays["field"], axis=1), "residual": np.full(n, 1e-6)}
    return LinkedClouds(view, scalars, 0, n)


def read(message: bytes) -> tuple[dict[str, Any], bytes]:
    assert message[:4] == b"NPFL"
    (length,) = struct.unpack("<I", message[4:8])
    assert (8 + length) % 8 == 0
    return json.loads(message[8 : 8 + length]), message[8 + length :]


def array(place: dict[str, Any], body: bytes) -> np.ndarray:
    assert place["offset"] % 8 == 0
    return np.frombuffer(body, "<" + place["type"], place["count"], place["offset"])


def test_every_panel_lies_where_the_head_says():
    found = clouds()
    head, body = read(blob.pack(found, KEYS))
    assert [panel["key"] for panel in head["panels"]] == list(KEYS) and head["n"] == 500 and head["axes"] == [0, 1]
    for panel in head["panels"]:
        codes = array(panel["points"], body).reshape(-1, 2)
        assert codes.dtype == np.uint16 and len(codes) == 500
        low, high = np.array(panel["low"]), np.array(panel["high"])
        restored = low + codes / 65535 * (high - low)
        np.testing.assert_allclose(restored, found.view.clouds[panel["key"]], atol=float((high - low).max()) / 65535)
        np.testing.assert_array_equal(restored, blob.plane(found, panel["key"], (0, 1)))
    assert head["panels"][2]["unit"] == "km" and head["panels"][0]["unit"] == "m/s"


def test_colours_lie_there_too():
    head, body = read(blob.pack(clouds(), KEYS))
    colours = {colour["key"]: colour for colour in head["colours"]}
    assert list(colours) == ["origin", "norm", "density", "residual", "selection"]
    np.testing.assert_array_equal(
        array(colours["origin"]["values"], body), palette.origin_index(clouds().view.clouds["rho"])
    )
    lut = array(colours["origin"]["lut"], body).reshape(256, 3)
    scale = palette.origin_scale()
    assert ["#" + bytes(row.tolist()).hex().upper() for row in lut[[0, 17, 255]]] == [scale[k][1] for k in (0, 17, 255)]
    norm = colours["norm"]
    share = array(norm["values"], body) / 65535
    values = np.clip(clouds().scalars["norm"], norm["low"], norm["high"])
    np.testing.assert_allclose(norm["low"] + share * (norm["high"] - norm["low"]), values, atol=1e-4)
    assert norm["unit"] == "m/s" and colours["residual"]["log"] and colours["residual"]["low"] == pytest.approx(-6)


def test_outliers_do_not_coarsen_what_is_shown():
    found = clouds(wild=True)
    head, _ = read(blob.pack(found, KEYS))
    m = head["panels"][3]
    assert m["points"]["type"] == "f4"
    restored = blob.plane(found, "m", (0, 1))
    np.testing.assert_allclose(restored, found.view.clouds["m"], atol=0.1)


def test_motion_is_mccanns_up_to_one_scale_of_all_values():
    """On the stage positions are the model's, up to one scale, and values are scaled alike on both axes."""
    head, _ = read(blob.pack(clouds(), KEYS))
    field, _, rho, m = (panel["stage"] for panel in head["panels"])
    assert field[0] == pytest.approx(field[1])
    assert rho[0] * 3 == pytest.approx(rho[1]) and rho == m  # the model's units are 3 and 1
    assert head["places"] == {"line": ["rho", "m", "field"], "path": ["rho", "m", "field"], "mccann": ["rho", "grad_u"]}


def test_high_dimensions_are_sent_on_principal_axes():
    found = clouds(d=5)
    head, _ = read(blob.pack(found, KEYS))
    assert "principal axis 1" in head["panels"][0]["axes"][0]
    np.testing.assert_allclose(blob.plane(found, "field", (0, 1)), found.view.plane("field"), atol=1e-4)


def test_the_heights_below_rho_are_sent_as_a_picture():
    rows = np.linspace(0, 1, 500)[:, None] * np.ones(400)
    grid = Grid(rows, rows, np.ones_like(rows, dtype=bool), -3.0, -1.0, 3.0, 1.0)
    head, body = read(blob.pack(dataclasses.replace(clouds(), grid=grid), KEYS))
    told = head["relief"]
    assert max(told["width"], told["height"]) <= blob.RELIEF and (told["west"], told["north"]) == (-3.0, 1.0)
    picture = array(told["pixels"], body).reshape(told["height"], told["width"], 4)
    assert picture[-1].sum() > picture[0].sum()  # heights rise towards the last row
    assert told["low"] == 0.0 and 0.98 < told["high"] <= 1.0 and len(array(told["lut"], body)) == 768
    assert "relief" not in read(blob.pack(clouds(), KEYS))[0]


def test_the_name_is_the_contents():
    first, again, other = (message.identity(blob.pack(found, KEYS)) for found in (clouds(), clouds(), clouds(499)))
    assert first == again != other


def test_a_million_samples_fit_into_one_message():
    found = clouds(10_000)
    size = len(blob.pack(found, KEYS)) / 10_000
    assert size * 6 / 4 * 1e6 < 64e6  # six panels; server.maxMessageSize


def test_an_embedding_is_a_panel_of_the_first_samples_alone():
    places = np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32)
    found = dataclasses.replace(clouds(), embedded={"tsne_values": places})
    keys = blob.shown(found)
    assert keys == ["field", "grad_u", "tsne_values", "rho", "m"]
    head, body = read(blob.pack(found, keys))
    told = head["panels"][2]
    codes = array(told["points"], body).reshape(-1, 2)
    low, high = np.array(told["low"]), np.array(told["high"])
    np.testing.assert_array_equal(low + codes / 65535 * (high - low), blob.plane(found, "tsne_values", (0, 1)))
    np.testing.assert_allclose(blob.plane(found, "tsne_values", (0, 1)), places, atol=1e-4)
    assert [panel["row"] for panel in head["panels"]] == [0, 0, 0, 1, 1] and told["axes"] == ["", ""]


def test_the_law_of_an_embedded_sample_is_a_colour_of_two():
    found = dataclasses.replace(clouds(), scalars={"law": np.repeat([0.0, 1.0], 250)})
    head, body = read(blob.pack(found, KEYS))
    law = next(colour for colour in head["colours"] if colour["key"] == "law")
    np.testing.assert_array_equal(array(law["values"], body), np.repeat([0, 255], 250))
    lut = array(law["lut"], body).reshape(256, 3)
    assert ["#" + bytes(row.tolist()).hex().upper() for row in lut[[0, 255]]] == list(blob.LAW_COLOURS)
    assert [panel["law"] for panel in head["panels"]] == ["given", "learnt", "given", "learnt"]

"""Linked clouds as the message that the browser gets (``figures/message.py``).

A panel's points are (n, 2), quantised: ``low + q (high - low)`` with q = code / 65535, or q itself as float32 where
few outliers stretch the range so far that 65,536 steps would be seen. A scalar is one uint16 a point between ``low``
and ``high`` (of the logarithm, where ``log``), ``origin`` one byte: an index into its 256 colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from npf_engine.fields.field import Grid
from npf_engine.figures import message, palette, panels, relief
from npf_engine.figures.layout import Extent, span, with_unit
from npf_engine.measures import views
from npf_engine.measures.linked import LinkedClouds

STEPS = 65535
RELIEF = 360  # pixels of the relief's longer side, at most
STRETCH = 8.0  # times the range that is shown; beyond it uint16 would be too coarse for what is shown
LABELS = {
    "origin": "place of x",
    "norm": "|F(x)|",
    "elevation": "elevation",
    "density": "density of each cloud",
    "residual": "residual of the conjugate",
    "miss": "miss |∇u(Mξ(x)) − F(x)|",
    "inverse": "miss of one draw of Iψ",
    "law": "given or learnt",
    "selection": "selection",
}
LAWS = {"given": ("field", "rho"), "learnt": ("grad_u", "reconstruction", "m", "m_network")}
LAW_COLOURS = (palette.COLOURS["field"], palette.COLOURS["grad_u"])
LOGARITHMIC = ("residual", "miss", "inverse")
# values above the places below them
WIDE = ("field", "grad_u", "reconstruction", "tsne_values", "rho", "m", "m_network", "tsne_positions")
ORDER = ("origin", "law", "norm", "elevation", "density", "residual", "miss", "inverse", "selection")


@dataclass(frozen=True)
class Quantised:
    """Points or values as they are sent: codes, and the range that code 0 and the last one stand for."""

    codes: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def restored(self) -> np.ndarray:
        """The values that the browser computes from the codes, in double precision."""
        share = self.codes.astype(np.float64) / (STEPS if self.codes.dtype == np.uint16 else 1.0)
        return np.asarray(self.low + share * (self.high - self.low))


def quantised(plane: np.ndarray, ranges: Sequence[tuple[float, float]]) -> Quantised:
    """A cloud on two axes (n, 2); ``ranges``: what is shown of each."""
    plane = np.asarray(plane, dtype=np.float64)
    low, high = plane.min(axis=0), plane.max(axis=0)
    high = np.where(high > low, high, low + 1.0)
    share = (plane - low) / (high - low)
    wide = np.array([b - a for a, b in ranges])
    if ((high - low) > STRETCH * wide).any():
        return Quantised(share.astype(np.float32), low, high)
    return Quantised(np.rint(share * STEPS).astype(np.uint16), low, high)


def plane(found: LinkedClouds, key: str, axes: tuple[int, int]) -> np.ndarray:
    """A panel's points as the browser has them (n, 2), those of an embedding (k, 2): a polygon selects the same samples
    here and there."""
    if key in found.embedded:
        return quantised(found.embedded[key], _embedded_ranges(found.embedded[key])).restored()
    drawn = {name: found.view.plane(name, axes) for name in {key, "rho", "field"}}
    return quantised(drawn[key], _panel(found, key, drawn, axes).ranges).restored()


def pack(found: LinkedClouds, keys: Sequence[str], axes: tuple[int, int] = (0, 1)) -> bytes:
    """The message for the panels ``keys``, in this order. For d of 2 and more."""
    body = message.Body()
    drawn = found.view.planes(axes)
    told = [
        _embedded(found, key, body) if key in found.embedded else _told(found, key, drawn, axes, body) for key in keys
    ]
    colours = [_colour(name, found, drawn, body) for name in ORDER if name in found.scalars or name in ALWAYS]
    head: dict[str, object] = {
        "n": found.n,
        "axes": list(axes),
        "panels": told,
        "colours": colours,
        "places": _way(keys),
    }
    if found.grid is not None and "rho" in keys and axes == (0, 1):
        head["relief"] = _relief(found.grid, body)
    return message.written(message.CLOUDS, head, body)


def _relief(grid: Grid, body: message.Body) -> dict[str, object]:
    """The heights below rho as a picture of four bytes a pixel, where its edges lie, and what its colours mean."""
    z = relief.heights(grid, RELIEF)
    picture = relief.of_heights(z)
    known = z[np.isfinite(z)]
    ends = {"low": float(known.min()), "high": float(known.max())} if len(known) else {"low": 0.0, "high": 1.0}
    edges = {"west": grid.west, "south": grid.south, "east": grid.east, "north": grid.north}
    told: dict[str, object] = {"height": picture.shape[0], "width": picture.shape[1], **edges, **ends}
    return {**told, "pixels": body.add(picture), "lut": body.add(palette.table(palette.ELEVATION))}


def shown(found: LinkedClouds) -> list[str]:
    """The panels that there are, in their order."""
    return [key for key in WIDE if key in found.view.clouds or key in found.embedded]


ALWAYS = ("origin", "density", "selection")  # colours that need no scalar: the browser counts densities itself


def _way(keys: Sequence[str]) -> dict[str, list[str]]:
    """The panels that a point is followed through, and those that motion mixes, of the ones that are there."""
    m = "m_network" if "m_network" in keys and "m" not in keys else "m"
    learnt = [key for key in ("rho", "m_network", "reconstruction") if key in keys]
    ways = {
        "line": ["rho", m, "field"],
        "path": learnt if len(learnt) == 3 else ["rho", "m", "field"],
        "mccann": ["rho", "grad_u"],
    }
    return {name: way for name, way in ways.items() if all(key in keys for key in way)}


def _panel(found: LinkedClouds, key: str, drawn: views.Arrays, axes: tuple[int, int]) -> panels.Panel:
    view = found.view
    return panels.panel(
        key,
        drawn,
        Extent(view.units, view.low, view.high),
        position=key in views.POSITIONS,
        axes=axes,
        principal=view.projection is not None,
        position_unit=view.units.position[0] if view.one_unit else "scaled",
    )


def _told(
    found: LinkedClouds, key: str, drawn: views.Arrays, axes: tuple[int, int], body: message.Body
) -> dict[str, object]:
    panel = _panel(found, key, drawn, axes)
    codes = quantised(drawn[key], panel.ranges)
    position = key in views.POSITIONS
    units = found.view.units
    return {
        "key": key,
        "title": palette.TITLES[key],
        "colour": palette.COLOURS[key],
        "space": "position" if position else "value",
        "row": int(position),
        "law": next((law for law, of in LAWS.items() if key in of), ""),
        "axes": list(panel.titles),
        "unit": (units.position[axes[0]] if found.view.one_unit else "") if position else units.value,
        "range": [*panel.ranges[0], *panel.ranges[1]],
        "ratio": panel.ratio,
        "low": codes.low.tolist(),
        "high": codes.high.tolist(),
        "stage": _stage(found, position, panel.ranges, axes),
        "points": body.add(codes.codes),
    }


def _embedded(found: LinkedClouds, key: str, body: message.Body) -> dict[str, object]:
    """A t-SNE of some samples as a panel: it has no axes, and a space of its own."""
    points = found.embedded[key]
    ranges = _embedded_ranges(points)
    codes = quantised(points, ranges)
    return {
        "key": key,
        "title": palette.TITLES[key],
        "colour": "",
        "space": key,
        "row": int(key == "tsne_positions"),
        "law": "",
        "axes": ["", ""],
        "unit": "",
        "foot": f"{len(points):,} samples, half of each law; only nearness counts",
        "range": [*ranges[0], *ranges[1]],
        "ratio": 1.0,
        "low": codes.low.tolist(),
        "high": codes.high.tolist(),
        "points": body.add(codes.codes),
    }


def _embedded_ranges(points: np.ndarray) -> Sequence[tuple[float, float]]:
    return [span(points[:, axis], cut=0.0) for axis in (0, 1)]


def _stage(
    found: LinkedClouds, position: bool, ranges: Sequence[tuple[float, float]], axes: tuple[int, int]
) -> list[float]:
    """Scale and offset of each axis that bring a panel's points onto the stage of motion, about [-1, 1]^2.

    Positions are scaled as the model scales them, each axis by its own: grad u is the gradient there. Values have one
    scale for both. So the mixture of both is McCann's interpolation, up to one scale and shift of all values.
    """
    half = np.array([(b - a) / 2 for a, b in ranges])
    middle = np.array([(b + a) / 2 for a, b in ranges])
    own = np.ones(2)
    if position and found.view.projection is None:
        own = np.array([found.view.scale[axis] for axis in axes])
    scale = 1.0 / (own * float((half / own).max()))
    return [*scale.tolist(), *(-middle * scale).tolist()]


def _colour(name: str, found: LinkedClouds, drawn: views.Arrays, body: message.Body) -> dict[str, object]:
    told: dict[str, object] = {"key": name, "label": LABELS[name]}
    if name == "origin":
        told["values"] = body.add(palette.origin_index(drawn["rho"]))
        told["lut"] = body.add(palette.table(palette.origin_scale()))
    elif name == "law":
        learnt = found.scalars[name] > 0
        told["values"] = body.add(np.where(learnt, 255, 0).astype(np.uint8))
        ends = [(0.0, LAW_COLOURS[0]), (0.5, LAW_COLOURS[0]), (0.5, LAW_COLOURS[1]), (1.0, LAW_COLOURS[1])]
        told["lut"] = body.add(palette.table(ends))
    elif name == "density":
        told["lut"] = body.add(palette.table(palette.NORM))
    elif name != "selection":
        values = np.asarray(found.scalars[name], dtype=np.float64)
        log = name in LOGARITHMIC
        if log:
            positive = values[values > 0]
            values = np.log10(np.maximum(values, positive.min() if len(positive) else 1e-300))
        low, high = (float(q) for q in np.quantile(values, [0.01, 0.99]))
        high = high if high > low else low + 1.0
        codes = np.rint(np.clip((values - low) / (high - low), 0, 1) * STEPS).astype(np.uint16)
        unit = "m" if name == "elevation" else found.view.units.value
        told |= {"values": body.add(codes), "low": low, "high": high, "log": log, "unit": unit}
        by = " by ∇u∘Mξ" if name == "inverse" and found.judged == "network" else ""
        told["label"] = with_unit(LABELS[name] + by, unit)
        told["lut"] = body.add(palette.table(palette.ELEVATION if name == "elevation" else palette.NORM))
    return told

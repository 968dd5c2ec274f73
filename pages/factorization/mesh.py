"""M as a mesh whose cells are carried along, and in numbers how well it preserves rho."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from npf_engine.fields.field import Scaling
from npf_engine.figures import message, palette
from npf_engine.figures.layout import position_title
from npf_engine.measures import mesh
from npf_engine.measures.mesh import MeshView
from npf_engine.numbers import number, percent
from npf_engine.polar import PolarFactorization
from npf_engine.tasks import layout
from pages.factorization.measures import explained
from ui import frame, motion, plots, runs, states

TITLES = {mesh.NETWORK: "Mξ, the network", mesh.SOLVER: "Mθ, by the solver"}
SYMBOLS = {mesh.NETWORK: "Mξ", mesh.SOLVER: "Mθ"}
WIDEST, MOST = 32, 4  # times as large or as small: where the colours of sizes, and of what arrives, end
CAPTION = (
    "**Moving**: the cells of a lattice, carried along by M, coloured by how their {measure} changes: grey is kept, "
    "as where M is one to one; where k sheets come to lie over one another, cells grow to about k times their size. "
    "**Still**: what M brings to each place from everywhere, grey where that is as much as was there. "
    "Numbers along the edges are places: {across} and, upwards, {up}."
)


def show(model: PolarFactorization, run_id: str, name: str) -> None:
    """The mesh, its numbers, and the choice of M."""
    ways = mesh.ways(model)
    if not ways:
        reason = (
            "this model has no Mξ, and F is known on samples only" if model.d == 2 else "the mesh is for two dimensions"
        )
        st.info(f"There is no mesh here: {reason}.", icon=":material/info:")
        return
    way = ways[0]
    if len(ways) > 1:
        way = st.segmented_control(
            "M", ways, default=way, key="mesh_way", required=True, format_func=TITLES.__getitem__
        )
        way = way or ways[0]
    view = _view(str(layout.home()), run_id, runs.written(run_id), way)
    _told(view)
    motion.draw("mesh", packed(view, model.scaling, name), "mesh")
    across, up = (position_title(model.units, axis) for axis in (0, 1))
    frame.caption(CAPTION.format(measure=view.measure, across=states.plain(across), up=states.plain(up)))
    found = view.deformed
    arrays = {"cell": found.cells, "area_ratio": found.weight, "arrives": found.arrives, "turned": found.turned}
    plots.downloads({key: values.ravel() for key, values in arrays.items()}, "mesh", name)


@st.cache_data(max_entries=12, show_spinner="Carrying the cells along ...")
def _view(home: str, run_id: str, written: int, way: str) -> MeshView:
    return mesh.mesh_view(runs.load_model(run_id), way)


def _told(view: MeshView) -> None:
    """How well M preserves rho, and how often it folds."""
    found, symbol = view.deformed, SYMBOLS[view.way]
    cells = int(found.cells.sum())
    if not cells:
        st.markdown("No cell lies in ρ's support as a whole: the lattice is too coarse for it.")
        return
    arrives, weight = found.spread(found.arrives), found.spread(found.weight)
    first = (
        f"**{symbol} preserves ρ** if it brings to each of {cells} cells as much as was there. It does so up to "
        f"**{_factor(arrives.median)}** for half of ρ and up to **{_factor(arrives.most)}** for 95 % of it (|ln ratio| "
        f"{_log(arrives.median)} and {_log(arrives.most)}; floor, what the count of spots leaves open: "
        f"{_log(found.floor.median)} and {_log(found.floor.most)})."
    )
    if not view.exact:
        first += " Cells are weighed by area here, since ρ is known by its samples alone: this says where M gathers."
    sheets = number(found.sheets, 2)
    over = percent(float(found.turned[found.cells].mean()), 0)
    second = (
        f"**It folds**: **{sheets}** sheets lie over one another on average over Ω (*Inverse* counts the places of a "
        f"single value), and {over} of the cells are turned over. Cells by themselves keep their size up to "
        f"{_factor(weight.median)} in the median and {_factor(weight.most)} in 95 %."
    )
    spots = mesh.SPOTS**2 * found.fine**2
    st.markdown(
        first, help=explained("mesh_arrives", more=f"{cells} cells, {spots:,} spots in each, no ε and one draw")
    )
    st.markdown(
        second, help=explained("mesh_sheets", more=f"{cells} cells of {found.fine**2} parts, no ε and no draws")
    )


def _factor(log: float) -> str:
    return f"a factor {number(math.exp(log), 3)}" if math.isfinite(log) else "any factor, since some get nothing"


def _log(value: float) -> str:
    return number(value, 2) if math.isfinite(value) else "∞"


def packed(view: MeshView, scaling: Scaling, name: str) -> bytes:
    """What the browser gets: nodes at x, M(x) and grad u(M(x)) on one stage, and a colour for each cell."""
    found = view.deformed
    half = float(np.abs(found.x).max())
    f = view.values
    middle = np.median(f.reshape(-1, 2), axis=0)
    wide = float(np.quantile(np.abs(f - middle), 0.995)) or 1.0
    cells = np.flatnonzero(found.cells)
    weight = np.maximum(found.weight.ravel()[cells], 1e-9)
    arrives = found.arrives.ravel()[cells]
    centre = found.x[found.fine // 2 :: found.fine, found.fine // 2 :: found.fine].reshape(-1, 2)[cells]
    size = view.measure
    arrays: dict[str, np.ndarray] = {
        "x": (found.x / half).astype(np.float32),
        "m": (found.m / half).astype(np.float32),
        "f": ((f - middle) / wide).astype(np.float32),
        "cells": cells.astype(np.int32),
        "ratios": weight.astype(np.float32),
        "turned": found.turned.ravel()[cells].astype(np.uint8),
        "size_index": _shade(weight, WIDEST),
        "arrives": arrives.astype(np.float32),
        "arrives_index": _shade(arrives, MOST),
        "size_lut": palette.table(palette.DIFFERENCE),
        "place_index": palette.origin_index(centre),
        "place_lut": palette.table(palette.origin_scale()),
    }
    symbol = SYMBOLS[view.way]
    scale, offset = np.asarray(scaling.scale), np.asarray(scaling.offset)
    head = {
        "name": f"{name}-mesh",
        "label": f"The cells of a lattice carried along by {symbol}",
        "side": found.side,
        "fine": found.fine,
        "measure": size,
        "places": ["x", f"{symbol}(x)", f"∇u({symbol}(x)) {'≈' if view.way == mesh.NETWORK else '='} F(x)"],
        "user": {"scale": (half * scale).tolist(), "offset": offset.tolist(), "width": (2 * half * scale).tolist()},
        "size": f"{size} of the image",
        "size_legend": [f"1/{WIDEST}", f"{WIDEST} times its own {size}; grey: kept"],
        "arrives_title": f"What {symbol} brings to each place",
        "arrives_legend": [f"1/{MOST}", f"{MOST} times what was there; grey: as much"],
    }
    return message.pack(head, arrays)


def _shade(ratios: np.ndarray, most: float) -> np.ndarray:
    """Where ratios are on a scale of 256 colours from 1 / most to most, by their logarithm."""
    share = 0.5 + np.log(np.maximum(ratios, 1e-9)) / (2 * math.log(most))
    return np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)

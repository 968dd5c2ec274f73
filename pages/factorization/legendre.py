"""u and u* as linked surfaces: the tangent plane at a point of the one, its slope a point of the other."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.fields.field import Scaling, Units
from npf_engine.figures import message, palette
from npf_engine.figures.layout import in_unit, position_title, value_title
from npf_engine.measures.legendre import LegendreView, legendre_view
from npf_engine.numbers import number, percent
from npf_engine.numbers import place as spot
from npf_engine.polar import PolarFactorization
from npf_engine.tasks import layout
from ui import frame, motion, plots, runs, states

CAPTION = (
    "The convex potential u: no dents anywhere. Its tangent plane at x has the slope y = ∇u(x){per} and meets the axis "
    "over the origin at −u*(y), since u(x) + u*(y) = ⟨x, y⟩. Beside it the same the other way round: u* has the slope "
    "x at y. A place has one colour in both: where u bends sharply its colours are spread over many values, where it "
    "is nearly straight they are gathered. {origin}u* was solved for at every node, and the identity holds to {gap} of "
    "the range of u."
)
ORIGIN = "The origin is the middle of Ω, and x̂ is x as the model scales it. "


def show(model: PolarFactorization, run_id: str, name: str, per: str) -> None:
    """The surfaces of a model of two dimensions; ``per``: over which step the slope counts."""
    view = _view(str(layout.home()), run_id, runs.written(run_id))
    if not view.drawn:
        st.info(
            "There is no surface here: ρ's support is so thin that no cell of the lattice lies in it as a whole.",
            icon=":material/info:",
        )
        return
    motion.draw("legendre", packed(view, model.scaling, model.units, name), "legendre")
    worst = float(np.abs(view.gap).max() / max(float(np.ptp(view.u)), 1e-300))
    frame.caption(CAPTION.format(per=per, gap=percent(worst, 4), origin=ORIGIN if _scaled(model.scaling) else ""))
    arrays = {"x1": view.x[..., 0], "x2": view.x[..., 1], "u": view.u, "y1": view.y[..., 0], "y2": view.y[..., 1]}
    arrays = {key: values.ravel() for key, values in {**arrays, "u_star": view.star}.items()}
    plots.downloads(arrays, "potential", name)


@st.cache_data(max_entries=12, show_spinner="Solving for u* ...")
def _view(home: str, run_id: str, written: int) -> LegendreView:
    return legendre_view(runs.load_model(run_id))


def _scaled(scaling: Scaling) -> bool:
    return any(value != 0 for value in scaling.offset) or any(value != 1 for value in scaling.scale)


def packed(view: LegendreView, scaling: Scaling, units: Units, name: str) -> bytes:
    """What the browser gets: both surfaces at the same nodes, and a colour for each place."""
    side = len(view.u)
    flat = view.x.reshape(-1, 2)
    arrays: dict[str, np.ndarray] = {
        "x": flat.astype(np.float32),
        "y": view.y.reshape(-1, 2).astype(np.float32),
        "u": view.u.ravel().astype(np.float32),
        "star": view.star.ravel().astype(np.float32),
        "inside": view.inside.ravel().astype(np.uint8),
        "origin": palette.origin_index(flat),
        "lut": palette.table(palette.origin_scale()),
    }
    scale, offset = np.asarray(scaling.scale), np.asarray(scaling.offset)
    half = float(np.abs(flat).max())
    corners = [offset + sign * half * scale for sign in (-1, 1)]
    places = [[_end(spot(float(corner[k]), 200 * half * float(scale[k]))) for corner in corners] for k in (0, 1)]
    there = view.inside
    first = {"title": "u", "point": "x", "intercept": "−u*(y)"} | _axis(view.x[there], view.u[there])
    second = {"title": "u*", "point": "y = ∇u(x)", "intercept": "−u(x)"} | _axis(view.y[there], view.star[there])
    first |= {"axes": [position_title(units, k) for k in (0, 1)], "ends": places}
    second |= {"axes": [value_title(units, k) for k in (0, 1)]}
    head = {
        "name": f"{name}-legendre",
        "label": "u and its conjugate u* as surfaces, with the tangent plane at a point",
        "side": side,
        "start": view.start,
        "scaled": _scaled(scaling),
        "user": {"scale": scale.tolist(), "offset": offset.tolist()},
        "unit": in_unit(states.plain(units.value)),
        "sides": [first, second],
    }
    return message.pack(head, arrays)


def _axis(flat: np.ndarray, height: np.ndarray) -> dict[str, object]:
    """Where a surface over points (n, 2) lies, and the numbers at the ends of its floor."""
    low, high = flat.min(axis=0), flat.max(axis=0)
    half = np.maximum((high - low) / 2, 1e-9)
    return {
        "middle": ((low + high) / 2).tolist(),
        "half": half.tolist(),
        "low": float(height.min()),
        "high": float(max(height.max(), height.min() + 1e-9)),
        "ends": [[_end(number(float(end[k]), 3)) for end in (low, high)] for k in (0, 1)],
    }


def _end(written: str) -> str:
    return written.replace("-", "−")

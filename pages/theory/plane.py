"""In the plane: maps that keep the area, and what a convex potential makes of them."""

from __future__ import annotations

import streamlit as st

from npf_engine.polar.toys import DOUBLE, FOLD, PLANAR, TURN, TWIST, planar_toy
from pages.theory import clouds

TOLD = {
    TURN: "M turns the disc as one piece: neighbours stay neighbours, and F has one pre-image of each value.",
    TWIST: "M turns every circle by its own angle, the middle by all of it and the rim by a seventh: the area is kept "
    "though shapes are not.",
    FOLD: "M folds the square over itself: each value of F has as many pre-images as there are layers, and Iψ, the "
    "inverse with noise, draws one of them.",
    DOUBLE: "M stretches the square and lays the pieces over each other: mixing, as in a shuffle. Colours that were "
    "far apart lie beside each other.",
}


def show() -> None:
    """Which M, how much of it, and how curved u is."""
    kind = str(st.pills("M", PLANAR, default=TWIST, required=True, key="plane_kind"))
    first, second = st.columns(2, gap="medium")
    with first:
        if kind in (TURN, TWIST):
            amount = float(st.slider("Angle in degrees", -360, 360, 150, key="plane_angle"))
        else:
            amount = float(st.slider("Layers", 1, 6, 2, key="plane_layers"))
    bend = second.slider("How much u is curved, beyond |x|²/2", 0.0, 2.0, 0.6, 0.1, key="plane_bend")
    clouds.show(
        planar_toy(kind, amount, bend),
        "plane",
        (
            "Places, each with a colour of its own.",
            "M(x): the same cloud, every point somewhere else.",
            f"∇u(M(x)) = m + {bend:g} m³, component by component: order along each axis is kept.",
        ),
    )
    nothing = "no angle" if kind in (TURN, TWIST) else "one layer"
    st.markdown(f"{TOLD[kind]} With u uncurved F is M; with {nothing} F is ∇u.")

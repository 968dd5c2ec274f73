"""Three clouds side by side: places, where M takes them, and the values of F, one colour a place."""

from __future__ import annotations

import streamlit as st

from npf_engine.figures import palette, toys
from npf_engine.polar.toys import Toy
from ui.plots import plot, together


def show(toy: Toy, key: str, told: tuple[str, str, str]) -> None:
    """x, M(x) and F(x) with a caption each; places have equal axes."""
    origin = palette.origin_index(toy.x)
    place = toys.reach_of(toy.x, toy.m)
    clouds = (("x", toy.x, place), ("M(x)", toy.m, place), ("F(x) = ∇u(M(x))", toy.field, toys.reach_of(toy.field)))
    for column, (title, points, reach), caption in zip(together(3), clouds, told, strict=True):
        with column:
            st.markdown(f"**{title}**")
            name = title.split("(")[0].strip()
            plot(
                toys.cloud(points, origin, reach, f"{key}_{name}"), f"{key}_{name}", caption, {"points": points}, "toy"
            )

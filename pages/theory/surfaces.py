"""Where places have no edge: the exact factorization of samples on a torus or a sphere."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.figures import palette, round
from npf_engine.manifolds.toys import AROUND, SPHERE, TORUS, TUBE, RoundToy, round_toy
from npf_engine.numbers import number
from ui.plots import plot

FLAT, SPACE = "Flat", "In space"
ENDS = {TORUS: np.array([[0.0, 1.0], [0.0, 1.0]]), SPHERE: np.array([[-180.0, 180.0], [-90.0, 90.0]])}
MOVES = {
    TORUS: (
        "The twist, in periods",
        "M moves every column by its own amount, (x, y) → (x, y + a sin 2πx): the area is kept",
    ),
    SPHERE: (
        "The equator turns by, in turns",
        "M turns every parallel by its own angle, as a wind would: the area is kept",
    ),
}
UNITS = {TORUS: "squared periods", SPHERE: "squared radians"}  # of a cost
ROUNDING = 1e-12
TOLD = """
On a surface straight lines are geodesics, and **McCann (2001)** has the theorem there: F(x) is reached from M(x) by
going straight on along the vector grad φ(M(x)), as far as it is long. This step, exp(grad φ), takes the place of ∇u: it
is the optimal map for half the squared distance. On a torus it is so where |x|²/2 + φ(x), which takes the place of u,
is convex; φ is periodic. {moves}.
"""


def show() -> None:
    """Which surface, how much of M and of φ, and how it is drawn."""
    first, second = st.columns(2, gap="medium")
    kind = str(first.pills("Surface", (TORUS, SPHERE), default=TORUS, required=True, key="round_kind"))
    drawn = str(second.pills("Drawn", (SPACE, FLAT), default=SPACE, required=True, key="round_drawn"))
    first, second = st.columns(2, gap="medium")
    label, moves = MOVES[kind]
    turn = float(first.slider(label, -0.5, 0.5, 0.2, 0.05, key="round_turn"))
    bend = float(second.slider("How much grad φ there is", 0.0, 1.0, 0.8, 0.1, key="round_bend"))
    toy = round_toy(kind, turn, bend)
    _clouds(toy, kind, drawn)
    st.markdown(TOLD.format(moves=moves))
    st.markdown(
        f"Nothing is learned here: from {len(toy.flat[0])} values of F alone the cheapest assignment finds M, off the "
        f"true one by **{number(toy.off, 2)} %** of the spread of a uniform point, as so few samples allow; M(x) = x "
        f"would be off by {number(toy.identity, 3)} %. The dual proves that no other pairing is cheaper: it costs "
        f"{number(toy.cost, 4)} {UNITS[kind]}, half the mean squared way from M(x) to F(x), {_least(toy)}. For your "
        "own samples, and for all points of a torus: `npf surface` on the command line, `npf_engine.manifolds` in "
        "Python."
    )


def _least(toy: RoundToy) -> str:
    """How near to the least cost there is, by the dual's certificate."""
    if toy.gap <= ROUNDING * max(toy.cost, 1.0):
        return "the least there is, up to rounding"
    return f"at most {number(toy.gap, 1)} above the least there is"


def _clouds(toy: RoundToy, kind: str, drawn: str) -> None:
    """x, M(x) and F(x)."""
    origin = palette.origin_index(toy.flat[0])
    surface = round.ring(AROUND, TUBE) if kind == TORUS else round.ball()
    captions = (
        "Places, each with a colour of its own.",
        "M(x): the same places, otherwise ordered.",
        "F(x): from M(x) straight on along grad φ(M(x)).",
    )
    titles = ("x", "M(x)", "F(x)")
    for column, title, flat, space, caption in zip(
        st.columns(3, gap="small"), titles, toy.flat, toy.space, captions, strict=True
    ):
        with column:
            st.markdown(f"**{title}**")
            key = f"round_{title[0]}"
            if drawn == SPACE:
                plot(round.space_cloud(space, origin, surface, key), key, caption, {"points": space}, "toy")
            else:
                plot(round.flat_cloud(flat, origin, toy.axes, ENDS[kind], key), key, caption, {"points": flat}, "toy")

"""A linear field: the polar decomposition of its matrix."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.numbers import number
from npf_engine.polar.toys import matrix_toy
from pages.theory import clouds

DEFAULT = ((0.4, -1.2), (1.1, 0.6))
MOST = 3.0


def show() -> None:
    """Four numbers, and what they do to the disc."""
    rows = []
    for i, (row, column) in enumerate(zip(DEFAULT, st.columns(2), strict=True)):
        cells = column.columns(2)
        rows.append(
            [
                cells[j].number_input(f"A{i + 1}{j + 1}", -MOST, MOST, value, 0.1, key=f"matrix_{i}{j}", format="%.2f")
                for j, value in enumerate(row)
            ]
        )
    A = np.asarray(rows, dtype=np.float64)
    toy = matrix_toy(A)
    st.latex(rf"P = {_tex(toy.P)},\quad Q = {_tex(toy.Q)}")
    clouds.show(
        toy,
        "matrix",
        (
            "Places in the disc, each with a colour of its own.",
            "Q x: turned or mirrored, the disc stays the disc.",
            "P (Q x): stretched along two axes at a right angle.",
        ),
    )
    turned = "turns" if toy.turns else "mirrors"
    stretch = " and ".join(number(value, 3) for value in toy.stretch)
    text = (
        f"F(x) = A x, A = P Q. P = √(A Aᵀ) stretches by {stretch}, and is the gradient of the convex "
        f"u(x) = ⟨x, P x⟩ / 2; Q {turned} the disc, and so keeps ρ. Every non-degenerate field has such a "
        "pair: ∇u for P, M for Q."
    )
    if not toy.unique:
        text += " **Here A is singular**: F is degenerate, and many Q will do; this is one of them."
    st.markdown(text)


def _tex(A: np.ndarray) -> str:
    cells = r" \\ ".join(" & ".join(f"{value:.2f}" for value in row) for row in A + 0.0)
    return rf"\begin{{pmatrix}} {cells} \end{{pmatrix}}"

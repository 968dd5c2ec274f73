"""In one dimension: the increasing rearrangement."""

from __future__ import annotations

import streamlit as st

from npf_engine.figures import toys
from npf_engine.polar.toys import rearranged_formula
from ui import states
from ui.plots import plot

OWN = "Your own"
# name -> (formula, what to see)
EXAMPLES = {
    "Waves": (
        "sin(4 pi x)",
        "Two waves: each value is taken at four places, and M goes from 0 to 1 and back with them.",
    ),
    "The doubling map": ("2x mod 1", "F has the law of x itself, so u' is the identity and M is all of F."),
    "A fold": ("1 - abs(2x - 1)", "Two places for each value; M folds [0, 1] onto itself."),
    "A rotation": ("(x + 0.3) mod 1", "One jump: M moves a piece of [0, 1] to the other end."),
    "A parabola": ("(2x - 1)^2", "Small values are frequent: u'(q) = q² is flat where F lingers."),
    "A plateau": (
        "max(x - 0.5, 0)",
        "F takes 0 on one half of [0, 1]: it is degenerate, and M is not determined there. (F lies under u\u2032.)",
    ),
}


def show() -> None:
    """A function, its rearrangement and the M between them."""
    name = st.pills("F on [0, 1]", [*EXAMPLES, OWN], default="Waves", required=True, key="line_example")
    formula, told = EXAMPLES.get(str(name), ("sin(2 pi x) + x", "u' takes the values of F in rising order."))
    if name == OWN:
        formula = st.text_input("F(x)", formula, key="line_formula", help="Of x; 3x is 3*x. As on the Field page.")
    with states.told():
        found = rearranged_formula(formula)
        first, second = st.columns(2, gap="medium")
        with first:
            graphs = {"F": ("field", found.field), "u′": ("grad_u", found.increasing)}
            plot(
                toys.lines(found.x, graphs, "x for F, q for u′", "values"),
                "line_values",
                "F, and u′: the same values, each as often, in rising order.",
                {"x": found.x, "field": found.field, "increasing": found.increasing},
                "toy",
            )
        with second:
            plot(
                toys.lines(found.x, {"M": ("m", found.m)}, "x", "m"),
                "line_m",
                "M(x): the share of [0, 1] on which F is below F(x). F(x) = u′(M(x)).",
                {"x": found.x, "m": found.m},
                "toy",
            )
        text = f"`F(x) = {formula}`. {told}"
        if found.plateau > 0:
            text += (
                f" **On {100 * found.plateau:.0f} % of [0, 1] F takes a value that it takes on a whole interval**: "
                "there M may have any order; drawn is the mean, which does not keep ρ."
            )
        st.markdown(text)

"""Colour, line and mark of each method of the lab, the same in all its pictures."""

from __future__ import annotations

from itertools import product

from npf_engine.figures import palette
from npf_engine.transport.methods import registry

MARKS = {"solid": "circle", "dash": "diamond", "dot": "x", "dashdot": "square", "longdash": "cross"}
# method -> colour and dash: kin share a colour and differ in the line and its marks
STYLES: dict[str, tuple[str, str]] = {
    "explicit": (palette.COLOURS["rho"], "solid"),
    "implicit": (palette.COLOURS["rho"], "dash"),
    "implicit-summed": (palette.COLOURS["rho"], "dot"),
    "euclidean": (palette.COLOURS["trivial"], "solid"),
    "adam": (palette.COLOURS["trivial"], "dash"),
    "gauss-newton": (palette.COLOURS["inverse"], "solid"),
    "cmgn": (palette.COLOURS["m"], "solid"),
    "mmgn": (palette.COLOURS["m"], "dash"),
    "icnn": (palette.COLOURS["grad_u"], "solid"),
    "icnn-linear": (palette.COLOURS["grad_u"], "dash"),
    "icnn-fquad": (palette.COLOURS["grad_u"], "dot"),
    "lse": (palette.COLOURS["m_network"], "solid"),
    "entropic": (palette.COLOURS["reconstruction"], "solid"),
    "exact": (palette.COLOURS["reconstruction"], "dash"),
    "gaussian": (palette.COLOURS["floor"], "solid"),
    "fit": (palette.COLOURS["field"], "solid"),
}


def style(method: str) -> tuple[str, str]:
    """Colour and dash of a method; those that have none above get what is left, in the order of the registry."""
    if method in STYLES:
        return STYLES[method]
    others = [name for name in registry.names() if name not in STYLES]
    colours = dict.fromkeys(colour for colour, _ in STYLES.values())
    left = [pair for pair in product(colours, MARKS) if pair not in STYLES.values()]
    place = others.index(method) if method in others else -1  # of an extension that is no longer there
    return left[place % len(left)]

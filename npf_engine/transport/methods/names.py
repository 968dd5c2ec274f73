"""What the lab's methods are called, and which of them are references: there to be compared with, not to win."""

from __future__ import annotations

TITLES = {
    "explicit": "Explicit",
    "implicit": "Implicit",
    "implicit-summed": "Implicit, summed",
    "euclidean": "Descent",
    "adam": "Adam",
    "gauss-newton": "Gauss-Newton",
    "cmgn": "C-MGN",
    "mmgn": "M-MGN",
    "icnn": "ICNN",
    "icnn-linear": "ICNN, linear",
    "icnn-fquad": "ICNN, quadratic",
    "lse": "Log-sum-exp",
    "entropic": "Entropic",
    "exact": "Exact",
    "gaussian": "Gaussian",
    "fit": "Full fit",
}
REFERENCES = ("entropic", "exact", "gaussian", "fit")


def title(name: str) -> str:
    """What a method is called."""
    return TITLES.get(name, name)

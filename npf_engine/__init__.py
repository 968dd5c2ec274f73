"""Polar factorizations of vector fields: F = grad u o M, learned with neural networks.

u is convex, M preserves the reference measure rho (Brenier, 1991; Vesseron and Cuturi,
"On a Neural Implementation of Brenier's Polar Factorization", 2024, cited below as NPF).
The engine is usable alone: it knows nothing of the web app above it.

    import npf_engine as npf

    model = npf.factorize(x, y)                 # samples (n, d); or a function with low, high; or "chamonix"
    model.report["verdict"], model.grad_u(x), model.invert(v, 500)
    T = npf.fit_brenier_map(source, target)     # T.transform, T.inverse_transform
    draws = npf.sample(g, grad=grad_g, start=[0.0, 0.0])

The names below are imported when they are first asked for, so that the command line's help needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npf_engine.fields.field import Field
    from npf_engine.library.factorize import factorize
    from npf_engine.library.maps import TransportMap, fit_brenier_map, sinkhorn_divergence
    from npf_engine.library.model import PolarFactorization, accuracy, invert, load
    from npf_engine.library.sampling import sample

__version__ = "0.1.0"
__all__ = [
    "Field",
    "PolarFactorization",
    "TransportMap",
    "accuracy",
    "factorize",
    "fit_brenier_map",
    "invert",
    "load",
    "sample",
    "sinkhorn_divergence",
]
_HOMES = {
    "Field": "npf_engine.fields.field",
    "factorize": "npf_engine.library.factorize",
    "sample": "npf_engine.library.sampling",
    **dict.fromkeys(("TransportMap", "fit_brenier_map", "sinkhorn_divergence"), "npf_engine.library.maps"),
    **dict.fromkeys(("PolarFactorization", "accuracy", "invert", "load"), "npf_engine.library.model"),
}


def __getattr__(name: str) -> object:
    """The library's names (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    found = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

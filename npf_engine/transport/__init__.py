"""Optimal maps between two samples.

What is named here is loaded when it is asked for: a list of the methods needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npf_engine.transport.fit import fit_brenier_map
    from npf_engine.transport.fit_wide import WideConfig
    from npf_engine.transport.map import BrenierMap, TransportMap

__all__ = ["BrenierMap", "TransportMap", "WideConfig", "fit_brenier_map"]
_HOMES = {"BrenierMap": "map", "TransportMap": "map", "WideConfig": "fit_wide", "fit_brenier_map": "fit"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

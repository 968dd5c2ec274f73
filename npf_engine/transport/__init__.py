"""Optimal maps between two samples."""

from npf_engine.transport.brenier_map import BrenierMap
from npf_engine.transport.fit import fit_brenier_map
from npf_engine.transport.fit_wide import WideConfig

__all__ = ["BrenierMap", "WideConfig", "fit_brenier_map"]

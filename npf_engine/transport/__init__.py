"""Optimal maps between two samples."""

from npf_engine.transport.fit import fit_brenier_map
from npf_engine.transport.fit_wide import WideConfig
from npf_engine.transport.map import BrenierMap

__all__ = ["BrenierMap", "WideConfig", "fit_brenier_map"]

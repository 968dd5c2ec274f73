"""Optimal maps between two samples."""

from npf_engine.transport.fit import BrenierMap, WideConfig, fit_brenier_map

__all__ = ["BrenierMap", "WideConfig", "fit_brenier_map"]

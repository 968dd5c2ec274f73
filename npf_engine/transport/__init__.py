"""Optimal maps between two samples."""

from npf_engine.transport.fit import BrenierMap, fit_brenier_map

__all__ = ["BrenierMap", "fit_brenier_map"]

"""The numbers of a slice of a variable, in double precision: scale and offset applied, what means nothing made NaN."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields import sentinels
from npf_engine.fields.readers.gridded_zarr import ZARRS_ZERO
from npf_engine.settings.limits import LARGEST

if TYPE_CHECKING:
    import xarray as xr

Index = int | slice | np.ndarray
Steps = Mapping[str, Index]


@dataclass
class Log:
    """Sentences gathered on the way: what was done to the numbers, and what to know."""

    conversions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def convert(self, *sentences: str) -> None:
        """Tell what was done, once."""
        self.conversions += [text for text in sentences if text and text not in self.conversions]

    def note(self, *sentences: str) -> None:
        """Tell what should be known, once."""
        self.notes += [text for text in sentences if text and text not in self.notes]


def values(ds: xr.Dataset, name: str, steps: Steps, dims: tuple[str, ...], log: Log | None = None) -> np.ndarray:
    """A variable at these steps of its dimensions, as float64 with the dimensions ``dims`` in this order, NaN where
    the file says that nothing is known. What is not believed of the file is noted in ``log``."""
    variable = ds.variables[name]
    part = variable.isel({dim: step for dim, step in steps.items() if dim in variable.dims})
    part = part.transpose(*[dim for dim in dims if dim in part.dims])
    raw = stored(part)
    attrs = variable.attrs
    said = str(attrs.get("_Unsigned", "")).lower()
    if (said, raw.dtype.kind) in (("true", "i"), ("false", "u")):  # as NetCDF 3 and OPeNDAP write the other kind
        raw = raw.view(f"{'u' if said == 'true' else 'i'}{raw.dtype.itemsize}")
    unknown = np.zeros(raw.shape, dtype=bool)
    for key in ("_FillValue", "missing_value"):
        for mark in _numbers(attrs.get(key)):
            unknown |= raw == mark.astype(raw.dtype) if _fits(mark, raw.dtype) else False
    if log is not None and ZARRS_ZERO in attrs and bool((raw == 0).any()):
        log.note(f"Zeros of {name} were kept: the fill value 0 is the one that Zarr writes where nobody chose one.")
    beyond = _out_of_range(raw, attrs)
    if beyond.any() and (beyond | unknown).all():
        if log is not None:
            log.note(f"All values of {name} lie beyond its valid range, which was not believed.")
    else:
        unknown |= beyond
    scale, offset = (_number(attrs, key, plain, name) for key, plain in (("scale_factor", 1.0), ("add_offset", 0.0)))
    out = raw.astype(np.float64)
    if scale != 1.0 or offset != 0.0:
        out = out * scale + offset
    out[unknown | ~np.isfinite(out)] = np.nan
    return out


def stored(variable: xr.Variable) -> np.ndarray:
    """The numbers as the file has them, which are first read here. Raises OSError where they cannot be read: the
    libraries have errors of every kind for a chunk that is not what its header says."""
    try:
        return np.asarray(variable.values)
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise OSError("the values cannot be read") from error


def _numbers(value: object) -> np.ndarray:
    try:
        return np.atleast_1d(np.asarray(value)).ravel()[:16] if value is not None else np.zeros(0)
    except (ValueError, TypeError):
        return np.zeros(0)


def _fits(mark: np.generic, dtype: np.dtype) -> bool:
    if mark.dtype.kind not in "iuf" or mark != mark:
        return False
    if dtype.kind == "f":
        return True
    limits, value = np.iinfo(dtype), float(mark)
    return limits.min <= value <= limits.max or (mark.dtype.kind == "i" and mark.dtype.itemsize == dtype.itemsize)


def _number(attrs: Mapping[str, object], key: str, otherwise: float, name: str) -> float:
    """An attribute that numbers are packed by; as text it counts where it is a number. Raises InputError where it is
    none: without it every value would be another."""
    value = attrs.get(key)
    if value is None:
        return otherwise
    found = _numbers(value)
    with contextlib.suppress(ValueError, TypeError):
        number = float(found[0]) if found.size == 1 else math.nan
        if math.isfinite(number) and (key != "scale_factor" or number != 0.0):
            return number
    raise InputError(f"{key} of {name} is {str(value)[:40]!r}, which is no number to unpack its values by; correct it.")


def _out_of_range(raw: np.ndarray, attrs: Mapping[str, object]) -> np.ndarray:
    """Where values lie beyond valid_min, valid_max or valid_range, which are in the packed numbers."""
    low, high = _numbers(attrs.get("valid_min")), _numbers(attrs.get("valid_max"))
    both = _numbers(attrs.get("valid_range"))
    if both.size == 2:
        low, high = both[:1], both[1:]
    out = np.zeros(raw.shape, dtype=bool)
    packed = attrs.get("scale_factor") is not None or attrs.get("add_offset") is not None
    for limit, beyond in ((low, np.less), (high, np.greater)):
        if limit.size != 1 or limit.dtype.kind not in "iuf":
            continue
        if raw.dtype.kind == "u" and limit.dtype.kind == "i" and limit.dtype.itemsize == raw.dtype.itemsize:
            limit = limit.view(raw.dtype)  # written as its signed twin, as the values are
        if packed and limit.dtype != raw.dtype:
            continue  # of another type they are in the unpacked unit, or written wrongly: not believed
        out |= beyond(raw, limit[0])
    return out


def checked(grid: np.ndarray, name: str, missing: str, log: Log) -> np.ndarray:
    """A slice without values that look like marks for nothing known (told). Raises InputError for what no field has."""
    found = sentinels.find(grid)
    if found:
        masked = missing == "mask" or any(abs(value) > LARGEST for value, _ in found)
        log.note(sentinels.sentence(name, found, grid.size, masked))
        if masked:
            grid = np.where(np.isin(grid, [value for value, _ in found]) | (np.abs(grid) > LARGEST), np.nan, grid)
    if not np.isfinite(grid).any():
        raise InputError(f"{name} has no known value at this time and level; choose another one with time or level.")
    return grid

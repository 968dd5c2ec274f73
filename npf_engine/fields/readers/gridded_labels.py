"""What the steps of a dimension are called: numbers with their unit, dates, names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from npf_engine.fields.readers.gridded_values import stored
from npf_engine.tasks.archives import said

if TYPE_CHECKING:
    import xarray as xr

MOST_WRONG = 20  # times of one dimension that are no dates; of more none is shown as a date


def labels_of(variable: xr.Variable, key: str) -> tuple[list[str], str]:
    """What the steps of a dimension are called by its coordinate ``key``, and a sentence on it or ""."""
    unit = " ".join(str(variable.attrs.get("units", "")).split())[:40]
    if " since " in str(variable.attrs.get("units", "")):
        return _dates(variable, key, unit)
    steps = stored(variable)
    if steps.dtype.kind in "SUO":
        return [step.decode(errors="replace") if isinstance(step, bytes) else str(step)[:60] for step in steps], ""
    return [f"{step:.6g} {unit}".strip() if unit not in ("1", "") else f"{step:.6g}" for step in steps], ""


def _dates(variable: xr.Variable, key: str, unit: str) -> tuple[list[str], str]:
    """Steps as dates, and those of them as numbers that are none."""
    counts = np.atleast_1d(stored(variable))
    wrong: dict[int, str] = {}

    def dates(first: int, past: int) -> list[str]:
        if len(wrong) > MOST_WRONG:
            return [f"{count:g} {unit}" for count in counts[first:past].astype(float)]
        try:
            times = _times(counts[first:past], dict(variable.attrs))
        except (ValueError, OverflowError, TypeError, KeyError) as error:
            if past - first == 1:
                wrong[first] = said(error)[:80]
                return [f"{float(counts[first]):g} {unit}"]
            middle = (first + past) // 2
            return dates(first, middle) + dates(middle, past)
        return [_date(time) for time in times]

    labels = dates(0, len(counts))
    if not wrong:
        return labels, _calendar(variable)
    why = next(iter(wrong.values()))
    if len(wrong) == len(counts) or len(wrong) > MOST_WRONG:
        return [f"{count:g} {unit}" for count in counts.astype(float)], (
            f"The times of {key} cannot be read as dates ({why}): they are shown as numbers."
        )
    which = ", ".join(f"#{k}" for k in list(wrong)[:3]) + (", ..." if len(wrong) > 3 else "")
    return labels, f"{len(wrong):,} of {len(counts):,} times of {key} ({which}) cannot be read as dates ({why})."


def _times(counts: np.ndarray, attrs: dict[str, object]) -> np.ndarray:
    """Counts since a day as times. Raises what xarray does for those that are none."""
    import xarray as xr

    return np.asarray(xr.decode_cf(xr.Dataset({"t": (("t",), counts, attrs)}))["t"].values)


def _calendar(variable: xr.Variable) -> str:
    calendar = str(variable.attrs.get("calendar", "standard")).lower()
    if calendar in ("standard", "gregorian", "proleptic_gregorian"):
        return ""
    return f"Dates are of the calendar {calendar[:30]}."


def _date(time: object) -> str:
    if isinstance(time, np.datetime64):
        text = str(time.astype("datetime64[s]"))
    else:  # of cftime
        text = time.isoformat() if hasattr(time, "isoformat") else str(time)
        text = text.split(".")[0]
    text = text.replace("T", " ")
    return text[:-9] if text.endswith(" 00:00:00") else text[:-3] if text.endswith(":00") else text


def written_times(ds: xr.Dataset, dim: str) -> list[str]:
    """Times written as texts (WRF)."""
    for key in ("Times", "times"):
        variable = ds.variables.get(key)
        if variable is not None and variable.dims[:1] == (dim,) and variable.dtype.kind == "S":
            rows = stored(variable)
            texts = [b"".join(np.atleast_1d(row)).decode(errors="replace").replace("_", " ") for row in rows]
            return [text.removesuffix(":00") for text in texts]
    return []

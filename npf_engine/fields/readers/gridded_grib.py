"""The data sets of a GRIB file, one for each kind of level, as one data set: nothing of them left out or filled up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from npf_engine.tasks.archives import brief

if TYPE_CHECKING:
    import xarray as xr

KIND = "GRIB_typeOfLevel"
SAID = "coordinates"  # attribute of a variable: the names of those that say where it lies
MOST_TOLD = 6  # names in a sentence


def merged(parts: Sequence[xr.Dataset]) -> tuple[xr.Dataset, list[str]]:
    """The parts (at least one, nothing decoded) as one data set, and sentences on what has another name in it.

    A variable whose name an earlier part has gets its kind of level behind it (``t_surface``); an axis with other
    points than an earlier part's of its name, and a grid elsewhere, get a number (``latitude_2``).
    """
    import xarray as xr

    taken: dict[str, xr.Variable] = {}
    sizes: dict[str, int] = {}
    out, called, axes = [], [], []
    for part in parts:
        places = _places(part)
        elsewhere = _elsewhere(part, places, taken, sizes)
        fields = [str(key) for key in part.variables if str(key) not in places]
        used = {*taken, *sizes, *(str(key) for key in part.variables), *(str(dim) for dim in part.dims)}
        new: dict[str, str] = {}
        for key in elsewhere:
            new[key] = _free(key, "", used | {*new.values()})
        for key in fields:
            if key in taken:
                kind = str(part.variables[key].attrs.get(KIND, ""))
                new[key] = _free(key, kind, used | {*new.values()})
                called.append(f"{brief(new[key])} ({brief(key)} at {brief(kind) if kind else 'another level'})")
        if elsewhere and fields:
            those = ", ".join(brief(new.get(key, key)) for key in fields[:MOST_TOLD])
            axes.append(f"{those} along {', '.join(brief(new[key]) for key in elsewhere)}")
        out.append(_renamed(part, new))
        taken |= {str(key): variable for key, variable in out[-1].variables.items()}
        sizes |= {str(dim): size for dim, size in out[-1].sizes.items()}
    told = []
    if called:
        told.append(f"Variables of one name lie at several kinds of level and are called {_listed(called)}.")
    if axes:
        told.append(f"Not all variables lie at the same points: {_listed(axes)}.")
    return xr.merge(out, compat="override", join="exact", combine_attrs="override"), told


def _places(part: xr.Dataset) -> set[str]:
    """The names of what says where variables lie."""
    said = (str(variable.attrs.get(SAID, "")).split() for variable in part.variables.values())
    return {str(dim) for dim in part.dims} | {str(key) for key in part.coords} | {key for keys in said for key in keys}


def _elsewhere(
    part: xr.Dataset, places: Collection[str], taken: dict[str, xr.Variable], sizes: dict[str, int]
) -> list[str]:
    """Axes and coordinates of a part that are not those of the parts before it; with a grid its axes."""
    found = {str(dim) for dim, size in part.sizes.items() if sizes.get(str(dim), size) != size}
    for key in places:
        variable = part.variables.get(key)
        if variable is None or key not in taken or variable.equals(taken[key]):
            continue
        found.add(key)
        if variable.ndim > 1:
            found |= {str(dim) for dim in variable.dims}
    return sorted(found)


def _free(name: str, kind: str, used: Collection[str]) -> str:
    """A name that is not used: with the kind of level behind it, and with a number where that is not enough."""
    stem = f"{name}_{kind}" if kind else name
    if stem not in used:
        return stem
    return next(made for number in range(2, len(used) + 3) if (made := f"{stem}_{number}") not in used)


def _renamed(part: xr.Dataset, new: dict[str, str]) -> xr.Dataset:
    """A part with other names, in what its variables say of their coordinates too."""
    if not new:
        return part
    out = part.rename(new)
    for variable in out.variables.values():
        if SAID in variable.attrs:
            variable.attrs[SAID] = " ".join(new.get(key, key) for key in str(variable.attrs[SAID]).split())
    return out


def _listed(words: Sequence[str]) -> str:
    more = len(words) - MOST_TOLD
    return ", ".join(words[:MOST_TOLD]) + (f" and {more} more" if more > 0 else "")

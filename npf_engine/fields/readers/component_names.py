"""Which of two names is the eastward component: u and v, northward_wind and eastward_wind, vn and ve, u10 and v10."""

from __future__ import annotations

from npf_engine.fields.readers.columns import plain

WORDS = (("northward", "eastward"), ("north", "east"), ("meridional", "zonal"), ("vome", "vozo"))
LETTERS = (("v", "u"), ("n", "e"), ("y", "x"))  # at the beginning or the end of a name


def northward_first(first: str, second: str) -> bool:
    """Whether the first name is that of a northward component, and the second that of its eastward one."""
    one, other = plain(first), plain(second)
    return one != other and other in _partners(one)


def _partners(name: str) -> set[str]:
    """What the eastward component may be called of a northward one with this name."""
    found = {name}
    for north, east in WORDS:
        if north in name:
            found.add(name.replace(north, east, 1))
            break
    for north, east in LETTERS:
        for text in tuple(found):
            if text.startswith(north):
                found.add(east + text[1:])
            if text.endswith(north):
                found.add(text[:-1] + east)
    return found - {name}

"""A selection of samples as a polygon in one panel, and how it is written in a link.

``m~0.1~-84.3_36.5~-84.2_36.5~-84.2_36.6``: the panel's key, its two axes, and the corners in the units of that panel.
The samples within are found again from it, in the browser and on the server: a link never holds a list of points.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from npf_engine.errors import InputError
from npf_engine.measures.embedded import PAIRS
from npf_engine.measures.linked import inside
from npf_engine.measures.views import POSITIONS, VALUES

MOST_CORNERS = 128
MOST_LETTERS = 8000  # of a link's selection: what goes to the server stays below 10 kB
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.IGNORECASE)


@dataclass(frozen=True)
class Selection:
    """The samples whose points lie inside ``polygon`` (k, 2) in the panel ``key``, drawn on two axes."""

    key: str
    axes: tuple[int, int]
    polygon: np.ndarray

    def mask(self, plane: np.ndarray) -> np.ndarray:
        """Which of the panel's points (n, 2) are selected, (n,) bool."""
        return inside(plane, self.polygon)


def parse(text: str, keys: tuple[str, ...] = (*POSITIONS, *VALUES, *PAIRS), d: int | None = None) -> Selection:
    """The selection of a link.

    keys: the panels that there are; d: the dimension of Omega. Raises InputError for what is no such selection: a
    link is written by anybody.
    """
    if len(text) > MOST_LETTERS:
        raise InputError(f"the selection in the link is longer than {MOST_LETTERS:,} letters; draw it again")
    parts = text.split("~")
    if parts[0] not in keys:
        raise InputError("the selection in the link is in a picture that this model does not have; draw it again")
    axes = _axes(parts[1] if len(parts) > 1 else "", d)
    corners = parts[2:]
    if not 3 <= len(corners) <= MOST_CORNERS:
        raise InputError(
            f"the selection in the link has {len(corners)} corners; it needs 3 to {MOST_CORNERS}, so draw it again"
        )
    polygon = np.array([_corner(corner) for corner in corners])
    return Selection(parts[0], axes, polygon)


def text(selection: Selection) -> str:
    """The selection as a link has it."""
    corners = "~".join(f"{x!r}_{y!r}" for x, y in selection.polygon.tolist())
    return f"{selection.key}~{selection.axes[0]}.{selection.axes[1]}~{corners}"


def moved(selection: Selection, key: str) -> Selection:
    """The same polygon in another panel of the same space."""
    return Selection(key, selection.axes, selection.polygon)


def _axes(written: str, d: int | None) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,3})\.(\d{1,3})", written, re.ASCII)
    axes = (int(found[1]), int(found[2])) if found else (0, 0)
    if axes[0] == axes[1] or (d is not None and max(axes) >= d):
        raise InputError("the selection in the link names axes that this model does not have; draw it again")
    return axes


def _corner(written: str) -> tuple[float, float]:
    numbers = written.split("_")
    if len(numbers) != 2 or not all(_NUMBER.fullmatch(number) and number.isascii() for number in numbers):
        raise InputError("a corner of the selection in the link is not two numbers; draw it again")
    x, y = float(numbers[0]), float(numbers[1])
    if not (math.isfinite(x) and math.isfinite(y)) or max(abs(x), abs(y)) > 1e30:
        raise InputError("a corner of the selection in the link is no finite number; draw it again")
    return x, y


def checked(written: str) -> str:
    """What a browser sent, if it is a selection; "" else."""
    try:
        return written if parse(written) else ""
    except InputError:
        return ""

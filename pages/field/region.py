"""The region of a field with elevation: shaded from above and turned in space, with F as arrows on the ground."""

from __future__ import annotations

import numpy as np

from npf_engine.fields.field import Field, Grid
from npf_engine.figures import message, palette
from npf_engine.figures import region as figures
from npf_engine.numbers import number
from ui import frame, motion, states

CAPTION = (
    "The light comes from the north-west. Heights run from {low} to {high}{unit}{steeper}. An arrow points where F "
    "does and lies on the ground: a slope points straight uphill, and is as long as the ground is steep."
)
STEEPER = ", {times} times as high as they are wide here"


def show(field: Field, grid: Grid, x: np.ndarray, f: np.ndarray, name: str) -> None:
    """The region, with F at samples x (n, 2) in the user's units, f (n, 2)."""
    found = figures.region(grid, field.units, x, f)
    motion.draw("region", packed(found, name), "region")
    unit = states.plain(field.units.value.partition(" per ")[0])
    steeper = "" if found.steeper is None else STEEPER.format(times=number(found.steeper, 2))
    low, high = (number(value) for value in (found.low, found.high))
    frame.caption(CAPTION.format(low=low, high=high, unit=f" {unit}" if unit else "", steeper=steeper))


def packed(found: figures.Region, name: str) -> bytes:
    """What the browser gets."""
    nodes = found.nodes
    half = np.abs(nodes[..., :2]).max(axis=(0, 1))
    head = {
        "name": f"{name}-region",
        "label": "The region with F as arrows, from above and in space",
        "columns": nodes.shape[1],
        "half": half.tolist(),
        "picture": {"rows": found.picture.shape[0], "columns": found.picture.shape[1]},
        "colour": palette.COLOURS["field"],
        "word": "Arrows of F",
        "north": "N",
    }
    arrays = {
        "nodes": nodes.astype(np.float32),
        "colours": found.colours,
        "picture": found.picture,
        "tails": found.tails.astype(np.float32),
        "heads": found.heads.astype(np.float32),
    }
    return message.pack(head, arrays)

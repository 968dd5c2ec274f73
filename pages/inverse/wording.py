"""Clauses that the views of the inverse share."""

from __future__ import annotations

import numpy as np

from npf_engine.fields.field import Grid
from npf_engine.polar.inversion import ExactInversion


def seen(n: int, unseen: int) -> str:
    """So many places, and whether training saw them."""
    if unseen >= n:
        return f"{n:,} unseen places"
    return f"{n:,} places, {unseen:,} of them unseen," if unseen else f"{n:,} places, all of them seen in training,"


def judged_by(known: str) -> str:
    """How F is known, where it must be said."""
    return " (F by ∇u∘Mξ, since it is known on samples only)" if known == "network" else ""


def heights(grid: Grid | None) -> str:
    """What the thin lines of a map are, where it has any."""
    return "" if grid is None else " Thin grey lines join places of one height."


def places(exact: ExactInversion, d: int) -> str:
    """How many places there are. Beyond two dimensions only the draws look for them."""
    line, k = int(exact.level.sum()), len(exact.places)
    told = []
    if k > line:
        found = " that the draws found" if d > 2 else ""
        told.append(f"at **{k - line}** place{'s' if k - line > 1 else ''}{found}")
    if line:
        told.append(f"all along a line or on a patch, of which **{line}** place{'s' if line > 1 else ''} are shown")
    return " and ".join(told)


def level_lines(levels: tuple[np.ndarray, np.ndarray], word: str) -> str:
    """What the level lines say, of those that there are."""
    first, second = (bool(np.isfinite(line).any()) for line in levels)
    if first and second:
        return f"On the solid line F₁ is as asked, on the dashed one F₂: where they cross, F is the {word}."
    if first or second:
        found, missing, line = ("₁", "₂", "solid") if first else ("₂", "₁", "dashed")
        return f"On the {line} line F{found} is as asked; F{missing} is so nowhere."
    return "Neither component of F is as asked anywhere, so that there are no level lines."

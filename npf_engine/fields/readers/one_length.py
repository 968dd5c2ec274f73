"""Positions that a file gives in different units of length, as positions in one unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npf_engine.fields.units_of_height import length_of
from npf_engine.tasks.archives import brief


@dataclass(frozen=True)
class OneLength:
    """Factors of the positions along each axis, their units after that, what was done, and what to know."""

    factors: tuple[float, ...]
    units: tuple[str, ...]
    told: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def one_length(names: Sequence[str], units: Sequence[str]) -> OneLength:
    """Lengths become the unit of the first; where one is no length all stay, which is told: distances, and so M, hang
    on what they are measured in."""
    said = tuple(units)
    if len(set(said)) < 2:
        return OneLength((1.0,) * len(said), said)
    lengths = [length_of(unit) for unit in said]
    first, known = lengths[0], [length for length in lengths if length]
    if not first or len(known) < len(said):
        each = zip(map(brief, names), map(brief, said), strict=True)
        listed = ", ".join(f"{name} in {unit}" if unit else f"{name} without a unit" for name, unit in each)
        note = f"Positions are in different units ({listed}), taken as they stand: M hangs on them."
        return OneLength((1.0,) * len(said), said, (), (note,))
    factors = tuple(length / first for length in known)
    told = tuple(
        f"{brief(name)} in {brief(unit)} was turned into {brief(said[0])}, as {brief(names[0])} is: times {factor:.6g}."
        for name, unit, factor in zip(names, said, factors, strict=True)
        if factor != 1.0
    )
    return OneLength(factors, (said[0],) * len(said), told)

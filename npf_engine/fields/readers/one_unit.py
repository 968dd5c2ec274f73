"""Components of F that a table or two bands give in different units, as one vector in one unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers.columns import Column
from npf_engine.fields.readers.gridded_units import SPEED, unit_of
from npf_engine.fields.units_of_height import length_of
from npf_engine.tasks.archives import brief

METRES = "m"


@dataclass(frozen=True)
class OneUnit:
    """Components in one unit: their columns, factor by role of those that were multiplied, what is told."""

    columns: tuple[Column, ...]
    factors: dict[str, float]
    conversions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def of(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """role -> (n,) in the unit of all."""
        return {role: part * self.factors[role] if role in self.factors else part for role, part in values.items()}


def one_unit(columns: Sequence[Column], positions: Sequence[Column] = (), strict: bool = False) -> OneUnit:
    """Speeds in different units become m/s and lengths m; others stay, told, or are refused where ``strict``.

    positions: where these have different units, so may what is the gradient of something by them.
    """
    same = OneUnit(tuple(columns), {})
    said = [column for column in columns if column.unit]
    kinds = {unit_of(column.unit).name for column in said}
    silent = [column.told for column in columns if not column.unit]
    told = (f"The unit of {', '.join(silent[:6])} is not said; that of the others was assumed.",) if silent else ()
    if len(kinds) < 2:
        return replace(same, warnings=told if said else ())
    for name, sizes in (
        (SPEED, [unit_of(column.unit).speed for column in said]),
        (METRES, [length_of(column.unit) for column in said]),
    ):
        known = [size for size in sizes if size is not None]
        if len(known) == len(said) == len(columns):
            factors = {column.role: size for column, size in zip(said, known, strict=True) if size != 1.0}
            changed = dict.fromkeys((column.unit, factors[column.role]) for column in said if column.role in factors)
            return OneUnit(
                tuple(replace(column, unit=name) for column in columns),
                factors,
                tuple(f"Components in {unit} were turned into {name}: times {size:.6g}." for unit, size in changed),
            )
    units = ", ".join(f"{column.told} in {brief(column.unit)}" for column in said[:6])
    if strict or silent:
        missing = f", and the unit of {', '.join(silent[:6])} is not said" if silent else ""
        raise InputError(
            f"The components of F are in different units ({units}{missing}), which cannot be turned into one another; "
            "choose components of one vector."
        )
    if len({column.unit for column in positions}) > 1:
        return same
    return replace(
        same, warnings=(f"The components of F are in different units ({units}), taken as they stand: M hangs on them.",)
    )

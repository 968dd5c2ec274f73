"""What a training would see of a field: its units, its region and the moments of F, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npf_engine.fields.field import Field


@dataclass(frozen=True)
class Moments:
    """Of F over all samples, a number a component, in the field's units; median_norm: of |F|."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    min: tuple[float, ...]
    max: tuple[float, ...]
    median_norm: float


@dataclass(frozen=True)
class Axes:
    """Names and units of positions, and the unit of F."""

    axes: tuple[str, ...]
    position: tuple[str, ...]
    value: str


@dataclass(frozen=True)
class Region:
    """Omega's bounding box in the units of positions."""

    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class FieldSummary:
    """A field as it was read. voids: pixels or rows for which nothing is known; conversions, warnings: sentences."""

    name: str
    title: str
    kind: str
    d: int
    n: int
    units: Axes
    region: Region
    F: Moments
    voids: int
    conversions: tuple[str, ...]
    warnings: tuple[str, ...]
    seconds: float


def summary_of(field: Field, title: str, seconds: float) -> FieldSummary:
    """The summary of a field that took so many seconds to build."""
    return FieldSummary(
        name=field.name,
        title=title,
        kind=field.kind,
        d=field.d,
        n=field.n,
        units=Axes(field.units.axes, field.units.position, field.units.value),
        region=Region(tuple(map(float, field.low)), tuple(map(float, field.high))),
        F=moments(field),
        voids=int(field.provenance.get("voids", 0)),
        conversions=tuple(field.conversions),
        warnings=tuple(field.warnings),
        seconds=seconds,
    )


def moments(field: Field) -> Moments:
    """The moments of F in double precision, with what was taken off put back."""
    values = np.concatenate([part.numpy() for part in (field.y_train, field.y_test)]).astype(np.float64)
    shift = np.array(field.shift or (0.0,) * field.d)
    return Moments(
        mean=_numbers(values.mean(axis=0) + shift),
        std=_numbers(values.std(axis=0)),
        min=_numbers(values.min(axis=0) + shift),
        max=_numbers(values.max(axis=0) + shift),
        median_norm=float(np.median(np.linalg.norm(values + shift, axis=1))),
    )


def _numbers(values: np.ndarray) -> tuple[float, ...]:
    return tuple(map(float, values))

"""Gridded data read in the locked child -> a Field on its samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from npf_engine.errors import InputError
from npf_engine.fields.degeneracy import field_warnings
from npf_engine.fields.field import Field, Scaling, Units, split_indices
from npf_engine.fields.lattice import Lattice
from npf_engine.fields.readers.gridded import Gridded, read_gridded
from npf_engine.fields.readers.gridded_axes import Choice
from npf_engine.fields.readers.gridded_open import explained
from npf_engine.fields.roughness import SMOOTH_GRID, rough_warning
from npf_engine.fields.shift import shift_of
from npf_engine.fields.spec import FieldSpec
from npf_engine.tasks import child

Progress = Callable[[float, float, str], None]
LOAD = child.Limits(seconds=60.0)
RETURNED = (Gridded, Choice)
# A grid of the map stands for F where it has nearly all samples, and misses them by little of their spread.
LEAST_INSIDE, MOST_MISS = 0.98, 0.05


def load(path: Path, spec: FieldSpec, progress: Progress | None = None) -> Gridded:
    """The samples that ``spec`` asks for of a gridded file, parsed in a child with limits. Raises InputError."""
    tell = None if progress is None else lambda done, total, text: progress(0.05, 1.0, text or "reading the grid")
    try:
        return child.call(read_gridded, path, spec, what=path.name, limits=LOAD, returns=RETURNED, progress=tell)
    except child.Stopped as error:
        raise explained(path, error) from error


def gridded_field(name: str, data: Gridded, spec: FieldSpec, source: str = "") -> Field:
    """The Field: positions scaled per axis to [-1, 1], values in their unit, rho the area measure that was drawn."""
    if spec.rho not in ("box", "samples", "land"):
        raise InputError(
            f"rho is {spec.rho}; gridded data have the area measure of where they are known (box, land or samples)."
        )
    x, f = data.x, data.f
    low, high = tuple(map(float, x.min(axis=0))), tuple(map(float, x.max(axis=0)))
    scaling = Scaling.of_box(low, high)
    x_hat = torch.from_numpy(((x - np.array(scaling.offset)) / np.array(scaling.scale)).astype(np.float32))
    shift, told = shift_of(f)
    y = (f - np.array(shift) if shift else f).astype(np.float32)
    for k in range(y.shape[1]):
        if np.ptp(y[:, k]) == 0:
            raise InputError(
                f"{name}: component F{k + 1} is {f[0, k]:g} everywhere, so the law of F has no density and M is not "
                "determined; choose another time, level or variable."
            )
    values = torch.from_numpy(y)
    train, test = split_indices(len(x_hat), spec.split_seed)
    return Field(
        name=name,
        kind="samples",
        x_train=x_hat[train],
        y_train=values[train],
        x_test=x_hat[test],
        y_test=values[test],
        low=low,
        high=high,
        scaling=scaling,
        units=Units(data.axes, data.position, data.value),
        rho="box" if data.rectangle else "land",
        lattice=_lattice(data, shift, x_hat, values),
        shift=shift,
        warnings=[*data.notes, *field_warnings(y, x), *rough_warning(x_hat.numpy(), y, SMOOTH_GRID)],
        conversions=[*data.conversions, *told],
        provenance={
            "source": source or f"gridded data {data.file}",
            "variables": list(data.variables),
            "steps": {step.dimension: step.label for step in data.choices},
            "crs": spec.crs,
            "grid": list(data.shape),
            "nodes": data.nodes,
            "interpolated": len(x) - data.nodes,
            "voids": data.voids,
            "rho": "area",
            "origin": None if data.origin is None else list(data.origin),
            "spec": dataclasses.asdict(spec),
        },
    )


def _lattice(data: Gridded, shift: tuple[float, ...], x: torch.Tensor, y: torch.Tensor) -> Lattice | None:
    """F on a regular grid, where it is that of the samples; None where F is too rough for it to be."""
    if not data.inside.any():
        return None
    values = (data.lattice - np.array(shift) if shift else data.lattice).astype(np.float32)
    found = Lattice(torch.from_numpy(values), torch.from_numpy(data.inside))
    inside = found.inside(x)
    miss = (found.value(x[inside].double()) - y[inside]).square().sum(dim=1).mean().sqrt()
    spread = (y - y.mean(dim=0)).square().sum(dim=1).mean().sqrt()
    return found if float(inside.double().mean()) > LEAST_INSIDE and miss <= MOST_MISS * spread else None

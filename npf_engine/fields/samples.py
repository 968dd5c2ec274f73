"""Samples read from a table -> a Field known on them; rho is the law of the rows."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from npf_engine.fields.field import Field, Scaling, Units, split_indices
from npf_engine.fields.readers.columns import Layout
from npf_engine.fields.readers.gridded_map import AZIMUTHAL, CYLINDER
from npf_engine.fields.readers.tables import Samples
from npf_engine.fields.roughness import SMOOTH_TABLE, rough_warning
from npf_engine.fields.shift import shift_of
from npf_engine.fields.spec import FieldSpec


def samples_field(name: str, samples: Samples, spec: FieldSpec) -> Field:
    """The Field of a table of samples: positions scaled per axis to [-1, 1], values as they are, rho "samples"."""
    x, f = samples.x, samples.f
    low, high = tuple(map(float, x.min(axis=0))), tuple(map(float, x.max(axis=0)))
    scaling = Scaling.of_box(low, high)
    # in double precision: an offset far from 0 would round positions that float32 cannot tell apart
    x_hat = torch.from_numpy(((x - np.array(scaling.offset)) / np.array(scaling.scale)).astype(np.float32))
    shift, told = shift_of(f)
    y = torch.from_numpy((f - np.array(shift) if shift else f).astype(np.float32))
    train, test = split_indices(len(x_hat), spec.split_seed)
    return Field(
        name=name,
        kind="samples",
        x_train=x_hat[train],
        y_train=y[train],
        x_test=x_hat[test],
        y_test=y[test],
        low=low,
        high=high,
        scaling=scaling,
        units=_units(samples.layout),
        rho="samples",
        shift=shift,
        warnings=[*samples.warnings, *rough_warning(x_hat.numpy(), y.numpy(), SMOOTH_TABLE)],
        conversions=[*samples.conversions, *told],
        provenance={
            "source": f"table {samples.file}",
            "rows": samples.rows,
            "interpolated": samples.between,
            "origin": None if samples.origin is None else list(samples.origin),
            "voids": samples.dropped,
            "columns": [column.name.strip() for column in samples.layout.columns],
            "rho": "samples",
            "spec": dataclasses.asdict(spec),
        },
    )


def _units(layout: Layout) -> Units:
    values = list(dict.fromkeys(column.unit for column in layout.values if column.unit))
    names = tuple(column.name for column in layout.positions)
    return Units(
        names if names in (AZIMUTHAL, CYLINDER) else tuple(column.role for column in layout.positions),
        tuple(column.unit for column in layout.positions),
        values[0] if len(values) == 1 else " / ".join(values[:3]),
    )

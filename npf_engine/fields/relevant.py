"""Which settings of a field's description its source reads: a form shows these and leaves the others out."""

from __future__ import annotations

import dataclasses

from npf_engine.errors import InputError
from npf_engine.fields import analytic
from npf_engine.fields.sources.gridded import file_of
from npf_engine.fields.sources.registry import source_of
from npf_engine.fields.sources.terrain import Terrain
from npf_engine.fields.spec import FieldSpec

ALL = frozenset(item.name for item in dataclasses.fields(FieldSpec))
ALWAYS = frozenset({"source", "split_seed", "rho", "unit"})
TERRAIN = frozenset({"sigma", "slope", "max_samples", "voids", "noise_seed"})
BOX = frozenset({"low", "high"})
FORMULA = BOX | {"n_samples", "expression"}
FRACTAL = frozenset({"relief", "side_km"})
NOT_OF_FILES = FORMULA | FRACTAL | {"t", "matrix", "product", "size_km"}
STEPS = frozenset({"time", "level", "member", "along"})


def settings(spec: FieldSpec) -> frozenset[str]:
    """The names of the settings that the source of ``spec`` reads; all where that cannot be told."""
    try:
        source = source_of(spec)
    except InputError:
        return ALL
    if source.family == "formula":
        return ALWAYS | FORMULA
    if source.family == "place":
        return ALWAYS | TERRAIN | {"product", "size_km", "bounds", "water"}
    if isinstance(source, Terrain):
        return ALWAYS | TERRAIN | (FRACTAL if source.name == "fractal" else set())
    info = analytic.INFO.get(source.spec.source)
    if info is not None:
        matrix = {"matrix"} if info.name == "linear" else set()
        return ALWAYS | {"n_samples", *info.uses} | (BOX if info.free else set()) | matrix
    if source.family == "file":
        return ALL - NOT_OF_FILES - (set() if file_of(spec) is not None else STEPS)
    return ALL

"""Every field by its description: what can be had by name, and the Field of a spec."""

from __future__ import annotations

import dataclasses

from npf_engine.fields.field import Field
from npf_engine.fields.price import Price
from npf_engine.fields.sources.registry import source_of, sources
from npf_engine.fields.sources.source import FieldInfo, Group, Progress
from npf_engine.fields.spec import FieldSpec

__all__ = ["FieldInfo", "built_in_fields", "list_fields", "price", "resolve"]
ORDER: tuple[Group, ...] = ("terrain", "winds", "raster folder", "analytic", "place")  # in which fields are listed


def list_fields() -> list[FieldInfo]:
    """All fields that have a name: built-in terrain, rasters of NPF_DEM_DIR, analytic fields and the gazetteer.

    Cities are found by ``places``.
    """
    infos = [info for source in sources() for info in source.listed()]
    return sorted(infos, key=lambda info: ORDER.index(info.group))


def built_in_fields() -> list[FieldInfo]:
    """Those that need neither a search nor a network."""
    return [info for info in list_fields() if info.group != "place"]


def resolve(spec: FieldSpec, progress: Progress | None = None) -> Field:
    """Build the field that ``spec`` describes, and keep the spec in its provenance.

    In this order: built-in and analytic names, files, rasters of NPF_DEM_DIR, regions and cities. progress(done,
    total, text) may raise Cancelled. Raises InputError with the nearest names for a name that is none.
    """
    field = source_of(spec).build(progress)
    field.provenance["spec"] = dataclasses.asdict(spec)
    if spec.unit.strip():
        _name_unit(field, spec.unit.strip())
    return field


def _name_unit(field: Field, unit: str) -> None:
    """What F is in, where nothing else says so; what a file says stands, and is told."""
    if field.units.value and field.units.value != unit:
        field.warnings.append(f"F is in {field.units.value} by what was read, so unit = {unit} was left out.")
    else:
        field.units = dataclasses.replace(field.units, value=unit)


def price(spec: FieldSpec) -> Price:
    """What the field of ``spec`` costs before anything of it is built. Raises InputError beyond the limits."""
    return source_of(spec).price()

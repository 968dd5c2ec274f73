"""Every field by its name: built-in terrain, the user's folder of rasters, formulas, files, regions and cities."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from npf_engine.errors import InputError
from npf_engine.fields.field import Field, Kind
from npf_engine.fields.spec import FieldSpec

Progress = Callable[[float, float, str], None]
Group = Literal["terrain", "raster folder", "analytic", "place"]
FOLDER_SUFFIXES = (".tif", ".tiff", ".hgt", ".hgt.gz", ".hgt.zip")
FILE_SUFFIXES = (*FOLDER_SUFFIXES, ".zip", ".csv", ".parquet", ".npz", ".npy")
JACKSBORO_PIXELS = 344 * 403
TERRAIN_VALUE = "metres per pixel"


@dataclass(frozen=True)
class FieldInfo:
    """A field that can be had by its name. n is None where it is known only after the field was built or fetched."""

    name: str
    title: str
    kind: Kind
    d: int
    n: int | None
    units: str
    needs_network: bool
    group: Group


def list_fields() -> list[FieldInfo]:
    """Built-in terrain, rasters of NPF_DEM_DIR, analytic fields and the gazetteer. Cities are found by ``places``.

    A place whose raster is in the cache already needs no network.
    """
    from npf_engine.fields import analytic, elevation_fetch, places
    from npf_engine.fields.fractal import SIDE

    infos = [
        FieldInfo("jacksboro", "Jacksboro fault, Tennessee (embedded)", "samples", 2, JACKSBORO_PIXELS, TERRAIN_VALUE,
                  False, "terrain"),
        FieldInfo("fractal", "Fractal terrain with a seed", "samples", 2, SIDE * SIDE, TERRAIN_VALUE, False, "terrain"),
    ]  # fmt: skip
    infos += [
        FieldInfo(name, path.name, "samples", 2, None, TERRAIN_VALUE, False, "raster folder")
        for name, path in folder_rasters().items()
    ]
    for name in analytic.NAMES:
        about = analytic.INFO[name]
        infos.append(
            FieldInfo(name, about.title, "function", about.d, FieldSpec().n_samples, about.units, False, "analytic")
        )
    for place in places.gazetteer():
        fetched = elevation_fetch.clip_path(place.bounds).is_file()
        infos.append(FieldInfo(place.name, place.title, "samples", 2, None, TERRAIN_VALUE, not fetched, "place"))
    return infos


def folder_rasters() -> dict[str, Path]:
    """Rasters of the folder NPF_DEM_DIR by name: ``N43E007.hgt.zip`` -> ``N43E007``, a second of that name in full."""
    from npf_engine.fields.raster_files import raster_name

    folder = os.environ.get("NPF_DEM_DIR")
    if not folder or not Path(folder).expanduser().is_dir():
        return {}
    found: dict[str, Path] = {}
    for path in sorted(Path(folder).expanduser().iterdir()):
        if path.is_file() and path.name.lower().endswith(FOLDER_SUFFIXES) and not path.name.startswith("."):
            name = raster_name(path)
            found[path.name if name in found else name] = path
    return found


def resolve(spec: FieldSpec, progress: Progress | None = None) -> Field:
    """Build the field that ``spec.source`` names, and keep the spec in its provenance.

    In this order: built-in and analytic names, an existing file, rasters of NPF_DEM_DIR, regions, cities,
    coordinates. progress(done, total, text) may raise Cancelled. Raises InputError with the nearest names
    for a name that is none.
    """
    field = _build(spec, progress)
    field.provenance["spec"] = dataclasses.asdict(spec)
    return field


def _build(spec: FieldSpec, progress: Progress | None) -> Field:
    from npf_engine.fields import own, raster_files, terrains, topography

    source = spec.source.strip()
    name = source.lower()
    if not source:
        raise InputError("The field has no name; say which one (jacksboro is always there).")
    if name in own.NAMES:
        raise own.refuse(name)
    if name == "jacksboro":
        return terrains.jacksboro_field(spec, progress)
    if name == "fractal":
        return terrains.fractal_field(spec, progress)
    if name == "expression":
        from npf_engine.fields import expression

        return expression.build(spec, progress)
    from npf_engine.fields import analytic

    if name in analytic.NAMES:
        return analytic.build(dataclasses.replace(spec, source=name), progress)
    if name == "coordinates":
        return _coordinates_field(spec, progress)
    path = _path(source)
    if path.is_file() and (path.suffix or os.sep in source):
        from npf_engine.fields import uploads

        return uploads.load_upload(path, spec, progress)
    raster = {key.lower(): value for key, value in folder_rasters().items()}.get(name)
    if raster is not None:
        from npf_engine.fields import uploads

        told = {"source": f"{raster.name} of the folder NPF_DEM_DIR"}
        name = raster_files.raster_name(raster)
        return topography.raster_field(name, uploads.open_raster(raster, spec, name, progress), spec, told, progress)
    if name.endswith(FILE_SUFFIXES) or os.sep in source:
        raise InputError(f"There is no file at {source}; check the path.")
    return _named_field(spec, source, progress)


def _path(source: str) -> Path:
    """The path that a source may be; ``~name`` of nobody here is a name like any other."""
    try:
        return Path(source).expanduser()
    except RuntimeError:
        return Path(source)


def _coordinates_field(spec: FieldSpec, progress: Progress | None) -> Field:
    from npf_engine.fields import places, terrains

    if spec.bounds is None:
        raise InputError("The field 'coordinates' needs bounds: west, south, east, north in degrees.")
    return terrains.place_field(places.coordinates_place(spec.bounds), spec, progress)


def _named_field(spec: FieldSpec, source: str, progress: Progress | None) -> Field:
    from npf_engine.fields import analytic, places, terrains

    place = places.find_region(source)
    if place is None:
        built_in = ["jacksboro", "fractal", "expression", "coordinates", *analytic.NAMES, *folder_rasters()]
        near = difflib.get_close_matches(source.lower(), built_in, n=3, cutoff=0.7)
        try:
            place = places.find_place(source, spec.size_km)
        except InputError as error:
            # a slip in a built-in name is likelier than one in a village's
            if near and "There is no region" in str(error):
                raise InputError(f"There is no field called {source!r}; did you mean {' or '.join(near)}?") from error
            raise
    return terrains.place_field(place, spec, progress)

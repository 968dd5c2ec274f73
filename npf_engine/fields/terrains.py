"""Terrain that has a name: the embedded one, a fractal, and any place of the Earth."""

from __future__ import annotations

import numpy as np

from npf_engine.fields.field import Field
from npf_engine.fields.fractal import fractal_raster
from npf_engine.fields.places.elevation_fetch import fetch
from npf_engine.fields.places.find import Place
from npf_engine.fields.raster import Raster
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.topography import Progress, raster_field
from npf_engine.fields.uploads import open_raster
from npf_engine.numbers import number


def jacksboro_raster() -> Raster:
    """Real terrain without a network: the Jacksboro fault, Tennessee, 344 x 403 at 3 arc seconds (matplotlib)."""
    from matplotlib.cbook import get_sample_data

    with np.load(get_sample_data("jacksboro_fault_dem.npz", asfileobj=False)) as data:
        # the file calls its first row ymin although it is the northern one
        south, north = sorted((float(data["ymin"]), float(data["ymax"])))
        bounds = (float(data["xmin"]), south, float(data["xmax"]), north)
        return Raster(data["elevation"].astype(np.float32), bounds)


def jacksboro_field(spec: FieldSpec, progress: Progress | None = None) -> Field:
    """The embedded default: the slope of the Jacksboro fault's terrain."""
    source = {"source": "matplotlib sample data jacksboro_fault_dem.npz (SRTM, Tennessee)"}
    return raster_field("jacksboro", jacksboro_raster(), spec, source, progress)


def fractal_field(spec: FieldSpec, progress: Progress | None = None) -> Field:
    """The slope of a fractal terrain whose seed is ``spec.noise_seed``, as high and wide as ``spec`` says."""
    size = f"{number(spec.relief)} m high, {number(spec.side_km, 4)} km wide"
    source = {"source": f"fractal terrain, seed {spec.noise_seed}, {size}"}
    raster = fractal_raster(spec.noise_seed, relief=spec.relief, side_km=spec.side_km)
    return raster_field("fractal", raster, spec, source, progress)


def place_field(place: Place, spec: FieldSpec, progress: Progress | None = None) -> Field:
    """The slope of a named box's terrain: elevation fetched (or from the cache) by the ``elevation`` package."""
    path = fetch(place.bounds, spec.product, progress=progress)
    source = {"source": f"{spec.product} through the elevation package", "place": place.title, "product": spec.product}
    raster = open_raster(path, spec, place.name, progress)
    return raster_field(place.name, raster, spec, source, progress, leave_water=True)

"""Elevation of a box through the ``elevation`` package, in a process of its own.

The package calls GDAL's command-line tools, which talk on the console, block and cannot be interrupted;
here ``elevation_child`` does so in a child (``tasks.child``, with the network, GDAL's tools and the cache folder open
to it), which has a time limit and is killed with all that it started on cancel; each failure becomes a sentence that
says what to do next.

Environment: EIO_CACHE_DIR (tiles), NPF_ELEVATION_TIMEOUT (seconds), NPF_ELEVATION_SOURCE (a GDAL source
that mirrors the product's tiles, e.g. ``/vsigzip//vsicurl/http://mirror.example/skadi``).
"""

from __future__ import annotations

import math
import os
import re
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.fields.cachedir import cache_folder, tile_cache
from npf_engine.fields.places import elevation_child
from npf_engine.tasks import child
from npf_engine.tasks.files import check_room

Progress = Callable[[float, float, str], None]
Bounds = tuple[float, float, float, float]

DEFAULT_PRODUCT = "MAPZEN"
PRODUCTS = ("MAPZEN", "GLO-30", "AW3D30", "SRTM1_GEOID", "SRTM1_ELLIP", "GLO-90", "SRTM3")
MAX_TILES = 25  # the package's own limit of downloads a call
TIMEOUT = 900.0  # seconds
SMALLEST_BOX = 0.005  # degrees: 18 pixels of one arc second
TILE_MEGABYTES = 18  # of a mountainous degree of MAPZEN as it comes, compressed (Chamonix: 1.37 bytes a pixel)
_TILE = re.compile(r"([NS])(\d\d)([EW])(\d\d\d)")
WITHOUT_NETWORK = "use a field that needs no network (jacksboro, fractal, an upload)"


@dataclass(frozen=True)
class Download:
    """What a fetch loads: tiles of a degree that are not here yet, and at most about so many megabytes."""

    tiles: int

    @property
    def megabytes(self) -> int:
        """Of mountains; of plains less, of the sea next to nothing."""
        return TILE_MEGABYTES * self.tiles

    @property
    def words(self) -> str:
        """As a sentence says it."""
        if not self.tiles:
            return "nothing, its tiles are here"
        return f"{self.tiles} tile{'s' * (self.tiles > 1)} of a degree, at most about {self.megabytes:,} MB"


def download(bounds: Bounds) -> Download:
    """What fetching a box of the default product would load now."""
    west, south, east, north = bounds
    here = set(tiles_here())
    columns = range(math.floor(west + 1e-9), math.ceil(east - 1e-9))
    rows = range(math.floor(south + 1e-9), math.ceil(north - 1e-9))
    return Download(sum((column, row) not in here for column in columns for row in rows))


def tiles_here() -> list[tuple[int, int]]:
    """The south-western corners, longitude and latitude, of the tiles of the default product that are here."""
    return [corner for corner, _ in tile_files()]


def tile_files() -> list[tuple[tuple[int, int], Path]]:
    """The tiles of the default product that are here, by their corners."""
    found = []
    for path in (tile_cache() / DEFAULT_PRODUCT / "cache").glob("*/*.tif"):
        if name := _TILE.fullmatch(path.stem):
            south, latitude, west, longitude = name[1] == "S", int(name[2]), name[3] == "W", int(name[4])
            found.append(((-longitude if west else longitude, -latitude if south else latitude), path))
    return sorted(found)


def check_bounds(bounds: object) -> Bounds:
    """(west, south, east, north) in degrees as floats; InputError says what is wrong with anything else."""
    try:
        west, south, east, north = (float(b) for b in bounds)  # type: ignore[attr-defined]  # judged by trying
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The bounds {bounds!r} are not four numbers; give west, south, east, north in degrees."
        ) from error
    said = f"west {west:g}, south {south:g}, east {east:g}, north {north:g}"
    if not all(map(math.isfinite, (west, south, east, north))):
        raise InputError(f"The bounds ({said}) must be finite numbers of degrees.")
    if south > north:
        raise InputError(f"South lies north of north ({said}); swap the two latitudes.")
    if abs(south) > 90 or abs(north) > 90:
        raise InputError(
            f"Latitudes run from -90 to 90, but the bounds are {said}; are longitude and latitude swapped?"
        )
    if west < -180 or east > 180 or (west > 0 > east and west - east > 180):
        raise InputError(
            f"The box ({said}) crosses the 180th meridian, where no product can be cut; choose a box on one side of it "
            "(longitudes between -180 and 180)."
        )
    if west > east:
        raise InputError(f"West lies east of east ({said}); swap the two longitudes.")
    if east - west < SMALLEST_BOX or north - south < SMALLEST_BOX:
        raise InputError(f"The box ({said}) is under {SMALLEST_BOX} degrees wide or high; choose a larger one.")
    return west, south, east, north


def sentence(kind: str, product: str, bounds: Bounds, detail: str = "") -> str:
    """One sentence for a failure ``kind``: what happened and what to do next."""
    box = f"{bounds[0]:g}..{bounds[2]:g} E, {bounds[1]:g}..{bounds[3]:g} N"
    sentences = {
        "no-gdal": "GDAL's command-line tools are not installed: install gdal-bin (apt install gdal-bin, "
        f"brew install gdal or conda install gdal), or {WITHOUT_NETWORK}.",
        "no-package": "The elevation package is not installed: pip install 'elevation>=2.0.1,<3', "
        f"or {WITHOUT_NETWORK}.",
        "no-network": f"The server of {product} cannot be reached{detail}: check the network connection and try "
        f"again, or {WITHOUT_NETWORK}.",
        "key": f"{product} needs a key: put 'machine data.earthdatahub.destine.eu password YOUR_KEY' into ~/.netrc "
        "(and GDAL 3.8 or later), or choose the product MAPZEN, which needs none.",
        "old-gdal": f"{product} needs GDAL 3.8 or later and this machine has {detail}: update GDAL or choose the "
        "product MAPZEN.",
        "retired": f"The product {product} was retired by the elevation package: choose MAPZEN (the same tiles) or "
        "SRTM1_GEOID.",
        "unknown-product": f"There is no elevation product {product!r}: choose one of {', '.join(PRODUCTS)}.",
        "too-many-tiles": f"The box {box} needs {detail} new tiles of {product} and at most {MAX_TILES} may be "
        "fetched at once: choose a smaller box (up to about 5 x 5 degrees).",
        "only-sea": f"{product} has no elevation in the box {box} (only sea, or outside of what it covers): choose a "
        "box with land, or the product MAPZEN, which has the sea floor.",
        "refused": f"The server of {product} refused the tiles{detail}: try again later or choose another product.",
        "disk-full": f"The disk with the elevation cache is full: free some space in {detail} and try again.",
        "broken": f"The tiles of {product} for {box} could not be read by GDAL{detail}: try again, or choose another "
        "product.",
        "timeout": f"Fetching {product} for {box} took longer than {detail} seconds and was stopped; tiles already "
        "fetched are kept, so try again, or choose a smaller box.",
        "crashed": f"The process that fetches {product} ended unexpectedly{detail}: try again.",
    }
    return sentences[kind]


def clip_path(bounds: Bounds, product: str = DEFAULT_PRODUCT) -> Path:
    """Where the clipped raster of a box is kept, whether it is there already or not."""
    mirror = "mirror_" if os.environ.get("NPF_ELEVATION_SOURCE") else ""
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in product)
    return cache_folder("clips") / f"{mirror}{safe}_{'_'.join(f'{b:.6f}' for b in bounds)}.tif"


def fetch(
    bounds: Bounds,
    product: str = DEFAULT_PRODUCT,
    *,
    progress: Progress | None = None,
    timeout: float | None = None,
) -> Path:
    """GeoTIFF of the elevation in a box (west, south, east, north in degrees), from the cache or fetched.

    progress(done, total, text) is called about five times a second and may raise Cancelled, which stops the child
    and leaves nothing half written. Raises InputError with one sentence for every failure.
    """
    bounds = check_bounds(bounds)
    target = clip_path(bounds, product)
    if target.is_file():
        return target
    if any(shutil.which(tool) is None for tool in ("gdal_translate", "gdalbuildvrt")):
        raise InputError(sentence("no-gdal", product, bounds))
    if timeout is None:
        timeout = float(os.environ.get("NPF_ELEVATION_TIMEOUT") or TIMEOUT)
    check_room(target)
    part = target.with_name(f"{target.stem}.{uuid.uuid4().hex[:8]}.part.tif")
    log = part.with_suffix(".log")
    try:
        _run_child(bounds, product, part, log, progress, timeout)
        _check_known(part, product, bounds)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
    return target


def _run_child(bounds: Bounds, product: str, part: Path, log: Path, progress: Progress | None, timeout: float) -> None:
    request = elevation_child.Request(
        bounds, product, str(part), str(log), str(tile_cache()), os.environ.get("NPF_ELEVATION_SOURCE", "")
    )
    limits = child.Limits(
        memory=None,
        seconds=timeout,
        patience=1.0,
        file_bytes=None,
        open_files=1024,
        network=True,
        programs=True,
        writing=True,
    )
    waiting = f"asking for {product} tiles"
    told = None if progress is None else (lambda done, total, text: progress(done, total, text or waiting))
    try:
        failure = child.call(
            elevation_child.serve,
            request,
            what=product,
            limits=limits,
            returns=(elevation_child.Failure,),
            progress=told,
        )
    except child.Stopped as error:
        late = error.reason == "time"
        detail = f"{timeout:g}" if late else f" ({error.detail.strip().splitlines()[0][:80]})"
        raise InputError(sentence("timeout" if late else "crashed", product, bounds, detail)) from None
    if failure is not None:
        raise InputError(sentence(failure.kind, product, bounds, failure.detail))


def _check_known(path: Path, product: str, bounds: Bounds) -> None:
    if not child.call(elevation_child.has_elevation, path, what=product, limits=child.Limits(seconds=60.0)):
        raise InputError(sentence("only-sea", product, bounds))

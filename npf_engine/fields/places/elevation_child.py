"""What the child that fetches elevation does: calls the ``elevation`` package, whose GDAL tools talk into a log."""

from __future__ import annotations

import errno
import netrc
import os
import re
import shutil
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from elevation.datasource import DatasourceSpec

Progress = Callable[[float, float, str], None]

KEY_HOST = "data.earthdatahub.destine.eu"
KEY_VARIABLES = ("GDAL_HTTP_BEARER", "GDAL_HTTP_HEADERS", "GDAL_HTTP_HEADER_FILE", "GDAL_HTTP_USERPWD")
UNREACHABLE = re.compile(
    r"could not resolve|couldn't resolve|failed to connect|couldn't connect|could not connect|connection refused|"
    r"connection timed out|network is unreachable|connection reset|timeout was reached|operation too slow|timed out",
    re.IGNORECASE,
)
REFUSED = re.compile(r"HTTP (?:response|error) code ?: ?(\d{3})", re.IGNORECASE)
Bounds = tuple[float, float, float, float]


class Refusal(Exception):
    """A failure known before anything is fetched: (kind, detail)."""


@dataclass(frozen=True)
class Request:
    """A box (west, south, east, north in degrees) of a product, where to put the clip, GDAL's talk and the tiles."""

    bounds: Bounds
    product: str
    output: str
    log: str
    cache: str
    gdal_source: str


@dataclass(frozen=True)
class Failure:
    """Why nothing was fetched: kinds and details are those of ``elevation_fetch.sentence``."""

    kind: str
    detail: str


def serve(request: Request, progress: Progress) -> Failure | None:
    """Fetch a clip; None where it was fetched. For a child: it turns stdout and stderr into the request's log."""
    log = os.open(request.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.setdefault("GDAL_HTTP_CONNECTTIMEOUT", "20")
    os.environ.setdefault("GDAL_HTTP_LOW_SPEED_TIME", "30")
    os.environ.setdefault("GDAL_HTTP_LOW_SPEED_LIMIT", "1")
    os.environ.setdefault("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")  # ask for the tile, not for its neighbours
    try:
        _serve(request, progress)
    except BaseException as error:
        return Failure(*_explain(error, request))
    return None


def has_elevation(path: Path) -> bool:
    """Whether a clip has a pixel that is known."""
    from npf_engine.fields.readers.raster_files import read_raster

    return not bool(np.isnan(read_raster(path).elevation).all())


def _serve(request: Request, progress: Progress) -> None:
    import elevation
    from elevation import datasource

    product, bounds = request.product, request.bounds
    if product in elevation.RETIRED_PRODUCTS:
        raise elevation.ProductRetiredError(elevation.RETIRED_PRODUCTS[product])
    if product not in elevation.PRODUCTS:
        raise Refusal("unknown-product", "")
    spec = datasource.PRODUCTS_SPECS[product]
    if request.gdal_source:
        spec["prepare_tile_kwargs"]["gdal_source"] = request.gdal_source
    elif KEY_HOST in str(spec["prepare_tile_kwargs"].get("gdal_source")):
        _check_key_and_gdal()
    root = elevation.resolve_cache_dir(request.cache) / product
    root.mkdir(parents=True, exist_ok=True)
    tiles = _tiles(spec, bounds, root)
    missing = [path for path in tiles if not path.exists()]
    if len(missing) > elevation.MAX_DOWNLOAD_TILES:
        raise Refusal("too-many-tiles", str(len(missing)))
    finished = threading.Event()
    watcher = threading.Thread(target=_watch, args=(root, missing, progress, finished), daemon=True)
    watcher.start()
    try:
        elevation.clip(bounds=bounds, output=request.output, product=product, cache_dir=request.cache)
    finally:
        finished.set()
        watcher.join()


def _tiles(spec: DatasourceSpec, bounds: Bounds, root: Path) -> list[Path]:
    named = spec["cached_tiles"](*bounds, **spec.get("cached_tiles_kwargs", {}))
    return [root / "cache" / f"{name}.tif" for _, name in named]


def _watch(root: Path, missing: list[Path], progress: Progress, finished: threading.Event) -> None:
    """Tell how many tiles are there and how far the newest is: the package itself is silent."""
    total = len(missing) + 1
    while not finished.wait(0.3):
        there = sum(path.exists() for path in missing)
        if there == len(missing):
            text = "cutting out the region"
        else:
            spool = root / "spool"
            sizes = [p.stat().st_size for p in spool.rglob("*.tif")] if spool.is_dir() else []
            got = f", {max(sizes) / 1e6:.1f} MB" if sizes else ""
            text = f"fetching tile {there + 1} of {len(missing)} ({missing[there].stem}{got})"
        progress(there, total, text)


def _check_key_and_gdal() -> None:
    try:
        file = os.environ.get("GDAL_HTTP_NETRC_FILE") or str(Path.home() / ".netrc")
        known = netrc.netrc(file).authenticators(KEY_HOST) is not None
    except (OSError, netrc.NetrcParseError):
        known = False
    if not known and not any(os.environ.get(name) for name in KEY_VARIABLES):
        raise Refusal("key", "")
    version = subprocess.run(["gdalinfo", "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"(\d+)\.(\d+)\.\d+", version)
    if match and (int(match[1]), int(match[2])) < (3, 8):
        raise Refusal("old-gdal", match[0])


def _explain(error: BaseException, request: Request) -> tuple[str, str]:
    """Kind and detail of a failure, read from the exception, the cache and GDAL's log."""
    if isinstance(error, Refusal):
        return error.args[0], error.args[1]
    if isinstance(error, ModuleNotFoundError):
        return "no-package", ""
    if type(error).__name__ == "ProductRetiredError":
        return "retired", ""
    if isinstance(error, RuntimeError) and "Too many tiles" in str(error):
        return "too-many-tiles", "".join(re.findall(r"\d+", str(error))[:1])
    if isinstance(error, urllib.error.URLError):
        nameless = isinstance(error.reason, socket.gaierror)  # what it says of itself is for programmers
        return "no-network", " (no network, or its name is not known)" if nameless else f" ({error.reason})"
    if isinstance(error, FileNotFoundError) and shutil.which("gdal_translate") is None:
        return "no-gdal", ""
    log = Path(request.log).read_text(errors="replace")
    if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or "No space left on device" in log:
        return "disk-full", request.cache
    if isinstance(error, subprocess.CalledProcessError):
        return _explain_gdal(request, log)
    return "crashed", f" ({type(error).__name__}: {error})"


def _explain_gdal(request: Request, log: str) -> tuple[str, str]:
    from elevation import datasource

    spec = datasource.PRODUCTS_SPECS[request.product]
    tiles = _tiles(spec, request.bounds, Path(request.cache) / request.product)
    # the package keeps an empty file for a tile that the server does not have
    if all(path.exists() and path.stat().st_size == 0 for path in tiles):
        return "only-sea", ""
    said = REFUSED.search(log)
    answer = said[1] if said else _ask_again(spec, request.bounds, tiles)
    if answer == "unreachable" or UNREACHABLE.search(log):
        return "no-network", ""
    if answer >= "400":
        wants_key = answer in ("401", "403") and KEY_HOST in str(spec["prepare_tile_kwargs"].get("gdal_source"))
        return ("key", "") if wants_key else ("refused", f" (HTTP {answer})")
    last = next((line for line in reversed(log.strip().splitlines()) if line.strip()), "")
    return "broken", f" ({last.strip()[:200]})" if last else ""


def _ask_again(spec: DatasourceSpec, bounds: Bounds, tiles: list[Path]) -> str:
    """What the server says to a plain HEAD for the first tile that is not there: its status, or "unreachable".

    GDAL calls a refused file "not existing", so its log cannot tell a refusal from a damaged tile.
    """
    from elevation import spatial

    named = spec["cached_tiles"](*bounds, **spec.get("cached_tiles_kwargs", {}))
    for ((ilon, ilat), name), path in zip(named, tiles, strict=True):
        if path.exists():
            continue
        source = spec["prepare_tile"](tile_name=name, ilat=ilat, ilon=ilon, **spec["prepare_tile_kwargs"])
        url = spatial.VSICURL_PATTERN.search(source)
        if url is None:
            return ""
        try:
            with urllib.request.urlopen(urllib.request.Request(url[1], method="HEAD"), timeout=20) as answer:
                return str(answer.status)
        except urllib.error.HTTPError as error:
            return str(error.code)
        except (OSError, ValueError):
            return "unreachable"
    return ""

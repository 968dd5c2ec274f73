"""Elevation tiles for tests, and a real HTTP server on the loopback address that hands them out with Range support."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
import uvicorn
from rasterio.transform import from_origin
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from tests.conftest import missing

SIDE = 3601
HALF = 0.5 / 3600
VOID = -32768


def need_gdal() -> None:
    """Skip (or fail, where everything is required) a test that runs GDAL's command-line tools."""
    if shutil.which("gdalinfo") is None:
        missing("gdalinfo is not installed (apt install gdal-bin)")


def hill(seed: int = 0) -> np.ndarray:
    """A tile (3601, 3601) int16 with a smooth hill: quick to pack, nowhere level for long."""
    rng = np.random.default_rng(seed)
    along = np.linspace(-0.5, 0.5, SIDE)
    east, north = rng.uniform(-0.2, 0.2, 2)
    across, down = (np.exp(-8 * (along - at) ** 2) for at in (east, north))
    return (3000 * np.outer(down, across)).astype(np.int16)


def chamonix_tiles(tif: Path) -> dict[str, np.ndarray]:
    """The two one-degree tiles that hold the Chamonix grid at its true place, void elsewhere."""
    with rasterio.open(tif) as dataset:
        grid, origin = dataset.read(1), (dataset.transform.c, dataset.transform.f)
    canvas = np.full((SIDE, 2 * SIDE - 1), VOID, dtype=np.int16)
    col = round((origin[0] - (6 - HALF)) * 3600)
    row = round(((46 + HALF) - origin[1]) * 3600)
    canvas[row : row + grid.shape[0], col : col + grid.shape[1]] = grid
    return {"N45E006": canvas[:, :SIDE], "N45E007": canvas[:, SIDE - 1 :]}


def corner(name: str) -> tuple[float, float]:
    """West and south of a tile by its name: N45W006 -> (-6, 45)."""
    south = float(name[1:3]) * (1 if name[0] == "N" else -1)
    return float(name[4:7]) * (1 if name[3] == "E" else -1), south


def seed_cache(cache: Path, tiles: dict[str, np.ndarray], product: str = "MAPZEN") -> None:
    """Put tiles where the elevation package looks before it asks a server."""
    for name, tile in tiles.items():
        path = cache / product / "cache" / name[:3] / f"{name}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        west, south = corner(name)
        profile = {
            "driver": "GTiff",
            "height": SIDE,
            "width": SIDE,
            "count": 1,
            "dtype": "int16",
            "crs": "EPSG:4326",
            "nodata": VOID,
            "transform": from_origin(west - HALF, south + 1 + HALF, 1 / 3600, 1 / 3600),
            "compress": "deflate",
            "tiled": True,
        }
        with rasterio.open(path, "w", **profile) as dataset:
            dataset.write(tile, 1)


def serve_folder(folder: Path, tiles: dict[str, np.ndarray]) -> None:
    """Write tiles as the server of MAPZEN keeps them: N45/N45E006.hgt.gz."""
    for name, tile in tiles.items():
        path = folder / name[:3] / f"{name}.hgt.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(tile.astype(">i2").tobytes(), compresslevel=1))


class Loopback:
    """A tile server; ``mode`` is "files", "refuse" (403), "damage" (files of noise) or "stall" (no answer)."""

    def __init__(self, folder: Path) -> None:
        self.mode = "files"
        self.asked: list[str] = []
        self.files = StaticFiles(directory=folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        app = Starlette(routes=[Mount("/", app=self._answer)])
        self.server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="critical", timeout_graceful_shutdown=1)
        )

    @property
    def gdal_source(self) -> str:
        """What replaces the product's gdal_source."""
        return f"/vsigzip//vsicurl/http://127.0.0.1:{self.port}"

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        if self.mode == "stall":
            await asyncio.sleep(60)
        if self.mode == "refuse":
            await PlainTextResponse("no", status_code=403)(scope, receive, send)
        elif self.mode == "damage":
            await Response(b"\x1f\x8b\x08\x00" + bytes(range(256)) * 8)(scope, receive, send)
        else:
            await self.files(scope, receive, send)


@contextmanager
def loopback(folder: Path) -> Iterator[Loopback]:
    """A running server, stopped at the end."""
    server = Loopback(folder)
    thread = threading.Thread(target=server.server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.server.started:
        if time.monotonic() > deadline:
            raise RuntimeError("the loopback server did not start")
        time.sleep(0.02)
    try:
        yield server
    finally:
        server.server.should_exit = True
        thread.join(timeout=5)


def closed_source() -> str:
    """A GDAL source on a port where nobody listens: the network unplugged."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"/vsigzip//vsicurl/http://127.0.0.1:{probe.getsockname()[1]}"

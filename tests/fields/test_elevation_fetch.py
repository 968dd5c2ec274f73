"""Elevation through the real package, the real GDAL tools and a real server on the loopback address."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import elevation
import numpy as np
import pytest

from npf_engine.errors import Cancelled, InputError
from npf_engine.fields.places import elevation_fetch
from npf_engine.fields.places.elevation_fetch import check_bounds, clip_path, fetch
from npf_engine.fields.readers.raster_files import read_raster
from tests.fields.loopback import (
    SIDE,
    VOID,
    Loopback,
    chamonix_tiles,
    closed_source,
    hill,
    loopback,
    need_gdal,
    seed_cache,
    serve_folder,
)

CHAMONIX = (6.827917, 45.822917, 7.006806, 45.962639)
BOX = (6.2, 45.2, 6.4, 45.35)  # 720 x 540 pixels inside the tile N45E006


@pytest.fixture(scope="module")
def tile() -> np.ndarray:
    return hill()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tile cache of the test's own, with the network unplugged until a test says otherwise."""
    need_gdal()
    folder = tmp_path / "tiles"
    monkeypatch.setenv("EIO_CACHE_DIR", str(folder))
    monkeypatch.setenv("NPF_ELEVATION_SOURCE", closed_source())
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture(scope="module")
def served(tile: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tile server has."""
    folder = tmp_path_factory.mktemp("served")
    serve_folder(folder, {"N45E006": tile})
    return folder


@pytest.fixture
def server(cache: Path, served: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    with loopback(served) as running:
        monkeypatch.setenv("NPF_ELEVATION_SOURCE", running.gdal_source)
        yield running


def leftovers(home: Path) -> list[str]:
    """Files of the clip folder that are not finished clips."""
    return [p.name for p in (home / "cache" / "clips").glob("*") if ".part" in p.name]


def children_of_this_process() -> list[str]:
    """Command lines of GDAL tools and fetchers that are still running below this process."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            line = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (proc / "environ").read_bytes().decode(errors="replace")
        except (OSError, PermissionError):
            continue
        ours = f"NPF_HOME={os.environ['NPF_HOME']}\0" in environment
        if ours and ("gdal_translate" in line or "elevation_child" in line):
            found.append(line)
    return found


def test_the_papers_grid_comes_out_of_a_seeded_cache_without_network(cache: Path, shared_data: Path) -> None:
    assert elevation_fetch.download(CHAMONIX).tiles == 2
    seed_cache(cache, chamonix_tiles(shared_data / "Chamonix.tif"))
    assert elevation_fetch.download(CHAMONIX).tiles == 0
    raster = read_raster(fetch(CHAMONIX))
    published = read_raster(shared_data / "Chamonix.tif")
    assert raster.elevation.shape == (503, 644)
    assert raster.elevation.size == 323_932
    assert np.array_equal(raster.elevation, published.elevation)
    assert np.allclose(raster.bounds, published.bounds, atol=1e-6)


def test_tiles_are_fetched_cut_and_kept(
    server: Loopback, tile: np.ndarray, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[float, float, str]] = []
    path = fetch(BOX, progress=lambda done, total, text: told.append((done, total, text)))
    raster = read_raster(path)
    assert raster.elevation.shape == (540, 720)
    # the north-west pixel of the cut is the pixel of the tile under that corner
    row, col = round((46 - BOX[3]) * 3600), round((BOX[0] - 6) * 3600)
    assert np.array_equal(raster.elevation, tile[row : row + 540, col : col + 720])
    assert any("N45E006" in text for _, _, text in told), told
    assert capfd.readouterr() == ("", ""), "GDAL must not talk on the console"
    asked = len(server.asked)
    assert asked > 0
    assert fetch(BOX) == path
    monkeypatch.setenv("NPF_ELEVATION_SOURCE", closed_source())
    assert fetch((6.2, 45.2, 6.4, 45.3)).is_file(), "another box of the same tile needs no server"
    assert len(server.asked) == asked


def test_no_network(cache: Path, own_home: Path) -> None:
    with pytest.raises(InputError, match=r"MAPZEN cannot be reached.*network.*jacksboro"):
        fetch(BOX)
    assert leftovers(own_home) == []
    assert not clip_path(BOX).exists()


def test_server_refuses(server: Loopback, own_home: Path) -> None:
    server.mode = "refuse"
    with pytest.raises(InputError, match=r"refused the tiles \(HTTP 403\)"):
        fetch(BOX)
    assert leftovers(own_home) == []


def test_damaged_tile(server: Loopback) -> None:
    server.mode = "damage"
    with pytest.raises(InputError, match=r"could not be read by GDAL"):
        fetch(BOX)


def test_only_sea_on_a_cold_cache(server: Loopback) -> None:
    with pytest.raises(InputError, match=r"no elevation in the box 2\.2\.\.2\.4 E.*only sea"):
        fetch((2.2, 40.2, 2.4, 40.4))
    assert any("N40E002" in path for path in server.asked)


def test_only_sea_on_a_warm_cache(cache: Path) -> None:
    void = np.full((SIDE, SIDE), VOID, dtype=np.int16)
    seed_cache(cache, {"N40E002": void})
    with pytest.raises(InputError, match=r"only sea"):
        fetch((2.2, 40.2, 2.4, 40.4))
    assert not clip_path((2.2, 40.2, 2.4, 40.4)).exists()


def assert_no_child_is_left(seconds: float = 10.0) -> None:
    """A killed tool needs a moment to vanish from the process table of a busy machine."""
    until = time.monotonic() + seconds
    while children_of_this_process() and time.monotonic() < until:
        time.sleep(0.05)
    assert children_of_this_process() == []


def test_timeout_stops_everything(server: Loopback, own_home: Path) -> None:
    server.mode = "stall"
    start = time.monotonic()
    with pytest.raises(InputError, match=r"took longer than 3 seconds"):
        fetch(BOX, timeout=3)
    assert time.monotonic() - start < 40  # the server stalls for 60
    assert server.asked, "the child must have been waiting for the server"
    assert leftovers(own_home) == []
    assert_no_child_is_left()


def test_cancel_stops_everything_and_a_second_try_works(server: Loopback, own_home: Path) -> None:
    server.mode = "stall"
    wish = threading.Event()

    def progress(done: float, total: float, text: str) -> None:
        if server.asked:
            wish.set()
        if wish.is_set():
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch(BOX, progress=progress, timeout=60)
    assert leftovers(own_home) == []
    assert_no_child_is_left()
    server.mode = "files"
    assert read_raster(fetch(BOX)).elevation.shape == (540, 720)


def test_no_gdal(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"install gdal-bin"):
        fetch(BOX)


def test_products_are_the_packages() -> None:
    assert set(elevation_fetch.PRODUCTS) == set(elevation.PRODUCTS)
    assert elevation_fetch.DEFAULT_PRODUCT == elevation.DEFAULT_PRODUCT
    assert elevation_fetch.MAX_TILES == elevation.MAX_DOWNLOAD_TILES


@pytest.mark.parametrize(
    ("product", "says"), [("SRTM1", r"SRTM1 was retired.*MAPZEN"), ("SRTM9", r"no elevation product 'SRTM9'.*AW3D30")]
)
def test_products_that_are_not(cache: Path, product: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        fetch(BOX, product)


def test_key_needed_and_old_gdal(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPF_ELEVATION_SOURCE")
    netrc = tmp_path / "netrc"
    monkeypatch.setenv("GDAL_HTTP_NETRC_FILE", str(netrc))
    with pytest.raises(InputError, match=r"GLO-30 needs a key.*\.netrc.*MAPZEN"):
        fetch(BOX, "GLO-30")
    version = os.popen("gdalinfo --version").read()
    match = re.search(r"(\d+)\.(\d+)\.\d+", version)
    assert match is not None
    if (int(match[1]), int(match[2])) < (3, 8):
        netrc.write_text("machine data.earthdatahub.destine.eu\n  password abc\n")
        netrc.chmod(0o600)
        with pytest.raises(InputError, match=rf"GLO-30 needs GDAL 3\.8 or later and this machine has {match[0]}"):
            fetch(BOX, "GLO-30")


def test_too_many_tiles(cache: Path) -> None:
    with pytest.raises(InputError, match=r"needs 36 new tiles of MAPZEN and at most 25"):
        fetch((0.5, 40.5, 5.5, 45.5))


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ((6.4, 45.2, 6.2, 45.35), r"West lies east of east .*swap"),
        ((6.2, 45.35, 6.4, 45.2), r"South lies north of north .*swap"),
        ((179.5, -17, -179.5, -16), r"crosses the 180th meridian"),
        ((179.5, -17, 180.5, -16), r"crosses the 180th meridian"),
        ((45.2, 95, 45.3, 96), r"Latitudes run from -90 to 90"),
        ((6.2, 45.2, float("nan"), 45.3), r"finite"),
        ((6.2, 45.2, 6.2001, 45.3), r"under 0\.005 degrees"),
        ((6.2, 45.2, 6.4), r"four numbers"),
        (("a", "b", "c", "d"), r"four numbers"),
    ],
)
def test_bounds_are_checked_before_anything_runs(bounds: tuple[float, ...], says: str) -> None:
    with pytest.raises(InputError, match=says):
        check_bounds(bounds)


def test_what_a_fetch_loads_is_told_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EIO_CACHE_DIR", str(tmp_path))
    chamonix = (6.83, 45.82, 7.01, 45.97)  # two degrees of longitude
    assert elevation_fetch.download(chamonix) == elevation_fetch.Download(2)
    assert elevation_fetch.download(chamonix).words == "2 tiles of a degree, at most about 36 MB"
    for name in ("N45E006", "S01W002", "notes"):
        tile = tmp_path / "MAPZEN" / "cache" / name[:3] / f"{name}.tif"
        tile.parent.mkdir(parents=True, exist_ok=True)
        tile.write_bytes(b"")
    assert elevation_fetch.tiles_here() == [(-2, -1), (6, 45)]
    assert elevation_fetch.download(chamonix).words == "1 tile of a degree, at most about 18 MB"
    assert elevation_fetch.download((-2.0, -1.0, -1.0, 0.0)).words == "nothing, its tiles are here"

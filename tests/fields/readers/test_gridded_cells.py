"""Gaps, seams, halos and poles of grids: which points are neighbours on the ground, and what their cells are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npf_engine.fields import catalog
from npf_engine.fields.field import Field
from npf_engine.fields.readers import gridded_gaps as gaps
from npf_engine.fields.readers import gridded_smooth as smoothing
from npf_engine.fields.readers import gridded_window as window
from npf_engine.fields.readers.gridded import Gridded, read_gridded
from npf_engine.fields.readers.gridded_place import EARTH, Points
from npf_engine.fields.readers.gridded_samples import areas, derivative
from npf_engine.fields.readers.gridded_smooth import smoothed
from npf_engine.fields.spec import FieldSpec

xr = pytest.importorskip("xarray")
NAMES = {"u": "eastward_wind", "v": "northward_wind"}


def table(path: Path, lon: np.ndarray, lat: np.ndarray, u: np.ndarray, v: np.ndarray) -> Field:
    rows = np.column_stack([lon, lat, u, v])
    np.savetxt(path, rows, delimiter=",", header="lon,lat,u,v", comments="", fmt="%.9g")
    return catalog.resolve(FieldSpec(source=str(path), columns="lon, lat -> u, v", axes="earth"))


def values(field: Field) -> np.ndarray:
    return np.concatenate([field.y_train, field.y_test]) + np.array(field.shift or (0.0, 0.0))


def gridded(path: Path, lon: np.ndarray, lat: np.ndarray, u: np.ndarray, v: np.ndarray) -> Gridded:
    dims = ("y", "x") if lon.ndim == 2 else None
    parts = {
        key: (("y", "x"), part, {"standard_name": NAMES[key], "units": "m/s", "coordinates": "lon lat"})
        for key, part in (("u", u), ("v", v))
    }
    places = {
        "lon": (dims or ("x",), lon, {"standard_name": "longitude", "units": "degrees_east"}),
        "lat": (dims or ("y",), lat, {"standard_name": "latitude", "units": "degrees_north"}),
    }
    xr.Dataset({**parts, **places}).to_netcdf(path)
    return read_gridded(path, FieldSpec(source=str(path), axes="earth"))


def test_a_row_at_nought_far_from_all_others_moves_nothing_and_is_told(tmp_path: Path) -> None:
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(100.0, 140.0), np.arange(20.0, 60.0)))
    right = table(tmp_path / "a.csv", lon, lat, lat - 2, np.sin(lon))
    rows = (np.append(lon, 0.0), np.append(lat, 0.0), np.append(lat - 2, 5.0), np.append(np.sin(lon), 1.0))
    stray = table(tmp_path / "b.csv", *rows)
    assert stray.n == right.n and stray.low == right.low and np.array_equal(values(stray), values(right))
    assert any("1 row lies at 0, 0, far from all others" in text for text in stray.warnings)
    assert not any("gap" in text for text in right.warnings)


def test_a_few_places_written_wrongly_move_nothing(tmp_path: Path) -> None:
    """Two rows apart, a block of nine, and rows of no grid: the field without them."""
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(100.0, 140.0), np.arange(20.0, 60.0)))
    right = table(tmp_path / "a.csv", lon, lat, lat - 2, np.sin(lon))
    block = tuple(part.ravel() for part in np.meshgrid(np.arange(3.0), np.arange(3.0)))
    for k, (x, y) in enumerate((([0.0, 1.0], [0.0, 1.0]), block)):
        rows = np.append(lon, x), np.append(lat, y), np.append(lat - 2, y), np.append(np.sin(lon), x)
        stray = table(tmp_path / f"{k}.csv", *rows)
        assert np.array_equal(values(stray), values(right)) and any("far from all" in text for text in stray.warnings)
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(100, 140, 900), rng.uniform(20, 60, 900)
    scattered = table(
        tmp_path / "s.csv", np.append(lon, 0.0), np.append(lat, 0.0), np.append(lat, 5), np.append(lon, 1)
    )
    assert scattered.n == 900 and any("1 row lies at 0, 0" in text for text in scattered.warnings)


def test_rounded_longitudes_are_one_grid(tmp_path: Path) -> None:
    lon, lat = (part.ravel() for part in np.meshgrid(np.round(np.arange(0, 30, 1 / 3), 3), np.arange(40.0, 60.0)))
    noise = np.where(np.random.default_rng(0).random(len(lon)) < 0.3, 1e-6, 0.0)
    plain, noisy = (
        table(tmp_path / f"{k}.csv", east, lat, np.sin(lat), np.cos(lon)) for k, east in enumerate((lon, lon + noise))
    )
    assert plain.n == noisy.n == 100_000 and not any("gap" in text for text in noisy.warnings)
    assert values(noisy).mean(axis=0) == pytest.approx(values(plain).mean(axis=0), abs=1e-4)


def test_nothing_is_interpolated_across_a_gap_and_each_part_weighs_its_area(tmp_path: Path) -> None:
    """Longitudes 0 to 9 and 30 to 39: the mean longitude is 19.5, and none lies between; of 0 to 9 and 30 alone, which
    has no width, the mean is 4.5, neither 6.8 (columns alike) nor 15 (the gap filled)."""
    for name, cols, mean in (("two", [*range(10), *range(30, 40)], 19.5), ("one", [*range(10), 30], 4.5)):
        lon, lat = (part.ravel() for part in np.meshgrid(np.array(cols, dtype=float), np.arange(-6.0, 7.0)))
        field = table(tmp_path / f"{name}.csv", lon, lat, lon, np.sin(lat) + lon)
        east = values(field)[:, 0]
        assert field.n == 100_000 and east.mean() == pytest.approx(mean, abs=0.01)
        assert not ((east > 9.001) & (east < 29.999)).any()
        assert any("gap" in text for text in field.warnings)
        grid = np.array(cols, dtype=float), np.arange(-6.0, 7.0)
        data = gridded(tmp_path / f"{name}.nc", *grid, *(part.reshape(13, -1) for part in (lon, lat + lon)))
        assert data.f[:, 0].mean() == pytest.approx(mean, abs=0.01) and any("gap" in text for text in data.notes)
        assert not ((data.lattice[..., 0] > 9.01) & (data.lattice[..., 0] < 29.99) & data.inside).any()


def on(lon: np.ndarray, lat: np.ndarray) -> Points:
    across, up = np.meshgrid(lon, lat)
    return Points(across, up, EARTH)


def test_grids_that_grow_finer_or_coarser_have_no_gap() -> None:
    lat = np.linspace(0, 10, 12)
    grown = np.cumsum(1.2 ** np.arange(40.0))
    nested = np.concatenate([np.arange(0, 10, 1.0), np.arange(10, 20, 0.1)])
    jittered = np.array([0, 0.9, 1, 2, 3, 4, 5, 6.0])
    for lon in (grown / 100, nested, jittered, np.delete(np.arange(30.0), [7, 8])):
        assert not gaps.cuts(on(lon, lat)).any
    assert gaps.cuts(on(np.array([0.0, 1, 2, 3, 8, 9, 10]), lat)).cols.tolist() == [0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("few", [1, 2, 3, 4])
def test_few_coarse_rows_beside_a_fine_part_are_kept(tmp_path: Path, few: int) -> None:
    fine, outside = np.arange(12.0, 23.0), 4.0 * np.arange(1, few + 1)
    lat = np.concatenate([12.0 - outside[::-1], fine, 22.0 + outside])
    lon = np.arange(0.0, 20.0)
    across, up = np.meshgrid(lon, lat)
    data = gridded(tmp_path / "a.nc", lon, lat, up, np.sin(across))
    assert not any("far from all" in note or "gap" in note for note in data.notes)
    assert (data.f[:, 0].min(), data.f[:, 0].max()) == (lat[0], lat[-1]) and data.voids == 0


def test_a_row_far_away_or_between_two_fine_parts_is_beyond_a_gap() -> None:
    lon = np.arange(5.0)
    for lat, cut in (([0.0, 20, 21, 22, 23, 24], 0), ([0.0, 1, 2, 3, 8, 9, 10, 11], 3)):
        assert np.flatnonzero(gaps.cuts(on(lon, np.array(lat))).rows).tolist() == [cut]
    between = np.array([0.0, 1, 2, 3, 7, 11, 12, 13, 14])  # one of a coarse part inside
    assert not gaps.cuts(on(lon, between)).any


@pytest.mark.parametrize("scalar", ["", "t"])
def test_smoothing_does_not_hang_on_how_many_samples_are_taken(tmp_path: Path, scalar: str) -> None:
    """The sine of period 20 loses exp(-(2 pi 2 / 20)^2 / 2) by a Gaussian of 2 steps, of thinned grids too."""
    path = tmp_path / "a.nc"
    x = np.arange(120.0)
    wave = np.sin(2 * np.pi * x / 20)
    parts = {name: (("y", "x"), np.tile(wave, (120, 1)) + 0.1 * x[:, None], {"units": "m/s"}) for name in "uvt"}
    xr.Dataset(parts, {"x": x, "y": x}).to_netcdf(path)
    read = {"scalar": scalar} if scalar else {"components": "u,v"}
    found = [read_gridded(path, FieldSpec(source=str(path), smooth=2.0, max_samples=n, **read)) for n in (20_000, 900)]
    whole = {tuple(at): f for at, f in zip(found[0].x[: found[0].nodes], found[0].f, strict=False)}
    assert len(found[1].x) <= 900 and max(np.abs(f - whole[tuple(at)]).max() for at, f in kept_of(found[1])) < 1e-12
    assert all("by a Gaussian of 2 steps of the file's grid" in " ".join(data.conversions) for data in found)
    if not scalar:
        inner = np.array([f[0] - 0.1 * at[1] for at, f in kept_of(found[1]) if min(at) > 10 and max(at) < 109])
        assert inner.std() == pytest.approx(wave.std() * np.exp(-0.5 * (0.2 * np.pi) ** 2), rel=0.03)


def test_a_curvilinear_grid_that_is_smoothed_takes_no_more_than_its_steps_can_bear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "MOST_BENT", 2000)
    lon, lat = np.meshgrid(np.linspace(0, 20, 80), np.linspace(40, 50, 80))
    path, lon = tmp_path / "a.nc", lon + 0.1 * lat
    gridded(path, lon, lat, np.sin(lon), np.cos(lat))
    read = FieldSpec(source=str(path), smooth=2.0, axes="earth")  # the map's middle hangs on the points that are kept
    found = [read_gridded(path, replace(read, max_samples=n)) for n in (9000, 500)]
    assert found[0].nodes == 40 * 40 and any("one row in 2 and one column in 2" in note for note in found[0].notes)
    all_of_it, few = ({tuple(f) for _, f in kept_of(data)} for data in found)
    assert len(few) > 200 and few < all_of_it


def kept_of(data: Gridded) -> list[tuple[np.ndarray, np.ndarray]]:
    """The samples that are points of the grid."""
    return list(zip(data.x[: data.nodes], data.f[: data.nodes], strict=True))


def test_of_a_grid_too_large_to_be_smoothed_fewer_points_by_as_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoothing, "MOST_POINTS", 5000)
    shape = (120, 120)
    read = smoothing.read_first(shape, 6.0)
    assert read == (2, 2) and smoothing.read_first(shape, 0.0) == (1, 1)
    wave = np.tile(np.sin(2 * np.pi * np.arange(120) / 40), (120, 1))
    plane = Points(*np.meshgrid(np.arange(120.0), np.arange(120.0)), None)
    coarse = smoothed(wave[::2, ::2], plane.part(slice(0, None, 2), slice(0, None, 2)), 6.0, read)
    assert np.abs(coarse - smoothed(wave, plane, 6.0)[::2, ::2])[15:-15, 15:-15].max() < 1e-4
    assert "one point in 2 x 2 was read" in smoothing.told(["u"], 6.0, read)


@pytest.mark.parametrize("lon", [np.arange(0, 360, 10.0), np.arange(0, 361, 10.0), np.arange(-180, 176, 5.0)])
def test_a_globe_is_covered_whole(tmp_path: Path, lon: np.ndarray) -> None:
    """The mean of cos(longitude) over the globe is 0, and samples lie at every longitude."""
    lat = np.arange(-80.0, 81.0, 10.0)
    across, up = np.meshgrid(lon, lat)
    cos = np.cos(np.radians(across)), np.sin(np.radians(up))
    field = table(tmp_path / "a.csv", across.ravel(), up.ravel(), *(part.ravel() for part in cos))
    data = gridded(tmp_path / "a.nc", lon, lat, *cos)
    around = 2 * np.pi * 6371.0072
    for f, x in ((values(field), None), (data.f, data.x[:, 0])):
        assert f.mean(axis=0) == pytest.approx([0.0, 0.0], abs=2e-3)
        if x is not None:
            assert np.ptp(x) == pytest.approx(around, rel=1e-3)
            assert np.abs(np.histogram(x, 36)[0] / len(x) - 1 / 36).max() < 2e-3
    assert field.high[0] - field.low[0] == pytest.approx(around, rel=1e-3)


def turned_pole(step: float = 0.5) -> Points:
    """A grid across the north pole: rows and columns of great circles about (90 N)."""
    x, y = np.meshgrid(np.arange(-5, 5.01, step), np.arange(-5, 5.01, step))  # degrees from the pole
    return Points(np.degrees(np.arctan2(x, -y)), 90.0 - np.hypot(x, y), (6371e3, 6371e3), rectilinear=False)


def test_slopes_and_cells_at_a_pole_are_as_anywhere() -> None:
    """T = 3 X + 2 Y of the tangent plane at the pole: |grad T| = sqrt(13) per degree of arc, nearly; by differences of
    longitudes it was 60 % off beside the pole."""
    at = turned_pole()
    radius = np.radians(90.0 - at.lat)
    lon = np.radians(at.lon)
    t = 3 * radius * np.sin(lon) - 2 * radius * np.cos(lon)
    size = np.hypot(*np.moveaxis(derivative(at, t), -1, 0)) * 6371e3
    assert np.abs(size / np.sqrt(13) - 1).max() < 3e-3
    area = areas(at) / (np.radians(0.5) * 6371e3) ** 2
    assert np.abs(area - 1).max() < 8e-3


def ocean(halo: bool) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes of a grid round the globe that bends northward, as those of oceans do."""
    lon, lat = np.meshgrid(np.arange(0.0, 360.0, 6.0), np.arange(-60.0, 61.0, 6.0))
    lat = lat + 4.0 * np.cos(np.radians(lon)) * np.clip(lat / 60.0, 0.0, 1.0)
    if halo:
        lon, lat = (np.concatenate([grid[:, -1:], grid, grid[:, :1]], axis=1) for grid in (lon, lat))
    return lon, lat


def test_columns_that_are_written_twice_count_once(tmp_path: Path) -> None:
    found = []
    for halo in (False, True):
        lon, lat = ocean(halo)
        u, v = np.cos(np.radians(lon)), np.sin(np.radians(2 * lat))
        found.append(gridded(tmp_path / f"{halo}.nc", lon, lat, u, v))
    plain, twice = found
    assert plain.nodes == twice.nodes == 60 * 21
    around = np.radians(np.arange(360.0))  # the last row ends at 60 + 4 cos(longitude) degrees
    width = np.sin(np.radians(60.0)) + np.sin(np.radians(60.0 + 4.0 * np.cos(around)))
    for data in found:
        assert data.f[:, 0].mean() == pytest.approx(float((np.cos(around) * width).sum() / width.sum()), abs=1e-3)
    assert np.abs(np.sort(plain.f[: plain.nodes], axis=0) - np.sort(twice.f[: twice.nodes], axis=0)).max() < 1e-12
    assert np.ptp(plain.x[:, 0]) == pytest.approx(np.ptp(twice.x[:, 0]), rel=1e-3)


def test_differences_go_on_across_the_seam_of_a_curvilinear_grid() -> None:
    lon, lat = ocean(halo=False)
    at = Points(lon, lat, (6371e3, 6371e3), rectilinear=False)
    f = derivative(at, np.sin(np.radians(lon)))
    right = np.cos(np.radians(lon)) / (6371e3 * np.cos(np.radians(lat)))
    assert np.abs(f[2:-2, :, 0] / right.max() - right[2:-2] / right.max()).max() < 6e-3  # second order everywhere


def test_smoothing_takes_the_mean_of_what_is_known_and_goes_on_at_the_seam() -> None:
    lon, lat = np.meshgrid(np.arange(0.0, 360.0, 5.0), np.linspace(-60, 60, 40))
    at = Points(lon, lat, EARTH)
    wave = np.cos(np.radians(lon))
    land = (np.abs(lon - 180) < 30) & (np.abs(lat) < 20)
    out = smoothed(np.where(land, np.nan, 7.0 + 0 * wave), at, 3.0)
    assert np.array_equal(np.isnan(out), land) and np.nanmax(np.abs(out - 7.0)) < 1e-12
    damped = np.exp(-0.5 * (3.0 * np.radians(5.0)) ** 2)  # of a wave by a Gaussian, at the seam too
    assert np.abs(smoothed(wave, at, 3.0) - damped * wave).max() < 1e-3
    assert smoothed(wave, at, 0.0) is wave


def smoothed_file(path: Path, lon: np.ndarray, lat: np.ndarray, u: np.ndarray, v: np.ndarray, steps: float) -> Gridded:
    gridded(path, lon, lat, u, v)
    return read_gridded(path, FieldSpec(source=str(path), axes="earth", smooth=steps))


def test_what_lies_far_from_all_others_is_left_out_before_it_is_smoothed(tmp_path: Path) -> None:
    """A column of 1000 at longitude 0 beside 100 to 139, which is a place written wrongly: the field without it."""
    lon, lat = np.arange(100.0, 140.0), np.arange(20.0, 60.0)
    u, v = np.meshgrid(np.sin(lon), np.cos(lat))
    right = smoothed_file(tmp_path / "a.nc", lon, lat, u, v, 2.0)
    more_u, more_v = (np.column_stack([np.full(40, value), part]) for value, part in ((1000.0, u), (-1000.0, v)))
    stray = smoothed_file(tmp_path / "b.nc", np.append(0.0, lon), lat, more_u, more_v, 2.0)
    assert np.array_equal(stray.f, right.f) and np.array_equal(stray.x, right.x)
    assert any("40 of 1,640 points (longitude 0) lie far from all others" in note for note in stray.notes)


@pytest.mark.parametrize("axis", [0, 1])
def test_nothing_is_smoothed_across_a_gap(tmp_path: Path, axis: int) -> None:
    """0 on one side of a gap and 10 on the other stay 0 and 10, in rows and in columns, on bent grids too."""
    lon, lat = np.arange(0.0, 20.0), np.arange(20.0, 40.0)
    line = (lat, lon)[axis]
    line[10:] += 20.0
    across, up = np.meshgrid(lon, lat)
    u = np.where((up if axis == 0 else across) > line[10] - 5.0, 10.0, 0.0)
    data = smoothed_file(tmp_path / "a.nc", lon, lat, u, np.sin(across), 3.0)
    assert np.abs(data.f[:, 0] - 5.0) == pytest.approx(5.0, abs=1e-9) and any("gap" in note for note in data.notes)
    assert 0.2 < np.abs(data.f[:, 1]).max() < 0.99  # it is smoothed within each part
    bent = Points(across + 0.05 * up, up, EARTH, rectilinear=False)
    assert np.abs(smoothed(u, bent, 3.0) - u).max() < 1e-9


def test_a_globe_with_a_gap_is_smoothed_over_its_seam_alone() -> None:
    lon, lat = np.arange(0.0, 360.0, 5.0), np.linspace(-60, 60, 20)
    lon = lon[(lon < 100) | (lon > 160)]
    here = on(lon, lat)
    wave = np.where(here.lon < 130, 0.0, 10.0)
    out = smoothed(wave, here, 2.0)
    first = int((lon < 130).sum())
    assert np.abs(out[:, first : first + 10] - 10.0).max() < 1e-9 and np.abs(out[:, first - 10 : first]).max() < 1e-9
    assert (out[:, -1] < 8.0).all() and (out[:, 0] > 2.0).all()  # neighbours across the seam


@pytest.mark.parametrize("more", [1, 2, 5])
@pytest.mark.parametrize("bent", [False, True])
def test_columns_that_are_written_twice_are_smoothed_as_if_once(more: int, bent: bool) -> None:
    """0 to 360 degrees with both ends, and ocean grids whose first columns follow again: as without them."""
    straight = np.meshgrid(np.arange(0.0, 360.0, 10.0), np.linspace(-60, 60, 20))
    across, up = ocean(halo=False) if bent else straight
    wave = np.sin(np.radians(across)) + np.random.default_rng(0).normal(size=across.shape)
    wave[5:8, :4] = np.nan
    cols = across.shape[1]
    again = np.arange(cols + more) % cols
    turn = 0.0 if bent else 360.0 * (np.arange(cols + more) >= cols)
    plain, twice = (
        Points(across[:, pick] + add, up[:, pick], EARTH, rectilinear=not bent)
        for pick, add in ((np.arange(cols), 0.0), (again, turn))
    )
    right = smoothed(wave, plain, 3.0)
    assert np.nanmax(np.abs(right - smoothed(wave, replace(plain, axes=None), 3.0))) > 0.05  # a seam that counts
    found = smoothed(wave[:, again], twice, 3.0)
    assert np.array_equal(np.isnan(found), np.isnan(right[:, again]))
    assert np.nanmax(np.abs(found - right[:, again])) < 1e-12


def test_bounds_round_the_globe_take_a_meridian_that_is_written_twice_once(tmp_path: Path) -> None:
    found = []
    for end in (360.0, 361.0):
        lon, lat = np.arange(0.0, end, 10.0), np.linspace(-60, 60, 25)
        across, up = np.meshgrid(lon, lat)
        path = tmp_path / f"{end}.nc"
        gridded(path, lon, lat, np.cos(np.radians(across)), np.sin(np.radians(up)))
        for bounds in ((0.0, -50.0, 360.0, 50.0), (-180.0, -50.0, 180.0, 50.0)):
            found.append(
                read_gridded(path, FieldSpec(source=str(path), axes="earth", bounds=bounds, smooth=1.0, scalar="u"))
            )
    for once, twice in zip(found[:2], found[2:], strict=True):
        assert np.array_equal(once.x, twice.x) and once.f == pytest.approx(twice.f, abs=1e-15)


@pytest.mark.parametrize("first", ["u", "v"])
def test_a_globe_staggered_in_longitude_keeps_its_seam(tmp_path: Path, first: str) -> None:
    """u at 0 to 355 degrees and v half a step east (or west) of it: 72 columns, and means of waves are 0."""
    lon, lat = np.arange(0.0, 360.0, 5.0), np.arange(-60.0, 61.0, 5.0)
    places = {"lon_u": lon if first == "u" else lon + 2.5, "lon_v": lon + 2.5 if first == "u" else lon}
    parts = {}
    for name, wave in (("u", np.cos), ("v", np.sin)):
        values = wave(np.radians(places[f"lon_{name}"]))[None, :] + 0.01 * lat[:, None]
        parts[name] = (("lat", f"lon_{name}"), values, {"standard_name": NAMES[name], "units": "m/s"})
    coordinates = {name: (name, line, {"units": "degrees_east"}) for name, line in places.items()}
    coordinates["lat"] = ("lat", lat, {"units": "degrees_north"})
    path = tmp_path / "a.nc"
    xr.Dataset(parts, coordinates).to_netcdf(path)
    data = read_gridded(path, FieldSpec(source=str(path), axes="earth"))
    assert data.nodes == 72 * 25 and data.voids == 0 and data.rectangle
    assert np.abs(data.f.mean(axis=0)).max() < 1e-3
    east = np.degrees(data.x[: data.nodes, 0] * 1000.0 / EARTH[0]) + (data.origin or (0.0, 0.0))[0]
    at = np.radians(np.round(east / 2.5) * 2.5)
    lat = np.degrees(np.arcsin(data.x[: data.nodes, 1] * 1000.0 / 6371007.2))
    off = np.abs(
        data.f[: data.nodes] - 0.01 * np.round(lat / 5.0)[:, None] * 5.0 - np.stack([np.cos(at), np.sin(at)], 1)
    )
    moved = 1.0 - np.cos(np.radians(2.5))  # that the mean of two neighbours loses of a wave
    assert sorted(off.max(axis=0)) == pytest.approx([0.0, moved], abs=1e-6)

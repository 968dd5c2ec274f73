"""F of a gridded file on a regular grid of its map, for exact pre-images and for what needs derivatives on a grid.

A grid of parallels and meridians is interpolated linearly in longitude and latitude (on the cylinder in x and y, so
in the sine of latitude); one of any other shape bilinearly in the cell that a node lies in.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from npf_engine.fields.readers import gridded_cells as cells
from npf_engine.fields.readers.gridded_gaps import Cuts, cuts
from npf_engine.fields.readers.gridded_map import KILOMETRE, Map
from npf_engine.fields.readers.gridded_place import Points

MOST_NODES = 160_000
FINER = 4.0  # nodes in a step of the grid
NEWTON_STEPS = 8  # to the cell and the place in it; a smooth grid needs three
MISSED = 1e-6  # of a step: what a place that was found may miss


def lattice(
    points: Points, chart: Map, f: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """F (rows, cols, 2) on nodes from ``low`` to ``high`` (2,) of the map, row 0 at the largest y, and where it is
    known (rows, cols); elsewhere the nearest known value."""
    x, y = _nodes(chart, low, high)
    points, chart, f = _closed(points, chart, f)
    cut = cuts(points)
    values = _on_lines(points, chart, f, x, y, cut) if points.rectilinear else _on_cells(chart, f, x, y, cut)
    known = np.isfinite(values).all(axis=2)
    return _filled(values, known), known


def _nodes(chart: Map, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x (cols,), y (rows,) of the nodes, northmost first."""
    width, height = high - low
    (x_row, x_col), (y_row, y_col) = np.gradient(chart.x), np.gradient(chart.y)
    size = np.abs(x_row * y_col - x_col * y_row)  # the map has equal areas
    known = np.isfinite(size) & (size > 0)
    step = math.sqrt(float(np.median(size[known]))) / FINER
    count = max((width / step + 1) * (height / step + 1), 1.0)
    step *= max(1.0, math.sqrt(count / MOST_NODES))
    cols, rows = (max(16, math.ceil(side / step) + 1) for side in (width, height))
    while rows * cols > 2 * MOST_NODES:  # a strip
        rows, cols = max(16, rows // 2), max(16, cols // 2)
    return np.linspace(low[0], high[0], cols), np.linspace(high[1], low[1], rows)


def _closed(points: Points, chart: Map, f: np.ndarray) -> tuple[Points, Map, np.ndarray]:
    """A cylinder of straight rows that closes, with the columns beyond its seam: samples lie up to there."""
    margin = cells.margin(points)
    if not (points.rectilinear and margin.cols and chart.around):
        return points, chart, f
    x = margin.around(chart.x)
    step = chart.around if chart.x[0, -1] > chart.x[0, 0] else -chart.around
    x[:, 0] -= step
    x[:, -1] += step
    return margin.points(points), replace(chart, x=x, y=margin.around(chart.y)), margin.around(f)


def _on_lines(points: Points, chart: Map, f: np.ndarray, x: np.ndarray, y: np.ndarray, cut: Cuts) -> np.ndarray:
    """Linear between the rows and columns of a grid of straight lines: in degrees on an azimuthal map, else in x, y."""
    from scipy.ndimage import map_coordinates

    px, py = np.meshgrid(x, y)
    if chart.middle is None:  # the lines of the grid are those of the map
        across, up, along_x, along_y = px, py, chart.x[0], chart.y[:, 0]
    else:
        across, up = _degrees(points, chart, px, py)
        along_x, along_y = points.lon[0], points.lat[:, 0]
    at = np.stack([_index(along_y, up), _index(along_x, across)])
    inside = np.isfinite(at).all(axis=0) & ~_in_gap(at, cut)
    at = np.where(inside, at, 0.0)
    parts = [np.where(inside, map_coordinates(f[..., k], at, order=1, mode="nearest"), np.nan) for k in (0, 1)]
    return np.stack(parts, axis=-1)


def _in_gap(at: np.ndarray, cut: Cuts) -> np.ndarray:
    """Which places (row, column) lie between two points of the grid with a gap between them."""
    out = np.zeros(at.shape[1:], dtype=bool)
    for place, gaps in zip(at, (cut.rows, cut.cols), strict=True):
        step = np.clip(np.floor(np.nan_to_num(place)).astype(int), 0, len(gaps) - 1)
        out |= gaps[step] & (place > step) & (place < step + 1)
    return out


def _degrees(points: Points, chart: Map, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from pyproj import Proj

    assert points.axes is not None and chart.middle is not None
    a, b = points.axes
    project = Proj(proj="laea", lon_0=chart.middle[0], lat_0=chart.middle[1], a=a, b=b)
    lon, lat = (np.asarray(part) for part in project(x * KILOMETRE, y * KILOMETRE, inverse=True))
    first = float(points.lon[0].min())
    edge = 1e-9
    return np.where(np.isfinite(lon), first + (lon - first + edge) % 360.0 - edge, np.nan), lat


def _index(line: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The place of values among those of a rising or falling line, in steps; NaN beyond its ends."""
    rising = line if line[-1] > line[0] else line[::-1]
    edge = 1e-9 * float(rising[-1] - rising[0])
    place = np.interp(at, rising, np.arange(len(line), dtype=float))
    place = np.where((at >= rising[0] - edge) & (at <= rising[-1] + edge), place, np.nan)
    return place if line[-1] > line[0] else len(line) - 1 - place


def _on_cells(chart: Map, f: np.ndarray, x: np.ndarray, y: np.ndarray, cut: Cuts) -> np.ndarray:
    """Bilinear in the cell of a curvilinear grid that a node lies in, as samples between the grid's points are."""
    px, py = (part.ravel() for part in np.meshgrid(x, y))
    at, miss = _cells(chart, px, py)
    corners, weights = _corners(at, chart.x.shape)
    values = sum(
        (w[:, None] * f[r, c] for (r, c), w in zip(corners, weights, strict=True)), start=np.zeros((len(px), 2))
    )
    values[~(miss <= MISSED) | _in_gap(at.T, cut)] = np.nan
    return values.reshape(len(y), len(x), 2)


def _cells(chart: Map, px: np.ndarray, py: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column (n, 2), with fractions, at which a curvilinear grid has these positions, by Newton's method from
    the nearest point; and by how much of a step it misses them."""
    from scipy.spatial import cKDTree

    there = np.flatnonzero((np.isfinite(chart.x) & np.isfinite(chart.y)).ravel())
    tree = cKDTree(np.stack([chart.x.ravel()[there], chart.y.ravel()[there]], axis=1))
    nearest = there[tree.query(np.stack([px, py], axis=1))[1]]
    at = np.stack(np.divmod(nearest, chart.x.shape[1]), axis=1).astype(float)
    last = np.array(chart.x.shape, dtype=float) - 1.0
    miss = np.full(len(px), np.inf)
    for _ in range(NEWTON_STEPS):
        ((dx_r, dx_c), gap_x), ((dy_r, dy_c), gap_y) = (
            _position(grid, at, target) for grid, target in ((chart.x, px), (chart.y, py))
        )
        area = dx_r * dy_c - dx_c * dy_r
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.stack([gap_x * dy_c - dx_c * gap_y, dx_r * gap_y - gap_x * dy_r], axis=1) / area[:, None]
            miss = np.hypot(gap_x, gap_y) / np.sqrt(np.abs(area))
        at = np.clip(at + np.clip(np.nan_to_num(step), -1.0, 1.0), 0.0, last)
    return at, miss


def _position(grid: np.ndarray, at: np.ndarray, target: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Derivatives of a coordinate by row and column, and what is missing to the target."""
    corners, weights = _corners(at, grid.shape)
    a, b, c, d = (grid[r, k] for r, k in corners)
    s, t = at[:, 0] - corners[0][0], at[:, 1] - corners[0][1]
    value = sum((w * part for w, part in zip(weights, (a, b, c, d), strict=True)), start=np.zeros(len(at)))
    return ((1 - t) * (c - a) + t * (d - b), (1 - s) * (b - a) + s * (d - c)), target - value


Corner = tuple[np.ndarray, np.ndarray]


def _corners(at: np.ndarray, shape: tuple[int, ...]) -> tuple[list[Corner], list[np.ndarray]]:
    """The four points about each place (row, column), and their bilinear weights."""
    row, col = (np.clip(np.floor(at[:, k]).astype(int), 0, shape[k] - 2) for k in (0, 1))
    s, t = at[:, 0] - row, at[:, 1] - col
    corners = [(row, col), (row, col + 1), (row + 1, col), (row + 1, col + 1)]
    return corners, [(1 - s) * (1 - t), (1 - s) * t, s * (1 - t), s * t]


def _filled(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    if known.all() or not known.any():
        return np.nan_to_num(values)
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return values[tuple(nearest)]

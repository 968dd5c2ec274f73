"""The numbers of a raster's band: read in strips, surveyed for marks and range, given as float32 above an offset."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields import sentinels
from npf_engine.fields.raster import centre_of
from npf_engine.fields.readers.options import RasterOptions
from npf_engine.settings.limits import LARGEST

STRIP_PIXELS = 4_000_000  # read at a time
SMALLEST_SIDE = 8
Masked = np.ma.MaskedArray[tuple[int, ...], np.dtype[np.generic]]


class Colour(Protocol):
    """What a band stands for: red, palette, gray, ..."""

    @property
    def name(self) -> str: ...


class Affine(Protocol):
    """x = a col + b row + c, y = d col + e row + f of the pixels' corners."""

    def __init__(self, a: float, b: float, c: float, d: float, e: float, f: float, /) -> None: ...

    @property
    def a(self) -> float: ...

    @property
    def b(self) -> float: ...

    @property
    def c(self) -> float: ...

    @property
    def d(self) -> float: ...

    @property
    def e(self) -> float: ...

    @property
    def f(self) -> float: ...

    @property
    def is_identity(self) -> bool: ...


class Projection(Protocol):
    """A coordinate system as the file has it."""

    def to_wkt(self) -> str: ...


class Dataset(Protocol):
    """What is asked of an open ``rasterio`` dataset."""

    count: int
    height: int
    width: int
    block_shapes: Sequence[tuple[int, int]]
    scales: Sequence[float]
    offsets: Sequence[float]
    units: Sequence[str | None]
    dtypes: Sequence[str]
    colorinterp: Sequence[Colour]
    transform: Affine
    crs: Projection | None

    def read(self, band: int, /, *, window: object, masked: bool) -> Masked: ...


@dataclass(frozen=True)
class Band:
    """What is known of a raster's band before it is read."""

    name: str
    number: int  # from 1
    rows: int
    cols: int
    scale: float
    offset: float
    block_rows: int


@dataclass(frozen=True)
class Values:
    """What the numbers of a band are: marks for nothing known, and what to take off before they become float32."""

    marks: tuple[float, ...]
    offset: float  # in the unit of the values, scale and offset of the band applied
    note: str


def strips(dataset: Dataset, band: Band, multiple: int = 1) -> Iterator[tuple[int, Masked]]:
    """(first row, masked array (rows, cols) as in the file), a multiple of the file's blocks at a time."""
    from rasterio.windows import Window

    unit = max(band.block_rows if band.block_rows * band.cols <= STRIP_PIXELS else 1, 1) * multiple
    height = max(unit, STRIP_PIXELS // band.cols // unit * unit)
    for first in range(0, band.rows, height):
        window = Window(0, first, band.cols, min(height, band.rows - first))
        yield first, dataset.read(band.number, window=window, masked=True)


def survey(dataset: Dataset, band: Band, options: RasterOptions) -> Values:
    """One look at all values: those that stand for nothing known, and the range of the others."""
    low, high, whole, infinite = math.inf, -math.inf, True, 0
    size = band.rows * band.cols
    ends: list[np.ndarray] = []
    for _, strip in strips(dataset, band):
        known = strip.compressed()
        if known.dtype.kind == "f":
            infinite += int(np.isinf(known).sum())
            known = known[np.isfinite(known)]
        if not known.size:
            continue
        ends.append(_ends(known))
        low, high = min(low, float(known.min())), max(high, float(known.max()))
        whole = whole and (known.dtype.kind in "iu" or bool(np.all(known[:: 1 + known.size // 100_000] % 1 == 0)))
    note = sentinels.infinite(band.name, infinite, size)
    if not ends:
        return Values((), 0.0, note)
    together = np.concatenate(ends)
    found = sentinels.find(together)
    if found:
        masked = options.missing == "mask" or any(abs(value) > LARGEST for value, _ in found)
        marks = tuple(value for value, _ in found) if masked else ()
        counts = _counts(dataset, band, [value for value, _ in found])
        told = sentinels.sentence(band.name, list(zip([v for v, _ in found], counts, strict=True)), size, masked)
        note = f"{note} {told}".strip()
        rest = together[~np.isin(together, marks)]
        if rest.size:
            low, high = float(rest.min()), float(rest.max())
    else:
        marks = ()
    if max(abs(low), abs(high)) > LARGEST:
        raise InputError(
            f"{band.name} holds values as large as {max(abs(low), abs(high)):.3g}; heights up to {LARGEST:g} are read: "
            "give them in a larger unit, or declare those that mean nothing as nodata."
        )
    plain = band.scale == 1.0
    low, high = sorted((low * band.scale + band.offset, high * band.scale + band.offset))
    return Values(marks, centre_of(low, high, whole and plain and band.offset == round(band.offset)), note)


def _ends(known: np.ndarray) -> np.ndarray:
    """The values of a strip in which marks show: a sample, and every one beyond where nearly all of the sample lies."""
    sample = known[:: 1 + known.size // 20_000].astype(np.float64)
    low, high = np.quantile(sample, (0.02, 0.98))
    reach = 0.05 * (high - low)
    return np.concatenate([sample, known[(known < low - reach) | (known > high + reach)][:200_000].astype(np.float64)])


def _counts(dataset: Dataset, band: Band, marks: list[float]) -> list[int]:
    totals = [0] * len(marks)
    for _, strip in strips(dataset, band):
        known = strip.compressed()
        totals = [total + int((known == mark).sum()) for total, mark in zip(totals, marks, strict=True)]
    return totals


def _known(strip: Masked, band: Band, values: Values) -> np.ndarray:
    """A strip as float32 above the offset, NaN where nothing is known; all that is done to it in double precision."""
    unknown = np.ma.getmaskarray(strip).copy()
    plain = np.asarray(strip.data)
    for mark in values.marks:
        unknown |= plain == mark
    if band.scale == 1.0 and band.offset == values.offset and plain.dtype.itemsize <= 4:
        out = plain.astype(np.float32)
    else:
        out = (plain.astype(np.float64) * band.scale + (band.offset - values.offset)).astype(np.float32)
    out[unknown | ~np.isfinite(out)] = np.nan
    return out


def whole_grid(dataset: Dataset, band: Band, values: Values) -> np.ndarray:
    elevation = np.empty((band.rows, band.cols), np.float32)
    for first, strip in strips(dataset, band):
        elevation[first : first + len(strip)] = _known(strip, band, values)
    return elevation


def averaged(dataset: Dataset, band: Band, values: Values, factor: int) -> np.ndarray:
    """Means over ``factor`` x ``factor`` pixels, void where most are void; an incomplete edge is left out."""
    rows, cols = band.rows // factor, band.cols // factor
    if min(rows, cols) < SMALLEST_SIDE:
        raise InputError(
            f"{band.name} is a grid of {band.rows} x {band.cols} pixels, too narrow for a field; cut out a part."
        )
    elevation = np.empty((rows, cols), np.float32)
    for first, strip in strips(dataset, band, factor):
        height = min(len(strip) // factor, rows - first // factor)
        part = _known(strip, band, values)[: height * factor, : cols * factor]
        void = np.isnan(part)
        part[void] = 0.0
        known, total = factor * factor - _block_sums(void, factor), _block_sums(part, factor)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(known >= factor * factor / 2, total / known, np.nan)
        elevation[first // factor : first // factor + height] = mean
    return elevation


def _block_sums(grid: np.ndarray, factor: int) -> np.ndarray:
    """Sums over blocks of ``factor`` x ``factor``, float32; slice by slice, far faster than by axes."""
    rows = sum((grid[k::factor] for k in range(1, factor)), start=grid[::factor].astype(np.float32))
    return sum((rows[:, k::factor] for k in range(1, factor)), start=rows[:, ::factor])

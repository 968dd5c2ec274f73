"""The sides of a box of points on x, y and z: lines written wrongly, gaps, thinning; samples of what is known in it.

Points that lie evenly are the samples; of uneven ones each is drawn by the volume of its cell (systematic resampling),
further samples of a cell lie in it with values trilinear between the points. Cells end at gaps and at the box's ends.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers.gridded_gaps import ALIKE, COARSE, MOST_TOLD, alone, listed, long_steps, sparse
from npf_engine.fields.readers.gridded_values import Index, Log
from npf_engine.fields.spec import FieldSpec

EVEN = 1e-3  # of a step, by which positions may be uneven and count as even
LEAST_STEPS = 3  # along each side


@dataclass(frozen=True)
class Side:
    """A dimension: its positions (n,) and their unit, which points of the file they are (n,), which of the n - 1 steps
    between them are gaps."""

    dim: str
    line: np.ndarray
    unit: str
    which: np.ndarray
    cut: np.ndarray

    @property
    def index(self) -> Index:
        """Which points of the file: a slice where they are evenly far apart in it."""
        steps = np.unique(np.diff(self.which))
        if len(steps) != 1:
            return self.which
        return slice(int(self.which[0]), int(self.which[-1]) + 1, int(steps[0]))

    @property
    def parts(self) -> list[slice]:
        """Between which points there is no gap."""
        bounds = [0, *(np.flatnonzero(self.cut) + 1).tolist(), len(self.line)]
        return [slice(start, stop) for start, stop in itertools.pairwise(bounds)]

    @property
    def even(self) -> bool:
        """Whether the points are as far apart everywhere, but for gaps."""
        steps = np.abs(np.diff(self.line)[~self.cut])
        return bool(steps.size == 0 or np.ptp(steps) <= EVEN * steps.mean())

    @property
    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """How far the cell of each point (n,) reaches to the one before and to the next: half the way, no way into a
        gap or beyond the box."""
        steps = np.where(self.cut, 0.0, np.abs(np.diff(self.line)) / 2)
        return np.concatenate([[0.0], steps]), np.concatenate([steps, [0.0]])

    def thinned(self, step: int) -> np.ndarray:
        """Every ``step``-th point (indices): of each part by itself, with both its ends where it is uneven."""
        out = []
        for part in self.parts:
            size = part.stop - part.start
            count = max(min(size, 2), -(-size // step))
            if self.even and -(-size // step) >= 2:
                out.append(part.start + np.arange(0, size, step))
            else:
                out.append(part.start + np.round(np.linspace(0, size - 1, count)).astype(np.int64))
        return np.concatenate(out)

    def part(self, points: np.ndarray) -> Side:
        """Of these points (indices) alone; a step is a gap where one of those within it was."""
        gaps = np.concatenate([[0], np.cumsum(self.cut)])[points]
        return Side(self.dim, self.line[points], self.unit, self.which[points], np.diff(gaps) > 0)


def side(dim: str, line: np.ndarray, unit: str, few: bool, log: Log) -> Side:
    """A dimension without lines that stand alone beyond a gap and (where ``few``) without parts beyond one that hold
    next to nothing; told, as gaps are. Raises InputError for positions that are no numbers."""
    if not np.isfinite(line).all():
        raise InputError(f"{dim} holds positions that are no numbers; correct them, or take a slice.")
    cut = long_steps(np.abs(np.diff(line)))
    gone = alone(cut) | (sparse(np.ones(len(line)), cut) if few else False)
    levels = gone & ~_beyond(line, gone)
    gone &= ~levels
    levels &= alone(cut)
    cut &= ~(levels[1:] | levels[:-1]) | gone[1:] | gone[:-1]
    if gone.any() and (~gone).sum() >= LEAST_STEPS:
        log.note(
            f"{int(gone.sum()):,} of the {len(line):,} places along {dim} ({listed(line[gone])}) lie far from all "
            "others, alone beyond a gap, and were left out; correct them where a place is written wrongly."
        )
    else:
        gone[:] = False
    found = Side(dim, line, unit, np.arange(len(line)), cut).part(np.flatnonzero(~gone))
    for k in np.flatnonzero(found.cut)[:MOST_TOLD]:
        low, high = sorted((float(found.line[k]), float(found.line[k + 1])))
        log.note(
            f"Between {dim} {low:.6g} and {high:.6g}{' ' + unit if unit else ''} lies a gap: no sample is taken in it, "
            "and nothing is interpolated across."
        )
    return found


def _beyond(line: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Which of these lines lie far from the others indeed: any beside even ones; beside uneven ones, as few levels
    that grow by large factors are, those many times as far away as the others reach."""
    gone = gone.copy()
    while gone.any() and not gone.all():
        rest = line[~gone]
        steps = np.abs(np.diff(rest))
        steps = steps[~long_steps(steps)]
        if not steps.size or steps.max() <= ALIKE * steps.min():
            break
        away = np.abs(line[:, None] - rest).min(axis=1)
        near = gone & (away <= COARSE * np.ptp(rest))
        if not near.any():
            break
        gone &= ~near
    return gone


def turned(side: Side, sign: int) -> Side:
    """With positions times ``sign``."""
    return replace(side, line=side.line * sign)


def samples(
    sides: Sequence[Side], f: np.ndarray, known: np.ndarray, spec: FieldSpec, log: Log
) -> tuple[np.ndarray, np.ndarray, int]:
    """Positions (n, 3) as x, y, z, values, and how many of them are points of the grid. sides: along z, y and x; f:
    (z, y, x, 3), known where ``known``."""
    rng = np.random.default_rng(spec.split_seed)
    z, y, x = np.meshgrid(*(one.line for one in sides), indexing="ij")
    at = np.stack([x, y, z], axis=-1)
    if all(one.even for one in sides):
        chosen = np.flatnonzero(known)
        if len(chosen) > spec.max_samples:  # of a box so small that no side could be thinned further
            chosen = np.sort(rng.permutation(chosen)[: spec.max_samples])
        return at.reshape(-1, 3)[chosen], f.reshape(-1, 3)[chosen], len(chosen)
    volume = reduce(np.multiply.outer, [sum(one.halves) for one in sides])
    weight = np.where(known, volume, 0.0)
    count, inner = int(known.sum()), weight[weight > 0]
    if not inner.size:
        raise InputError("The points that are known lie too far from one another for a field; take a slice of the box.")
    n = int(min(max(weight.sum() / inner.min(), count), 2.0 * count, spec.max_samples))
    edges = np.cumsum(weight.ravel()) * (n / weight.sum()) + rng.random()
    copies = np.diff(np.floor(edges), prepend=0.0).astype(np.int64)
    first = np.flatnonzero(copies > 0)
    places, drawn = _within(sides, at, f, known, np.repeat(first, copies[first] - 1), rng)
    log.convert(
        f"{len(first) + len(places):,} samples by the volume of the cells: {len(first):,} of {count:,} points of the "
        f"grid, and {len(places):,} between them with values interpolated."
    )
    return (
        np.concatenate([at.reshape(-1, 3)[first], places]),
        np.concatenate([f.reshape(-1, 3)[first], drawn]),
        len(first),
    )


def _within(
    sides: Sequence[Side], at: np.ndarray, f: np.ndarray, known: np.ndarray, node: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Samples in the cells of points (flat indices), towards neighbours that are all known."""
    place = np.stack(np.unravel_index(node, known.shape))
    share = rng.random(place.shape) * 0.5
    chance = rng.random(place.shape)
    towards = np.ones(place.shape, dtype=np.int64)
    for k, one in enumerate(sides):  # as often to either side as its half of the cell is long
        before, after = (half[place[k]] for half in one.halves)
        towards[k] = np.where(chance[k] * (before + after) < before, -1, 1)
    good = np.ones(len(node), dtype=bool)
    there, drawn = np.zeros((len(node), 3)), np.zeros((len(node), 3))
    for corner in itertools.product((0, 1), repeat=3):
        ends = np.array(corner)[:, None]
        index = tuple(place + ends * towards)
        weight = np.prod(np.where(ends == 1, share, 1.0 - share), axis=0)[:, None]
        good &= known[index]
        there += weight * at[index]
        drawn += weight * np.nan_to_num(f[index])
    return there[good], drawn[good]

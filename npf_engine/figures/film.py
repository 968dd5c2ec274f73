"""Particles over time as a browser plays them: few enough moments, places in 16 bits, one bit where one jumped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEPS = 65535
MOST_PARTICLES = 5000  # of a film: as many as move at 30 frames a second where a processor draws them
MOST_NUMBERS = 2_000_000  # places of all moments, of which each takes four bytes


@dataclass(frozen=True)
class Film:
    """A chain to be played: steps (T,) int32, codes (T, P, 2) uint16 between low and high (2,), and jumped (T, P) bool,
    whether a particle jumped since the moment before."""

    steps: np.ndarray
    codes: np.ndarray
    low: np.ndarray
    high: np.ndarray
    jumped: np.ndarray

    def places(self) -> np.ndarray:
        """Where the browser has the particles, (T, P, 2)."""
        return np.asarray(self.low + self.codes.astype(np.float64) / STEPS * (self.high - self.low))


def film(steps: np.ndarray, paths: np.ndarray, jumped: np.ndarray, most: int = MOST_NUMBERS) -> Film:
    """The film of a chain: steps (T,), paths (T, P, 2), jumped (T, P), of at most ``most`` places.

    Where there are more, every k-th moment is kept, and the last one; who jumped between two of them has jumped.
    """
    paths, jumped = paths[:, :MOST_PARTICLES], np.asarray(jumped, dtype=bool)[:, :MOST_PARTICLES]
    every = max(1, -(-paths.shape[0] * paths.shape[1] // most))
    kept = np.unique(np.append(np.arange(0, len(paths), every), len(paths) - 1))
    since = np.logical_or.reduceat(jumped, np.append(0, kept[:-1] + 1), axis=0) if len(kept) > 1 else jumped
    since[0] = jumped[0]
    places = paths[kept].astype(np.float64)
    there = places[np.isfinite(places).all(axis=2)]
    low, high = (there.min(axis=0), there.max(axis=0)) if len(there) else (np.zeros(2), np.ones(2))
    high = np.where(high > low, high, low + 1.0)
    places = np.where(np.isfinite(places), places, low)  # of a chain that ran away
    codes = np.rint((places - low) / (high - low) * STEPS).astype(np.uint16)
    return Film(np.asarray(steps)[kept].astype(np.int32), codes, low, high, since)

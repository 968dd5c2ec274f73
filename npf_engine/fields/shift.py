"""A large constant in F is taken off in double precision, before 32-bit numbers round what F varies by.

F - c has the same M, and its grad u is that of F less c: nothing is lost, and the sentence says what to add.
"""

from __future__ import annotations

import numpy as np

FAR = 1e3  # standard deviations of a component that its mean may be, before three of seven digits are lost
CONSTANT = 1e-14  # of its mean: a component that varies by less does so by rounding alone


def shift_of(values: np.ndarray) -> tuple[tuple[float, ...], list[str]]:
    """What to take off each component of F (n, d) float64, () where nothing need be; and the sentences."""
    mean, spread = values.mean(axis=0), values.std(axis=0)
    far = (np.abs(mean) > FAR * spread) & (spread > CONSTANT * np.abs(mean))
    if not far.any():
        return (), []
    # few digits, so that it can be read and added again; exact in double precision
    digits = np.where(spread > 0, np.floor(np.log10(np.where(spread > 0, spread, 1.0))), 0.0)
    shift = np.where(far, np.round(mean / 10.0**digits) * 10.0**digits, 0.0)
    told = [
        f"F{k + 1} varies by {spread[k]:.3g} around {shift[k]:,.12g}, which was taken off in double precision (32-bit "
        "numbers would round the rest): M stays the same, and grad u is less by it."
        for k in np.flatnonzero(far)
    ]
    return tuple(map(float, shift)), told

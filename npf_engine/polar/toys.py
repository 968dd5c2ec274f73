"""Polar factorizations that are known exactly, to be played with: a matrix, a function on a line, maps of the plane.

Each is samples x of rho with M(x) and F(x) = grad u(M(x)), nothing learned and nothing estimated but where said.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import linalg

from npf_engine.errors import InputError
from npf_engine.fields.expression import parse

Array = NDArray[np.float64]
SINGULAR = 1e-12  # of the largest singular value: below it M is not unique
FOLD, TURN, DOUBLE, TWIST = "A fold", "A rotation", "The doubling map", "A twist"
PLANAR = (TURN, TWIST, FOLD, DOUBLE)


@dataclass(frozen=True)
class Toy:
    """Samples x of rho, M(x) and F(x), all (n, d)."""

    x: Array
    m: Array
    field: Array


@dataclass(frozen=True)
class MatrixToy(Toy):
    """F(x) = A x on the disc: A = P Q, P symmetric with no negative eigenvalue, Q orthogonal. unique: whether Q is."""

    P: Array
    Q: Array
    unique: bool

    @property
    def turns(self) -> bool:
        """Whether Q turns the disc; else it mirrors it."""
        return bool(np.linalg.det(self.Q) > 0)

    @property
    def stretch(self) -> Array:
        """By how much P stretches along its two axes, rising."""
        return np.asarray(np.linalg.eigvalsh(self.P), dtype=np.float64)


@dataclass(frozen=True)
class Rearranged:
    """F on [0, 1] at the nodes x (n,): ``increasing`` is u'(q) at the same nodes, m is M(x), all (n,); plateau: the
    share of x at which F takes a value that it takes on a whole interval, so that no M is determined there."""

    x: Array
    field: Array
    increasing: Array
    m: Array
    plateau: float


def matrix_toy(A: Array, n: int = 1_500) -> MatrixToy:
    """F(x) = A x for A (2, 2) on the unit disc: the left polar decomposition (Higham 2008, chapter 8)."""
    Q, P = linalg.polar(A, side="left")
    size = np.linalg.svd(A, compute_uv=False)
    x = disc(n)
    m = x @ Q.T
    return MatrixToy(x, m, m @ P.T, P, Q, bool(size[-1] > SINGULAR * max(size[0], 1e-300)))


def rearranged(function: Callable[[Array], Array], n: int = 2_001) -> Rearranged:
    """The rearrangement of F on [0, 1] with the uniform law: u' is the increasing function with F's law, its quantile
    function, and M(x) the share of [0, 1] on which F is smaller than F(x) (Ryff 1970).

    By n midpoints, so exact up to 1 / n; equal values share their mean rank. Raises InputError where F is not finite.
    """
    x = (np.arange(n) + 0.5) / n
    field = np.asarray(function(x), dtype=np.float64)
    if not np.isfinite(field).all():
        bad = float(x[~np.isfinite(field)][0])
        raise InputError(f"F is not a finite number at x = {bad:.4g}; choose one that is finite on 0 to 1")
    increasing = np.sort(field)
    low, high = np.searchsorted(increasing, field, "left"), np.searchsorted(increasing, field, "right")
    flat = np.diff(field) == 0  # equal at two neighbours: a value that is taken on a whole interval
    plateau = float((np.append(flat, False) | np.insert(flat, 0, False)).mean())
    return Rearranged(x, field, increasing, (low + high) / (2 * n), plateau)


def rearranged_formula(text: str, n: int = 2_001) -> Rearranged:
    """``rearranged`` of a formula in x. Raises InputError where it cannot be read."""
    parsed = parse(text, 1, "F")
    return rearranged(lambda x: parsed(torch.from_numpy(x)[:, None]).numpy(), n)


def planar_toy(kind: str, amount: float, bend: float, n: int = 2_500) -> Toy:
    """F = grad u o M in the plane for an M by name and u(x) = |x|^2/2 + bend (x_1^4 + x_2^4)/4.

    ``amount``: the angle of a rotation and of a twist at the middle, in degrees; how often a fold or a doubling map
    goes over the square, a whole number. Rotation and twist act on the disc, the others on the square.
    """
    x = disc(n) if kind in (TURN, TWIST) else square(n)
    m = _planar(kind, amount, x)
    return Toy(x, m, m + bend * m**3)


def _planar(kind: str, amount: float, x: Array) -> Array:
    if kind in (TURN, TWIST):
        angle = np.full(len(x), math.radians(amount))
        if kind == TWIST:  # constant along circles, so that each turns as a whole
            angle = angle * np.exp(-2 * (x**2).sum(1))
        c, s = np.cos(angle), np.sin(angle)
        return np.stack([c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]], axis=1)
    along = (x[:, 0] + 1) / 2 * max(1, round(amount))
    inside = np.mod(along, 1.0)
    if kind == FOLD:  # every second piece backwards
        inside = np.where(np.floor(along) % 2 == 1, 1 - inside, inside)
    return np.stack([2 * inside - 1, x[:, 1]], axis=1)


def disc(n: int) -> Array:
    """n points of the unit disc, even (a sunflower's: Vogel 1979)."""
    k = np.arange(n) + 0.5
    radius, angle = np.sqrt(k / n), k * math.pi * (3 - math.sqrt(5))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def square(n: int) -> Array:
    """About n points of [-1, 1]^2, even: a lattice of golden ratio."""
    k = np.arange(n) + 0.5
    return np.stack([2 * np.mod(k * (math.sqrt(5) - 1) / 2, 1.0) - 1, 2 * k / n - 1], axis=1)

"""Toys on the torus and the sphere: samples of a map that is known, and their exact factorization, nothing learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from npf_engine.manifolds.discrete import DiscreteFactorization, factorize_exactly
from npf_engine.manifolds.known import TURN, Swirled, Twisted

Array = NDArray[np.float64]
TORUS, SPHERE = "A torus", "A sphere"
AROUND, TUBE = 1.0, 0.42  # of the torus as it is drawn: its circle, and its tube


@dataclass(frozen=True)
class RoundToy:
    """x, M(x) as the assignment finds it, and F(x): flat (n, 2), the torus' periods or degrees of longitude and
    latitude, and in space (n, 3). off: sqrt E d(m, M(x))^2 in percent of that of a uniform point; identity: the same of
    M(x) = x; cost, gap: the mean of d^2 / 2 that grad u moves, and its certificate; axes: what the flat axes are."""

    flat: tuple[Array, ...]
    space: tuple[Array, ...]
    off: float
    identity: float
    cost: float
    gap: float
    axes: tuple[str, str]


def round_toy(kind: str, turn: float, bend: float, n: int = 400) -> RoundToy:
    """The torus with a twist by ``turn`` periods, or the sphere whose equator turns by ``turn`` turns; bend in [0, 1]:
    how much phi there is."""
    if kind == TORUS:
        known: Twisted | Swirled = Twisted(turn, bend)
        x = Twisted().torus.spread_evenly(n)
    else:
        known = Swirled(TURN * turn, 0.9 * bend)
        x = Swirled().sphere.spread_evenly(n)
    space = known.torus if isinstance(known, Twisted) else known.sphere
    found = factorize_exactly(space, x, known(x))
    spread = space.variance**0.5
    off = float(space.distance(found.m, known.M(x)).square().mean().sqrt()) / spread
    identity = float(space.distance(x, known.M(x)).square().mean().sqrt()) / spread
    return _toy(found, 100 * off, 100 * identity)


def _toy(found: DiscreteFactorization, off: float, identity: float) -> RoundToy:
    parts = (found.x, found.m, found.field)
    own = tuple(part.numpy() for part in parts)
    if found.x.shape[1] == 2:
        flat, space, axes = own, tuple(as_ring(part).numpy() for part in parts), ("x", "y")
    else:
        flat, space, axes = tuple(in_degrees(part).numpy() for part in parts), own, ("longitude", "latitude")
    return RoundToy(flat, space, off, identity, found.cost, found.gap, axes)


def as_ring(x: Tensor) -> Tensor:
    """Points of the unit torus (n, 2) on a ring in space (n, 3): the first axis around its tube, the second around the
    hole, so that a twist turns whole circles about the hole. Lengths are not kept: no ring in space is flat."""
    a, b = TURN * x[:, 0], TURN * x[:, 1]
    reach = AROUND + TUBE * torch.cos(a)
    return torch.stack([reach * torch.cos(b), reach * torch.sin(b), TUBE * torch.sin(a)], dim=1)


def in_degrees(x: Tensor) -> Tensor:
    """Longitude and latitude (n, 2) of unit vectors (n, 3)."""
    return torch.rad2deg(torch.stack([torch.atan2(x[:, 1], x[:, 0]), torch.asin(x[:, 2].clamp(-1, 1))], dim=1))

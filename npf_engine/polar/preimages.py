"""Exact pre-images: drawn ones carried to where F really takes the value, their distinct places and shares.

A draw goes downhill on |F(x) - v|^2 and so keeps to its branch. One that stops at a fold or at the edge of Omega is
given the nearest of all places where F is v, which for d <= 2 are known (known_field.py), else it starts again from
the closest of the samples nearest in F. Where no place is found at which F is v, the nearest value that was seen is
named. Beyond d = 2 nothing but the draws is looked at, so that there may be more places, and a value that was not found
may occur.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.lattice import distinct
from npf_engine.polar.inversion import ExactInversion
from npf_engine.polar.known_field import FURTHER, MAX_D, KnownField
from npf_engine.transport.pairing import nearest

if TYPE_CHECKING:
    from npf_engine.polar.factorization import PolarFactorization

FOUND = 0.01  # of F's spread: what counts as F being v
ARRIVED = 1e-4  # of F's spread: a draw that misses by more starts again
RESTARTS = 50  # samples nearest in F, of which the closest place is where such a draw starts again
ROUNDS = 6  # how many of them are tried for one draw, the closest first
SAME = 1e-3  # of Omega's half side: ends so near to each other are one place


def kept_samples(model: PolarFactorization) -> tuple[Tensor, Tensor]:
    """All that a model keeps of F: positions (n, d) in model units and values (n, d), float64."""
    parts = [torch.cat([model.samples[f"{name}_train"], model.samples[f"{name}_test"]]).double() for name in "xy"]
    return parts[0], parts[1]


def settle(
    known: KnownField, draws: Tensor, values: Tensor, samples: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Where draws (k, n, d) of the pre-images of values (k, d) end, (k, n, d), |F - v| there, (k, n), and which of them
    stopped on their own way and were carried elsewhere, (k, n) bool."""
    k, n, d = draws.shape
    target = values.double()[:, None].expand(k, n, d).reshape(-1, d)
    x, miss = known.solve(draws.reshape(-1, d), target)
    lost = (miss > ARRIVED * known.spread) | ~known.inside(x)
    miss = torch.where(known.inside(x), miss, torch.inf)
    for index in lost.reshape(k, n).any(dim=1).nonzero()[:, 0].tolist():
        rows = index * n + lost[index * n : (index + 1) * n].nonzero()[:, 0]
        start = draws.reshape(-1, d)[rows].double()
        there, left = _again(known, start, values[index].double(), samples)
        better = left < miss[rows]
        x[rows[better]], miss[rows[better]] = there[better], left[better]
    return x.reshape(k, n, d), miss.reshape(k, n), lost.reshape(k, n)


def _again(known: KnownField, start: Tensor, value: Tensor, samples: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """A second chance for draws (n, d): the nearest known place of the value, or downhill from a sample near in F; a
    draw that has neither stays where it began, with what F misses there."""
    places = known.places(value)
    if len(places):
        x = places[nearest(places, start, 1)[:, 0]]
        return x, _miss(known, x, value)
    x, y = samples
    close = x[(y - value).square().sum(1).topk(min(RESTARTS, len(y)), largest=False).indices]
    order = nearest(close, start, min(ROUNDS, len(close)))
    best, left = start.clone(), _miss(known, start, value)
    for chosen in order.T:
        rest = (left > ARRIVED * known.spread).nonzero()[:, 0]
        there, miss = known.solve(close[chosen[rest]], value.expand(len(rest), -1))
        miss = torch.where(known.inside(there), miss, torch.inf)
        better = rest[miss < left[rest]]
        best[better], left[better] = there[miss < left[rest]], miss[miss < left[rest]]
    return best, left


def _miss(known: KnownField, x: Tensor, value: Tensor) -> Tensor:
    """|F(x) - value| (n,), infinite where F is not a number."""
    return (known.value(x) - value).norm(dim=1).nan_to_num(nan=torch.inf)


def exact_preimages(known: KnownField, value: Tensor, draws: Tensor, samples: tuple[Tensor, Tensor]) -> ExactInversion:
    """Carry draws (n, d), model units, of the pre-images of one value (d,) to where F is that value; model units."""
    value = value.double()
    x, miss, restarted = (part[0] for part in settle(known, draws[None], value[None], samples))
    found = miss <= FOUND * known.spread
    places = known.places(value)
    sure = x[miss <= ARRIVED * known.spread]
    if len(sure) and len(places):
        sure = sure[torch.cdist(sure, places).amin(dim=1) > SAME * known.half]
    places = torch.cat([places, distinct(sure, SAME * known.half)])
    own = found & ~restarted
    weights = _shares(x[own if bool(own.any()) else found], places)
    order = weights.argsort(descending=True, stable=True)
    places, weights, level = _told_apart(known, value, places[order], weights[order])
    near_x, near = _nearest_that_occurs(known, value, x, samples)
    return ExactInversion(x, miss, found, restarted, places, weights, level, near, near_x)


def invert_exact(model: PolarFactorization, gradient: Tensor, n: int, seed: int = 0) -> ExactInversion:
    """n draws of the pre-images of one gradient (d,), carried to exact ones, in the user's units.

    Raises InputError where F is known on samples only.
    """
    known = KnownField.of(model)
    if known is None or not known.solvable:
        raise InputError(
            f"F of {model.field_name} cannot be evaluated beyond its samples (or d is over {MAX_D}), so that there are "
            "no exact pre-images, only drawn ones"
        )
    value = gradient.double().reshape(-1)
    draws = model.scaling.to_model(model.invert(value, n, seed).double())
    return exact_preimages(known, value, draws, kept_samples(model)).at(model.scaling.to_user)


def _told_apart(known: KnownField, value: Tensor, places: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Places (k, d) and weights (k,), largest first, and which are part of a line or patch, (k,) bool.

    Where F has no slope, as at the bottom of x^4 + y^4, draws stop all about one place: those are counted as one.
    """
    flat, level = known.level(places, value)
    loose = (flat & ~level).nonzero()[:, 0]
    keep = torch.ones(len(places), dtype=torch.bool)
    weights = weights.clone()
    for first in loose.tolist():
        if not keep[first]:
            continue
        close = loose[keep[loose] & (loose > first)]
        close = close[(places[close] - places[first]).norm(dim=1) <= FURTHER * known.half]
        weights[first] += weights[close].sum()
        keep[close] = False
    order = weights[keep].argsort(descending=True, stable=True)
    return places[keep][order], weights[keep][order], level[keep][order]


def _shares(x: Tensor, places: Tensor) -> Tensor:
    """The share of the positions x (n, d) that are nearest to each place (k, d): (k,)."""
    if not len(x) or not len(places):
        return torch.zeros(len(places), dtype=torch.float64)
    return torch.bincount(nearest(places, x, 1)[:, 0], minlength=len(places)).double() / len(x)


def _nearest_that_occurs(
    known: KnownField, value: Tensor, ends: Tensor, samples: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Position (d,) and value (d,) of F nearest to ``value`` among the ends of the draws and what lies near to it."""
    x, y = samples
    close = x[(y - value).square().sum(1).topk(min(RESTARTS, len(y)), largest=False).indices]
    lowest, _ = known.solve(close, value.expand_as(close))
    beyond = torch.cat([lowest, ends])
    candidates = torch.cat([close, beyond[known.inside(beyond)]])  # the samples themselves do occur
    reached = known.value(candidates)
    best = (reached - value).norm(dim=1).nan_to_num(nan=torch.inf).argmin()
    return candidates[best], reached[best]

"""The ways of I_psi: paths of the bridge from y = grad u*(v) to the places where F is v, as they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.polar.factorization import PolarFactorization

MOST_STEPS = 100  # of the bridge's exact steps: the reference sampler's 950 would show nothing more
MOMENTS = 50  # of a way that are kept


@dataclass(frozen=True)
class BridgePaths:
    """times (T,), 0 first and 1 last; x (T, n, d): where the paths are then, in the user's units, all from one y;
    ends (n, d): where M_xi leads each on to at its end, the draw of I_psi; moved (n,): how far that is, in Omega's half
    sides."""

    times: Tensor
    x: Tensor
    ends: Tensor
    moved: Tensor


def bridge_paths(model: PolarFactorization, gradient: Tensor, n: int = 120, seed: int = 0) -> BridgePaths:
    """n paths for one value v (d,) of F.

    A draw whose path ends where M_xi is far from y is drawn anew by ``invert``; here all paths are first ones. Raises
    InputError for a model without I_psi.
    """
    bridge = model.bridge
    if bridge is None:
        raise InputError("this model has no Iψ: its training stopped before that stage, so there are no paths to show")
    y = bridge.project(model.solve(torch.as_tensor(gradient, dtype=torch.float64).to(model.u.like)[None]).x)
    start = y.repeat(n, 1)
    generator = torch.Generator().manual_seed(seed)
    walk = [(0.0, start), *bridge.walk(start, generator, min(model.sampler_steps, MOST_STEPS))]
    every = max(1, len(walk) // MOMENTS)
    kept = [*walk[:-1:every], walk[-1]]
    ends = model._guided(kept[-1][1], start)
    return BridgePaths(
        torch.tensor([time for time, _ in kept], dtype=torch.float64),
        torch.stack([model.scaling.to_user(x.cpu().double()) for _, x in kept]),
        model.scaling.to_user(ends.cpu().double()),
        (ends - kept[-1][1]).norm(dim=1).cpu(),
    )

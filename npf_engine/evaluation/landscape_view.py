"""What pages ask of a landscape: its relief, whether a step size makes a chain diverge, the verdict on a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from npf_engine.evaluation.verdict import GOOD, UNTRUSTED, USABLE, Verdict
from npf_engine.polar.langevin import LangevinSettings, lipschitz, step_size_warning
from npf_engine.polar.sampling.landscapes import Landscape

SIDE = 141  # of a relief
COARSE = 41
REACH = 10.0  # places whose energy c (g - min g) is below this are visited
CLOSE = 0.05  # largest error of a basin's share
MOST = 400  # of them whose curvature is looked at


def relief(landscape: Landscape, side: int = SIDE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (side,), y (side,) and g (side, side), the first axis along x, over the box of a landscape in the plane."""
    x, y = (torch.linspace(a, b, side, dtype=torch.float64) for a, b in zip(landscape.low, landscape.high, strict=True))
    points = torch.cartesian_prod(x, y)
    g = landscape.potential(points).reshape(side, side)
    return x.numpy(), y.numpy(), g.double().numpy()


def step_warning(landscape: Landscape, tau: float, coefficient: float, start: tuple[float, ...] = ()) -> str | None:
    """A sentence where steps of size tau are too large for the places that a chain visits; None where they are not.

    Looked at are the places of low energy and the start; lengths are counted in the landscape's unit, as tau is.
    """
    unit = torch.tensor(landscape.unit or (1.0,) * landscape.d, dtype=torch.float64)
    places = _visited(landscape, coefficient, start or landscape.start) / unit
    largest = lipschitz(lambda z: landscape.gradient(z * unit) * unit, places)
    return step_size_warning(LangevinSettings(tau, coefficient), largest)


def _visited(landscape: Landscape, coefficient: float, start: tuple[float, ...]) -> Tensor:
    x, y, g = relief(landscape, COARSE)
    energy = coefficient * (g - np.nanmin(g))
    low = np.stack(np.meshgrid(x, y, indexing="ij"), axis=2)[energy < REACH]
    places = torch.from_numpy(low[:: max(1, -(-len(low) // MOST))])
    return torch.cat([places, torch.tensor([start], dtype=torch.float64)]) if start else places


def judge(result: dict[str, Any]) -> dict[str, str]:
    """The verdict on a landscape run: the largest error of a basin's share, between 0 and the trivial answer.

    The trivial answer is a sampler that never leaves one basin, the best for it. Empty where nothing can be said: no
    known weights, or one basin only.
    """
    modes = result["modes"]
    if len(modes) < 2:
        return {}
    target = np.array([mode["target"] for mode in modes])
    occupancy = np.array([mode["occupancy"] for mode in modes])
    error = float(np.abs(occupancy - target).max())
    trivial = min(float(np.abs(np.eye(len(target))[k] - target).max()) for k in range(len(target)))
    reason = (
        f"a basin's share misses that of exp(-c g) by {error:.3f} at most; particles that never leave the best basin "
        f"miss by {trivial:.3f}"
    )
    own = [mode["own_law"] for mode in modes]
    if all(share is not None and np.isfinite(share) for share in own):
        reason += f"; its own law is met to {float(np.abs(occupancy - np.array(own, dtype=float)).max()):.3f}"
    floor = (result["truth"] or {}).get("energy_distance_of_exact_samples")
    if result["energy_distance"] is not None and floor is not None:
        reason += f"; energy distance {result['energy_distance']:.2g} where exact samples have {floor:.2g}"
    level = UNTRUSTED if error >= trivial else GOOD if error <= CLOSE else USABLE
    return Verdict(level, reason).to_json()

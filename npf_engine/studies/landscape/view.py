"""What pages ask of a landscape: its relief, and whether a step size makes a chain diverge."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from npf_engine.sampling.landscapes import Landscape
from npf_engine.sampling.langevin import LangevinSettings, lipschitz, step_size_warning

SIDE = 141  # of a relief
COARSE = 41
REACH = 10.0  # places whose energy c (g - min g) is below this are visited
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

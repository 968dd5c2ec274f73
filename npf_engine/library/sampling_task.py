"""What ``npf.sample`` is to draw from: a potential of the caller's own, its gradient, and where to start."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.function_field import check_box
from npf_engine.library import arrays
from npf_engine.library.arrays import ArrayLike
from npf_engine.library.callables import OwnFunction, Vectorial, check_gradient, gradient_of, own_function
from npf_engine.sampling.chain import Oracle
from npf_engine.sampling.langevin import Region
from npf_engine.tasks.recorder import Recorder

PROBED = 4  # points on which a function is tried
Corner = ArrayLike | float | None  # of a box: one number an axis


@dataclass
class Task:
    """g and grad g of float64 rows in the caller's positions, where to start and the box, if there is one."""

    potential: Vectorial
    gradient: Vectorial
    start: Tensor
    low: tuple[float, ...]
    high: tuple[float, ...]
    coefficient: float
    steps: int
    seed: int
    recorder: Recorder

    @property
    def region(self) -> Region | None:
        return Region(self.low, self.high) if self.low else None

    def oracle(self) -> Oracle:
        return Oracle(self.gradient, self.potential)


def positive(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < float(value) < math.inf:
        raise InputError(f"{name} must be a positive number, not {value!r}")
    return float(value)


def task_of(
    g: Callable[..., object],
    grad: Callable[..., object] | None,
    place: tuple[Corner, Corner, Corner],
    coefficient: float,
    steps: int,
) -> tuple[Task, str]:
    """What is to be sampled, and ``numpy`` or ``torch``: how g takes its points. Raises InputError."""
    if not callable(g) or isinstance(g, Tensor):
        raise InputError(
            f"g is a {type(g).__name__}; pass the potential, a function of points (n, d) that returns (n,)"
        )
    low, high = _box(*place[:2])
    start = _start(place[2], low, high)
    at = start[torch.arange(PROBED) % len(start)]
    at = at + 1e-3 * (1 + at.abs()) * torch.linspace(-1, 1, PROBED, dtype=torch.float64)[:, None]
    own = own_function("g", g, at, scalar=True)
    gradient = _gradient(own, grad, at)
    values = own.call(start).detach()
    if not bool(torch.isfinite(values).all()):
        raise InputError(f"g is {float(values[~torch.isfinite(values)][0]):g} at the start; start where it is finite")
    if not bool(torch.isfinite(gradient(start)).all()):
        raise InputError("the gradient of g is not finite at the start; start elsewhere")
    potential = _detached(own.call)
    return Task(potential, gradient, start, low, high, coefficient, steps, 0, Recorder()), own.way


def _detached(function: Vectorial) -> Vectorial:
    return lambda x: function(x.detach()).detach()


def _gradient(own: OwnFunction, grad: Callable[..., object] | None, at: Tensor) -> Vectorial:
    if grad is None:
        if own.way == "numpy":
            raise InputError("grad is missing: pass the gradient of g, (n, d) -> (n, d), or write g in torch")
        return gradient_of(own.call)
    if not callable(grad):
        raise InputError(f"grad is a {type(grad).__name__}; pass a function of points (n, d) that returns (n, d)")
    gradient = _detached(own_function("grad", grad, at).call)
    check_gradient(own.call, gradient, at)
    return gradient


def _box(low: Corner, high: Corner) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if (low is None) != (high is None):
        raise InputError(f"{'low' if low is None else 'high'} is missing: pass both corners of the box, or neither")
    if low is None:
        return (), ()
    a, b = (tuple(map(float, arrays.vector(name, value))) for name, value in (("low", low), ("high", high)))
    check_box("g", a, b)
    return a, b


def _start(start: Corner, low: tuple[float, ...], high: tuple[float, ...]) -> Tensor:
    """(k, d) float64 inside of the box."""
    if start is None:
        if not low:
            raise InputError(
                "start is missing: without a box, low and high, pass a point (d,) for the chains to begin at"
            )
        return torch.tensor([[(a + b) / 2 for a, b in zip(low, high, strict=True)]], dtype=torch.float64)
    d = len(low) or None
    one = isinstance(start, int | float) or np.ndim(start) < 2
    found = arrays.vector("start", start, d)[None] if one else arrays.rows("start", start, d)
    x = torch.from_numpy(found)
    if low and not bool(Region(low, high).inside(x).all()):
        raise InputError("start lies outside of the box from low to high; pass points inside")
    return x

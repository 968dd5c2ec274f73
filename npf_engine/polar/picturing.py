"""What a page shows while M_xi and X_psi are trained: M's mesh as it folds, I's draws as they find their places.

A picture every few seconds, for at most a hundredth of the time. Its draws are its own and it changes no weight, so
that looking changes nothing in the training.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.fields.field import Field
from npf_engine.networks.bridge import Bridge
from npf_engine.networks.mlp import MLP
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.optimise import SHOWN

SECONDS_BETWEEN = 3.0
SHARE_OF_TIME = 0.01
LINES, ALONG = 17, 65  # of the mesh in each direction, and points of a line: a fold is not to be cut off
CLOUD = 1000  # points in place of a mesh where rho is no box (off the land M_xi is not trained), or d is not 2
VALUES, DRAWS, STEPS = 5, 60, 20  # of the inverse: values of F, draws of each, steps of a path
MOST_NUMBERS = 4_000_000  # coordinates among which true places are looked for
Arrays = dict[str, np.ndarray]


class Picture:
    """``draw()`` goes to the recorder under ``name`` now and then; what is not finite does not."""

    def __init__(self, recorder: Recorder, name: str, draw: Callable[[], Arrays]) -> None:
        self.recorder, self.name, self.draw = recorder, name, draw
        self.due = 0.0

    def look(self, step: int) -> None:
        """A picture of this step, where one is due."""
        if step % SHOWN or time.monotonic() < self.due:
            return
        begin = time.monotonic()
        with torch.no_grad():
            arrays = self.draw()
        if all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f"):
            self.recorder.snapshot(self.name, **arrays)
        spent = time.monotonic() - begin
        self.due = time.monotonic() + max(SECONDS_BETWEEN, spent / SHARE_OF_TIME)


def of_map(field: Field, m: MLP, like: Tensor, recorder: Recorder) -> Picture:
    """M_xi of a mesh of Omega, where that is a box of the plane: ``across`` and ``up`` (LINES, ALONG, 2), in the user's
    units; else of some test samples: ``rho`` and ``m`` (n, d). ``like``: a tensor of the training, for its device and
    precision."""
    if field.d != 2 or field.rho != "box":
        x = field.x_test[:CLOUD]

        def cloud() -> Arrays:
            return {"rho": _user(field, x), "m": _user(field, m(x.to(like)))} | _axes(field)

        return Picture(recorder, "map", cloud)
    fine, coarse = torch.linspace(-1, 1, ALONG), torch.linspace(-1, 1, LINES)
    across = torch.stack([fine.repeat(LINES), coarse.repeat_interleave(ALONG)], dim=1)
    lines = torch.cat([across, across.flip(1)]).to(like)

    def draw() -> Arrays:
        image = _user(field, m(lines)).reshape(2, LINES, ALONG, 2)
        return {"across": image[0], "up": image[1]} | _axes(field)

    return Picture(recorder, "map", draw)


def of_inverse(field: Field, bridge: Bridge, x: Tensor, start: Tensor, seed: int, recorder: Recorder) -> Picture:
    """Draws of I_psi for VALUES values of F, ``draws`` (VALUES, DRAWS, d), and the training samples that M sends
    nearest to each, ``true`` (VALUES, DRAWS, d), in the user's units. x, start (n, d): the training samples and where
    their bridges start."""
    rows = max(DRAWS, MOST_NUMBERS // field.d)
    x, start = x[:rows], start[:rows]

    @functools.cache  # at the first look: a stage that was done before has none
    def asked() -> tuple[Tensor, np.ndarray]:
        generator = seeds.generator(seed, "inverse.watch")
        pick = torch.randperm(len(x), generator=generator)[:VALUES].to(x.device)
        y, count = start[pick], min(DRAWS, len(x))
        near = torch.stack([(start - one).square().sum(1).topk(count, largest=False).indices for one in y])
        return y, _user(field, x[near.reshape(-1)]).reshape(len(y), count, field.d)

    def draw() -> Arrays:
        y, true = asked()
        many = y.repeat_interleave(DRAWS, dim=0)
        noise = seeds.generator(seed, "inverse.watch.noise")  # the same at each look: what moves is what was learned
        found = _user(field, bridge.sample(many, noise, STEPS)).reshape(len(y), DRAWS, field.d)
        return {"draws": found, "true": true} | _axes(field)

    return Picture(recorder, "inverse", draw)


def _user(field: Field, x: Tensor) -> np.ndarray:
    """Model positions in the user's units."""
    return np.asarray(field.scaling.to_user(x.cpu().double()).numpy(), dtype=np.float32)


def _axes(field: Field) -> Arrays:
    """Omega's box and what its axes are called."""
    return {
        "low": np.array(field.low, dtype=np.float64),
        "high": np.array(field.high, dtype=np.float64),
        "axes": np.array(field.units.axes),
        "units": np.array(field.units.position),
    }

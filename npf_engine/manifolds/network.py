"""M_xi on a flat torus: M by a network, where F is known on samples only, as elsewhere M_xi is regressed on M_theta.

It sees a place by the cosines and sines of its waves, so that it is periodic, and answers with a point of a circle for
each axis, so that M may go around the torus: the doubling map is no x + something periodic that is small, and none has
to be cut open. Its loss is the squared chord, mean |e(M_xi(x)) - e(M(x))|^2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from npf_engine.errors import InputError
from npf_engine.manifolds.spaces import Torus
from npf_engine.manifolds.trigonometric import frequencies
from npf_engine.networks.mlp import MLP
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.optimise import optimise
from npf_engine.transport.schedule import At, Schedule, Stage, Steps

HIDDEN = (128, 128)
DEGREE = 2  # of the waves that it sees; products of them are the network's work
BATCH, RATE, STEPS = 512, 3e-3, 1_500
TINY = 1e-12  # added to a squared length before it divides


class PeriodicMap(nn.Module):
    """A map of the torus to itself; places (n, d) in double precision."""

    waves: Tensor

    def __init__(self, torus: Torus, seed: int = 0) -> None:
        super().__init__()
        self.torus = torus
        self.register_buffer("waves", frequencies(torus, DEGREE))
        self.network = MLP(2 * len(self.waves), 2 * torus.width, HIDDEN, seed=seed)

    def circles(self, x: Tensor) -> Tensor:
        """A point of the unit circle for each axis, (n, d, 2)."""
        angle = x.double() @ self.waves.T
        seen = torch.cat([torch.cos(angle), torch.sin(angle)], dim=1).float()
        raw = self.network(seen).reshape(len(x), self.torus.width, 2)
        return raw / (raw.square().sum(2, keepdim=True) + TINY).sqrt()

    def forward(self, x: Tensor) -> Tensor:
        """(n, d), each number at least 0 and under its period."""
        on = self.circles(x)
        return self.torus.wrap(torch.atan2(on[..., 1], on[..., 0]).double() / (2 * math.pi) * self.torus.sides)


def learn_map(
    torus: Torus, x: Tensor, m: Tensor, *, steps: int = STEPS, seed: int = 0, recorder: Recorder | None = None
) -> PeriodicMap:
    """M_xi from places x (n, d) and M there, (n, d). Raises InputError for what is no such pair."""
    network = PeriodicMap(torus, seed)
    x, m = torus.points("x", x).detach(), torus.points("M(x)", m).detach()
    if len(x) != len(m):
        raise InputError(f"x has {len(x):,} rows and M(x) {len(m):,}; pass M at each x")
    angle = m / torus.sides * (2 * math.pi)
    goal = torch.stack([torch.cos(angle), torch.sin(angle)], dim=2).float()

    def loss(at: At, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        pick = torch.randint(len(x), (min(BATCH, len(x)),), generator=generator, device=generator.device)
        return (network.circles(x[pick]) - goal[pick]).square().sum((1, 2)).mean(), {}

    schedule, stage = Schedule(RATE, ema=0.99), Stage("m", "torus.m", seed)
    optimise(loss, {"m": network}, schedule, Steps(steps), recorder or Recorder(), stage)
    return network

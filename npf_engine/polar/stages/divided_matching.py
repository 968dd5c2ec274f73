"""Bridge matching where a batch is divided over several devices (``transport/distributed.py``), by autograd."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from npf_engine.networks.bridge import Bridge
from npf_engine.polar import picturing
from npf_engine.polar.stages.job import Job
from npf_engine.settings.stages import InverseConfig
from npf_engine.transport.distributed import Answers, Batch, Divisible
from npf_engine.transport.schedule import At, Shown


class BridgeShare(nn.Module):
    """What one device does of a batch: the loss of X_psi for its pairs."""

    x: Tensor
    start: Tensor

    def __init__(self, bridge: Bridge, x: Tensor, start: Tensor, peers: Tensor | None) -> None:
        super().__init__()
        self.bridge, self.peers = bridge, peers
        self.register_buffer("x", x, persistent=False)
        self.register_buffer("start", start, persistent=False)

    def forward(self, pick: Tensor, t: Tensor, noise: Tensor) -> tuple[Tensor, Answers]:
        """Pairs by their number, times (n, 1) and noise (n, d)."""
        near = None if self.peers is None else self.x[self.peers[pick]]
        return self.bridge.loss(self.x[pick], self.start[pick], t, noise, near), ()


@dataclass(frozen=True)
class DividedMatching(Divisible):
    """``BridgeShare`` on batches of all pairs."""

    job: Job
    config: InverseConfig
    picture: picturing.Picture
    share: nn.Module

    def draw(self, at: At, generator: torch.Generator) -> Batch:
        """Pairs, times and noise."""
        self.picture.look(at.step)
        batch, x = self.config.batch, self.job.x
        pick = self.job.batch(batch, generator)
        # One t from each of batch equal intervals: the same law with less variance than independent draws.
        at_hand = generator.device
        uniform = torch.rand(batch, 1, generator=generator, device=at_hand, dtype=x.dtype)
        uniform = (torch.arange(batch, device=at_hand)[:, None] + uniform) / batch
        noise = torch.randn(batch, self.job.field.d, generator=generator, device=at_hand, dtype=x.dtype)
        return Batch((pick, 1 - uniform**self.config.time_power, noise))

    def told(self, at: At, batch: Batch, value: Tensor, answers: Answers) -> Shown:
        """Nothing but the loss."""
        return {}

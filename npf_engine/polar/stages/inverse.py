"""X_psi, the drift of the bridge whose end is I_psi(y, noise), a draw of the pre-images of y (NPF Algorithm 1, eq.
13)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.networks.bridge import Bridge
from npf_engine.networks.potential import Potential
from npf_engine.networks.value_bridge import ValueBridge
from npf_engine.polar import picturing
from npf_engine.polar.stages.job import Job, Network
from npf_engine.settings.stages import InverseConfig, ValueInverseConfig
from npf_engine.transport.distributed import Answers, Batch, Divisible, over
from npf_engine.transport.optimise import optimise
from npf_engine.transport.pairing import LOOKUP_MAX_D, neighbours
from npf_engine.transport.schedule import At, Schedule, Shown, Stage, Steps

REGIONS = {"box": "box", "land": "box", "disc": "disc"}  # by rho; without a region (free) of all others
PART = 65_536


def train_inverse(job: Job, config: InverseConfig, m_train: Tensor, u: Potential) -> Network[Bridge]:
    """X_psi by bridge matching from M_theta(x) (n, d) to x. u: what a bridge that sees values too asks for them."""
    network = _untrained(job, config, u)
    bridge = network.module
    # M_theta may leave Omega by the error of u; the sampler starts inside, so the training does too.
    start = torch.cat([bridge.project(part) for part in m_train.split(PART)])
    peers = neighbours(start, config.peers) if job.field.d <= LOOKUP_MAX_D and config.peers > 1 else None

    picture = picturing.of_inverse(job.field, bridge, job.x, start, job.seed, job.recorder)

    loss = _BridgeLoss(job, config, picture, _BridgeShare(bridge, job.x, start, peers))

    def train() -> float:
        schedule, stage = (
            Schedule(config.lr, config.lr_floor, ema=config.ema),
            Stage("inverse", "inverse.fit", job.seed),
        )
        with over(job.devices, loss) as divided:
            return optimise(divided, {"bridge": bridge}, schedule, Steps(config.steps), job.recorder, stage).seconds

    return replace(network, seconds=job.once("inverse", {"module": bridge}, train))


class _BridgeShare(nn.Module):
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
class _BridgeLoss(Divisible):
    """``_BridgeShare`` on batches of all pairs."""

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
        uniform = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
        t = (1 - (1 - uniform) ** self.config.time_power)[:, None].to(x)
        return Batch((pick, t, torch.randn(batch, self.job.field.d, generator=generator).to(x)))

    def told(self, at: At, batch: Batch, value: Tensor, answers: Answers) -> Shown:
        """Nothing but the loss."""
        return {}


def _untrained(job: Job, config: InverseConfig, u: Potential) -> Network[Bridge]:
    common: dict[str, object] = {
        "d": job.field.d,
        "hidden": list(config.hidden),
        "sigma": config.sigma,
        "region": REGIONS.get(job.field.rho, "free"),
        "grid_power": config.grid_power,
        "seed": seeds.child(job.seed, "inverse"),
    }
    if not isinstance(config, ValueInverseConfig) or not config.values:
        return job.build(Bridge, common | {"fourier": config.fourier})
    network = job.build(ValueBridge, common | {"blocks": list(config.blocks or (job.field.d,))})
    network.module.attach(u)
    return network

"""X_psi, the drift of the bridge whose end is I_psi(y, noise), a draw of the pre-images of y (NPF Algorithm 1, eq.
13)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.bridge import Bridge
from npf_engine.networks.potential import Potential
from npf_engine.networks.value_bridge import ValueBridge
from npf_engine.polar import picturing
from npf_engine.polar.picturing import Picture
from npf_engine.polar.stages.divided_matching import BridgeShare, DividedMatching
from npf_engine.polar.stages.job import Job, Network
from npf_engine.polar.stages.matching import BridgeMatching
from npf_engine.settings.stages import InverseConfig, ValueInverseConfig
from npf_engine.transport.distributed import over
from npf_engine.transport.optimise import optimise
from npf_engine.transport.pairing import LOOKUP_MAX_D, neighbours
from npf_engine.transport.schedule import Schedule, Stage, Steps

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

    def train() -> float:
        schedule, stage = (
            Schedule(config.lr, config.lr_floor, ema=config.ema),
            Stage("inverse", "inverse.fit", job.seed),
        )
        with over(job.devices, _matching(job, config, bridge, start, peers, picture)) as loss:
            return optimise(loss, {"bridge": bridge}, schedule, Steps(config.steps), job.recorder, stage).seconds

    return replace(network, seconds=job.once("inverse", {"module": bridge}, train))


def _matching(
    job: Job, config: InverseConfig, bridge: Bridge, start: Tensor, peers: Tensor | None, picture: Picture
) -> BridgeMatching | DividedMatching:
    """The loss, one that can be divided where the training has several devices."""
    if job.devices == 1:
        return BridgeMatching(bridge, job.x, start, config, peers, picture.look)
    return DividedMatching(job, config, picture, BridgeShare(bridge, job.x, start, peers))


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

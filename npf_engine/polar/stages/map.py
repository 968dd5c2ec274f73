"""M_xi, the network that stands for the measure-preserving map M_theta = grad u* o F (NPF section 3)."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.mlp import MLP
from npf_engine.polar import picturing
from npf_engine.polar.stages.job import Job, Network
from npf_engine.settings.stages import MapConfig
from npf_engine.transport.optimise import optimise
from npf_engine.transport.regression import Regression
from npf_engine.transport.schedule import Schedule, Stage, Steps


def train_map(job: Job, config: MapConfig, m_train: Tensor) -> Network[MLP]:
    """M_xi regressed on M_theta of the training samples (n, d): mean |M_xi(x) - M_theta(x)|^2."""
    network = job.build(
        MLP,
        {
            "d_in": job.field.d,
            "d_out": job.field.d,
            "hidden": list(config.hidden),
            "activation": config.activation,
            "fourier": config.fourier,
            "seed": seeds.child(job.seed, "m"),
        },
    )
    m = network.module
    picture = picturing.of_map(job.field, m, job.x, job.recorder)

    def train() -> float:
        loss = Regression(m, job.x, m_train, config.batch, picture.look)
        schedule, stage = Schedule(config.lr, ema=0.99), Stage("m", "m.fit", job.seed)
        return optimise(loss, {"m": m}, schedule, Steps(config.steps), job.recorder, stage).seconds

    return replace(network, seconds=job.once("m", {"module": m}, train))

"""V_phi, the first guess of grad u*, which starts the conjugate solver near its answer (NPF section 3)."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.mlp import MLP
from npf_engine.polar.stages.job import Job, Network
from npf_engine.settings.stages import AmortizerConfig
from npf_engine.transport.optimise import optimise
from npf_engine.transport.regression import Regression
from npf_engine.transport.schedule import Schedule, Stage, Steps


def untrained(job: Job, config: AmortizerConfig) -> Network[MLP]:
    """V before its first step, its inputs scaled to the law of F."""
    v = job.build(
        MLP,
        {
            "d_in": job.field.d,
            "d_out": job.field.d,
            "hidden": list(config.hidden),
            "activation": config.activation,
            "seed": seeds.child(job.seed, "v"),
        },
    )
    v.module.centre.copy_(job.y.mean(0))
    v.module.spread.copy_(job.y.std(0).clamp(min=1e-12))
    return v


def train_amortizer(
    job: Job, config: AmortizerConfig, m_train: Tensor, published: Network[MLP] | None = None
) -> Network[MLP]:
    """V regressed on M_theta of the training samples (n, d): mean |V(F(x)) - M_theta(x)|^2.

    ``published``: V as the published algorithm has trained it beside u, which is left as it is.
    """
    if published is not None:
        return published
    network = untrained(job, config)
    v = network.module

    def train() -> float:
        loss = Regression(v, job.y, m_train, config.batch)
        schedule, stage = Schedule(config.lr, config.lr_floor, ema=0.99), Stage("v", "v.fit", job.seed)
        return optimise(loss, {"v": v}, schedule, Steps(config.steps), job.recorder, stage).seconds

    return replace(network, seconds=job.once("v", {"v": v}, train))

"""LMC-NPF with the law exp(-c g): its jumps accepted by Metropolis' rule (sampling/corrected.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine.sampling.sampler import MANY_D, Sampler

if TYPE_CHECKING:
    from npf_engine.sampling.setting import Chains, Setting

LEARNING_INNER = 50  # N of the chain to learn from at least: a corrected one jumps more often than it should
LEARNING_SHARE = 0.25  # of the steps: the uncorrected chain that q is fitted to
SETTLE_STEPS_SHARE = 0.08  # of them: plain MALA after it


def run(setting: Setting, chains: Chains) -> None:
    """Networks, an uncorrected chain whose particles q(x|y) is fitted to, and the chain with all of it frozen; of a
    known factorization the last alone."""
    from dataclasses import replace

    import torch

    from npf_engine.sampling.corrected import Corrected, Mala
    from npf_engine.sampling.learned import freeze, frozen_known, learn
    from npf_engine.sampling.npf import LmcNpf
    from npf_engine.sampling.setting import one_chain

    if setting.known is not None:
        known = Corrected(setting.oracle, setting.settings, frozen_known(setting.known, setting), setting.region)
        one_chain("corrected", known, setting, setting.steps_left(), chains)
        chains.acceptance = known.acceptance
        return
    networks = learn(setting, chains)
    often = replace(setting.settings, inner=max(setting.settings.inner, LEARNING_INNER))
    kernel = LmcNpf(setting.oracle, often, networks, setting.region)
    steps = setting.steps_left()
    state = one_chain("learning", kernel, setting, max(1, int(LEARNING_SHARE * steps)), chains)
    # A jump leaves particles at saddles too: q is fitted to what they become under exp(-c g) alone.
    local = Mala(setting.oracle, setting.settings, setting.region)
    state = one_chain("settling", local, setting, max(1, int(SETTLE_STEPS_SHARE * steps)), chains, x=state.x)
    frames = chains.traces[-1].x
    frozen = freeze(networks, setting, torch.cat(frames[len(frames) // 2 :]).float())
    chain = Corrected(setting.oracle, setting.settings, frozen, setting.region)
    one_chain("corrected", chain, setting, setting.steps_left(), chains, x=state.x)
    chains.acceptance = chain.acceptance


SAMPLER = Sampler(
    "lmc-npf-corrected",
    "LMC-NPF, corrected",
    "Particles walk downhill with noise (Langevin steps on g), and now and then jump through u to another basin. Each "
    "jump is accepted or refused by Metropolis' rule, so that the law is exp(-c g), however bad the networks. The way "
    "back from u is not Iψ: its draws lie on finitely many pre-images and have no density, which the rule needs. A "
    "mixture density network q(x | y), or a conditional normalizing flow over one, fitted to particles of an "
    "uncorrected chain, takes its place. A poor fit costs "
    "accepted jumps, not correctness; a mode that it does not know is reached by its broad share (2 % of its draws) or "
    "by Langevin steps alone.",
    run,
    inner=10,  # a corrected jump leaves a particle relaxed, so that they may follow closely
    law="Its law is exp(-c g). The way back from u is a density q(x | y) that is known, not Iψ, whose draws have "
    "none: a poor fit costs accepted jumps, not correctness.",
    place=0,
    stages={
        "learning": "LMC-NPF, to learn from",
        "settling": "Settling",
        "corrected": "LMC-NPF, corrected",
    },
    most_d=MANY_D,
    jumps=True,
    about_known="Particles walk downhill with noise (Langevin steps on g), and now and then jump through u to another "
    "basin. Each jump is accepted or refused by Metropolis' rule, so that the law is exp(-c g). u, M and the way back "
    "are known in closed form, so that nothing is trained: q(x | y) is exactly the law of x given y = M(x) + noise.",
    law_known="Its law is exp(-c g). The way back from u is exactly the law of x given y = M(x) + noise, known in "
    "closed form: no network is asked.",
)

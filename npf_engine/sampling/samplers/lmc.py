"""Langevin Monte Carlo alone: what every other sampler is put beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine.sampling.sampler import MANY_D, Sampler

if TYPE_CHECKING:
    from npf_engine.sampling.setting import Chains, Setting


def run(setting: Setting, chains: Chains) -> None:
    """x <- x - tau c grad g(x) + sqrt(2 tau) z on Omega, for all of the budget."""
    from npf_engine.sampling.langevin import Langevin
    from npf_engine.sampling.setting import one_chain

    kernel = Langevin(setting.oracle, setting.settings, setting.region)
    one_chain("lmc", kernel, setting, setting.steps_left(), chains)


SAMPLER = Sampler(
    "lmc",
    "Plain LMC",
    "Langevin steps alone: particles stay in the basin where they begin for as long as its walls are high.",
    run,
    most_d=MANY_D,
)

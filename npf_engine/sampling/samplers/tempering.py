"""Parallel tempering (sampling/tempering.py), the usual answer to many modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine.sampling.sampler import MANY_D, Sampler

if TYPE_CHECKING:
    from npf_engine.sampling.setting import Chains, Setting


def run(setting: Setting, chains: Chains) -> None:
    """All levels pay: a step costs as many gradients a particle as there are levels."""
    from npf_engine.sampling.setting import one_chain
    from npf_engine.sampling.tempering import Tempering

    kernel = Tempering(setting.oracle, setting.settings, setting.region)
    one_chain("tempering", kernel, setting, setting.steps_left(kernel.levels), chains)
    chains.acceptance = kernel.acceptance


SAMPLER = Sampler(
    "tempering",
    "Parallel tempering",
    "Copies at higher temperatures that swap places: the classical remedy.",
    run,
    place=3,
    most_d=MANY_D,
)

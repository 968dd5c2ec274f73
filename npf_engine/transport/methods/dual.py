"""Convex potentials by the dual (Makkuva et al. 2020, Amos 2023): ours, Linear, FQuad, log-sum-exp, by equal rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.methods.method import BUDGET, CONVEX, Budget, Law, Method
from npf_engine.transport.methods.registry import register

if TYPE_CHECKING:
    from npf_engine.transport.map import PotentialMap


@dataclass(frozen=True)
class DualSettings:
    """network: icnn, icnn-linear, icnn-fquad or lse, at ``rate``, which falls to ``lr_floor`` of it; table_sizes: those
    of NPF Table 3 in any dimension, in place of at least 32 units; batch: samples of a step, from ``pool`` of each law;
    steps: where no budget says how many."""

    network: str
    rate: float = 5e-3
    table_sizes: bool = False
    batch: int = 512
    steps: int = 400
    lr_floor: float = 0.05
    pool: int = 20_000


def fit(
    source: Law, target: Law, settings: DualSettings, budget: Budget, seed: int, recorder: Recorder
) -> PotentialMap:
    """From the identity on."""
    from npf_engine.transport.dual_fit import fit_by_dual

    return fit_by_dual(source, target, settings, budget, seed, recorder)


def _method(name: str, title: str, about: str, rate: float = 5e-3) -> Method[DualSettings]:
    return Method(name, title, CONVEX, about, DualSettings(name, rate), fit, (BUDGET,))


register(
    _method("icnn", "ICNN", "our input-convex network, by the dual"),
    _method("icnn-linear", "ICNN, linear", "the ICNN with linear skips"),
    _method("icnn-fquad", "ICNN, quadratic", "the ICNN with a full quadratic in its last layer"),
    _method("lse", "Log-sum-exp", "a soft maximum of planes", 1e-2),
)

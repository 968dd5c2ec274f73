"""LMC-NPF as the paper has it (NPF Algorithm 2; sampling/npf.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine.sampling.sampler import MANY_D, Sampler

if TYPE_CHECKING:
    from npf_engine.sampling.setting import Chains, Setting


def why_everywhere(title: str) -> str:
    """Why a sampler of this title, which jumps through u uncorrected, has not the law exp(-c g)."""
    return (
        f"{title} visits all critical points: a jump through u draws from exp(-c u(M(x))), and "
        "grad u(M(x)) = grad g(x) is 0 at saddles and maxima as it is at minima, so that for large c each of them gets "
        "a weight of 1/|det Hessian|"
    )


def run(setting: Setting, chains: Chains) -> None:
    """Networks first, unless the factorization is known, then Langevin steps on g with jumps through u."""
    from npf_engine.sampling.learned import jumping
    from npf_engine.sampling.npf import LmcNpf
    from npf_engine.sampling.setting import one_chain

    kernel = LmcNpf(setting.oracle, setting.settings, jumping(setting, chains), setting.region)
    one_chain("lmc-npf", kernel, setting, setting.steps_left(), chains)


SAMPLER = Sampler(
    "lmc-npf",
    "LMC-NPF",
    "The paper's Algorithm 2, uncorrected: Langevin steps on g, jumps through u, and back by Iψ. Basins are left at "
    f"once, but the law is the chain's own, not exp(-c g). {why_everywhere('LMC-NPF')}.",
    run,
    law=f"{why_everywhere('LMC-NPF')}. Langevin steps on g lead down from there only until the next jump.",
    own_law=True,
    place=1,
    most_d=MANY_D,
    jumps=True,
    about_known="The paper's Algorithm 2, uncorrected, with u, M and its inverse in closed form: Langevin steps on g, "
    "jumps through u, and back on to a branch of the inverse of M. Basins are left at once, but the law is the chain's "
    f"own, not exp(-c g). {why_everywhere('LMC-NPF')}.",
)

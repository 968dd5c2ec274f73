"""LMC on u, preconditioned by the Jacobian of M (NPF Appendix B; sampling/npf.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine.sampling.sampler import Sampler
from npf_engine.sampling.samplers.lmc_npf import why_everywhere

if TYPE_CHECKING:
    from npf_engine.sampling.setting import Chains, Setting


def run(setting: Setting, chains: Chains) -> None:
    """All steps on u, with a factorization that is known. Raises InputError where it is not."""
    from npf_engine.errors import InputError
    from npf_engine.sampling.learned import jumping
    from npf_engine.sampling.npf import Known, Preconditioned
    from npf_engine.sampling.setting import one_chain

    parts = jumping(setting, chains) if setting.known is not None else None
    if not isinstance(parts, Known):
        raise InputError(f"{SAMPLER.name} needs a factorization in closed form; sample the landscape folds")
    kernel = Preconditioned(setting.oracle, setting.settings, parts, setting.region)
    one_chain(SAMPLER.name, kernel, setting, setting.steps_left(), chains)


SAMPLER = Sampler(
    "lmc-preconditioned",
    "Preconditioned LMC on u",
    "Steps on u, preconditioned by the Jacobian of M, with a factorization known in closed form: the paper's "
    "Appendix B. They are Langevin steps on g as seen from u: to first order, and exactly where M is straight piece by "
    "piece, as that of folds is. Every N-th is a jump on to any branch of the inverse of M, as in its section 4.2, "
    "whose law is not exp(-c g).",
    run,
    law=f"{why_everywhere('Preconditioned LMC on u')}.",
    own_law=True,
    known_only=True,
    jumps=True,
    place=5,
)

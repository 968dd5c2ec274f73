"""Sampling with a factorization that is known (NPF 4.2), and what LMC looks like from u (Appendix B)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from npf_engine.sampling.chain import Vectorial
from npf_engine.sampling.langevin import Region


@dataclass(frozen=True)
class KnownFactorization:
    """grad u, M and a draw of M^{-1}(y, generator), all (n, d) -> (n, d) in the same positions."""

    grad_u: Vectorial
    m: Vectorial
    inverse: Callable[[Tensor, torch.Generator], Tensor]


def langevin_on_known(
    known: KnownFactorization,
    x: Tensor,
    tau: float,
    steps: int,
    generator: torch.Generator,
    *,
    coefficient: float = 1.0,
    inner: int = 1,
    region: Region | None = None,
) -> Tensor:
    """NPF 4.2 from particles x (P, d): y = M(x), ``inner`` steps y <- y - tau c grad u(y) + sqrt(2 tau) z,
    x ~ M^{-1}(y), so many ``steps`` times. Its law is exp(-c u(M(x))), not exp(-c g)."""
    for _ in range(steps):
        y = known.m(x)
        for _ in range(inner):
            noise = torch.randn(y.shape, generator=generator, dtype=y.dtype).to(y)
            y = y - tau * coefficient * known.grad_u(y) + (2 * tau) ** 0.5 * noise
            y = y if region is None else region.confine(y)
        x = known.inverse(y, generator)
    return x


def preconditioned_step(grad_u: Vectorial, y: Tensor, jacobian: Tensor, tau: float, noise: Tensor) -> Tensor:
    """One step of LMC on g as seen from y = M(x) (Appendix B), to first order:

        y <- y - tau J grad u(y) + sqrt(2 tau) J z,   J = J_M(x) (n, d, d), not necessarily positive definite.

    y, noise (n, d). Returns (n, d).
    """
    move = -tau * grad_u(y) + (2 * tau) ** 0.5 * noise
    return y + (jacobian @ move[:, :, None])[:, :, 0]

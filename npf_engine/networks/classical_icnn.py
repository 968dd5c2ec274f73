"""The classical input-convex network (Amos et al. 2017, Amos 2023), without quadratics in its layers.

W_l >= 0, w >= 0, s convex and non-decreasing:

    z_0 = s(B_0 x + c_0),   z_l = s(W_l z_{l-1} + B_l x + c_l),
    u(x) = scale (w^T z_L + b^T x + c + Q(x)) + floor/2 |x|^2

with Q absent, |A x|^2 of a given rank, or the released quadratic |delta o x|^2 + |A x|^2 + e^T x. With the right
switches this is the network of constrained drifting (541 parameters at d = 2) and the architectures ``Linear`` and
``FQuad`` of NPF 5.6, Table 3.

Everything is in plain tensor operations on (..., n, d), and parameters may carry the same leading axes: many networks,
one for each seed, are then one tensor program (``ensemble.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from npf_engine.networks.activation import Activation, inverse_softplus, raw_of
from npf_engine.networks.potential import Potential, root_of, size_of_image

BENT = 256  # samples at which the layers' mean slope and curvature are taken out of a Gaussian start
LAYERS = 0.2  # of the map's mean curvature: what the layers bring to that start at most


@dataclass(frozen=True)
class Terms:
    """What u has beside its layers: the linear part b; |A x|^2 with A of ``rank`` rows, 0 for none; the ``released``
    quadratic's delta and e too (3 d parameters at rank 1)."""

    linear: bool = False
    rank: int = 0
    released: bool = False


class ClassicalICNN(Potential):
    """A convex u without quadratics in its layers. Arrays are (..., n, d).

    biases: c_l in the layers. strong_convexity: the floor m > 0 on the Hessian. spread: size of B and c at the start,
    and of 1 / w: above 1 the layers bend more sharply, which a quadratic beside them needs.
    """

    floor: Tensor

    def __init__(
        self,
        d: int,
        hidden: Sequence[int],
        *,
        biases: bool = True,
        terms: Terms = Terms(),
        activation: str = "softplus",
        strong_convexity: float = 1e-3,
        spread: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            d,
            hidden=list(hidden),
            biases=biases,
            terms=asdict(terms),
            activation=activation,
            strong_convexity=strong_convexity,
            spread=spread,
            seed=seed,
        )
        g = torch.Generator().manual_seed(seed)
        self.hidden = tuple(hidden)
        self.s = Activation(activation)
        self.B = nn.ParameterList([torch.randn(q, d, generator=g) * (spread / math.sqrt(d)) for q in hidden])
        self.bias = nn.ParameterList([0.5 * spread * torch.randn(q, generator=g) for q in hidden] if biases else [])
        self.raw_W = nn.ParameterList(
            [
                inverse_softplus(1.0 / before) + 0.5 * torch.randn(after, before, generator=g)
                for before, after in pairwise(hidden)
            ]
        )
        # sum_i w_i s''(a_i) |B_i|^2 is about the identity's trace: the start is neither flat nor steep.
        self.raw_w = nn.Parameter(torch.full((hidden[-1],), inverse_softplus(2.0 / (spread * hidden[-1]))))
        self.c = nn.Parameter(torch.zeros(()))
        self.b = nn.Parameter(torch.zeros(d)) if terms.linear else None
        rows = (torch.randn(terms.rank, d, generator=g) * (0.1 / math.sqrt(d))) if terms.rank else None
        self.A = None if rows is None else nn.Parameter(rows)
        self.raw_delta = nn.Parameter(torch.full((d,), inverse_softplus(0.1))) if terms.released else None
        self.e = nn.Parameter(torch.zeros(d)) if terms.released else None
        self.register_buffer("floor", torch.tensor(float(strong_convexity)))

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """Inverse of ``to_config``, with weights as at the start."""
        terms = config.get("terms")
        return super().from_config(dict(config) | {"terms": Terms(**terms) if isinstance(terms, dict) else Terms()})

    @torch.no_grad()
    def start_at_gaussian(self, S: Tensor, m: Tensor, samples: Tensor, scale: float | None = None) -> None:
        """The quadratic and the linear part take S and m less what the layers, made small, bring at the first samples.
        ValueError without a linear part and an A of full rank."""
        if self.A is None or self.b is None or self.A.shape[0] < self.d:
            raise ValueError("a Gaussian start needs a linear part and a quadratic of full rank")
        scale = size_of_image(S, samples) if scale is None else scale
        self.scale.fill_(scale)
        self.A.zero_()
        self.b.zero_()
        x = samples[:BENT].to(self.A)
        bend = self.hessian(x).mean(0).double()
        share = min(1.0, LAYERS * float(S.trace() / bend.trace()))
        self.raw_w.copy_(raw_of(share * nnf.softplus(self.raw_w)))
        bend = share * bend
        self.A[: self.d] = root_of((S.double().to(bend) - bend) / scale, 0.5).to(self.A)
        self.b.copy_((x @ S.to(x) + m.to(x) - self.gradient(x)).mean(0) / scale)

    def _pre(self, x: Tensor) -> list[Tensor]:
        """Pre-activations a_l, (..., n, q) each."""
        out: list[Tensor] = []
        for index, B in enumerate(self.B):
            a = x @ B.mT
            if len(self.bias):
                a = a + self.bias[index][..., None, :]
            if index:
                a = a + self.s(out[-1]) @ nnf.softplus(self.raw_W[index - 1]).mT
            out.append(a)
        return out

    def _value(self, x: Tensor, pre: list[Tensor]) -> Tensor:
        f = (self.s(pre[-1]) * nnf.softplus(self.raw_w)[..., None, :]).sum(-1) + self.c[..., None]
        for linear in (self.b, self.e):
            if linear is not None:
                f = f + (x * linear[..., None, :]).sum(-1)
        if self.A is not None:
            f = f + (x @ self.A.mT).square().sum(-1)
        if self.raw_delta is not None:
            f = f + (x * nnf.softplus(self.raw_delta)[..., None, :]).square().sum(-1)
        return self.scale * f + 0.5 * self.floor * x.square().sum(-1)

    def _reverse(self, x: Tensor, pre: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """grad u (..., n, d), and d u / d z_l / scale of every layer."""
        beta = nnf.softplus(self.raw_w)[..., None, :]
        betas = [beta] * len(pre)
        total = torch.zeros_like(x)
        for index in range(len(pre) - 1, -1, -1):
            betas[index] = beta
            alpha = beta * self.s.slope(pre[index])
            total = total + alpha @ self.B[index]
            if index:
                beta = alpha @ nnf.softplus(self.raw_W[index - 1])
        for linear in (self.b, self.e):
            if linear is not None:
                total = total + linear[..., None, :]
        if self.A is not None:
            total = total + 2 * (x @ self.A.mT) @ self.A
        if self.raw_delta is not None:
            total = total + 2 * x * nnf.softplus(self.raw_delta).square()[..., None, :]
        return self.scale * total + self.floor * x, betas

    def forward(self, x: Tensor) -> Tensor:
        """u(x) (..., n)."""
        return self._value(x, self._pre(x))

    def gradient(self, x: Tensor) -> Tensor:
        """grad u(x) (..., n, d), in closed form."""
        return self._reverse(x, self._pre(x))[0]

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """u(x) (..., n) and grad u(x) (..., n, d) from one sweep."""
        pre = self._pre(x)
        return self._value(x, pre), self._reverse(x, pre)[0]

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """u(x) (..., n), grad u(x) (..., n, d) and the Hessian (..., n, d, d), in closed form."""
        pre = self._pre(x)
        gradient, betas = self._reverse(x, pre)
        H: Tensor | None = None
        J: Tensor | None = None  # d a_l / d x, (..., n, q, d)
        for index, B in enumerate(self.B):
            rows = B[..., None, :, :]
            if J is None:
                J = rows.expand(*pre[0].shape, self.d)
            else:
                W = nnf.softplus(self.raw_W[index - 1])[..., None, :, :]
                J = rows + W @ (self.s.slope(pre[index - 1])[..., None] * J)
            weights = (betas[index] * self.s.curvature(pre[index]))[..., None]
            part = J.mT @ (weights * J)
            H = part if H is None else H + part
        assert H is not None
        eye = torch.eye(self.d, dtype=x.dtype, device=x.device)
        if self.A is not None:
            H = H + 2 * (self.A.mT @ self.A)[..., None, :, :]
        if self.raw_delta is not None:
            H = H + torch.diag_embed(2 * nnf.softplus(self.raw_delta).square())[..., None, :, :]
        return self._value(x, pre), gradient, self.scale * H + self.floor * eye

    @property
    def strong_convexity(self) -> float:
        """m > 0 with Hessian >= m I everywhere."""
        return float(self.floor)


def linear_icnn(
    d: int, *, width: int | None = None, activation: str = "elu", strong_convexity: float = 1e-3, seed: int = 0
) -> ClassicalICNN:
    """``Linear`` of NPF 5.6: hidden [2d]*4, no hidden biases, no quadratics (20,577 parameters at d = 32)."""
    return ClassicalICNN(
        d,
        [width or 2 * d] * 4,
        biases=False,
        terms=Terms(linear=True),
        activation=activation,
        strong_convexity=strong_convexity,
        seed=seed,
    )


def fquad_icnn(
    d: int, *, width: int | None = None, activation: str = "elu", strong_convexity: float = 1e-3, seed: int = 0
) -> ClassicalICNN:
    """``FQuad`` of NPF 5.6: Linear and one rank-1 quadratic at the end (3 d more parameters)."""
    return ClassicalICNN(
        d,
        [width or 2 * d] * 4,
        biases=False,
        terms=Terms(linear=True, rank=1, released=True),
        activation=activation,
        strong_convexity=strong_convexity,
        seed=seed,
    )

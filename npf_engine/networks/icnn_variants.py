"""Other convex potentials beside ``icnn.ConvexPotential``: input-convex networks without inner quadratics, and
log-sum-exp.

Input-convex network (Amos et al. 2017, Amos 2023), W_l >= 0, w >= 0, s convex and non-decreasing:

    z_0 = s(B_0 x + c_0),   z_l = s(W_l z_{l-1} + B_l x + c_l),
    u(x) = scale (w^T z_L + b^T x + c + Q(x)) + floor/2 |x|^2

with Q absent, |A x|^2 of a given rank, or the released quadratic |delta o x|^2 + |A x|^2 + e^T x. With the right
switches this is the network of constrained drifting (541 parameters at d = 2) and the architectures ``Linear`` and
``FQuad`` of NPF 5.6, Table 3.

Log-sum-exp (Calafiore et al. 2020):  u(x) = t log sum_j exp((<w_j, x> + b_j) / t) + floor/2 |x|^2.

Everything is in plain tensor operations on (..., n, d), and parameters may carry the same leading axes: many
networks, one for each seed, are then one tensor program (``Ensemble``).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from npf_engine.networks.icnn import Activation, inverse_softplus


class FeedForwardPotential(nn.Module):
    """A convex u without quadratics in its layers. Arrays are (..., n, d).

    biases: c_l in the layers. skip: the linear part b of the output. rank: rows of A, 0 for none. released_quadratic:
    Q has delta and e too (3 d parameters at rank 1). strong_convexity: the floor m > 0 on the Hessian. spread: size of
    B and c at the start, and of 1 / w: above 1 the layers bend more sharply, which a quadratic beside them needs.
    """

    scale: Tensor
    floor: Tensor

    def __init__(
        self,
        d: int,
        hidden: Sequence[int],
        *,
        biases: bool = True,
        skip: bool = False,
        rank: int = 0,
        released_quadratic: bool = False,
        activation: str = "softplus",
        strong_convexity: float = 1e-3,
        spread: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        self.d, self.hidden = d, tuple(hidden)
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
        self.b = nn.Parameter(torch.zeros(d)) if skip else None
        self.A = nn.Parameter(torch.randn(rank, d, generator=g) * (0.1 / math.sqrt(d))) if rank else None
        self.raw_delta = nn.Parameter(torch.full((d,), inverse_softplus(0.1))) if released_quadratic else None
        self.e = nn.Parameter(torch.zeros(d)) if released_quadratic else None
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("floor", torch.tensor(float(strong_convexity)))

    @torch.no_grad()
    def set_gaussian_start(self, S: Tensor, m: Tensor, share: float = 1.0) -> None:
        """Quadratic part at <x, S x> share / 2 + <m, x>; S (d, d) positive semi-definite, m (d,).

        Raises ValueError without a linear part and an A of full rank.
        """
        if self.A is None or self.b is None or self.A.shape[0] < self.d:
            raise ValueError("a Gaussian start needs a linear part and a quadratic of full rank")
        values, vectors = torch.linalg.eigh(S.double() * share)
        self.A.copy_((vectors * (values.clamp(min=1e-6) / 2).sqrt()) @ vectors.T)
        self.b.copy_(m)

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

    def hessian(self, x: Tensor) -> Tensor:
        """Hessian of u (..., n, d, d)."""
        return self.derivatives(x)[2]

    @property
    def strong_convexity(self) -> float:
        """m > 0 with Hessian >= m I everywhere."""
        return float(self.floor)


class LogSumExpPotential(nn.Module):
    """u(x) = t log sum_j exp((<w_j, x> + b_j) / t) + floor/2 |x|^2; its gradient is an average of the pieces' w_j.

    pieces (k, d): the w_j to begin with, e.g. samples of the target; b_j = -|w_j|^2 / 2 then makes grad u
    send x to the pieces nearest to it, a smoothed identity. temperature: t at the start.
    """

    scale: Tensor
    floor: Tensor

    def __init__(self, pieces: Tensor, temperature: float = 0.1, strong_convexity: float = 1e-3) -> None:
        super().__init__()
        self.d = pieces.shape[1]
        self.W = nn.Parameter(pieces.detach().clone())
        self.b = nn.Parameter(-0.5 * pieces.detach().square().sum(1))
        self.raw_t = nn.Parameter(torch.tensor(inverse_softplus(temperature)))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("floor", torch.tensor(float(strong_convexity)))

    def _logits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        t = nnf.softplus(self.raw_t)[..., None, None]
        return (x @ self.W.mT + self.b[..., None, :]) / t, t

    def forward(self, x: Tensor) -> Tensor:
        """u(x) (..., n)."""
        return self.value_and_gradient(x)[0]

    def gradient(self, x: Tensor) -> Tensor:
        """grad u(x) (..., n, d)."""
        return self._logits(x)[0].softmax(-1) @ self.W + self.floor * x

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """u(x) (..., n) and grad u(x) (..., n, d)."""
        logits, t = self._logits(x)
        value = t[..., 0] * logits.logsumexp(-1) + 0.5 * self.floor * x.square().sum(-1)
        return value, logits.softmax(-1) @ self.W + self.floor * x

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """u(x) (..., n), grad u(x) (..., n, d) and the Hessian (..., n, d, d): the pieces' covariance over t."""
        logits, t = self._logits(x)
        p = logits.softmax(-1)
        mean = p @ self.W
        centred = self.W[..., None, :, :] - mean[..., None, :]
        H = centred.mT @ (p[..., None] * centred) / t[..., None]
        value = t[..., 0] * logits.logsumexp(-1) + 0.5 * self.floor * x.square().sum(-1)
        eye = torch.eye(self.d, dtype=x.dtype, device=x.device)
        return value, mean + self.floor * x, H + self.floor * eye

    def hessian(self, x: Tensor) -> Tensor:
        """Hessian of u (..., n, d, d)."""
        return self.derivatives(x)[2]

    @property
    def strong_convexity(self) -> float:
        """m > 0 with Hessian >= m I everywhere."""
        return float(self.floor)


def linear_icnn(
    d: int, *, width: int | None = None, activation: str = "elu", strong_convexity: float = 1e-3, seed: int = 0
) -> FeedForwardPotential:
    """``Linear`` of NPF 5.6: hidden [2d]*4, no hidden biases, no quadratics (20,577 parameters at d = 32)."""
    return FeedForwardPotential(
        d, [width or 2 * d] * 4, biases=False, skip=True, activation=activation, strong_convexity=strong_convexity,
        seed=seed,
    )  # fmt: skip


def fquad_icnn(
    d: int, *, width: int | None = None, activation: str = "elu", strong_convexity: float = 1e-3, seed: int = 0
) -> FeedForwardPotential:
    """``FQuad`` of NPF 5.6: Linear and one rank-1 quadratic at the end (3 d more parameters)."""
    return FeedForwardPotential(
        d, [width or 2 * d] * 4, biases=False, skip=True, rank=1, released_quadratic=True, activation=activation,
        strong_convexity=strong_convexity, seed=seed,
    )  # fmt: skip


class _GradientOf(nn.Module):
    """The potential's gradient as a module's forward, for ``functional_call``."""

    def __init__(self, potential: nn.Module) -> None:
        super().__init__()
        self.potential = potential

    def forward(self, x: Tensor) -> Tensor:
        gradient: Tensor = self.potential.gradient(x)  # type: ignore[operator]
        return gradient


class Ensemble:
    """S networks of one shape as one tensor program: their parameters are the rows of ``theta`` (S, P).

    Every member is independent of the others: row s of the result depends on row s of theta only.
    """

    def __init__(self, members: Sequence[FeedForwardPotential]) -> None:
        self.template = copy.deepcopy(members[0])
        self.size = len(members)
        self.shapes = [(f"potential.{name}", p.shape) for name, p in self.template.named_parameters()]
        self.theta = torch.stack(
            [torch.cat([p.detach().reshape(-1) for p in member.parameters()]) for member in members]
        )
        self._map = _GradientOf(self.template)

    def gradient(self, theta: Tensor, x: Tensor) -> Tensor:
        """grad u_s(x_s) for every member: theta (S, P), x (S, n, d) -> (S, n, d)."""
        parts = theta.split([shape.numel() for _, shape in self.shapes], dim=1)
        named = {
            name: part.reshape(theta.shape[0], *shape) for (name, shape), part in zip(self.shapes, parts, strict=True)
        }
        result: Tensor = torch.func.functional_call(self._map, named, (x,))
        return result

    def member(self, theta: Tensor, index: int) -> FeedForwardPotential:
        """The network of row ``index`` by itself."""
        network = copy.deepcopy(self.template)
        torch.nn.utils.vector_to_parameters(theta[index].detach().clone(), network.parameters())
        return network

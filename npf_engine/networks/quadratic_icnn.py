"""u_theta: the papers' input-convex network with quadratic terms, with closed-form gradient and Hessian.

NPF eq. 5 and 6, in model units. With Q_{A,delta}(x) = |delta o x|^2 + |A x|^2 (A of rank r per unit)

    a_0 = Q_0(x) + B_0 x + c_0                     z_0 = s(a_0)
    a_l = W_l z_{l-1} + Q_l(x) + B_l x + c_l       z_l = s(a_l)            W_l >= 0
    f(x) = [s](w^T z + Q(x) + b^T x + c)                                    w >= 0
    u(x) = scale * ( f(x) + Q_tail(x) + b_tail^T x + c_tail ) + floor/2 |x|^2

The tail is a quadratic of its own after the last activation: full rank, it holds the Gaussian start S x + m
exactly (|A x|^2 with A^T A = S / 2), which rank-one quadratics cannot do for d > 2. W, w and delta are kept
positive by their parametrisation (softplus), so that no optimiser step can make u non-convex, and no unit starts dead.
The gradient is a reverse sweep and the Hessian a forward sweep of Jacobians, both in plain tensor
operations: they can be differentiated, exported and run on any device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from npf_engine.networks.activation import Activation, inverse_softplus
from npf_engine.networks.icnn_frozen import FrozenCurve, FrozenSlope
from npf_engine.networks.icnn_gradients import IcnnGradients
from npf_engine.networks.potential import Curve, Potential, Slope, root_of, size_of_image
from npf_engine.networks.potential_losses import LossesByAutograd, PotentialLosses

if TYPE_CHECKING:
    from npf_engine.settings.stages import PotentialConfig


class QuadraticAffine(nn.Module):
    """``units`` functions Q_{A,delta}(x) + B x + c at once; A has ``rank`` rows per unit."""

    def __init__(self, d: int, units: int, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.units, self.rank = units, rank
        self.A = nn.Parameter(torch.randn(units * rank, d, generator=generator) * (0.3 / math.sqrt(d * rank)))
        self.raw_delta = nn.Parameter(torch.full((units, d), inverse_softplus(0.1 / math.sqrt(d))))
        self.B = nn.Parameter(torch.randn(units, d, generator=generator) / math.sqrt(d))
        self.c = nn.Parameter(torch.randn(units, generator=generator) * 0.5)

    def delta2(self) -> Tensor:
        """delta^2 (units, d) > 0."""
        return nnf.softplus(self.raw_delta).square()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values (n, units), and A x (n, units * rank) for the derivatives."""
        ax = x @ self.A.T
        squares = ax.square()
        if self.rank > 1:
            squares = squares.reshape(-1, self.units, self.rank).sum(dim=2)
        return squares + torch.addmm(self.c, torch.cat([x.square(), x], 1), self._affine().T), ax

    def _affine(self) -> Tensor:
        """[delta^2, B] (units, 2 d): what multiplies (x^2, x)."""
        return torch.cat([self.delta2(), self.B], dim=1)

    def _per_row(self, weights: Tensor) -> Tensor:
        return weights.repeat_interleave(self.rank, dim=-1) if self.rank > 1 else weights

    def gradient(self, x: Tensor, ax: Tensor, weights: Tensor) -> Tensor:
        """Gradient (n, d) of sum_i weights_i q_i, weights (n, units)."""
        diagonal, linear = (weights @ self._affine()).tensor_split(2, dim=1)
        return linear + 2 * x * diagonal + (ax * self._per_row(weights)) @ (2 * self.A)

    def jacobian(self, x: Tensor, ax: Tensor) -> Tensor:
        """Jacobian (d, n, units) of the values; the axis comes first so that layers act on one tall matrix."""
        if self.rank > 1:
            product = ax.reshape(-1, self.units, self.rank)
            rows = torch.einsum("nur,urd->dnu", product, 2 * self.A.reshape(self.units, self.rank, -1))
        else:
            rows = ax * (2 * self.A.T)[:, None, :]
        # Two rank-one terms at once: [x_k, 1] times [2 delta2_k; B_k], one small matrix product per axis.
        left = torch.stack([x.T, torch.ones_like(x.T)], dim=2)
        right = torch.stack([2 * self.delta2().T, self.B.T], dim=1)
        return torch.baddbmm(rows, left, right)

    def hessian(self, weights: Tensor) -> Tensor:
        """Hessian (n, d, d) of sum_i weights_i q_i (constant in x)."""
        d = self.A.shape[1]
        outer = (self.A[:, :, None] * self.A[:, None, :]).reshape(-1, d * d)
        low_rank = (self._per_row(weights) @ outer).reshape(-1, d, d)
        return 2 * low_rank + torch.diag_embed(2 * (weights @ self.delta2()))


# Slopes s'(a_l) and A_l x of every layer, the output's a and A x, and the weights W and w.
SweptICNN = tuple[list[Tensor], list[Tensor], Tensor, Tensor, list[Tensor], Tensor]


class QuadraticICNN(Potential, name="icnn"):
    """u_theta, convex in x for every value of its parameters. Arrays are (n, d) in model units.

    hidden: widths q of the layers; rank: r of the inner quadratics (the papers use 1); tail_rank: rank of the
    quadratic after the
    last activation (d by default, which the Gaussian start needs; 1 is the released network);
    output_activation: eq. 5's outer s (it clamps the potential, so it is off by default); strong_convexity: the floor
    m > 0 on the Hessian, relative to the scale.
    """

    floor: Tensor
    raw_W: nn.ParameterList

    def __init__(
        self,
        d: int,
        hidden: Sequence[int] = (64, 64, 64, 64),
        *,
        rank: int = 1,
        tail_rank: int | None = None,
        activation: str = "softplus",
        output_activation: bool = False,
        strong_convexity: float = 1e-3,
        seed: int = 0,
    ) -> None:
        super().__init__(
            d,
            hidden=list(hidden),
            rank=rank,
            tail_rank=tail_rank,
            activation=activation,
            output_activation=output_activation,
            strong_convexity=strong_convexity,
            seed=seed,
        )
        g = torch.Generator().manual_seed(seed)
        self.output_activation = output_activation
        self.s = Activation(activation)
        self.direct: list[QuadraticAffine] = nn.ModuleList(  # type: ignore[assignment]
            [QuadraticAffine(d, q, rank, g) for q in hidden]
        )
        self.raw_W = nn.ParameterList()
        for before, after in pairwise(hidden):
            # Mean 1 / before keeps the signal's size through the layers although all weights are positive.
            start = inverse_softplus(1.0 / before)
            self.raw_W.append(nn.Parameter(start + 0.5 * torch.randn(after, before, generator=g)))
        self.raw_w = nn.Parameter(torch.full((hidden[-1],), inverse_softplus(0.1 / hidden[-1])))
        self.out = QuadraticAffine(d, 1, rank, g)
        self.tail = QuadraticAffine(d, 1, d if tail_rank is None else tail_rank, g)
        self.register_buffer("floor", torch.tensor(float(strong_convexity)))
        with torch.no_grad():
            for last in (self.out, self.tail):
                last.B.zero_()
                last.c.zero_()
            self.out.A.mul_(0.1)

    @classmethod
    def from_settings(cls, d: int, settings: PotentialConfig, seed: int, *, published: bool = False) -> Self:
        """As the settings say. The published network has eq. 5's outer activation and, but where the settings ask for
        the Gaussian start, which only a full rank holds, no quadratic of a higher rank than its others."""
        return cls(
            d,
            settings.hidden,
            rank=settings.rank,
            activation=settings.activation,
            tail_rank=settings.rank if published and settings.start == "identity" else None,
            output_activation=published,
            seed=seed,
        )

    @torch.no_grad()
    def start_at_gaussian(self, S: Tensor, m: Tensor, samples: Tensor, scale: float | None = None) -> None:
        """u(x) ~ <x, S x> / 2 + <m, x>, held by the tail; the layers start with a small share. ValueError when the
        tail's rank is below d."""
        if self.tail.rank < self.d:
            raise ValueError("the Gaussian start needs a tail of full rank")
        scale = size_of_image(S, samples) if scale is None else scale
        self.scale.fill_(scale)
        self.tail.A.copy_(root_of(S.double() / scale, 0.5))
        self.tail.raw_delta.fill_(inverse_softplus(1e-3))
        self.tail.B.copy_((m / scale)[None])

    @torch.no_grad()
    def start_at_identity(self, samples: Tensor, scale: float | None = None) -> None:
        """u(x) ~ |x|^2 / 2, held by the tail's diagonal where its rank is below d."""
        if self.tail.rank >= self.d:
            return super().start_at_identity(samples, scale)
        scale = size_of_image(torch.eye(self.d), samples) if scale is None else scale
        self.scale.fill_(scale)
        self.tail.raw_delta.fill_(inverse_softplus(math.sqrt(0.5 / scale)))
        self.tail.A.mul_(0.1)

    def _weights(self) -> tuple[list[Tensor], Tensor]:
        return [nnf.softplus(raw) for raw in self.raw_W], nnf.softplus(self.raw_w)

    def _sweep(self, x: Tensor) -> SweptICNN:
        """Slopes s'(a_l) and A_l x of every layer, the output's a and A x, and the weights."""
        W, w = self._weights()
        slopes: list[Tensor] = []
        ax: list[Tensor] = []
        z = x
        for index, layer in enumerate(self.direct):
            a, ax_l = layer(x)
            if index:
                a = torch.addmm(a, z, W[index - 1].T)
            z, slope = self.s.with_slope(a)
            slopes.append(slope)
            ax.append(ax_l)
        a_out, ax_out = self.out(x)
        return slopes, ax, a_out[:, 0] + z @ w, ax_out, W, w

    def forward(self, x: Tensor) -> Tensor:
        """u(x) (n,)."""
        a_out = self._sweep(x)[2]
        f = self.s(a_out) if self.output_activation else a_out
        return self.scale * (f + self.tail(x)[0][:, 0] + 0.5 * self.floor * x.square().sum(dim=1))

    def _reverse(self, x: Tensor, sweep: SweptICNN) -> tuple[Tensor, list[Tensor], Tensor, Tensor]:
        """Gradient of u / scale, d u / d z_l for every layer, d u / d a_out (n, 1), and the tail's A x."""
        slopes, ax, a_out, ax_out, W, w = sweep
        top = (self.s.slope(a_out) if self.output_activation else torch.ones_like(a_out))[:, None]
        tail_ax = x @ self.tail.A.T
        total = self.out.gradient(x, ax_out, top) + self.tail.gradient(x, tail_ax, torch.ones_like(top))
        beta = top * w
        betas = [beta] * len(slopes)
        for index in range(len(slopes) - 1, -1, -1):
            betas[index] = beta
            alpha = beta * slopes[index]
            total = total + self.direct[index].gradient(x, ax[index], alpha)
            if index:
                beta = alpha @ W[index - 1]
        return total + self.floor * x, betas, top, tail_ax

    def gradient(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d), in closed form."""
        return self.scale * self._reverse(x, self._sweep(x))[0]

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """u(x) (n,) and grad u(x) (n, d) from one sweep."""
        sweep = self._sweep(x)
        gradient = self._reverse(x, sweep)[0]
        f = self.s(sweep[2]) if self.output_activation else sweep[2]
        value = f + self.tail(x)[0][:, 0] + 0.5 * self.floor * x.square().sum(dim=1)
        return self.scale * value, self.scale * gradient

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """u(x) (n,), grad u(x) (n, d) and the Hessian (n, d, d), in closed form."""
        sweep = self._sweep(x)
        slopes, ax, a_out, ax_out, W, w = sweep
        gradient, betas, top, _ = self._reverse(x, sweep)
        H = self.out.hessian(top) + self.tail.hessian(torch.ones_like(top))
        inner: Tensor | None = None  # d z_l / d x, (d, n, q)
        for index, layer in enumerate(self.direct):
            slope, beta = slopes[index], betas[index]
            J = layer.jacobian(x, ax[index])
            if inner is not None:
                J = torch.addmm(J.flatten(0, 1), inner.flatten(0, 1), W[index - 1].T).view_as(J)
            H = H + layer.hessian(beta * slope) + _gram(J, beta * self.s.curvature_of(slope))
            inner = J * slope
        f = a_out
        if self.output_activation:
            assert inner is not None
            J_out = self.out.jacobian(x, ax_out) + torch.matmul(inner, w)[:, :, None]
            H = H + _gram(J_out, self.s.curvature_of(self.s.slope(a_out))[:, None])
            f = self.s(a_out)
        H = H + self.floor * torch.eye(self.d, dtype=x.dtype, device=x.device)
        value = f + self.tail(x)[0][:, 0] + 0.5 * self.floor * x.square().sum(dim=1)
        return self.scale * value, self.scale * gradient, self.scale * H

    def slope(self) -> Slope:
        """In few operations, but with eq. 5's output activation."""
        return super().slope() if self.output_activation else FrozenSlope(self)

    def curve(self) -> Curve:
        """In few operations, but with eq. 5's output activation."""
        return super().curve() if self.output_activation else FrozenCurve(self)

    def losses(self) -> PotentialLosses:
        """By hand, but with eq. 5's output activation."""
        return LossesByAutograd(self) if self.output_activation else IcnnGradients(self)

    @property
    def strong_convexity(self) -> float:
        """m > 0 with Hessian >= m I everywhere."""
        return float(self.scale * self.floor)


def _gram(J: Tensor, weights: Tensor) -> Tensor:
    """sum_i weights_i J_i J_i^T (n, d, d) for J (d, n, q), weights (n, q)."""
    d = J.shape[0]
    if d > 3:
        rows = J.transpose(0, 1)
        return torch.matmul(rows * weights[:, None, :], rows.transpose(1, 2))
    weighted = J * weights
    entries = {(i, j): (weighted[i] * J[j]).sum(dim=1) for i in range(d) for j in range(i + 1)}
    return torch.stack([torch.stack([entries[max(i, j), min(i, j)] for j in range(d)], 1) for i in range(d)], 1)

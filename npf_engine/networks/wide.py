"""WidePotential: the convex potential for high dimension, with closed-form gradient and Hessian. Model units.

    a_0 = B_0 x + c_0,    a_l = W_l z_{l-1} + B_l x + c_l,    z_l = s(a_l),    W_l >= 0
    u(x) = |L x|^2 / 2 + <b, x> + floor/2 |x|^2 + sum_l <w_l, z_l> + tau log sum_k exp(f_k(x) / tau),    w_l, tau > 0
    f_k(x) = <p_k, x> + q_k + <d_k, x^2> / 2 + |A_k x|^2 / 2,    d_k > 0,    A_k of a given rank

What makes it strong where the papers' network (icnn.py) trains badly: every layer speaks to the output directly, so
that no signal has to pass through all positive weights; the full-rank quadratic starts at the Gaussian map and
leaves the layers the remainder; the log-sum-exp part holds maxima of many pieces, which sums of
positive units cannot, at a temperature of its own: one number sharpens all kinks, where a weight in front of
log sum exp would need every p_k to grow as it shrinks; and weights are positive times a fixed size, so that Adam's
rate means the same for each.
The activation s is a spline: convex, twice continuously differentiable, and a tenth of softplus' cost on a CPU.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from npf_engine.networks.icnn import inverse_softplus

SPLINE_WIDTH = 2.0
FINE = 0.1  # A_k over its parameters: its many entries move together, so that each must move less
START_BEND = 0.01  # of the unit curvature: a piece's own at the start


def raw_of(values: Tensor) -> Tensor:
    """The parameters whose softplus these positive values are."""
    return values + torch.log(-torch.expm1(-values))


def spline(a: Tensor) -> tuple[Tensor, Tensor]:
    """s(a) and s'(a): 0 below -w, a above w (w = 2), and the integral of a smooth step 3 t^2 - 2 t^3 between."""
    w = SPLINE_WIDTH
    t = (a * (0.5 / w) + 0.5).clamp_(0.0, 1.0)
    squared = t * t
    value = (squared * t).mul_(1 - 0.5 * t).mul_(2 * w).add_((a - w).clamp_(min=0.0))
    return value, squared.mul_(3 - 2 * t)


def spline_curvature(a: Tensor) -> Tensor:
    """s''(a), continuous."""
    t = (a * (0.5 / SPLINE_WIDTH) + 0.5).clamp(0.0, 1.0)
    return t * (1 - t) * (3 / SPLINE_WIDTH)


class _Spline(torch.autograd.Function):
    """s(a) for autograd, from one pass that keeps s'."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        value, slope = spline(a)
        ctx.save_for_backward(slope)
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0] * ctx.saved_tensors[0]


class WidePotential(nn.Module):
    """u, convex in x for every value of its parameters. x is (n, d), best of about unit variance in every direction.

    hidden: widths of the layers; pieces: functions f_k in the log-sum-exp (0: none); rank: of each A_k (0: none);
    share: how much of the unit curvature at the start comes from the layers and not from the quadratic;
    strong_convexity: the floor m > 0.
    ``weights`` (d,), 1 unless set, multiply the axes in all B and f_k.
    """

    scale: Tensor
    floor: Tensor
    weights: Tensor

    def __init__(
        self,
        d: int,
        hidden: Sequence[int] = (128, 64),
        *,
        pieces: int = 64,
        rank: int = 0,
        share: float = 0.2,
        strong_convexity: float = 1e-3,
        seed: int = 0,
    ) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        self.d, self.pieces, self.rank = d, pieces, rank
        gain, spread = 2.0, 1.5  # slope of a unit across its own kink, and how far the kinks lie from the middle
        self.B, self.c, self.W, self.w = (nn.ParameterList() for _ in range(4))
        # A unit's size: q units of it bend u by about one per direction.
        self.sizes = [d / (0.4 * q * gain * len(hidden)) for q in hidden]
        for index, q in enumerate(hidden):
            self.B.append(nn.Parameter(nnf.normalize(torch.randn(q, d, generator=g), dim=1) * gain))
            offset = torch.randn(q, generator=g) * spread
            if index:
                before = hidden[index - 1]
                self.W.append(nn.Parameter(inverse_softplus(0.5) + 0.5 * torch.randn(q, before, generator=g)))
                offset -= 1.0  # the positive input from below
            self.c.append(nn.Parameter(offset))
            self.w.append(nn.Parameter(torch.full((q,), inverse_softplus(share))))
        self.L = nn.Parameter(torch.eye(d) * math.sqrt(1 - share))
        self.b = nn.Parameter(torch.zeros(d))
        if pieces:
            self.P = nn.Parameter(nnf.normalize(torch.randn(pieces, d, generator=g), dim=1) * gain)
            self.q = nn.Parameter(torch.zeros(pieces))
            self.bends = nn.Parameter(inverse_softplus(START_BEND) + 0.1 * torch.randn(pieces, d, generator=g))
            self.log_tau = nn.Parameter(torch.zeros(1))
        if pieces and rank:
            around = nnf.normalize(torch.randn(pieces * rank, d, generator=g), dim=1)
            self.A = nn.Parameter(around * math.sqrt(START_BEND * d / rank) / FINE)
        self.piece_size = 2 * share * d / gain**2  # tau and the size of all f_k at the start
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("floor", torch.tensor(float(strong_convexity)))
        self.register_buffer("weights", torch.ones(d))

    @property
    def strong_convexity(self) -> float:
        """m > 0 with Hessian >= m I everywhere."""
        return float(self.floor)

    def _weights(self, index: int) -> Tensor:
        return nnf.softplus(self.w[index]) * self.sizes[index]

    def _mixing(self, index: int) -> Tensor:
        """W_index (q, q before) >= 0, rows of mean about one half over the width before."""
        raw = self.W[index - 1]
        return nnf.softplus(raw) / raw.shape[1]

    def _pre(self, index: int, x: Tensor, z: Tensor | None) -> Tensor:
        a = torch.addmm(self.c[index], x * self.weights, self.B[index].T)
        return a if z is None else torch.addmm(a, z, self._mixing(index).T)

    def _root(self, x: Tensor) -> Tensor:
        """L x (n, d)."""
        return x @ self.L.T

    def _pull(self, lx: Tensor) -> Tensor:
        """L^T of L x: the quadratic's gradient (n, d)."""
        return lx @ self.L

    def _square(self) -> Tensor:
        """L^T L (d, d)."""
        return self.L.T @ self.L

    def _quadratic(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The quadratic and affine part: value (n,) and L x (n, d)."""
        lx = self._root(x)
        return 0.5 * lx.square().sum(1) + x @ self.b + 0.5 * self.floor * x.square().sum(1), lx

    def forward(self, x: Tensor) -> Tensor:
        """u(x) (n,)."""
        u = self._quadratic(x)[0]
        z = None
        for index in range(len(self.B)):
            z = _Spline.apply(self._pre(index, x, z))
            u = u + z @ self._weights(index)
        if self.pieces:
            tau = self._tau()
            u = u + torch.logsumexp(self._pieces(x)[0] / tau, 1) * (tau * self.piece_size)
        return u

    def _tau(self) -> Tensor:
        """The temperature, in units of piece_size."""
        return self.log_tau.exp()

    def _bends(self) -> Tensor:
        """d_k (pieces, d) > 0, in units of piece_size."""
        return nnf.softplus(self.bends) / self.piece_size

    def _root_of_pieces(self) -> Tensor:
        """All A_k (pieces rank, d)."""
        return FINE * self.A

    def _pieces(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """f_k(x) (n, pieces), in units of piece_size, and all A_k x (n, pieces, rank) before that unit."""
        x = x * self.weights
        f = torch.addmm(torch.addmm(self.q, x, self.P.T), 0.5 * x * x, self._bends().T)
        if not self.rank:
            return f, None
        ax = (x @ self._root_of_pieces().T).unflatten(1, (self.pieces, self.rank))
        return f + ax.square().sum(2) * (0.5 / self.piece_size), ax

    def _sweep(self, x: Tensor) -> tuple[Tensor, Tensor, list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """u, its gradient, and for the Hessian: pre-activations, slopes, d u / d z by layer, and of the pieces their
        shares and A_k x, where there are any."""
        u, lx = self._quadratic(x)
        gradient = self.b + self._pull(lx) + self.floor * x
        bent = torch.zeros_like(x)  # the gradient of layers and pieces, before the axes' weights
        pre: list[Tensor] = []
        slopes: list[Tensor] = []
        z = None
        for index in range(len(self.B)):
            pre.append(self._pre(index, x, z))
            z, slope = spline(pre[index])
            slopes.append(slope)
            u = u + z @ self._weights(index)
        betas: list[Tensor] = [x] * len(pre)
        below: Tensor | None = None  # what reaches z_index from the layers above
        for index in range(len(pre) - 1, -1, -1):
            w = self._weights(index)
            betas[index] = w.expand_as(pre[index]) if below is None else below + w
            alpha = betas[index] * slopes[index]
            bent = torch.addmm(bent, alpha, self.B[index])
            if index:
                below = alpha @ self._mixing(index)
        parts: list[Tensor] = []
        if self.pieces:
            tau = self._tau()
            f, ax = self._pieces(x)
            f = f / tau
            top = f.amax(1, keepdim=True)
            shares = (f - top).exp_()
            total = shares.sum(1, keepdim=True)
            shares = shares / total
            u = u + (total.log() + top)[:, 0] * (tau * self.piece_size)
            inside = shares @ self.P + x * self.weights * (shares @ self._bends())
            bent = bent + inside * self.piece_size
            parts = [shares]
            if ax is not None:
                bent = torch.addmm(bent, (ax * shares[:, :, None]).flatten(1), self._root_of_pieces())
                parts.append(ax)
        return u, torch.addcmul(gradient, bent, self.weights), pre, slopes, betas, parts

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """u(x) (n,) and grad u(x) (n, d) from one sweep."""
        return self._sweep(x)[:2]

    def gradient(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d), in closed form."""
        return self._sweep(x)[1]

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """u(x) (n,), grad u(x) (n, d) and the Hessian (n, d, d), in closed form."""
        u, gradient, pre, slopes, betas, parts = self._sweep(x)
        H = x.new_zeros(x.shape[0], self.d, self.d)
        inner: Tensor | None = None  # d z / d x of the layer below, (n, q, d)
        for index, layer in enumerate(self.B):
            J = layer.expand(x.shape[0], -1, -1)
            if inner is not None:
                J = J + torch.matmul(self._mixing(index), inner)
            weighted = J * (betas[index] * spline_curvature(pre[index]))[:, :, None]
            H = H + torch.matmul(J.transpose(1, 2), weighted)
            inner = J * slopes[index][:, :, None]
        if parts:
            shares, bends = parts[0], self._bends()
            rises = self.P + (x * self.weights)[:, None, :] * bends  # of the pieces, (n, pieces, d)
            if self.rank:
                A = self._root_of_pieces()
                each = A.unflatten(0, (self.pieces, self.rank))
                rises = rises + torch.einsum("nkr,krd->nkd", parts[1], each) / self.piece_size
                turned = A * shares.repeat_interleave(self.rank, 1).sqrt()[:, :, None]  # (n, pieces rank, d)
                H = H + torch.matmul(turned.transpose(1, 2), turned)
            mean = torch.einsum("nk,nkd->nd", shares, rises)
            away = (rises - mean[:, None, :]) * shares.sqrt()[:, :, None]
            H = H + torch.matmul(away.transpose(1, 2), away) * (self.piece_size / self._tau())
            H = H + torch.diag_embed(shares @ bends) * self.piece_size
        H = H * self.weights[:, None] * self.weights
        return u, gradient, H + self._square() + self.floor * torch.eye(self.d, dtype=x.dtype, device=x.device)

    def hessian(self, x: Tensor) -> Tensor:
        """Hessian of u (n, d, d)."""
        return self.derivatives(x)[2]

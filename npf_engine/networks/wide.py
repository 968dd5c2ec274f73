"""WidePotential: the convex potential for high dimension, with closed-form gradient and Hessian. Model units.

    a_0 = B_0 x + c_0 + h_i(Q_i x + r_i),    a_l = W_l z_{l-1} + B_l x + c_l,    z_l = s(a_l),    W_l >= 0
    u(x) = |L x|^2 / 2 + <b, x> + floor/2 |x|^2 + sum_l <w_l, z_l> + tau log sum_k exp(f_k(x) / tau),    w_l, tau > 0
    f_k(x) = <p_k, x> + q_k + <d_k, x^2> / 2 + |A_k x|^2 / 2,    d_k > 0
    h_i(v) = e_i (sqrt(e_i^2 + |v|^2) - e_i),    e_i > 0,    Q_i and A_k of given ranks

What makes it strong where the papers' network (icnn.py) trains badly: every layer speaks to the output directly, so
that no signal has to pass through all positive weights; the full-rank quadratic starts at the Gaussian map and
leaves the layers the remainder; units of the first layer may bend, so that one holds a kink along an ellipsoid or a
cone: by a pseudo-Huber, where the convex quadratic layers of Korotin et al. (2021, Wasserstein-2 generative networks)
have a quadratic, which overshoots in the tails; the log-sum-exp part holds
maxima of many pieces, which sums of positive units cannot, at a temperature of its own: one number sharpens all kinks,
where a weight in front of log sum exp would need every p_k to grow as it shrinks; and weights are positive times a
fixed size, so that Adam's rate means the same for each. s is a spline (spline.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from npf_engine.networks.activation import inverse_softplus
from npf_engine.networks.hubers import Hubers, curvature_of_hubers, hubers
from npf_engine.networks.potential import Potential, root_of, size_of_image
from npf_engine.networks.spline import Spline, spline, spline_curvature
from npf_engine.networks.squares import FINE, rises, squares, start_of_roots, weighed

START_BEND = 0.01  # of the unit curvature: a piece's own at the start
UNIT_BEND = 0.001  # mean eigenvalue of Q_i^T Q_i at the start: a unit's own scale is smaller than a piece's
START_REACH = 2.0  # e_i at the start
SLOPED = 4096  # points by which the layers' mean slope is taken out of the start


class _Sweep(NamedTuple):
    """u, its gradient, and for the Hessian: pre-activations, slopes and d u / d z by layer, h_i of the bent units, and
    of the pieces their shares and A_k x; None what there is not."""

    u: Tensor
    gradient: Tensor
    pre: list[Tensor]
    slopes: list[Tensor]
    betas: list[Tensor]
    bent: Hubers | None
    shares: Tensor | None
    ax: Tensor | None


class WidePotential(Potential):
    """u, convex in x for every value of its parameters. x is (n, d), best of about unit variance in every direction.

    hidden: widths of the layers; pieces: functions f_k in the log-sum-exp (0: none); rank: of each A_k (0: none);
    unit_rank: of each Q_i (0: none);
    share: how much of the unit curvature at the start comes from the layers and not from the quadratic;
    strong_convexity: the floor m > 0.
    ``weights`` (d,), 1 unless set, multiply the axes in all B and f_k.
    """

    floor: Tensor
    weights: Tensor

    def __init__(
        self,
        d: int,
        hidden: Sequence[int] = (128, 64),
        *,
        pieces: int = 64,
        rank: int = 0,
        unit_rank: int = 0,
        share: float = 0.2,
        strong_convexity: float = 1e-3,
        seed: int = 0,
    ) -> None:
        bends = {"pieces": pieces, "rank": rank, "unit_rank": unit_rank, "share": share}
        super().__init__(d, hidden=list(hidden), strong_convexity=strong_convexity, seed=seed, **bends)
        g = torch.Generator().manual_seed(seed)
        self.pieces, self.rank, self.unit_rank, self.share = pieces, rank, unit_rank, share
        self.bent = hidden[0] if unit_rank and hidden else 0
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
            self.A = start_of_roots(pieces, rank, d, START_BEND, g)
        if self.bent:
            self.Q = start_of_roots(self.bent, unit_rank, d, UNIT_BEND, g)
            self.r = nn.Parameter(torch.zeros(self.bent * unit_rank))
            self.reach = nn.Parameter(torch.full((self.bent,), inverse_softplus(START_REACH)))
        self.piece_size = 2 * share * d / (gain * gain)  # tau and the size of all f_k at the start
        self.register_buffer("floor", torch.tensor(float(strong_convexity)))
        self.register_buffer("weights", torch.ones(d))

    @property
    def strong_convexity(self) -> float:
        """m > 0 with Hessian >= m I everywhere."""
        return float(self.floor)

    @torch.no_grad()
    def start_at_gaussian(self, S: Tensor, m: Tensor, samples: Tensor, scale: float | None = None) -> None:
        """The quadratic takes S less the layers' share, whose mean slope on the first SLOPED samples is taken out."""
        x = samples[:SLOPED].to(self.L)
        self.scale.fill_(size_of_image(S, samples) if scale is None else scale)
        eye = torch.eye(self.d, dtype=torch.float64)
        self.L.copy_(root_of(S.double().cpu() - self.share * eye))
        self.b.zero_()
        self.b.sub_((self.gradient(x) - x @ S.to(x) - m.to(x)).mean(0))

    def _weights(self, index: int) -> Tensor:
        return nnf.softplus(self.w[index]) * self.sizes[index]

    def _mixing(self, index: int) -> Tensor:
        """W_index (q, q before) >= 0, rows of mean about one half over the width before."""
        raw = self.W[index - 1]
        return nnf.softplus(raw) / raw.shape[1]

    def _pre(self, index: int, x: Tensor, z: Tensor | None) -> tuple[Tensor, Hubers | None]:
        """a_index (n, q), and in the first layer h_i where units bend."""
        x = x * self.weights
        a = torch.addmm(self.c[index], x, self.B[index].T)
        if z is not None:
            return torch.addmm(a, z, self._mixing(index).T), None
        if not self.bent:
            return a, None
        bent = hubers(x, self._root_of_units(), self.r, self._reach())
        return a + bent.value, bent

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
            z = Spline.apply(self._pre(index, x, z)[0])
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

    def _root_of_units(self) -> Tensor:
        """All Q_i (bent unit rank, d)."""
        return FINE * self.Q

    def _reach(self) -> Tensor:
        """All e_i (bent,) > 0."""
        return nnf.softplus(self.reach)

    def _pieces(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """f_k(x) (n, pieces), in units of piece_size, and all A_k x (n, pieces, rank) before that unit."""
        x = x * self.weights
        f = torch.addmm(torch.addmm(self.q, x, self.P.T), 0.5 * x * x, self._bends().T)
        if not self.rank:
            return f, None
        bends, ax = squares(x, self._root_of_pieces(), self.pieces)
        return f + bends / self.piece_size, ax

    def _sweep(self, x: Tensor) -> _Sweep:
        """u, its gradient, and what the Hessian needs of both."""
        u, lx = self._quadratic(x)
        gradient = self.b + self._pull(lx) + self.floor * x
        rise = torch.zeros_like(x)  # the gradient of layers and pieces, before the axes' weights
        pre: list[Tensor] = []
        slopes: list[Tensor] = []
        z, bent = None, None
        for index in range(len(self.B)):
            a, bends = self._pre(index, x, z)
            bent = bends if index == 0 else bent
            pre.append(a)
            z, slope = spline(pre[index])
            slopes.append(slope)
            u = u + z @ self._weights(index)
        betas: list[Tensor] = [x] * len(pre)
        below: Tensor | None = None  # what reaches z_index from the layers above
        for index in range(len(pre) - 1, -1, -1):
            w = self._weights(index)
            betas[index] = w.expand_as(pre[index]) if below is None else below + w
            alpha = betas[index] * slopes[index]
            rise = torch.addmm(rise, alpha, self.B[index])
            if index:
                below = alpha @ self._mixing(index)
            elif bent is not None:
                turned = bent.v * (alpha * bent.flat)[:, None, :]
                rise = torch.addmm(rise, turned.flatten(1), self._root_of_units())
        shares, ax = None, None
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
            rise = rise + inside * self.piece_size
            if ax is not None:
                rise = torch.addmm(rise, (ax * shares[:, :, None]).flatten(1), self._root_of_pieces())
        return _Sweep(u, torch.addcmul(gradient, rise, self.weights), pre, slopes, betas, bent, shares, ax)

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """u(x) (n,) and grad u(x) (n, d) from one sweep."""
        sweep = self._sweep(x)
        return sweep.u, sweep.gradient

    def gradient(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d), in closed form."""
        return self._sweep(x).gradient

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """u(x) (n,), grad u(x) (n, d) and the Hessian (n, d, d), in closed form."""
        sweep = self._sweep(x)
        H = self._curvature_of_layers(sweep, x) + self._curvature_of_pieces(sweep, x)
        H = H * self.weights[:, None] * self.weights
        H = H + self._square() + self.floor * torch.eye(self.d, dtype=x.dtype, device=x.device)
        return sweep.u, sweep.gradient, H

    def _curvature_of_layers(self, sweep: _Sweep, x: Tensor) -> Tensor:
        """(n, d, d), before the axes' weights."""
        H = x.new_zeros(x.shape[0], self.d, self.d)
        inner: Tensor | None = None  # d z / d x of the layer below, (n, q, d)
        for index, layer in enumerate(self.B):
            J = layer.expand(x.shape[0], -1, -1)
            if inner is not None:
                J = J + torch.matmul(self._mixing(index), inner)
            elif sweep.bent is not None:
                weight = sweep.betas[0] * sweep.slopes[0]
                rise, bend = curvature_of_hubers(sweep.bent, self._root_of_units(), self._reach(), weight)
                J, H = J + rise, bend
            weighted = J * (sweep.betas[index] * spline_curvature(sweep.pre[index]))[:, :, None]
            H = H + torch.matmul(J.transpose(1, 2), weighted)
            inner = J * sweep.slopes[index][:, :, None]
        return H

    def _curvature_of_pieces(self, sweep: _Sweep, x: Tensor) -> Tensor:
        """(n, d, d), before the axes' weights."""
        H = x.new_zeros(x.shape[0], self.d, self.d)
        if sweep.shares is None:
            return H
        shares, bends = sweep.shares, self._bends()
        slopes = self.P + (x * self.weights)[:, None, :] * bends  # of the pieces, (n, pieces, d)
        if sweep.ax is not None:
            A = self._root_of_pieces()
            slopes = slopes + rises(sweep.ax, A) / self.piece_size
            H = H + weighed(A, shares)
        mean = torch.einsum("nk,nkd->nd", shares, slopes)
        away = (slopes - mean[:, None, :]) * shares.sqrt()[:, :, None]
        H = H + torch.matmul(away.transpose(1, 2), away) * (self.piece_size / self._tau())
        return H + torch.diag_embed(shares @ bends) * self.piece_size

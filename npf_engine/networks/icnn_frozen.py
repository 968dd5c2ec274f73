"""A QuadraticICNN whose weights stand still: grad u and the Hessian in few operations, for the solver of grad u*.

What does not depend on x is made once: softplus of the raw parameters, the quadratic above the layers as one matrix,
and for every unit its own Hessian 2 (A^T A + diag delta^2). With J_l = da_l/dx,

    Hess f = H_0 + sum_units alpha K + sum_l J_l^T diag(beta_l s''_l) J_l,    grad f = H_0 x + b_0 + (the layers' part),
    J_l = 2 delta_l^2 x + B_l + 2 A_l^T (A_l x) + W_l s'(a_{l-1}) J_{l-1}.

u = scale f: the scale is in w, H_0 and b_0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as nnf

from npf_engine.networks.icnn_gradients import IcnnGradients

if TYPE_CHECKING:
    from npf_engine.networks.quadratic_icnn import QuadraticICNN


class FrozenSlope:
    """grad u of a network without an output activation, as it is now. Points are (n, d); nothing is differentiable."""

    @torch.no_grad()
    def __init__(self, u: QuadraticICNN) -> None:
        hand = IcnnGradients(u)
        p = hand.weights()
        self.d, self.s = u.d, hand.s
        self.widths, self.rank, self.inner, rows = hand.widths, hand.rank, hand.inner, hand.rows
        self.W, self.w = p.W, u.scale * p.w
        self.affine, self.c, self.A = p.affine[: self.inner], p.c[: self.inner], p.A[:rows]
        # Of the parts without an activation: one Hessian and one gradient at 0.
        top, above = p.affine[self.inner :], p.A[rows:]
        self.H0 = u.scale * (2 * (above.t() @ above) + torch.diag(2 * top[:, : self.d].sum(0) + u.floor))
        self.b0 = u.scale * top[:, self.d :].sum(0)

    def __call__(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d)."""
        ax = torch.mm(x, self.A.t())
        a, z = self.activations(self.before(x, ax))
        return self.slope(x, ax, self.alphas(a, z))

    def before(self, x: Tensor, ax: Tensor) -> list[Tensor]:
        """What each layer sees of x itself."""
        direct = torch.addmm(self.c, torch.cat([x.square(), x], dim=1), self.affine.t())
        if self.rank == 1:
            return list(torch.addcmul(direct, ax, ax).split(self.widths, dim=1))
        return list((direct + ax.view(len(x), -1, self.rank).square().sum(2)).split(self.widths, dim=1))

    def activations(self, before: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """a_l and z_l of all layers."""
        a, z = list[Tensor](), list[Tensor]()
        for index, own in enumerate(before):
            a.append(torch.addmm(own, z[-1], self.W[index - 1].t()) if index else own)
            z.append(nnf.elu(a[-1]) if self.s.elu else nnf.softplus(a[-1]))
        return a, z

    def alphas(self, a: list[Tensor], z: list[Tensor]) -> Tensor:
        """df/da of all units, times the scale."""
        alphas = [self.s.pull(self.w.expand(len(a[-1]), -1), a[-1], z[-1])]
        for index in range(len(z) - 2, -1, -1):
            alphas.insert(0, self.s.pull(torch.mm(alphas[0], self.W[index]), a[index], z[index]))
        return torch.cat(alphas, dim=1) if len(alphas) > 1 else alphas[0]

    def slope(self, x: Tensor, ax: Tensor, alpha: Tensor) -> Tensor:
        """grad u(x) (n, d)."""
        spread = alpha if self.rank == 1 else alpha.repeat_interleave(self.rank, dim=1)
        square, linear = torch.mm(self.affine.t(), alpha.t()).split(self.d)
        layers = torch.addmm(linear, self.A.t(), (ax * spread).t(), alpha=2).t()
        return torch.addmm(self.b0, x, self.H0).add_(layers).addcmul_(x, square.t(), value=2)


class FrozenCurve:
    """grad u and its Hessian."""

    @torch.no_grad()
    def __init__(self, u: QuadraticICNN) -> None:
        self.at = at = FrozenSlope(u)
        square, linear = at.affine.tensor_split(2, dim=1)
        outer = (at.A[:, :, None] * at.A[:, None]).view(at.inner, at.rank, at.d, at.d).sum(1)
        self.own = 2 * (outer + torch.diag_embed(square)).flatten(1)  # K (units, d d)
        self.rise = (2 * square).t()[:, None]  # (d, 1, units)
        self.flat = linear.t()[:, None]
        self.rows = 2 * at.A.t().reshape(at.d, 1, at.inner, at.rank)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """grad u (n, d) and its Hessian (n, d, d)."""
        at, (n, d) = self.at, x.shape
        ax = torch.mm(x, at.A.t())
        a, z = at.activations(at.before(x, ax))
        J = torch.addcmul(self.flat, x.t()[:, :, None], self.rise)
        if at.rank == 1:
            J.addcmul_(ax, self.rows[..., 0])
        else:
            J.add_((ax.view(n, -1, at.rank) * self.rows).sum(3))
        parts = J.split(at.widths, dim=2)
        for index in range(1, len(parts)):
            inner = at.s.pull(parts[index - 1], a[index - 1], z[index - 1])
            parts[index].baddbmm_(inner, at.W[index - 1].t().expand(d, -1, -1))
        alpha = at.alphas(a, z)
        where = at.s.where_it_bends(a, z)
        bend = at.s.bend(alpha, torch.cat(where, dim=1) if len(where) > 1 else where[0])
        H = torch.addmm(at.H0.view(-1), alpha, self.own).view(n, d, d)
        return at.slope(x, ax, alpha), torch.baddbmm(H, (J * bend).permute(1, 0, 2), J.permute(1, 2, 0))

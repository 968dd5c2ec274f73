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


class FrozenICNN:
    """u of a network without an output activation, as it is now. Points are (n, d); nothing is differentiable."""

    @torch.no_grad()
    def __init__(self, u: QuadraticICNN) -> None:
        hand = IcnnGradients(u)
        p = hand.weights()
        self.d, self.s = u.d, hand.s
        self.widths, self.rank, inner, rows = hand.widths, hand.rank, hand.inner, hand.rows
        self.W, self.w = p.W, u.scale * p.w
        self.affine, self.c, self.A = p.affine[:inner], p.c[:inner], p.A[:rows]
        square, linear = self.affine.tensor_split(2, dim=1)
        # Of the parts without an activation: one Hessian and one gradient at 0.
        top, above = p.affine[inner:], p.A[rows:]
        self.H0 = u.scale * (2 * (above.t() @ above) + torch.diag(2 * top[:, : self.d].sum(0) + u.floor))
        self.b0 = u.scale * top[:, self.d :].sum(0)
        outer = (self.A[:, :, None] * self.A[:, None]).view(inner, self.rank, self.d, self.d).sum(1)
        self.own = 2 * (outer + torch.diag_embed(square)).flatten(1)  # K (units, d d)
        self.rise = (2 * square).t()[:, None]  # (d, 1, units)
        self.slope = linear.t()[:, None]
        self.rows = 2 * self.A.t().reshape(self.d, 1, inner, self.rank)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """grad u (n, d) and its Hessian (n, d, d)."""
        n, d = x.shape
        ax = torch.mm(x, self.A.t())
        direct = torch.addmm(self.c, torch.cat([x.square(), x], dim=1), self.affine.t())
        if self.rank == 1:
            before = torch.addcmul(direct, ax, ax).split(self.widths, dim=1)
            J = torch.addcmul(self.slope, x.t()[:, :, None], self.rise).addcmul_(ax, self.rows[..., 0])
        else:
            product = ax.view(n, -1, self.rank)
            before = (direct + product.square().sum(2)).split(self.widths, dim=1)
            J = torch.addcmul(self.slope, x.t()[:, :, None], self.rise).add_((product * self.rows).sum(3))
        parts, a, z = J.split(self.widths, dim=2), list[Tensor](), list[Tensor]()
        for index, own in enumerate(before):
            if index:
                inner = self.s.pull(parts[index - 1], a[-1], z[-1])
                parts[index].baddbmm_(inner, self.W[index - 1].t().expand(d, -1, -1))
                own = torch.addmm(own, z[-1], self.W[index - 1].t())
            a.append(own)
            z.append(nnf.elu(own) if self.s.elu else nnf.softplus(own))
        alphas = [self.s.pull(self.w.expand(n, -1), a[-1], z[-1])]
        for index in range(len(z) - 2, -1, -1):
            alphas.insert(0, self.s.pull(torch.mm(alphas[0], self.W[index]), a[index], z[index]))
        alpha = torch.cat(alphas, dim=1) if len(alphas) > 1 else alphas[0]
        where = self.s.where_it_bends(a, z)
        bend = self.s.bend(alpha, torch.cat(where, dim=1) if len(where) > 1 else where[0])
        spread = alpha if self.rank == 1 else alpha.repeat_interleave(self.rank, dim=1)
        square, linear = torch.mm(self.affine.t(), alpha.t()).split(d)
        layers = torch.addmm(linear, self.A.t(), (ax * spread).t(), alpha=2).t()
        slope = torch.addmm(self.b0, x, self.H0).add_(layers).addcmul_(x, square.t(), value=2)
        H = torch.addmm(self.H0.view(-1), alpha, self.own).view(n, d, d)
        return slope, torch.baddbmm(H, (J * bend).permute(1, 0, 2), J.permute(1, 2, 0))

"""QuadraticICNN differentiated by hand: both of u's losses with their gradients, in few operations.

With the notation of quadratic_icnn.py, f = u / scale, and for a point x and a direction v

    alpha_l = s'(a_l) beta_l,  beta_L = w,  beta_l = W_{l+1}^T alpha_{l+1}             (df/da_l, the sweep of grad f)
    a'_l = 2 A_l x . A_l v + (2 delta_l^2 x + B_l) v + W_l z'_{l-1},  z'_l = s'(a_l) a'_l   (their change along v)

the regression's gradient is that of <v, grad f(x)> for the constant v = 2 (grad f(x) - y) / n: f's derivative along v.
Its adjoints are alpha_l in a'_l and

    gamma_l = beta_l s''(a_l) a'_l + s'(a_l) W_{l+1}^T gamma_{l+1}                      in a_l,

and every parameter's gradient is a product of these with what it is multiplied by. All layers' quadratics and affine
parts are evaluated at once: they see the same x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as nnf

from npf_engine.networks.backprop import squared_norm
from npf_engine.networks.potential_losses import PotentialLosses

if TYPE_CHECKING:
    from npf_engine.networks.quadratic_icnn import QuadraticICNN

elu_backward = torch.ops.aten.elu_backward
softplus_backward = torch.ops.aten.softplus_backward
hardtanh_backward = torch.ops.aten.hardtanh_backward


class Slopes(NamedTuple):
    """The activation of all layers: s(a), and products with its derivatives at where it was evaluated."""

    elu: bool

    def value(self, a: Tensor) -> Tensor:
        """s(a); ELU by exp, which is four times as fast as torch's own by expm1."""
        return a.clamp(max=0.0).exp_().add_(a.clamp(min=0.0)).sub_(1.0) if self.elu else nnf.softplus(a)

    def pull(self, g: Tensor, a: Tensor, z: Tensor) -> Tensor:
        """s'(a) g, with z = s(a)."""
        return elu_backward(g, 1.0, 1.0, 1.0, True, z) if self.elu else softplus_backward(g, a, 1.0, 20.0)

    def bend(self, g: Tensor, at: Tensor) -> Tensor:
        """(s''/s')(a) g: g where ELU bends, else 0; (1 - s') g of the softplus. ``at``: of ``where_it_bends``."""
        return hardtanh_backward(g, at, -torch.inf, 0.0) if self.elu else softplus_backward(g, -at, 1.0, 20.0)

    def where_it_bends(self, a: list[Tensor], z: list[Tensor]) -> list[Tensor]:
        """By what ``bend`` knows where it is: ELU's sign, which z has too, or a."""
        return z if self.elu else a


class Weights(NamedTuple):
    """The parameters as they act: rows of all A (layers, then the output's, then the tail's), delta and its raw values,
    [delta^2, B] of all units, their c, the matrices W and their raw values, w."""

    A: Tensor
    raw_delta: Tensor
    delta: Tensor
    affine: Tensor
    c: Tensor
    W: list[Tensor]
    w: Tensor


class Sweep(NamedTuple):
    """Of points x (n, d): [x^2, x], A x of all rows, [delta^2, B] . [x^2, x] + c of all units, a_l and z_l."""

    x: Tensor
    features: Tensor
    ax: Tensor
    direct: Tensor
    a: list[Tensor]
    z: list[Tensor]


def narrow(few: Tensor, many: Tensor) -> Tensor:
    """many @ few^T (n, k) of ``few`` (k, q) and ``many`` (n, q), for small k: this way round it takes a quarter of the
    time on a CPU."""
    return torch.mm(few, many.t()).t()


class IcnnGradients(PotentialLosses):
    """Of one network without an output activation."""

    def __init__(self, u: QuadraticICNN) -> None:
        if u.output_activation:
            raise ValueError("gradients by hand are for a network without an output activation")
        self.u, self.blocks = u, [*u.direct, u.out, u.tail]
        self.names = [name for name, _ in u.named_parameters()]
        self.s = Slopes(u.s.name == "elu")
        self.widths = [block.units for block in u.direct]
        self.inner = sum(self.widths)
        self.rank = u.out.rank
        self.rows = self.inner * self.rank  # of A, of the layers
        self.above = u.out.rank + u.tail.rank  # rows of A above them
        self.ones = u.floor.new_ones(1, 1)

    def weights(self) -> Weights:
        """As they are now."""
        u, blocks = self.u, self.blocks
        raw_delta = torch.cat([block.raw_delta for block in blocks])
        delta = nnf.softplus(raw_delta)
        return Weights(
            torch.cat([block.A for block in blocks]),
            raw_delta,
            delta,
            torch.cat([delta.square(), torch.cat([block.B for block in blocks])], dim=1),
            torch.cat([block.c for block in blocks]),
            [nnf.softplus(raw) for raw in u.raw_W],
            nnf.softplus(u.raw_w),
        )

    def sweep(self, x: Tensor, p: Weights) -> Sweep:
        """All pre-activations and activations."""
        features = torch.cat([x.square(), x], dim=1)
        ax, direct = torch.mm(x, p.A.t()), torch.addmm(p.c, features, p.affine.t())
        before, a, z = self._squares(direct, ax, ax, 1.0).split(self.widths, dim=1), list[Tensor](), list[Tensor]()
        for index, own in enumerate(before):
            a.append(torch.addmm(own, z[-1], p.W[index - 1].t()) if index else own)
            z.append(self.s.value(a[-1]))
        return Sweep(x, features, ax, direct, a, z)

    def _squares(self, direct: Tensor, ax: Tensor, av: Tensor, factor: float) -> Tensor:
        """The layers' units with factor <A x, A v> added."""
        own, left, right = direct[:, : self.inner], ax[:, : self.rows], av[:, : self.rows]
        if self.rank == 1:
            return torch.addcmul(own, left, right, value=factor)
        product = (left * right).view(len(ax), self.inner, self.rank).sum(2)
        return torch.add(own, product, alpha=factor)

    def _spread(self, units: Tensor) -> Tensor:
        """Of the layers' units (n, inner), for each row of their A."""
        return units if self.rank == 1 else units.repeat_interleave(self.rank, dim=1)

    def _down(self, top: Tensor, at: Sweep, p: Weights) -> list[Tensor]:
        """alpha_l of all layers, from beta_L (n, q)."""
        alphas: list[Tensor] = []
        for index in range(len(at.z) - 1, -1, -1):
            beta = torch.mm(alphas[-1], p.W[index]) if alphas else top
            alphas.append(self.s.pull(beta, at.a[index], at.z[index]))
        return alphas[::-1]

    def pairs(self, x: Tensor, target: Tensor) -> tuple[Tensor, list[Tensor | None]]:
        """mean |grad u(x) - target|^2 / scale^2, and its gradients."""
        p = self.weights()
        target = torch.addcmul(target / self.u.scale, x, self.u.floor, value=-1)  # the floor has no parameter
        at = self.sweep(x, p)
        n = len(x)
        alphas = self._down(p.w.expand(n, -1), at, p)
        units = torch.cat([*alphas, self.ones.expand(n, 2)], dim=1)
        rows = torch.cat([self._spread(units[:, : self.inner]), self.ones.expand(n, self.above)], dim=1)
        held = at.ax * rows
        square, linear = narrow(p.affine.t(), units).tensor_split(2, dim=1)
        slope = torch.add(linear, narrow(p.A.t(), held), alpha=2).addcmul_(x, square, value=2)
        value, v = squared_norm(slope.sub_(target))
        return value, self._in_order(self._along(v, at, p, alphas, units, rows, held))

    def _along(
        self, v: Tensor, at: Sweep, p: Weights, alphas: list[Tensor], units: Tensor, rows: Tensor, held: Tensor
    ) -> dict[str, Tensor]:
        """The gradients of sum <v, grad f(x)>."""
        av = torch.mm(v, p.A.t())
        features = torch.cat([at.x * v * 2, v], dim=1)
        before = self._squares(torch.mm(features, p.affine.t()), at.ax, av, 2.0).split(self.widths, dim=1)
        rise: list[Tensor] = []  # z'_l
        gammas: list[Tensor] = []
        where = self.s.where_it_bends(at.a, at.z)
        changes: list[Tensor] = []
        for index, own in enumerate(before):
            changes.append(torch.addmm(own, rise[-1], p.W[index - 1].t()) if index else own)
            rise.append(self.s.pull(changes[-1], at.a[index], at.z[index]))
        for index in range(len(rise) - 1, -1, -1):
            gamma = self.s.bend(alphas[index] * changes[index], where[index])
            if gammas:
                gamma = gamma + self.s.pull(torch.mm(gammas[-1], p.W[index]), at.a[index], at.z[index])
            gammas.append(gamma)
        gammas.reverse()
        gamma = torch.cat(gammas, dim=1) if len(gammas) > 1 else gammas[0]
        affine = torch.mm(features.t(), units)
        affine[:, : self.inner].addmm_(at.features.t(), gamma)
        turned = rows * av
        turned[:, : self.rows].addcmul_(self._spread(gamma), at.ax[:, : self.rows])
        A = torch.addmm(torch.mm(at.x.t(), turned), v.t(), held, beta=2, alpha=2)
        W = [
            torch.addmm(torch.mm(alphas[index].t(), rise[index - 1]), gammas[index].t(), at.z[index - 1])
            for index in range(1, len(rise))
        ]
        return self._named(p, A, affine, gamma.sum(0), W, rise[-1].sum(0))

    def values(self, x: Tensor, shares: Tensor) -> tuple[Tensor, list[Tensor | None]]:
        """sum shares u(x) / scale for shares (n, 1) that sum to 0, and its gradients."""
        p = self.weights()
        at = self.sweep(x, p)
        last = at.direct[:, self.inner :].sum(1) + at.ax[:, self.rows :].square().sum(1)
        f = torch.addmv(last, at.z[-1], p.w).add_(x.square().sum(1) * self.u.floor, alpha=0.5)
        gammas = self._down(shares * p.w, at, p)
        gamma = torch.cat(gammas, dim=1) if len(gammas) > 1 else gammas[0]
        units = torch.cat([gamma, shares.expand(-1, 2)], dim=1)
        rows = torch.cat([self._spread(gamma), shares.expand(-1, self.above)], dim=1)
        A = torch.mm(x.t(), rows * at.ax).mul_(2)
        W = [torch.mm(gammas[index].t(), at.z[index - 1]) for index in range(1, len(at.z))]
        affine, w = torch.mm(at.features.t(), units), torch.mv(at.z[-1].t(), shares[:, 0])
        return torch.dot(f, shares[:, 0]), self._in_order(self._named(p, A, affine, gamma.sum(0), W, w))

    def _named(self, p: Weights, A: Tensor, affine: Tensor, c: Tensor, W: list[Tensor], w: Tensor) -> dict[str, Tensor]:
        """Of A (d, rows), [delta^2, B] (2 d, units), W and w those of the raw parameters, each by its name. The
        constants of output and tail have none."""
        square, B = affine.t().tensor_split(2, dim=1)
        raw_delta = softplus_backward(square * p.delta * 2, p.raw_delta, 1.0, 20.0)
        sizes = [block.units for block in self.blocks]
        parts = {
            "A": A.t().split([block.units * block.rank for block in self.blocks]),
            "raw_delta": raw_delta.split(sizes),
            "B": B.split(sizes),
            "c": c.split(self.widths),
        }
        owners = [f"direct.{index}" for index in range(len(self.widths))] + ["out", "tail"]
        named = {
            f"{owner}.{key}": part for key, all_ in parts.items() for owner, part in zip(owners, all_, strict=False)
        }
        for index, (gradient, raw) in enumerate(zip(W, self.u.raw_W, strict=True)):
            named[f"raw_W.{index}"] = softplus_backward(gradient, raw, 1.0, 20.0)
        named["raw_w"] = softplus_backward(w, self.u.raw_w, 1.0, 20.0)
        return named

    def _in_order(self, named: dict[str, Tensor]) -> list[Tensor | None]:
        """In the order of the parameters."""
        return [named.get(name) for name in self.names]

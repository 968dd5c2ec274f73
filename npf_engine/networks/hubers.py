"""Many pseudo-Hubers of low rank at once, their gradients and curvatures:

    h_k(v) = e_k (sqrt(e_k^2 + |v|^2) - e_k),    v = R_k x + r_k,    e_k > 0,

convex, |v|^2 / 2 near their centre and the cone e_k |v| away from it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Hubers(NamedTuple):
    """h_k (n, count), v_k (n, rank, count), and flat_k = e_k / sqrt(e_k^2 + |v_k|^2) (n, count): flat_k v_k is h_k's
    gradient with respect to v_k."""

    value: Tensor
    v: Tensor
    flat: Tensor


def hubers(x: Tensor, root: Tensor, centre: Tensor, reach: Tensor) -> Hubers:
    """h_k of the roots R_k, whose j-th rows are those from j count on of ``root`` (rank count, d), r_k likewise in
    ``centre`` (rank count,), e_k in ``reach`` (count,). A sum over k's ranks is a third as long in that order."""
    v = torch.addmm(centre, x, root.T).unflatten(1, (-1, len(reach)))
    squared = v.square().sum(1)
    length = (squared + reach * reach).sqrt()
    # The formula above would lose all digits where e_k is large.
    return Hubers(squared * (reach / (length + reach)), v, reach / length)


def curvature_of_hubers(found: Hubers, root: Tensor, reach: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of all h_k with respect to x (n, count, d), and sum_k weights_k of their Hessians (n, d, d) for
    weights (n, count) >= 0."""
    by_rank = root.unflatten(0, (-1, len(reach)))
    rise = torch.einsum("nrk,rkd->nkd", found.v * found.flat[:, None, :], by_rank)
    held = (weights * found.flat).sqrt()
    turned = root * held.repeat(1, len(by_rank))[:, :, None]
    along = rise * (held / reach)[:, :, None]  # along v_k it flattens
    return rise, torch.matmul(turned.transpose(1, 2), turned) - torch.matmul(along.transpose(1, 2), along)

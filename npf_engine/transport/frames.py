"""The axes of the Gaussian map where slopes lie so far apart that the entries of its matrix do not hold them all."""

from __future__ import annotations

import torch
from torch import Tensor

from npf_engine.networks.framed import frame_of
from npf_engine.transport.graded import graded_svd

APART = 1e-8  # least over largest slope, above which S's entries have digits for all, and below which frame_of cuts off
HARMLESS = 1e-4  # of the image's largest variance: what a direction without slope may add to it


def graded_frame(S: Tensor, G: Tensor, x: Tensor) -> tuple[Tensor, float]:
    """(P, unit) as ``frame_of`` has them, P P^T = S (d, d) along S's axes, from G (d, d) with G G^T = S, zero in the
    columns beyond S's rank; x (n, d). Float64. Every slope is kept, however small beside the others: only directions
    without any get a little, so that P can be inverted."""
    values, vectors = torch.linalg.eigh(S)
    if float(values[0]) > APART * float(values[-1]):
        P, _, unit = frame_of(S, x)
        return P, unit
    _, s, U = graded_svd(G.T.cpu())  # the columns of G^T are the axes, which may be in unlike units
    s[int((G != 0).any(0).sum()) :] = 0.0
    values, U = s.flip(0).square().to(S), U.flip(1).to(S)
    vectors = U * torch.where((U * vectors).sum(0) < 0, -1.0, 1.0)
    centred = x - x.mean(0)
    spread = (centred @ vectors).square().mean(0)
    image, least = values * spread, APART * values.max().clamp(min=1e-30)
    # Along wide axes even APART of the largest slope would fill the image.
    beside = torch.where(spread > 0, APART * image.max() / spread, least)
    little = torch.where(least * spread <= HARMLESS * image.max(), least, beside).clamp(min=APART * 1e-30)
    P = vectors * torch.where(values > 0, values, little).sqrt()
    return P, float((centred @ P).square().mean().sqrt()) or 1.0

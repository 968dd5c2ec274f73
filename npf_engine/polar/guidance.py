"""Drawn pre-images guided by M_xi: a few Levenberg-Marquardt steps on |M_xi(x) - y|^2 at the end of the bridge.

X_psi is a regression, and where the branches of M's inverse turn fast with y it blurs: on terrain its draws missed by a
tenth of the region. M_xi knows y to a hundredth there. Which branch a path takes stays the bridge's choice; the steps
only bring it to where that branch is (the move is short, and a fold stops it). Needs neither F nor u.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from npf_engine.networks.mlp import MLP
from npf_engine.polar.refine import levenberg_marquardt

GUIDE_MAX_D = 16  # a Jacobian of M_xi costs d times its value
GUIDE_CHUNK = 16_384
CLOSE_ENOUGH = 1e-3  # of M: what no M_xi knows
FAR = 4.0  # times where a draw rests: twice M_xi's own error, a draw so far off is drawn anew
POOR = 0.1  # an M_xi that is off by more (of Omega's half side) knows less than the bridge, and guides nothing
GUIDE_SAMPLES = 2048  # on which M_xi's own error is taken
LONGEST = 0.1  # of a step, model units
TAIL = 3.0  # of a Gaussian rho: a radius of sqrt(d) + TAIL holds all but a few in ten thousand
CLOUD = 4096  # samples that stand for it
SPACING_QUANTILE = 0.99  # of the distances between neighbours in a cloud: further from it a place is outside


@torch.no_grad()
def guide(
    m: MLP,
    drawn: Tensor,
    y: Tensor,
    confine: Callable[[Tensor], Tensor],
    stay: Callable[[Tensor], Tensor],
    steps: int,
    tolerance: float,
) -> tuple[Tensor, Tensor]:
    """Draws (n, d) for points y (n, d) of the map, nearer to M_xi(x) = y and still in Omega, and |M_xi(x) - y| of each
    (n,); model units.

    ``stay`` gives for places (n, d) how far each is outside of rho's cloud, (n,); one that is further out than its draw
    was keeps its draw. A draw with |M_xi(x) - y| of at most ``tolerance`` stays where it is.
    """
    places, misses = [drawn[:0]], [drawn[:0, 0]]
    for x, wanted in zip(drawn.split(GUIDE_CHUNK), y.split(GUIDE_CHUNK), strict=True):
        after, miss = levenberg_marquardt(
            m.value_and_jacobian, x, wanted, confine, steps=steps, tolerance=tolerance, reach=LONGEST
        )
        strayed = stay(after) > stay(x)
        places.append(torch.where(strayed[:, None], x, after))
        misses.append(torch.where(strayed, (m(x) - wanted).norm(dim=1), miss))
    return torch.cat(places), torch.cat(misses)


def outside(rho: str, samples: Tensor) -> Callable[[Tensor], Tensor]:
    """How far places (n, d) lie outside of rho's mass, (n,), 0 within: of a cloud (``samples`` (k, d) of it) and of
    land beyond the distance of its neighbours, of a Gaussian beyond its tail; a box and a disc have ``confine``."""

    def of_gaussian(x: Tensor) -> Tensor:
        return (x.norm(dim=1) - (x.shape[1] ** 0.5 + TAIL)).clamp(min=0)

    if rho == "gaussian":
        return of_gaussian
    if rho not in ("samples", "land") or len(samples) < 2:
        return lambda x: torch.zeros_like(x[:, 0])
    samples = samples[:CLOUD]
    some = samples[:: max(1, len(samples) // 512)]
    spacing = torch.cdist(some, samples).topk(2, largest=False).values[:, 1].quantile(SPACING_QUANTILE)

    def of_cloud(x: Tensor) -> Tensor:
        near = [torch.cdist(part, samples.to(part)).amin(dim=1) for part in x.split(1024)]
        return (torch.cat(near) - spacing.to(x)).clamp(min=0)

    return of_cloud

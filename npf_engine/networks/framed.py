"""FramedPotential: a WidePotential for data in their own units, whatever their centre and spread. Model units.

    u(x) = factor u'((x - centre) P) + <mean, x>,    P P^T = S up to a unit, S the Gaussian map's matrix

u' sees S's eigenvectors as axes, on which the Gaussian map is the identity; <x, y> is kept up to a factor, so that u
is optimal exactly if u' is. In the data's own coordinates one rate cannot serve directions whose
spreads differ by a hundred, as those of a loss gradient do: on 12,750 gradients of the 222-weight classifier, held out,
250 steps of the dual (45 s) bring S_eps from the Gaussian map's 225 to 117, where the floor is 111; the papers'
network, at a rate that does not throw it far off, stays at 227.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from npf_engine.networks.activation import raw_of
from npf_engine.networks.potential import size_of_image
from npf_engine.networks.wide import WidePotential

if TYPE_CHECKING:
    from npf_engine.settings.stages import PotentialConfig

LOOKED_AT, BENT = 4096, 256  # points by which the layers' mean slope and curvature are taken out of the start
APART = 0.05  # of the Gaussian map's variance: how far from it layers and pieces may start
LEAST_ROUND = 0.2  # of the unit curvature: what the quadratic keeps of it at least


def frame_of(S: Tensor, x: Tensor) -> tuple[Tensor, Tensor, float]:
    """(P, eigenvalues of S, unit) with P P^T = S (d, d) along S's axes; (x - mean) P / unit has unit variance a
    coordinate on average. x (n, d); all in float64."""
    values, vectors = torch.linalg.eigh(S)
    # Directions without variance keep a little, so that P can be inverted.
    values = values.clamp(min=1e-8 * float(values.max().clamp(min=1e-30)))
    P = vectors * values.sqrt()
    unit = float(((x - x.mean(0)) @ P).square().mean().sqrt()) or 1.0
    return P, values, unit


class FramedPotential(WidePotential, name="wide"):
    """u, convex in x for all its parameters. x is (n, d), L diagonal. It is trained on the dual from the Gaussian start
    alone, whose axes it takes."""

    methods: ClassVar[tuple[str, ...]] = ("dual",)
    starts: ClassVar[tuple[str, ...]] = ("gaussian",)

    centre: Tensor
    frame: Tensor
    factor: Tensor
    mean: Tensor

    def __init__(
        self, d: int, hidden: Sequence[int] = (128, 64), *, pieces: int = 64, rank: int = 0, seed: int = 0
    ) -> None:
        super().__init__(d, hidden, pieces=pieces, rank=rank, seed=seed)
        self._arguments = {"d": d, "hidden": list(hidden), "pieces": pieces, "rank": rank, "seed": seed}
        self.L = nn.Parameter(self.L.detach().diagonal().clone())  # the frame's axes are S's own: a diagonal is enough
        self.register_buffer("centre", torch.zeros(d))
        self.register_buffer("frame", torch.eye(d))
        self.register_buffer("factor", torch.ones(()))
        self.register_buffer("mean", torch.zeros(d))

    @classmethod
    def from_settings(cls, d: int, settings: PotentialConfig, seed: int, *, published: bool = False) -> Self:
        """As the settings say; there is no published one."""
        return cls(d, settings.hidden, pieces=settings.pieces, rank=settings.rank, seed=seed)

    @classmethod
    def least_weights(cls, config: Mapping[str, object]) -> int:
        """Those of the layers, and of the pieces p_k, d_k and A_k."""
        d, pieces, rank = (value if isinstance(value := config.get(key), int) else 0 for key in ("d", "pieces", "rank"))
        return super().least_weights(config) + d * pieces * (2 + rank)

    def _root(self, x: Tensor) -> Tensor:
        return x * self.L

    def _pull(self, lx: Tensor) -> Tensor:
        return lx * self.L

    def _square(self) -> Tensor:
        return torch.diag(self.L.square())

    @property
    def strong_convexity(self) -> float:
        """m > 0 with Hessian >= m I everywhere."""
        return float(self.floor * self.factor * self.frame.square().sum(0).min())  # the frame's columns are orthogonal

    @torch.no_grad()
    def start_at_gaussian(self, S: Tensor, m: Tensor, samples: Tensor, scale: float | None = None) -> None:
        """In S's own axes and about the samples' mean, with what layers and pieces bring taken out."""
        scale = size_of_image(S, samples) if scale is None else scale
        S, x = S.double().cpu(), samples.double().cpu()
        centre = x.mean(0)
        P, values, unit = frame_of(S, x)
        spread = ((x - centre) @ P).square().mean(0)
        self.scale.fill_(scale)
        self.centre.copy_(centre)
        self.frame.copy_(P / unit)
        self.factor.fill_(unit**2)
        self.mean.copy_(m.double().cpu() + torch.mv(S, centre))
        # Units see S x, the Gaussian map's values, at unit variance: what they add to a direction is then in proportion
        # to what F has there. With equal weights they drown the weak directions, on which the dual hardly depends but
        # M does: E |M|^2 came out a hundred times too large on the classifier's gradients.
        weights = values.sqrt()
        self.weights.copy_(weights / (spread / unit**2 * weights.square()).mean().sqrt())
        inner = self._inside(x[:LOOKED_AT].to(self.L))
        self._balance(inner)
        away = ((super().gradient(inner) - inner) @ self.frame.T).square().sum(1).mean()
        apart = float(away / ((inner - inner.mean(0)) @ self.frame.T).square().sum(1).mean())
        if apart > APART:
            self._soften(math.sqrt(APART / apart))
            self._balance(inner)

    def _balance(self, inner: Tensor) -> None:
        """Make mean slope and curvature those of |x|^2 / 2 at inner (n, d), whatever layers and pieces bring."""
        self.L.zero_()
        self.b.zero_()
        bend = super().derivatives(inner[:BENT])[2].diagonal(dim1=1, dim2=2).mean(0)
        self.L.copy_((1 - bend).clamp(min=LEAST_ROUND).sqrt())
        self.b.sub_((super().gradient(inner) - inner).mean(0))

    def _soften(self, share: float) -> None:
        """Layers and pieces at a share of their size."""
        for raw in (*self.w, self.bends):
            raw.copy_(raw_of(share * nnf.softplus(raw)))
        self.P.mul_(share)
        if self.rank:
            self.A.mul_(math.sqrt(share))

    def _inside(self, x: Tensor) -> Tensor:
        return (x - self.centre) @ self.frame

    def forward(self, x: Tensor) -> Tensor:
        """u(x) (n,)."""
        return self.factor * super().forward(self._inside(x)) + x @ self.mean

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """u(x) (n,) and grad u(x) (n, d) from one sweep."""
        value, gradient = super().value_and_gradient(self._inside(x))
        return self.factor * value + x @ self.mean, torch.addmm(self.mean, gradient, self.factor * self.frame.T)

    def gradient(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d), in closed form."""
        return torch.addmm(self.mean, super().gradient(self._inside(x)), self.factor * self.frame.T)

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """u(x) (n,), grad u(x) (n, d) and the Hessian (n, d, d), in closed form."""
        value, gradient, H = super().derivatives(self._inside(x))
        side = self.factor * self.frame
        return self.factor * value + x @ self.mean, torch.addmm(self.mean, gradient, side.T), side @ H @ self.frame.T

"""What the Inverse page shows of a model: pre-images of one gradient, the relocation map, the map of trust; user's
units.

Every miss is |F(x) - v| with F where it is known (a function, a raster's grid), else with grad u(M_xi(x)): ``known``
says which ("function", "grid", "network").
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import contourpy
import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.fields.lattice import Lattice
from npf_engine.measures.inverse_miss import by_network, near_ones
from npf_engine.polar.factorization import ExactInversion, PolarFactorization
from npf_engine.polar.known_field import MAX_D, KnownField
from npf_engine.polar.preimages import kept_samples
from npf_engine.transport.pairing import nearest

Array = np.ndarray
ALIKE = 0.1  # a relocated gradient is right where |F| is within this share of its own length
TRUST_DRAWS = 9
WORST = 0.9  # quantile beyond which a place belongs to the worst tenth
LEVEL_NODES = 250_000  # of the grid whose level lines are drawn


@dataclass(frozen=True)
class RelocationView:
    """Figure 2: x (n, d) positions, f (n, d) = F(x), moved (n, d) = I_psi(grad u*(f)); the first ``unseen`` of them are
    test samples.

    reached (n, d) = F(moved); alike: the share with | |reached| - |f| | of at most ALIKE |f|; trivial: that share when
    the gradients are dealt out at random. outside: share of gradients whose grad u* lies outside of Omega; cosine (n,):
    between reached and f where F is known as a function and d > 1, else None; top: 99 % quantile of |f|.
    """

    x: Array
    f: Array
    moved: Array
    reached: Array
    alike: float
    trivial: float
    known: str
    outside: float
    cosine: Array | None
    top: float
    unseen: int

    @property
    def off(self) -> Array:
        """| |reached| - |f| | / |f|, (n,): by which share of its own length each gradient is off where it landed."""
        size = np.linalg.norm(self.f, axis=1)
        return np.abs(np.linalg.norm(self.reached, axis=1) - size) / np.maximum(size, np.finfo(float).tiny)


@dataclass(frozen=True)
class PreimageView:
    """Pre-images x (n, d) of one gradient (d,): draws of I_psi at point (d,) = grad u*(gradient).

    error (n,): |F(x) - gradient|; ladder: the mean of it, over F's spread, for "exact" (where F is known), "ours",
    "nearest" (the kept samples nearest in M) and "random" (points of rho); doubt: two standard errors of the difference
    of "ours" and "nearest". exact: the draws carried on to where F is
    the gradient, or None; levels: for d = 2 the lines on which F1 and F2 are the gradient's, (m, 2) each, NaN between
    pieces.
    inside says whether ``point`` lies in Omega; residual is that of its conjugate; seconds is what drawing took; spread
    is mean |F - mean F|.
    """

    gradient: Array
    x: Array
    point: Array
    error: Array
    known: str
    ladder: dict[str, float]
    doubt: float
    exact: ExactInversion | None
    levels: tuple[Array, Array] | None
    inside: bool
    residual: float
    seconds: float
    spread: float


@dataclass(frozen=True)
class TrustView:
    """At places x (n, d): miss (n,), the median over draws of |F(x') - F(x)| over F's spread, x' drawn for F(x). worst:
    its 90 % quantile, beyond which lies the worst tenth of the places. The first ``unseen`` places are test samples."""

    x: Array
    miss: Array
    worst: float
    known: str
    unseen: int


def relocation_view(model: PolarFactorization, n: int = 4000, seed: int = 0) -> RelocationView:
    """Figure 2 of the paper: each gradient F(x) carried to a drawn pre-image of it.

    Raises InputError when the model has no I_psi, or neither F nor M_xi is there to say what the gradient is there.
    """
    evaluate, known, _ = evaluator(model)
    x, f = _unseen_first(model, n)
    details = model.invert_details(f, 1, seed)
    moved = details.x[:, 0].double()
    reached = evaluate(model.scaling.to_model(moved))
    size, there = f.norm(dim=1), reached.norm(dim=1)
    dealt = there[torch.randperm(len(f), generator=seeds.generator(seed, "inverse.dealt"))]
    cosine = None
    if known == "function" and model.d > 1:
        cosine = torch.nn.functional.cosine_similarity(reached, f, dim=1).numpy()
    return RelocationView(
        x=model.scaling.to_user(x).numpy(),
        f=f.numpy(),
        moved=moved.numpy(),
        reached=reached.numpy(),
        alike=float(((there - size).abs() <= ALIKE * size).double().mean()),
        trivial=float(((dealt - size).abs() <= ALIKE * size).double().mean()),
        known=known,
        outside=float(details.outside.float().mean()),
        cosine=cosine,
        top=float(torch.quantile(size, 0.99)) or 1.0,
        unseen=_unseen(model, n),
    )


def preimage_view(model: PolarFactorization, gradient: Array, n: int = 500, seed: int = 0) -> PreimageView:
    """n pre-images of one gradient (d,), with how well F fits it there, and the exact ones where F is known.

    Raises InputError for a gradient that is not d finite numbers, and when the model has no I_psi.
    """
    evaluate, known, spread = evaluator(model)
    wanted = np.asarray(gradient, dtype=np.float64).ravel()
    if wanted.shape != (model.d,) or not np.isfinite(wanted).all():
        raise InputError(f"the gradient must be {model.d} finite numbers, not {wanted.tolist()}")
    began = time.perf_counter()
    details = model.invert_details(torch.from_numpy(wanted[None]), n, seed)
    seconds = time.perf_counter() - began
    x, asked = details.x[0].double(), torch.from_numpy(wanted)
    error = (evaluate(model.scaling.to_model(x)) - asked).norm(dim=1)
    close, random = _references(model, asked, details.point[0], n)
    ladder = {"ours": float(error.mean()), "nearest": float(close.mean()), "random": float(random.mean())}
    doubt = 2 * float((_squared_se(error) + _squared_se(close)) ** 0.5) / spread
    exact = model.invert_exact(asked, n, seed) if known != "network" and model.d <= MAX_D else None
    if exact is not None:
        ladder = {"exact": float(exact.error.mean()), **ladder}
    return PreimageView(
        gradient=wanted,
        x=x.numpy(),
        point=details.point[0].double().numpy(),
        error=error.numpy(),
        known=known,
        ladder={name: value / spread for name, value in ladder.items()},
        doubt=doubt,
        exact=exact,
        levels=_levels(model, wanted) if known != "network" and model.d == 2 else None,
        inside=not bool(details.outside[0]),
        residual=float(details.residual[0]),
        seconds=seconds,
        spread=spread,
    )


def trust_view(model: PolarFactorization, n: int = 1500, draws: int = TRUST_DRAWS, seed: int = 0) -> TrustView:
    """How far going to the gradient of a place and back leads astray, at n places.

    Raises InputError when the model has no I_psi.
    """
    evaluate, known, spread = evaluator(model)
    x, f = _unseen_first(model, n)
    drawn = model.invert_details(f, draws, seed).x.reshape(-1, model.d).double()
    reached = evaluate(model.scaling.to_model(drawn)).reshape(len(x), draws, -1)
    miss = (reached - f[:, None]).norm(dim=2).median(dim=1).values / spread
    return TrustView(
        model.scaling.to_user(x).numpy(), miss.numpy(), float(miss.quantile(WORST)), known, _unseen(model, n)
    )


def evaluator(model: PolarFactorization) -> tuple[Callable[[Tensor], Tensor], str, float]:
    """F at model positions, how it is known, and its spread."""
    if model.bridge is None:
        raise InputError("this model has no I_psi: its training stopped before that stage; resume it or train another")
    known = KnownField.of(model)
    if known is not None:
        return known.value, known.way, known.spread
    evaluate = by_network(model)
    if evaluate is None:
        raise InputError("this model has no M_xi, so that nothing says what F is at a pre-image; train another")
    y = kept_samples(model)[1]
    return evaluate, "network", max(float((y - y.mean(0)).norm(dim=1).mean()), 1e-300)


def _unseen_first(model: PolarFactorization, n: int) -> tuple[Tensor, Tensor]:
    """Up to n of the model's samples, unseen ones first: model positions and values, float64."""
    parts = [torch.cat([model.samples[f"{name}_test"], model.samples[f"{name}_train"]])[:n].double() for name in "xy"]
    return parts[0], parts[1]


def _unseen(model: PolarFactorization, n: int) -> int:
    """How many of the ``_unseen_first`` are unseen."""
    return min(n, len(model.samples["x_test"]))


def _squared_se(misses: Tensor) -> float:
    """Of a mean of n independent ones; infinite of one."""
    return float(misses.var()) / len(misses) if len(misses) > 1 else math.inf


def _references(model: PolarFactorization, asked: Tensor, point: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The misses of what costs nothing: the kept samples nearest in M, and points of rho."""
    y = kept_samples(model)[1]
    m = torch.cat([model.samples["m_train"], model.samples["m_test"]]).double()
    at = model._project(model.scaling.to_model(point.double())[None].to(model.u.like)).cpu().double()
    close = y[nearest(m, at, near_ones(min(50, n), len(m)))[0]]
    return (close - asked).norm(dim=1), (y - asked).norm(dim=1)


def _levels(model: PolarFactorization, wanted: Array) -> tuple[Array, Array] | None:
    """The level lines F1 = v1 and F2 = v2 in the user's units."""
    known = KnownField.of(model)
    if known is None or known.lattice is None:
        return None
    lattice = known.lattice.thinned(LEVEL_NODES)
    first, second = (_level(lattice, k, float(wanted[k]), model) for k in (0, 1))
    return first, second


def _level(lattice: Lattice, component: int, level: float, model: PolarFactorization) -> Array:
    rows, cols = lattice.shape
    values = np.where(lattice.mask.numpy(), lattice.values[..., component].numpy(), np.nan)
    x, y = np.linspace(-lattice.half, lattice.half, cols), np.linspace(lattice.half, -lattice.half, rows)
    gap = np.full((1, 2), np.nan)
    pieces = [
        np.vstack([np.asarray(line, dtype=np.float64), gap])
        for line in contourpy.contour_generator(x, y, values).lines(level)
    ]
    if not pieces:
        return gap
    line = np.vstack(pieces)
    if model.rho == "disc":
        line = np.where(np.linalg.norm(line, axis=1, keepdims=True) <= 1.0, line, np.nan)
    return model.scaling.to_user(torch.from_numpy(line)).numpy()

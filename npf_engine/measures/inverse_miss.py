"""Does F take the value at the places drawn for it? |F(x) - v| at drawn pre-images of v, over the spread of F.

The paper's inverse ratio cannot see this: S_eps of 128 points at eps = 0.05 E|X - X'|^2 blurs over a fifth of the
region, and a draw that is off by less passes for right. Here each draw is judged by itself, by F where it is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.fields.field import Field
from npf_engine.measures.accuracy import ExactMiss, Miss
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.polar.known_field import KnownField
from npf_engine.polar.preimages import FOUND, settle
from npf_engine.transport.dual import in_chunks
from npf_engine.transport.pairing import nearest

VALUES, DRAWS = 200, 50
FEW_DRAWS = 5  # in high dimension, where F may cost a pass over a data set at each


def inverse_miss(
    model: PolarFactorization,
    field: Field,
    m_test: Tensor,
    train: tuple[Tensor, Tensor],
    seed: int,
    values: int = VALUES,
    draws: int = DRAWS,
) -> Miss | None:
    """mean, median of |F(x) - v| / mean |F - mean F| over drawn pre-images x of v = F(test points), and beyond_half,
    the share that misses by more than |v| / 2; None for a model without I_psi.

    floor: the same at the training samples nearest in M to grad u*(v), as many as draws but of few samples at
    most a hundredth; trivial: at draws from rho.
    m_test, train = (x, M_theta(x)): model positions. n: how many draws. F is exact where it is known (``known``:
    "function", "grid"); else it is grad u(M_xi(x)) ("network") and ``own_error`` is what M_xi and u themselves miss by
    at the test samples, over the same spread. worst_decile: at each v the median of its draws; a tenth of the places
    miss by more. ``exact``: mean and median after each draw was carried to where F is v, and ``found``, the share that
    ends within 0.01; None for F that is known on samples only.
    """
    if model.bridge is None:
        return None
    known = KnownField.of(model, field)
    if known and not known.solvable:
        draws = min(draws, FEW_DRAWS)
    count = min(values, len(field.x_test))
    pick = torch.randperm(len(field.x_test), generator=seeds.generator(seed, "report.miss.points"))[:count]
    v, start = field.y_test[pick].double(), m_test[pick]
    device_start = model._project(start.to(model.u.like)).repeat_interleave(draws, dim=0)
    drawn = model.sample_inverse(device_start, seed).cpu().double()
    rebuild = by_network(model)
    evaluate = known.value if known else rebuild
    if evaluate is None:
        return None
    y = field.y_train.double()
    spread = max(float((y - y.mean(0)).norm(dim=1).mean()), 1e-300)
    asked = v.repeat_interleave(draws, dim=0)
    miss = (evaluate(drawn) - asked).norm(dim=1)
    near = field.y_train[nearest(train[1], start, near_ones(draws, len(train[1])))].double()
    generator = seeds.generator(seed, "report.miss.draws")
    random = field.y_train[torch.randint(len(field.y_train), (count * draws,), generator=generator)].double()
    exact = None
    if known and known.solvable:
        _, left, _ = settle(known, drawn.reshape(count, draws, -1), v, (field.x_train.double(), y))
        exact = _exact(left.flatten() / spread)
    return Miss(
        mean=float(miss.mean()) / spread,
        median=float(miss.median()) / spread,
        beyond_half=float((miss > asked.norm(dim=1) / 2).double().mean()),
        floor=float((near - v[:, None]).norm(dim=2).mean()) / spread,
        trivial=float((random - asked).norm(dim=1).mean()) / spread,
        n=count * draws,
        known=known.way if known else "network",
        own_error=None if known or rebuild is None else _own_error(rebuild, field, spread),
        worst_decile=float(miss.reshape(count, draws).median(dim=1).values.quantile(0.9)) / spread,
        exact=exact,
    )


def near_ones(wanted: int, n: int) -> int:
    """How many of n samples stand for those nearest in M: as many as are drawn, but of a small table no more than a
    hundredth, or they are not near."""
    return min(wanted, max(1, n // 100))


def by_network(model: PolarFactorization) -> Callable[[Tensor], Tensor] | None:
    """x -> grad u(M_xi(x)), float64 on the CPU, or None without M_xi."""
    if model.m is None:
        return None
    m = model.m

    def evaluate(x: Tensor) -> Tensor:
        return in_chunks(lambda part: model.u.gradient(m(part)), x.to(model.u.like)).cpu().double()

    return evaluate


def _exact(left: Tensor) -> ExactMiss:
    """Of what F misses where the draws end, (n,), over its spread."""
    found = (left <= FOUND).double().mean()
    return ExactMiss(float(found), float(left.mean()), float(left.median()))


def _own_error(rebuild: Callable[[Tensor], Tensor], field: Field, spread: float) -> float:
    """mean |F - grad u o M_xi| at the test samples, over F's spread."""
    return float((rebuild(field.x_test) - field.y_test.double()).norm(dim=1).mean()) / spread

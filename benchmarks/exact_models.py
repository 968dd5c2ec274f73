"""Factorizations whose answer is known, as models that a report can measure, and the same with one part wrong.

    linear on a disc, linear on a box (a quarter turn, of which the square is symmetric), a twist of a convex gradient
    on a disc, a fold of a convex gradient on a square (two pre-images of weight one half), and terrain's samples with
    their exact discrete answer (an optimal assignment)

Faults: u off by a share of F's variance (L2-UVP), M_xi off by a share of the spread of M, I that ignores its input.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import ot
import torch
from torch import Tensor, nn

from npf_engine.fields.catalog import resolve
from npf_engine.fields.field import Field, Kind, Scaling, Units, draw_rho
from npf_engine.fields.spec import FieldSpec
from npf_engine.polar import PolarFactorization
from npf_engine.transport.discrete import _shortest_paths

Map = Callable[[Tensor], Tensor]
SAMPLES, TEST = 24_000, 6_000
DISCRETE = 1_200  # test samples of the discrete answer
STRETCH = torch.tensor([[2.0, 0.3], [0.3, 1.0]])
QUARTIC = torch.tensor([0.5, 1.5])


class Known(nn.Module):
    """u(x) = x^T P x / 2 + sum q_k x_k^4 / 4 + <shift, x> on R^2, with all that a solver asks of it."""

    P: Tensor
    q: Tensor
    shift: Tensor

    def __init__(self, P: Tensor, q: Tensor) -> None:
        super().__init__()
        self.d = len(q)
        for name, value in (
            ("P", P),
            ("q", q),
            ("shift", torch.zeros(len(q))),
            ("like", torch.zeros(1)),
            ("scale", torch.ones(())),
        ):
            self.register_buffer(name, value.clone())
        self.strong_convexity = 0.1

    def forward(self, x: Tensor) -> Tensor:
        """u(x) (n,)."""
        return ((x @ self.P.to(x)) * x).sum(1) / 2 + (self.q.to(x) * x**4).sum(1) / 4 + x @ self.shift.to(x)

    def gradient(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d)."""
        return x @ self.P.to(x) + self.q.to(x) * x**3 + self.shift.to(x)

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both."""
        return self(x), self.gradient(x)

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """And the Hessian (n, d, d)."""
        return self(x), self.gradient(x), self.P.to(x) + torch.diag_embed(3 * self.q.to(x) * x**2)


class Discrete(nn.Module):
    """u(x) = max_j <x, y_j> - psi_j over the test samples' values: the semi-discrete answer, whose gradient is an
    optimal assignment of the test positions to the test values."""

    y: Tensor
    psi: Tensor

    def __init__(self, y: Tensor, psi: Tensor) -> None:
        super().__init__()
        self.d = y.shape[1]
        for name, value in (("y", y), ("psi", psi), ("like", torch.zeros(1)), ("scale", torch.ones(()))):
            self.register_buffer(name, value.clone())
        self.strong_convexity = 1e-6

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """u(x) (n,) and the value of the cell x lies in (n, d)."""
        best, index = (x.double() @ self.y.double().T - self.psi.double()).max(1)
        return best.to(x), self.y[index].to(x)

    def forward(self, x: Tensor) -> Tensor:
        """u(x) (n,)."""
        return self.value_and_gradient(x)[0]

    def gradient(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d)."""
        return self.value_and_gradient(x)[1]

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The Hessian is 0 wherever it exists; the identity keeps a solver alive that begins at the answer."""
        return *self.value_and_gradient(x), torch.eye(self.d).to(x).expand(len(x), -1, -1)


class Plain(nn.Module):
    """A function as a module."""

    def __init__(self, function: Map) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Its value."""
        return self.function(x)

    def project(self, x: Tensor) -> Tensor:
        """A bridge's manners."""
        return x

    confine = project


@dataclass
class KnownFactorization(PolarFactorization):
    """A model whose I is a known function of y and a generator."""

    draw: Callable[[Tensor, torch.Generator], Tensor] | None = None

    def sample_inverse(self, y: Tensor, seed: int) -> Tensor:
        """One draw for each row of y (n, d)."""
        assert self.draw is not None
        return self.draw(y, torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Case:
    """A field, its exact model, and M_theta of the training and test samples."""

    name: str
    field: Field
    model: KnownFactorization
    known: tuple[Tensor, Tensor]


def cases(seed: int, names: tuple[str, ...]) -> list[Case]:
    """The cases by name, their samples drawn with ``seed``."""
    return [BUILDERS[name](seed) for name in names]


def _known(
    name: str, seed: int, rho: str, u: Known, forward: Map, back: Callable[[Tensor, torch.Generator], Tensor]
) -> Case:
    x = draw_rho(rho, SAMPLES, u.d, torch.Generator().manual_seed(1_000 + seed))
    return _case(name, x, forward(x), u, TEST, rho, forward, back, lambda at: u.gradient(forward(at)))


def _case(
    name: str,
    x: Tensor,
    m: Tensor,
    u: nn.Module,
    test: int,
    rho: str,
    forward: Map,
    back: Callable[[Tensor, torch.Generator], Tensor],
    function: Map | None,
    y: Tensor | None = None,
) -> Case:
    y = function(x) if y is None and function is not None else y
    assert y is not None
    ones, low, high = (1.0, 1.0), (-1.0, -1.0), (1.0, 1.0)
    units, scaling = Units(("x", "y"), ("", ""), ""), Scaling((0.0, 0.0), ones)
    kind: Kind = "samples" if function is None else "function"
    field = Field(
        name,
        kind,
        x[test:],
        y[test:],
        x[:test],
        y[:test],
        low,
        high,
        scaling,
        units,
        rho,
        function,
    )  # type: ignore[arg-type]
    kept = {
        "x_train": x[test:],
        "y_train": y[test:],
        "m_train": m[test:],
        "x_test": x[:test],
        "y_test": y[:test],
        "m_test": m[:test],
    }
    model = KnownFactorization(
        u,  # type: ignore[arg-type]  # a stand-in that answers as one
        None,
        Plain(forward),  # type: ignore[arg-type]
        Plain(forward),  # type: ignore[arg-type]
        scaling,
        units,
        rho,
        low,
        high,
        name,
        {},
        {key: value[:4000] for key, value in kept.items()},
        {},
        function,
        draw=back,
    )
    return Case(name, field, model, (m[test:], m[:test]))


def _turn(x: Tensor, angle: Tensor | float) -> Tensor:
    angle = torch.as_tensor(angle, dtype=x.dtype)
    c, s = torch.cos(angle), torch.sin(angle)
    return torch.stack([c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1]], dim=1)


def _linear(name: str, seed: int, rho: str, angle: float) -> Case:
    u = Known(STRETCH, torch.zeros(2))
    return _known(name, seed, rho, u, lambda x: _turn(x, angle), lambda y, g: _turn(y, -angle))


def _twist(seed: int) -> Case:
    def angle(x: Tensor) -> Tensor:
        return 3 * torch.exp(-2 * x.square().sum(1))

    return _known(
        "twist", seed, "disc", Known(STRETCH, QUARTIC), lambda x: _turn(x, angle(x)), lambda y, g: _turn(y, -angle(y))
    )


def _fold(seed: int) -> Case:
    def forward(x: Tensor) -> Tensor:
        return torch.stack([1 - 2 * x[:, 0].abs(), x[:, 1]], dim=1)

    def back(y: Tensor, generator: torch.Generator) -> Tensor:
        side = 2 * torch.randint(2, (len(y),), generator=generator).to(y) - 1
        return torch.stack([side * (1 - y[:, 0]) / 2, y[:, 1]], dim=1)

    return _known("fold", seed, "box", Known(STRETCH, QUARTIC), forward, back)


def _terrain(seed: int) -> Case:
    """Samples of the elevation of the Jacksboro fault; positions and values of each part assigned exactly."""
    whole = resolve(FieldSpec(source="jacksboro"))
    x, y = torch.cat([whole.x_train, whole.x_test]), torch.cat([whole.y_train, whole.y_test])
    pick = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[: 3 * DISCRETE]
    x, y = x[pick], y[pick]
    m, psi = torch.empty_like(x), torch.zeros(0)
    for first in range(0, len(x), DISCRETE):
        part = slice(first, first + DISCRETE)
        match, found = _assigned(x[part], y[part], potential=first == 0)
        m[first + match] = x[part]
        psi = found if first == 0 else psi

    def nearest(points: Tensor, values: Tensor, queries: Tensor) -> Tensor:
        parts = [torch.cdist(part, points).argmin(1) for part in queries.float().split(2048)]
        return values[torch.cat(parts)]

    def back(at: Tensor, generator: torch.Generator) -> Tensor:
        return nearest(m, x, at)

    return _case(
        "terrain, discrete",
        x,
        m,
        Discrete(y[:DISCRETE], psi),
        DISCRETE,
        "box",
        lambda at: nearest(x, m, at),
        back,
        None,
        y,
    )


def _assigned(x: Tensor, y: Tensor, potential: bool) -> tuple[Tensor, Tensor]:
    """Which value each position is assigned to, (n,), and with ``potential`` psi (n,) with u(x) = max <x, y_j> - psi_j,
    larger at the assigned value than at all others where the assignment is unique."""
    n = len(x)
    scale = float(y.abs().max())
    cost = -(x.double() @ y.double().T).numpy() / scale
    plan, log = ot.emd(*[np.full(n, 1.0 / n)] * 2, cost, numItermax=10_000_000, log=True)
    match = plan.argmax(1)
    v = np.asarray(log["v"])
    if potential:
        v = v + _shortest_paths(cost - np.asarray(log["u"])[:, None] - v, match).mean(0)
    return torch.as_tensor(match), torch.from_numpy(-v * scale)


BUILDERS: dict[str, Callable[[int], Case]] = {
    "linear, disc": lambda seed: _linear("linear, disc", seed, "disc", math.pi / 4),
    "linear, box": lambda seed: _linear("linear, box", seed, "box", math.pi / 2),
    "twist": _twist,
    "fold": _fold,
    "terrain, discrete": _terrain,
}


def wrong_u(case: Case, share: float, kind: str) -> Case | None:
    """The case with grad u off by ``share`` of F's variance: ``stretch``, ``shift`` or ``bend`` (a quartic). M_theta
    follows from u. None for the discrete answer, which has no coefficients."""
    if not isinstance(case.model.u, Known):
        return None
    x, y = case.field.x_test, case.field.y_test
    variance = float((y - y.mean(0)).square().sum(1).mean())
    u = copy.deepcopy(case.model.u)
    moved = {"stretch": x, "shift": torch.ones_like(x), "bend": x**3}[kind]
    size = math.sqrt(share * variance / float(moved.square().sum(1).mean()))
    {"stretch": u.P.diagonal(), "shift": u.shift, "bend": u.q}[kind].add_(size)
    model = _with(case.model, u=u)
    return Case(f"{case.name}: u {kind}", case.field, model, _solved(model, case.field))


def _solved(model: KnownFactorization, field: Field) -> tuple[Tensor, Tensor]:
    return model.solve(field.y_train).x, model.solve(field.y_test).x


def wrong_m(case: Case, share: float, kind: str) -> Case:
    """The case with M_xi off by ``share`` of the spread of M in the mean square: ``stretch``, ``shift``, or ``turn``,
    which keeps a disc's measure."""
    m = case.known[1]
    spread = math.sqrt(float((m - m.mean(0)).square().sum(1).mean()))
    exact = case.model.m
    assert exact is not None
    moves: dict[str, Map] = {
        "stretch": lambda y: (1 + share) * y,
        "shift": lambda y: y + share * spread / math.sqrt(2),
        "turn": lambda y: _turn(y, share),
    }
    move = moves[kind]
    return Case(f"{case.name}: M {kind}", case.field, _with(case.model, m=Plain(lambda x: move(exact(x)))), case.known)


def wrong_i(case: Case) -> Case:
    """The case with an I that draws from rho whatever y is."""
    x = case.field.x_train

    def draw(y: Tensor, generator: torch.Generator) -> Tensor:
        return x[torch.randint(len(x), (len(y),), generator=generator)]

    return Case(f"{case.name}: I", case.field, _with(case.model, draw=draw), case.known)


def _with(model: KnownFactorization, **changes: object) -> KnownFactorization:
    out = copy.copy(model)
    for key, value in changes.items():
        setattr(out, key, value)
    return out

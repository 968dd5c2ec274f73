"""How many places M sends to each place, how evenly, and whether I_psi finds them: the pre-images of M as maps.

The places x with M(x) = y lie over one another on the sheets of M. Given M(x) = y their law is w_i = rho(x_i) /
|det DM(x_i)| over the sum of these, which is rho(y) where M preserves rho (the coarea formula): so the map ``arrives``,
the sum over rho(y), is the Monge-Ampere equation of u with the exact density of F#rho. For M_theta = grad u* o F the
places are those where F is grad u(y), and det DM = det DF(x) / det D2u(y); for M_xi they are the network's own.

The entropy of that law, in nats, is 0 where one place alone goes to y, and at most ln(places). I_psi's draws are
carried to where they settle (M(x) = y) and counted by place. ``expected`` is what as many draws of the exact law would
show: few draws miss places and look less even than they are. A bijective M has one place and no entropy everywhere.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.fields.lattice import sampled
from npf_engine.measures import laws
from npf_engine.measures.laws import LogDensity
from npf_engine.measures.mesh import FROM, SOLVER, Inside, support, ways
from npf_engine.polar import PolarFactorization
from npf_engine.polar.known_field import SIDE as NODES
from npf_engine.polar.known_field import KnownField, with_jacobian
from npf_engine.polar.preimages import FOUND, kept_samples
from npf_engine.tasks.progress import Tell
from npf_engine.transport.pairing import nearest

Array = NDArray[np.float64]
SIDE = 24  # places along each axis
DRAWS = 24  # of I_psi for each
AGAIN = 64  # draws of that size of the exact law, for what is expected
AT_ONCE = 64  # places that are solved for together: between two of these progress is told
WORK = (0.4, 0.3, 0.3)  # about the shares of the exact places, of I_psi's draws and of the trivial answer


@dataclass(frozen=True)
class Sheets:
    """The places that go to one: x (k, 2), model positions, and the mass ``weight`` (k,) that each brings there, over
    what was there: they sum to 1 where M preserves rho."""

    x: Tensor
    weight: Tensor

    @property
    def law(self) -> Array:
        """The law of x given where it goes, (k,)."""
        return np.asarray((self.weight / self.weight.sum()).numpy())


@dataclass(frozen=True)
class Drawn:
    """Of ``n`` draws for each place (side, side): how many places they found and their entropy, and the same of as many
    draws of the exact law; arrived: the share of draws that settled where M is what was asked for. The trivial answer,
    which ignores what was asked for, is as many places of rho, carried to where they settle in the same way."""

    n: int
    found: Array
    entropy: Array
    expected_found: Array
    expected_entropy: Array
    arrived: float
    trivial_found: Array
    trivial_entropy: Array
    trivial_arrived: float

    def numbers(self) -> dict[str, float]:
        """Means over the grid, as JSON."""
        names = ("found", "entropy", "expected_found", "expected_entropy", "trivial_found", "trivial_entropy")
        means = {name: getattr(self, name) for name in names}
        shares = {"arrived": self.arrived, "trivial_arrived": self.trivial_arrived}
        return {"n": self.n, **shares} | {key: float(np.nanmean(part)) for key, part in means.items()}


@dataclass(frozen=True)
class MultiplicityView:
    """At places y of a grid, rows along x2, NaN outside of rho's support: how many ``places`` go there, the ``entropy``
    of their law (nats; NaN where there is none), and the mass that ``arrives`` over what was there. line (2, side):
    along both axes in the user's units; way: of mesh.ways; drawn: of I_psi, None without one."""

    line: Array
    way: str
    places: Array
    entropy: Array
    arrives: Array
    drawn: Drawn | None

    @property
    def empty(self) -> float:
        """The share of the grid to which no place goes."""
        return float((self.places[~np.isnan(self.places)] == 0).mean())

    def numbers(self) -> dict[str, object]:
        """Means over the grid, as JSON; ``drawn`` is null without I_psi."""
        means = {"places": float(np.nanmean(self.places)), "entropy": float(np.nanmean(self.entropy))}
        drawn = None if self.drawn is None else self.drawn.numbers()
        return {"way": self.way, **means, "empty_share": self.empty, "drawn": drawn}


def check(model: PolarFactorization) -> tuple[str, ...]:
    """The ways in which M can be asked for. Raises InputError where there is none."""
    found = ways(model)
    if not found:
        raise InputError(
            "this model has no Mξ, and F is known on samples only"
            if model.d == 2
            else f"places are counted in two dimensions, and this field has {model.d}"
        )
    return found[::-1]


def multiplicity_view(
    model: PolarFactorization,
    way: str = "",
    side: int = SIDE,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Tell | None = None,
) -> MultiplicityView:
    """The maps of a model's M; way "" is M_theta where F is known beyond its samples, else M_xi. progress(share,
    text): told on the way. Raises InputError as ``check`` does."""
    way = way or check(model)[0]
    y, within = laws.grid(model, side)
    y = y[within]
    known, values = _equation(model, way, y)
    bend = _bend(model, y) if way == SOLVER else torch.zeros(len(y), dtype=torch.float64)
    inverted = model.bridge is not None and draws > 0
    tell = _Parts(progress, WORK if inverted else (1.0,))
    sheets = sheets_of(known, values, y, bend, laws.log_rho(model), support(model), tell.part(0, "Exact places"))

    def spread(found: list[float]) -> Array:
        out = np.full(side * side, np.nan)
        out[within.numpy()] = found
        return out.reshape(side, side)

    drawn = None
    if inverted:
        ours = model.sample_inverse(y.to(model.u.like).repeat_interleave(draws, dim=0), seed).double().cpu()
        kept = kept_samples(model)[0]
        chance = seeds.generator(seed, "multiplicity.trivial")
        asked = _Asked(known, values, sheets, draws)
        by_chance = kept[torch.randint(len(kept), (len(ours),), generator=chance)]
        titles = ("Draws of Iψ, carried to where they settle", "Trivial answer: places of ρ, carried likewise")
        starts = zip((ours, by_chance), titles, strict=True)
        counted = [asked.counted(x, tell.part(k, title)) for k, (x, title) in enumerate(starts, start=1)]
        (of_ours, arrived), (of_chance, settled) = counted
        pairs = (of_ours, asked.expected(seed), of_chance)
        six = [spread([row[k] for row in rows]) for rows in pairs for k in (0, 1)]
        found, level, expected, expected_level, trivial, trivial_level = six
        drawn = Drawn(
            draws,
            found,
            level,
            expected,
            expected_level,
            arrived,
            trivial,
            trivial_level,
            trivial_arrived=settled,
        )
    return MultiplicityView(
        line=laws.lines(model, side),
        way=way,
        places=spread([float(len(one.x)) for one in sheets]),
        entropy=spread([entropy(one.law) for one in sheets]),
        arrives=spread([float(one.weight.sum()) for one in sheets]),
        drawn=drawn,
    )


@dataclass(frozen=True)
class _Parts:
    """Progress of a work of several parts, each with its share of the whole."""

    progress: Tell | None
    shares: tuple[float, ...]

    def part(self, which: int, text: str) -> Callable[[float], None]:
        """Of this part alone."""
        before, own = sum(self.shares[:which]), self.shares[which]
        return lambda share: self.progress(before + own * share, text) if self.progress is not None else None


def _untold(share: float) -> None:
    """Nobody looks."""


def sheets_of(
    known: KnownField,
    values: Tensor,
    y: Tensor,
    bend: Tensor,
    log_rho: LogDensity,
    within: Inside | None = None,
    tell: Callable[[float], None] = _untold,
) -> list[Sheets]:
    """The places of each of y (m, 2): where the map ``known`` is values (m, 2). M is that map followed by one whose
    inverse has a derivative of determinant exp(bend) (m,) at y."""
    places: list[Tensor] = []
    for part in values.split(AT_ONCE):
        places += known.places_of(part)
        tell(len(places) / len(values))
    if within is not None:
        places = [x[within(x)] for x in places]
    counts = [len(x) for x in places]
    x = torch.cat(places)
    turn = torch.linalg.det(known.value_and_jacobian(x)[1].double()).abs().clamp(min=1e-300).log()
    at = torch.repeat_interleave(torch.arange(len(y)), torch.tensor(counts))
    weight = (log_rho(x) - turn + bend[at] - log_rho(y)[at]).exp()
    return [Sheets(*one) for one in zip(places, weight.split(counts), strict=True)]


def entropy(law: Array) -> float:
    """Of shares (k,), in nats; NaN for none."""
    positive = law[law > 0]
    return float(-(positive * np.log(positive)).sum()) if len(law) else float("nan")


def _equation(model: PolarFactorization, way: str, y: Tensor) -> tuple[KnownField, Tensor]:
    """A map and values (m, 2): M(x) = y (m, 2) just where the map is the value."""
    if way == SOLVER:
        known = KnownField.of(model)
        if known is None:
            raise InputError("F is known on samples only, so that nothing could be solved")
        with torch.no_grad():
            return known, model.u.gradient(y.to(model.u.like)).double().cpu()
    if model.m is None:
        raise InputError("this model has no Mξ: its training stopped before that stage")
    m = copy.deepcopy(model.m).double().cpu()
    half = FROM if model.rho == "gaussian" else 1.0

    def plain(x: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([m(part.double()) for part in x.split(8192)])

    nodes = sampled(plain, half, NODES)
    return KnownField("function", 2, model.rho, 1.0, plain, with_jacobian(m), nodes, half), y


def _bend(model: PolarFactorization, y: Tensor) -> Tensor:
    """ln det D2u (m,) at y (m, 2)."""
    with torch.no_grad():
        return torch.linalg.slogdet(model.u.hessian(y.to(model.u.like)).double())[1].cpu()


@dataclass(frozen=True)
class _Asked:
    """A map and the values (m, 2) that are asked of it, whose ``sheets`` are known; ``draws`` for each."""

    known: KnownField
    values: Tensor
    sheets: list[Sheets]
    draws: int

    def counted(
        self, start: Tensor, tell: Callable[[float], None] = _untold
    ) -> tuple[list[tuple[float, float]], float]:
        """Of draws (m draws, 2), carried to where they settle: for each value how many places they found and their
        entropy; and the share of all draws that arrived."""
        target = self.values.double().repeat_interleave(self.draws, dim=0)
        solved: list[tuple[Tensor, Tensor]] = []
        parts = list(zip(start.split(AT_ONCE * self.draws), target.split(AT_ONCE * self.draws), strict=True))
        for part, wanted in parts:
            solved.append(self.known.solve(part, wanted))
            tell(len(solved) / len(parts))
        x, miss = (torch.cat(ends) for ends in zip(*solved, strict=True))
        there = (miss <= FOUND * self.known.spread) & self.known.inside(x)
        rows = []
        for ends, good, one in zip(x.split(self.draws), there.split(self.draws), self.sheets, strict=True):
            if not len(one.x) or not good.any():
                rows.append((0.0, float("nan")))
                continue
            counts = np.bincount(nearest(one.x, ends[good], 1)[:, 0].numpy(), minlength=len(one.x))
            rows.append((float((counts > 0).sum()), entropy(counts / counts.sum())))
        return rows, float(there.double().mean())

    def expected(self, seed: int) -> list[tuple[float, float]]:
        """The same of as many draws of the exact law, on the mean over AGAIN of them."""
        chance = np.random.default_rng(seeds.child(seed, "multiplicity.expected"))
        rows = []
        for one in self.sheets:
            if not len(one.x):
                rows.append((0.0, float("nan")))
                continue
            again = chance.multinomial(self.draws, one.law, size=AGAIN)
            levels = [entropy(row / self.draws) for row in again]
            rows.append((float((again > 0).sum(axis=1).mean()), float(np.mean(levels))))
        return rows

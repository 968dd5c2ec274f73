"""F where it is known beyond the samples: a function, or a raster's own grid. What exact pre-images are solved with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from npf_engine.fields.field import Field
from npf_engine.fields.lattice import Lattice, distinct, sampled
from npf_engine.polar.refine import levenberg_marquardt

if TYPE_CHECKING:
    from npf_engine.polar.factorization import PolarFactorization

MAX_D = 16  # of what is solved exactly
SIDE = 513  # nodes a side on which a function's values are looked for
LINE = 20_001  # points of a line, for d = 1
GAUSSIAN_REACH = 4.0  # standard deviations of a Gaussian rho that are searched
CHUNK = 65_536
STEEP = 1e-3  # of F's spread over Omega's half side: a slope below it is none
FURTHER = 0.03  # of Omega's half side: where F is asked for again, to tell a place from a line of them


@dataclass
class KnownField:
    """F at model positions, in double precision, with its derivative and every place where it takes a value (d <= 2).

    way: "function" where F is one, "grid" where it is bilinear between the nodes of a raster. spread: mean |F - mean
    F|, by which misses are measured.
    """

    way: str
    d: int
    rho: str
    spread: float
    function: Callable[[Tensor], Tensor]
    value_and_jacobian: Callable[[Tensor], tuple[Tensor, Tensor]]
    lattice: Lattice | None  # F's own grid, or for a function of two variables where to look for its values
    half: float

    @staticmethod
    def of(model: PolarFactorization, field: Field | None = None) -> KnownField | None:
        """F of the field, or what its model keeps of it; None where F is known on samples only."""
        y = torch.cat([model.samples["y_train"], model.samples["y_test"]]).double()
        spread = max(float((y - y.mean(0)).norm(dim=1).mean()), 1e-300)
        function = (field.function if field is not None else None) or model.function
        lattice = (field.lattice if field is not None else None) or model.lattice
        if function is not None:
            half = GAUSSIAN_REACH if model.rho == "gaussian" else 1.0
            nodes = sampled(function, half, SIDE) if model.d == 2 else None
            return KnownField("function", model.d, model.rho, spread, function, with_jacobian(function), nodes, half)
        if lattice is not None:
            slope = lattice.value_and_jacobian
            return KnownField("grid", 2, model.rho, spread, lattice.value, slope, lattice, lattice.half)
        return None

    @property
    def solvable(self) -> bool:
        """Whether exact pre-images can be solved for: a Jacobian at every draw costs d times F."""
        return self.d <= MAX_D

    def value(self, x: Tensor) -> Tensor:
        """F (n, d) at model positions x (n, d), float64."""
        parts = [self.function(part).detach() for part in x.double().split(CHUNK)]
        return torch.cat(parts) if parts else x.double()

    def confine(self, x: Tensor) -> Tensor:
        """The nearest position of Omega's box or disc; a cloud has no edge."""
        if self.rho == "disc":
            return x / x.norm(dim=1, keepdim=True).clamp(min=1.0)
        if self.way == "function" and self.rho == "gaussian":
            return x
        return x.clamp(-self.half, self.half)

    def inside(self, x: Tensor) -> Tensor:
        """Which positions (n, d), put into Omega's box or disc before, lie in Omega: (n,) bool."""
        if self.way == "grid" and self.lattice is not None:
            return self.lattice.inside(x)
        return torch.ones(len(x), dtype=torch.bool)

    def solve(self, x: Tensor, target: Tensor, steps: int = 40) -> tuple[Tensor, Tensor]:
        """From each x (n, d) downhill to where F is target (n, d): (n, d), and what is still missing, (n,)."""
        f = self.value_and_jacobian
        ends = [
            levenberg_marquardt(
                f, part, wanted, self.confine, steps=steps, tolerance=1e-7 * self.spread, reach=0.1 * self.half
            )
            for part, wanted in zip(x.double().split(CHUNK), target.double().split(CHUNK), strict=True)
        ]
        return torch.cat([end[0] for end in ends]), torch.cat([end[1] for end in ends])

    def places(self, value: Tensor) -> Tensor:
        """Every place where F is ``value`` (d,), model positions (k, d), each once: all of a grid's, and of a function
        of one or two variables all that its sampled values show. Empty for d > 2."""
        return self.places_of(value[None])[0]

    def places_of(self, values: Tensor) -> list[Tensor]:
        """``places`` of each of values (m, d), solved for together."""
        if self.way == "grid" and self.lattice is not None:
            return [self.lattice.places(value) for value in values]
        if self.d > 2:
            return [torch.zeros(0, self.d, dtype=torch.float64) for _ in values]
        starts = [self._line(value) if self.lattice is None else self.lattice.places(value) for value in values]
        if self.rho == "disc":
            starts = [start[start.norm(dim=1) <= 1 + 1.0 / SIDE] for start in starts]
        counts = torch.tensor([len(start) for start in starts])
        x, miss = self.solve(torch.cat(starts), values.double().repeat_interleave(counts, dim=0))
        there = miss <= 1e-6 * self.spread
        ends = zip(x.split(counts.tolist()), there.split(counts.tolist()), strict=True)
        return [distinct(end[good], 1e-5 * self.half) for end, good in ends]

    def level(self, places: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """At which places (k, d) where F is ``value`` (d,) it hardly changes in some direction, (k,) bool, and which of
        them are not alone, since a little further that way F is the value again: on a line or a patch, (k,) bool."""
        if not len(places):
            return torch.zeros(0, dtype=torch.bool), torch.zeros(0, dtype=torch.bool)
        slope = self.value_and_jacobian(places)[1].nan_to_num(0.0)
        size, way = torch.linalg.svd(slope)[1:]
        found = torch.zeros(len(places), dtype=torch.bool)
        steep = STEEP * self.spread / self.half
        for k in range(self.d):
            flat = size[:, k] <= steep
            for side in (-FURTHER, FURTHER):
                at = (flat & ~found).nonzero()[:, 0]
                if not len(at):
                    continue
                step = side * self.half
                start = self.confine(places[at] + step * way[at, k])
                x, miss = self.solve(start, value.double().expand(len(at), self.d))
                gone = (x - places[at]).norm(dim=1)
                found[at] = (miss <= 1e-6 * self.spread) & self.inside(x) & (gone > abs(step) / 2)
        return size.amin(dim=1) <= steep, found

    def _line(self, value: Tensor) -> Tensor:
        """d = 1: where the values at neighbouring points of the line lie on both sides of ``value``, (k, 1)."""
        x = torch.linspace(-self.half, self.half, LINE, dtype=torch.float64)[:, None]
        gap = (self.value(x) - value.double())[:, 0]
        side = gap.sign()
        # Where both ends are the value F is level: no single place, and as on a lattice left out.
        change = ((side[:-1] * side[1:] <= 0) & (side[:-1] != side[1:])).nonzero()[:, 0]
        share = (gap[change] / (gap[change] - gap[change + 1])).nan_to_num(0.0).clamp(0, 1)
        return x[change] + share[:, None] * (x[1] - x[0])


def with_jacobian(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """F (n, d) and dF_i / dx_j (n, d, d) of a function that acts on each row by itself, by automatic
    differentiation."""

    def value_and_jacobian(x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            at = x.detach().clone().requires_grad_(True)
            value = function(at)
            rows = [_row(value[:, k], at, k + 1 < x.shape[1]) for k in range(x.shape[1])]
        return value.detach(), torch.stack(rows, dim=1)

    return value_and_jacobian


def _row(component: Tensor, at: Tensor, again: bool) -> Tensor:
    """The gradient of one component of F (n,) at each row."""
    if not component.requires_grad:
        return torch.zeros_like(at)
    gradient = torch.autograd.grad(component.sum(), at, retain_graph=again, allow_unused=True)[0]
    return torch.zeros_like(at) if gradient is None else gradient

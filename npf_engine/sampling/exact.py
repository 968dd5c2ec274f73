"""Exact answers in two dimensions: critical points, basins of the gradient flow, weights and samples of exp(-c g).

Everything is in the user's positions and in double precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.sampling.basins import Mode, basins
from npf_engine.sampling.chain import ChainState, Vectorial
from npf_engine.sampling.landscapes import Landscape
from npf_engine.sampling.langevin import LangevinSettings, Region, langevin_move
from npf_engine.sampling.quadrature import Cells, cut, narrow

SIDE = 601  # cells along an axis of the quadrature
STARTS = 33  # Newton starts along an axis
NEWTON_STEPS = 60
ROUNDING = 1e-14  # of the box and of g over it: less is 0
OWN_REACH = 40.0  # c u(M(x)) above which a point has no mass in that law
OWN_DRAWS = 6000  # of the own law of LMC-NPF


@dataclass
class CriticalPoint:
    """location (d,) with grad g = v there; kind minimum, saddle, maximum or degenerate; eigenvalues (d,) of the
    Hessian; value g; residual |grad g - v| after polishing."""

    location: list[float]
    kind: str
    eigenvalues: list[float]
    value: float
    residual: float

    @property
    def determinant(self) -> float:
        """|det Hessian|."""
        return abs(math.prod(self.eigenvalues))


def hessian(gradient: Vectorial, x: Tensor, sizes: Tensor) -> Tensor:
    """Hessian (n, d, d) at x (n, d) by central differences of the gradient; sizes (d,): a length along each axis."""
    d = x.shape[1]
    columns = []
    for k in range(d):
        step = torch.zeros(d, dtype=x.dtype)
        step[k] = 1e-5 * sizes[k]
        columns.append((gradient(x + step) - gradient(x - step)) / (2e-5 * sizes[k]))
    H = torch.stack(columns, dim=2)
    return (H + H.transpose(1, 2)) / 2


def critical_points(
    landscape: Landscape, v: Tensor | None = None, starts: Tensor | None = None, tolerance: float = 1e-8
) -> list[CriticalPoint]:
    """Points of Omega with grad g = v (default 0), polished by Newton from ``starts`` (n, d), doubles removed.

    starts: draws of I_psi(grad u*(v)) for instance; without any, a grid over Omega (2-d). Minima come first, each kind
    by its value of g. tolerance: relative to the typical size of the gradient on Omega.
    """
    region = landscape.region()
    low, high = torch.tensor(landscape.low, dtype=torch.float64), torch.tensor(landscape.high, dtype=torch.float64)
    sizes = high - low
    x = _grid(landscape, STARTS) if starts is None else starts.double()
    v = torch.zeros(landscape.d, dtype=torch.float64) if v is None else v.double()
    typical = float((landscape.gradient(x) - v).norm(dim=1).nan_to_num(nan=0.0).median()) or 1.0
    x = _newton(landscape.gradient, x, v, sizes, region)
    residual = (landscape.gradient(x) - v).norm(dim=1)
    good = region.inside(x) & (residual <= tolerance * typical)
    best = torch.argsort(residual)
    candidates = (x[best[good[best]]] / sizes).numpy()
    places = []
    while len(candidates):
        places.append(candidates[0])
        candidates = candidates[np.linalg.norm(candidates - candidates[0], axis=1) > 1e-4]
    if not places:
        return []
    x = torch.from_numpy(np.stack(places)) * sizes
    kept = described(landscape, x, (landscape.gradient(x) - v).norm(dim=1))
    order = {"minimum": 0, "saddle": 1, "maximum": 2, "degenerate": 3}
    return sorted(kept, key=lambda point: (order[point.kind], point.value))


def describe(landscape: Landscape, x: Tensor, residual: float) -> CriticalPoint:
    """The critical point at x (d,)."""
    return described(landscape, x[None], torch.tensor([residual]))[0]


def described(landscape: Landscape, x: Tensor, residual: Tensor) -> list[CriticalPoint]:
    """The critical points at x (k, d), by the type of the Hessian: degenerate where an eigenvalue is below 1e-6 of the
    largest, or where there is no second derivative (its eigenvalues are then 0)."""
    sizes = torch.tensor(landscape.high, dtype=torch.float64) - torch.tensor(landscape.low, dtype=torch.float64)
    second = hessian(landscape.gradient, x, sizes)
    sound = torch.isfinite(second).all(dim=(1, 2))
    eigenvalues = torch.linalg.eigvalsh(torch.where(sound[:, None, None], second, 0.0))
    x = torch.where(x.abs() <= ROUNDING * sizes, 0.0, x)
    parts = zip(x, eigenvalues, landscape.potential(x).tolist(), residual.tolist(), strict=True)
    return [_point(place, values, value, miss, sizes) for place, values, value, miss in parts]


def _point(x: Tensor, values: Tensor, value: float, residual: float, sizes: Tensor) -> CriticalPoint:
    large = float(values.abs().max())
    if float(values.abs().min()) <= 1e-6 * large:
        kind = "degenerate"
    else:
        kind = "minimum" if bool((values > 0).all()) else "maximum" if bool((values < 0).all()) else "saddle"
    if abs(value) <= ROUNDING * large * float(sizes.amax()) ** 2:
        value = 0.0
    return CriticalPoint(x.tolist(), kind, values.tolist(), value, residual)


def _newton(gradient: Vectorial, x: Tensor, v: Tensor, sizes: Tensor, region: Region) -> Tensor:
    """Damped Newton on grad g = v for x (n, d): a step is halved until |grad g - v| falls."""
    r = gradient(x) - v
    damping = torch.ones(len(x), dtype=x.dtype)
    for _ in range(NEWTON_STEPS):
        H = hessian(gradient, x, sizes)
        ridge = 1e-12 * H.abs().amax(dim=(1, 2)).clamp(min=1e-300)
        eye = torch.eye(x.shape[1], dtype=x.dtype)
        # LAPACK takes no NaN: where a formula is not a number, a point stays where it is
        known = torch.isfinite(H).all(dim=(1, 2)) & torch.isfinite(r).all(dim=1)
        H = torch.where(known[:, None, None], H + ridge[:, None, None] * eye, eye)
        step = torch.linalg.lstsq(H, torch.where(known[:, None], -r, 0.0)[:, :, None]).solution[:, :, 0]
        step = step.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        # A tenth of the box at most: Newton near a singular Hessian would leave for nowhere.
        share = (0.1 / (step / sizes).abs().amax(dim=1).clamp(min=1e-300)).clamp(max=1.0)
        trial = x + (damping * share)[:, None] * step
        r_trial = gradient(trial) - v
        better = region.inside(trial) & (r_trial.norm(dim=1) < r.norm(dim=1))
        x, r = torch.where(better[:, None], trial, x), torch.where(better[:, None], r_trial, r)
        damping = torch.where(better, (damping * 2).clamp(max=1.0), damping / 2)
        if bool((damping < 1e-3).all()):
            break
    return x


def _grid(landscape: Landscape, side: int) -> Tensor:
    """Cell centres of a side x side grid over Omega, (side^2, 2), the second axis fastest."""
    axes = [
        torch.linspace(a, b, side + 1, dtype=torch.float64)[:-1] + (b - a) / (2 * side)
        for a, b in zip(landscape.low, landscape.high, strict=True)
    ]
    return torch.cartesian_prod(*axes)


class Truth:
    """exp(-c g) on Omega by quadrature: modes with their basins, weights, and exact samples.

    cells: where the mass is, finer than the grid where exp(-c g) is narrower than it; labels (m,): the basin of each.
    """

    def __init__(self, landscape: Landscape, coefficient: float, side: int = SIDE) -> None:
        if landscape.d != 2:
            raise ValueError("quadrature is for two dimensions")
        self.landscape, self.coefficient, self.side = landscape, coefficient, side
        points = _grid(landscape, side)
        energy = self.energy_at(points)
        self.critical = critical_points(landscape)
        minima = [Mode(p.location, "minimum") for p in self.critical if p.kind == "minimum"]
        self.modes, self._grid_labels = basins(landscape, points, energy, minima, side)
        low, high = self._corners()
        self.cell = (high - low) / side
        places = torch.tensor([mode.location for mode in self.modes], dtype=torch.float64)
        slopes, curvatures = landscape.gradient(places), hessian(landscape.gradient, places, high - low)
        fine = narrow(coefficient * curvatures.diagonal(dim1=1, dim2=2), coefficient * slopes, self.cell)
        self.cells = cut(self.energy_at, points, self.cell) if fine else Cells.even(points, self.cell, energy)
        self.labels = self._grid_labels[self.cells.base]
        total = torch.zeros(len(self.modes), dtype=torch.float64).index_add_(0, self.labels, self.cells.mass)
        self.weights = total.tolist()

    def energy_at(self, x: Tensor) -> Tensor:
        """c g at x (n, 2), (n,): infinite where g is not a number."""
        value = torch.cat([self.landscape.potential(part) for part in x.split(65_536)])
        return (self.coefficient * value).nan_to_num(nan=torch.inf, neginf=torch.inf)

    def basin(self, x: Tensor) -> Tensor:
        """Index of the mode to whose basin each of x (n, 2) belongs, (n,)."""
        low, high = self._corners()
        cell = ((x.double().cpu() - low) / (high - low) * self.side).floor().long().clamp(0, self.side - 1)
        return self._grid_labels[cell[:, 0] * self.side + cell[:, 1]]

    def shares(self, x: Tensor) -> np.ndarray:
        """Share of x (n, 2) in each basin, (modes,)."""
        return np.bincount(self.basin(x).numpy(), minlength=len(self.modes)) / max(1, len(x))

    def sample(self, n: int, generator: torch.Generator, basin: int | None = None) -> Tensor:
        """n exact draws (n, 2), up to the cell.
        basin: of that mode's basin only."""
        return self.cells.draw(n, generator, None if basin is None else self.labels == basin)

    def own_draws(self, settings: LangevinSettings, lifted: Vectorial | None = None, seed: int = 0) -> Tensor | None:
        """Draws (n, 2) of the law of LMC-NPF uncorrected; None where g has no critical point.

        A jump samples exp(-c u(M(x))), which for large c puts the weights 1/|det H_i| on all critical points, saddles
        and maxima included. lifted: grad g(x) (n, d) -> u(M(x)) - min u (n,), what a trained u says. Without it u is
        quadratic with Hessian b I: since grad u(M(x)) = grad g(x) the law is exp(-c |grad g(x)|^2 / (2 b)), and since
        M keeps rho, b^d = 1 / sum 1/|det H_i|. N Langevin steps on g follow each jump (by simulation); a chain is seen
        at any moment between two jumps, and so are these draws.
        """
        determinants = [p.determinant for p in self.critical if p.kind != "degenerate"]
        if not determinants:
            return None
        b = sum(1 / value for value in determinants) ** -0.5

        def energy(x: Tensor) -> Tensor:
            slope = torch.cat([self.landscape.gradient(part) for part in x.split(65_536)])
            found = settings.coefficient * slope.square().sum(dim=1) / (2 * b)
            if lifted is not None:
                near = found < OWN_REACH
                found = torch.where(near, found, torch.inf)
                if bool(near.any()):
                    found[near] = settings.coefficient * lifted(slope[near]).to(found)
            return found.nan_to_num(nan=torch.inf)

        places = torch.tensor([p.location for p in self.critical], dtype=torch.float64)
        low, high = self._corners()
        second = hessian(self.landscape.gradient, places, high - low)
        curvature = settings.coefficient * second.square().sum(dim=2) / b  # of |grad g|^2 / (2 b), along the axes
        points = _grid(self.landscape, self.side)
        if narrow(curvature, torch.zeros_like(curvature), self.cell):
            cells = cut(energy, points, self.cell)
        else:
            cells = Cells.even(points, self.cell, energy(points))
        start = cells.draw(OWN_DRAWS, seeds.generator(seed, "own-law.start"))
        return relax(self.landscape, start, settings, seed)

    def own_law(self, settings: LangevinSettings, lifted: Vectorial | None = None, seed: int = 0) -> list[float]:
        """Weights of ``own_draws`` in the basins of the modes; NaN where there are none."""
        draws = self.own_draws(settings, lifted, seed)
        return [math.nan] * len(self.modes) if draws is None else self.shares(draws).tolist()

    def _corners(self) -> tuple[Tensor, Tensor]:
        landscape = self.landscape
        return torch.tensor(landscape.low, dtype=torch.float64), torch.tensor(landscape.high, dtype=torch.float64)


def relax(landscape: Landscape, x: Tensor, settings: LangevinSettings, seed: int) -> Tensor:
    """x (n, d) after 0 to N - 1 Langevin steps on g, as many of each, (n, d): user's positions; tau is per axis in the
    landscape's units."""
    state, region = ChainState.start(x, seed), landscape.region()
    metric = tuple(u * u for u in landscape.unit or (1.0,) * landscape.d)
    own = LangevinSettings(settings.tau, settings.coefficient, settings.inner, True, metric)
    rest = torch.arange(len(x)) % settings.inner
    out = x.clone()
    for step in range(1, settings.inner):
        moved = region.confine(langevin_move(state, landscape.gradient(state.x), own))
        state.x = torch.where(torch.isfinite(moved).all(dim=1, keepdim=True), moved, state.x)
        out = torch.where((rest == step)[:, None], state.x, out)
    return out

"""What linked views show: the clouds of Figure 1 at every sample of a run, and the samples within a polygon of one.

M_theta is solved sample by sample, so the clouds are computed in pieces (``Evaluation``): a first few thousand at once,
the others as somebody waits for them. Rows keep their order throughout, so that a row is the same sample in both.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from npf_engine.fields.field import Grid
from npf_engine.measures.views import Arrays, FactorizationView, principal_axes
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.polar.known_field import KnownField

QUICK = 8000  # samples that are shown at once: 0.7 s on one core for d = 2
QUICK_NUMBERS = 600_000  # coordinates of them: L-BFGS takes a second for a thousand points of 222 dimensions
PIECE = 8192  # samples between two looks at the clock
DRAWN = 2048  # the same where pre-images are drawn: about a second
MOST = 1_000_000  # samples that are drawn
MOST_NUMBERS = 8_000_000  # coordinates in one cloud
SEED = 0


@dataclass(frozen=True)
class LinkedClouds:
    """``view``: the clouds, row i of each from the same x_i; ``scalars``: name -> (n,), what they may be coloured by.

    norm: |F(x)|; residual: sup-norm of F(x) - grad u(M_theta(x)), what the solver left; miss: |grad u(M_xi(x)) - F(x)|,
    where M_xi was trained; inverse: |F(x') - F(x)| of one draw x' of I_psi(M_theta(x)), where it was asked for, with F
    as ``judged`` says: its "function", its "grid", else grad u o M_xi, "network"; all in F's units. elevation: metres,
    where the field has a grid; law: 0 where an embedding has the given law of a sample, 1 where the learnt. ``unseen``:
    how many rows, the first ones, training did not see; ``total``: how many samples there are, of which these are the
    first. ``grid``: what lies below rho, where there are heights. ``embedded``: panel -> places (k, 2) of the first k
    of these samples in a t-SNE.
    """

    view: FactorizationView
    scalars: Arrays
    unseen: int
    total: int
    judged: str = ""
    grid: Grid | None = None
    embedded: Arrays = field(default_factory=dict)

    @property
    def n(self) -> int:
        """How many samples are shown."""
        return len(self.view.clouds["rho"])


class Evaluation:
    """The clouds of Figure 1 at up to ``MOST`` samples, unseen ones first, each kind in a random order.

    x (n, d), y (n, d) = F(x): model positions and values, the first ``unseen`` of them test samples. ``grid``: the
    elevation below the samples, where there is one (d = 2).
    """

    def __init__(self, model: PolarFactorization, x: Tensor, y: Tensor, unseen: int, grid: Grid | None = None) -> None:
        generator = torch.Generator().manual_seed(SEED)
        parts = (torch.randperm(unseen, generator=generator), torch.randperm(len(x) - unseen, generator=generator))
        most = max(1, min(MOST, MOST_NUMBERS // model.d))
        order = torch.cat([parts[0], unseen + parts[1]])[:most]
        self.model, self.grid = model, grid
        self.x, self.y, self.unseen = x[order], y[order], unseen
        self._pieces: list[Arrays] = []
        self._lock = threading.Lock()  # two visitors may wait for the same samples
        self.done, self.seconds = 0, 0.0
        self._misses: list[np.ndarray] = []
        self.drawn, self.drawing = 0, 0.0

    @classmethod
    def of_kept(cls, model: PolarFactorization) -> Evaluation:
        """Of the samples that a model keeps."""
        x, y = (torch.cat([model.samples[f"{name}_test"], model.samples[f"{name}_train"]]) for name in "xy")
        return cls(model, x, y, len(model.samples["x_test"]))

    @property
    def total(self) -> int:
        """How many samples will be evaluated."""
        return len(self.x)

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the clouds that there are."""
        learnt = ("m_network", "reconstruction") if self.model.m is not None else ()
        return ("rho", "field", "grad_u", "m", *learnt)

    @property
    def quick(self) -> int:
        """How many of them are enough for a first look."""
        return min(self.total, QUICK, max(1000, QUICK_NUMBERS // self.model.d))

    def advance(self, most: int = PIECE) -> None:
        """Evaluate the next ``most`` samples."""
        with self._lock:
            begun = time.perf_counter()
            part = slice(self.done, min(self.total, self.done + most))
            if part.stop > part.start:
                self._pieces.append(_evaluated(self.model, self.x[part], self.y[part]))
                self.done = part.stop
                self.seconds += time.perf_counter() - begun

    @property
    def invertible(self) -> bool:
        """Whether pre-images can be drawn, and F be evaluated there."""
        return self.model.bridge is not None and self.model.m is not None

    @functools.cached_property
    def _known(self) -> KnownField | None:
        return KnownField.of(self.model)

    def draw(self, most: int = DRAWN) -> None:
        """Draw one pre-image of M_theta(x) for each of the next ``most`` samples that were evaluated."""
        with self._lock:
            begun = time.perf_counter()
            part = slice(self.drawn, min(self.done, self.drawn + most))
            if part.stop > part.start:
                self._misses.append(self._missed(part))
                self.drawn = part.stop
                self.drawing += time.perf_counter() - begun

    def _missed(self, part: slice) -> np.ndarray:
        model = self.model
        m = np.concatenate([piece["m"] for piece in self._pieces])[part]
        with torch.no_grad():
            start = model.scaling.to_model(torch.from_numpy(m)).to(model.u.like)
            assert model.bridge is not None
            drawn = model.sample_inverse(model.bridge.project(start), SEED + part.start)
            if self._known is not None:
                found = self._known.value(drawn.cpu().double())
            else:
                assert model.m is not None
                found = model.u.gradient(model.m(drawn)).cpu().double()
        return _plain((found - self.y[part].double()).norm(dim=1))

    @property
    def left(self) -> float:
        """How many seconds the samples that are left will take, by those that were evaluated."""
        return self.seconds / max(self.done, 1) * (self.total - self.done)

    def result(self, n: int | None = None) -> LinkedClouds:
        """What is known of the first n samples (all that were evaluated)."""
        n = self.done if n is None else min(n, self.done)
        arrays = {key: np.concatenate([piece[key] for piece in self._pieces])[:n] for key in self._pieces[0]}
        scalars = {key: arrays.pop(key) for key in SCALARS if key in arrays}
        model = self.model
        view = FactorizationView(
            arrays,
            model.units,
            model.low,
            model.high,
            model.scaling.scale,
            principal_axes(arrays["field"].astype(np.float64)) if model.d > 3 else None,
        )
        if self.grid is not None and model.d == 2:
            scalars["elevation"] = elevation_at(self.grid, arrays["rho"])
        judged = ""
        if self.drawn >= n and self._misses:
            scalars["inverse"] = np.concatenate(self._misses)[:n]
            judged = self._known.way if self._known is not None else "network"
        return LinkedClouds(view, scalars, min(n, self.unseen), self.total, judged, self.grid if model.d == 2 else None)


SCALARS = ("norm", "residual", "miss", "elevation")


def _evaluated(model: PolarFactorization, x: Tensor, y: Tensor) -> Arrays:
    """Clouds and scalars of samples in model units; positions come in the user's, in double precision."""

    def user(x_hat: Tensor) -> np.ndarray:
        return model.scaling.to_user(x_hat.cpu().double()).numpy()

    with torch.no_grad():
        x_hat, values = x.to(model.u.like), y.to(model.u.like)
        solved = model.solve(values)
        found = {
            "rho": user(x_hat),
            "field": _plain(values),
            "grad_u": _plain(model.u.gradient(x_hat)),
            "m": user(solved.x),
            "norm": _plain(values.norm(dim=1)),
            "residual": _plain(solved.residual),
        }
        if model.m is not None:
            m = model.m(x_hat)
            again = model.u.gradient(m)
            found |= {"m_network": user(m), "reconstruction": _plain(again)}
            found["miss"] = _plain((again - values).norm(dim=1))
    return found


def _plain(values: Tensor) -> np.ndarray:
    return values.cpu().float().numpy()


def head(view: FactorizationView, n: int) -> FactorizationView:
    """The same view of its first n samples."""
    return replace(view, clouds={key: cloud[:n] for key, cloud in view.clouds.items()})


def elevation_at(grid: Grid, x: np.ndarray) -> np.ndarray:
    """Elevation (n,) float32, in metres, of the pixel in which each of x (n, 2) lies, in the user's units."""
    rows, columns = grid.elevation.shape
    column = (x[:, 0] - grid.west) / (grid.east - grid.west) * columns
    row = (grid.north - x[:, 1]) / (grid.north - grid.south) * rows
    picked = np.clip(np.floor(row), 0, rows - 1).astype(int), np.clip(np.floor(column), 0, columns - 1).astype(int)
    return np.asarray(grid.elevation[picked], dtype=np.float32)


def inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Which of points (n, 2) lie inside a closed polygon (k, 2), (n,) bool, by the even-odd rule.

    A point is inside where a ray to the right crosses an odd number of edges; an edge belongs to its lower end, so
    that polygons which share one divide the points between them. The browser computes the same in the same order of
    operations (``ui/linked/index.js``): both answer alike for every double.
    """
    points, polygon = np.asarray(points, dtype=np.float64), np.asarray(polygon, dtype=np.float64)
    found = np.zeros(len(points), dtype=bool)
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    near = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
    x, y = points[near, 0], points[near, 1]
    odd = np.zeros(len(near), dtype=bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        crosses = (y1 > y) != (y2 > y)
        odd ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    found[near] = odd
    return found


@dataclass(frozen=True)
class Summary:
    """A selection in numbers: how many samples, their share of all, and mean and standard deviation (d,) of x, of F(x)
    and of M_theta(x), its image, in the user's units; typical: F of the selected sample nearest to their mean (d,).
    None where nothing is selected."""

    count: int
    share: float
    x: tuple[np.ndarray, np.ndarray] | None = None
    field: tuple[np.ndarray, np.ndarray] | None = None
    typical: np.ndarray | None = None
    image: tuple[np.ndarray, np.ndarray] | None = None


def summary(clouds: Mapping[str, np.ndarray], mask: np.ndarray) -> Summary:
    """The numbers of the rows where mask (n,) bool holds."""
    count = int(mask.sum())
    if not count:
        return Summary(0, 0.0)
    x, y = (clouds[key][mask].astype(np.float64) for key in ("rho", "field"))
    mean = y.mean(axis=0)
    typical = y[np.linalg.norm(y - mean, axis=1).argmin()]
    image = None
    if "m" in clouds:
        m = clouds["m"][mask].astype(np.float64)
        image = m.mean(axis=0), m.std(axis=0)
    return Summary(count, count / len(mask), (x.mean(axis=0), x.std(axis=0)), (mean, y.std(axis=0)), typical, image)


def rows(found: LinkedClouds, mask: np.ndarray | None) -> Arrays:
    """The arrays of a download: clouds and scalars, the rows where mask (n,) bool holds (all of them without one)."""
    picked = slice(None) if mask is None else mask
    return {key: values[picked] for key, values in {**found.view.clouds, **found.scalars}.items()}

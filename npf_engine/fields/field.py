"""A vector field F on a region Omega with its reference measure rho, and how its units map to the model's.

Two kinds (NPF 5.1): known on *samples* (x_i, F(x_i)) only, or known as a *function*. Both
present themselves to the rest of the engine as two fixed sets of samples (training and test, 85/15 by
seed); a field known as a function can be evaluated anywhere and redrawn besides.

Model units: positions are x_hat = (x - offset) / scale, one offset and scale per axis, so that a
box becomes [-1, 1]^d, a disc the unit ball and a Gaussian N(0, I). F is never rescaled: it stays in
the user's units (metres per pixel on terrain), which is what the reported figures refer to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from npf_engine.fields.lattice import Lattice
from npf_engine.tasks.files import Json

Kind = Literal["samples", "function"]
RHO_KINDS = ("box", "disc", "gaussian", "land", "samples")
TEST_FRACTION = 0.15


@dataclass(frozen=True)
class Scaling:
    """Affine map between the user's positions and the model's: x_hat = (x - offset) / scale, per axis."""

    offset: tuple[float, ...]
    scale: tuple[float, ...]

    def to_model(self, x: Tensor) -> Tensor:
        """User's units (n, d) -> model units (n, d)."""
        return (x - torch.tensor(self.offset, dtype=x.dtype, device=x.device)) / torch.tensor(
            self.scale, dtype=x.dtype, device=x.device
        )

    def to_user(self, x_hat: Tensor) -> Tensor:
        """Model units (n, d) -> user's units (n, d)."""
        return x_hat * torch.tensor(self.scale, dtype=x_hat.dtype, device=x_hat.device) + torch.tensor(
            self.offset, dtype=x_hat.dtype, device=x_hat.device
        )

    @staticmethod
    def of_box(low: ArrayLike, high: ArrayLike) -> Scaling:
        """The scaling that sends the box [low, high] to [-1, 1]^d."""
        low_, high_ = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
        return Scaling(tuple(map(float, (low_ + high_) / 2)), tuple(map(float, (high_ - low_) / 2)))


@dataclass(frozen=True)
class Units:
    """Names and units of the axes, for plots and answers, e.g. ("longitude", "latitude") in ("degrees", "degrees").

    They may come from anybody's file, and plots read tags and links in their titles: each is one short line without.
    """

    axes: tuple[str, ...]
    position: tuple[str, ...]
    value: str

    def __post_init__(self) -> None:
        for name in ("axes", "position"):
            object.__setattr__(self, name, tuple(self._line(text) for text in getattr(self, name)))
        object.__setattr__(self, "value", self._line(self.value))

    @staticmethod
    def _line(text: str) -> str:
        return " ".join(text.split())[:80].replace("<", "‹").replace(">", "›")


@dataclass(frozen=True)
class Grid:
    """What a raster field was computed from, for maps. Row 0 is the north edge (rows run south).

    elevation (rows, cols) float32 in metres above ``offset``, after smoothing; raw (rows, cols) before it; west, south,
    east, north: outer edges of the raster in the user's units; mask (rows, cols) bool, True where the
    pixel belongs to Omega.
    """

    elevation: np.ndarray
    raw: np.ndarray
    mask: np.ndarray
    west: float
    south: float
    east: float
    north: float
    offset: float = 0.0


@dataclass
class Field:
    """A vector field, its reference measure, its split and its scaling. All tensors are float32 on the CPU.

    x_train (n, d), y_train (n, d) = F(x_train), x_test, y_test: positions in model units, values in the
    user's. ``function`` maps model positions (n, d) to values (n, d) for kind "function", else None.
    ``potential`` (optional) maps model positions to (n,) where F is its gradient in the user's units.
    ``lattice``: F on the grid it was computed on, where the samples are nodes of one (or lie between them).
    ``rho`` is one of RHO_KINDS; for "samples" and "land" rho is the law of the samples themselves.
    ``shift``: what was taken off the components of F in double precision (() for nothing): F is the values here plus
    it. ``conversions`` are sentences on what was done to the numbers, ``warnings`` on what to know; ``provenance`` is
    JSON-serialisable (source, sigma, grid size, resampling, ...).
    """

    name: str
    kind: Kind
    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    low: tuple[float, ...]  # Omega's bounding box, user's units
    high: tuple[float, ...]
    scaling: Scaling
    units: Units
    rho: str = "box"
    function: Callable[[Tensor], Tensor] | None = None
    potential: Callable[[Tensor], Tensor] | None = None
    grid: Grid | None = None
    lattice: Lattice | None = None
    shift: tuple[float, ...] = ()
    warnings: list[str] = field(default_factory=list)
    conversions: list[str] = field(default_factory=list)
    provenance: dict[str, Json] = field(default_factory=dict)

    @property
    def d(self) -> int:
        """Dimension of Omega."""
        return int(self.x_train.shape[1])

    @property
    def n(self) -> int:
        """Number of samples, training and test together."""
        return int(self.x_train.shape[0] + self.x_test.shape[0])

    def inside(self, x_hat: Tensor) -> Tensor:
        """Which model positions (n, d) lie in Omega's bounding box (disc: in the ball); (n,) bool.

        A Gaussian rho and a cloud of samples have no box: everything is inside (facts: nothing is
        clamped there).
        """
        if self.rho == "disc":
            return x_hat.norm(dim=1) <= 1.0
        if self.rho in ("gaussian", "samples"):
            return torch.ones(x_hat.shape[0], dtype=torch.bool, device=x_hat.device)
        return (x_hat.abs() <= 1.0).all(dim=1)


def split_indices(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Seeded 85/15 split of range(n): (training indices, test indices)."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    n_test = max(1, round(TEST_FRACTION * n))
    return order[n_test:], order[:n_test]


def draw_rho(rho: str, n: int, d: int, generator: torch.Generator) -> Tensor:
    """n model positions (n, d) from the reference measure: uniform on [-1,1]^d, on the unit ball, or N(0, I).

    Raises ValueError for a rho that is only known by its samples.
    """
    if rho == "box":
        return torch.rand(n, d, generator=generator) * 2 - 1
    if rho == "gaussian":
        return torch.randn(n, d, generator=generator)
    if rho == "disc":
        z = torch.randn(n, d, generator=generator)
        radius = torch.rand(n, 1, generator=generator) ** (1.0 / d)
        return radius * z / z.norm(dim=1, keepdim=True)
    raise ValueError(f"rho = {rho!r} is known by its samples only")

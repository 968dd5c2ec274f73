"""Landscapes: potentials g with their gradient, by name, from terrain, or from a typed expression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.interpolate import RectBivariateSpline
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields import analytic, expression, function_field
from npf_engine.fields.field import Field, Scaling, Units
from npf_engine.fields.spec import FieldSpec
from npf_engine.sampling.chain import Vectorial
from npf_engine.sampling.known import FOLDS, FOLDS_START, KnownFactorization
from npf_engine.sampling.langevin import Region
from npf_engine.sampling.mixtures import IN_THE_PLANE, Mixture, in_space

RELIEF = 40.0  # c times the relief of a terrain, by default: plain Langevin then stays in its valley


@dataclass(frozen=True)
class Landscape:
    """g on the box low..high, both functions of the user's positions (n, d), in double precision.

    coefficient, start: sane defaults of c and of where all particles start. unit (d,): the length along each axis that
    tau is counted in (1 where axes are plain numbers, half the box on terrain). mixture: its parts, where
    it is one. known: the factorization of its gradient in model positions, where it is known in closed form.
    """

    name: str
    title: str
    potential: Vectorial
    gradient: Vectorial
    low: tuple[float, ...]
    high: tuple[float, ...]
    coefficient: float = 1.0
    start: tuple[float, ...] = ()
    unit: tuple[float, ...] = ()
    units: Units | None = None
    mixture: Mixture | None = None
    known: KnownFactorization | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def d(self) -> int:
        """Dimension."""
        return len(self.low)

    @property
    def scaling(self) -> Scaling:
        """User's positions and [-1, 1]^d."""
        return Scaling.of_box(self.low, self.high)

    @property
    def metric(self) -> tuple[float, ...]:
        """What tau is multiplied by along each axis in model positions."""
        unit = self.unit or (1.0,) * self.d
        return tuple((a / b) ** 2 for a, b in zip(unit, self.scaling.scale, strict=True))

    def in_model(self) -> tuple[Vectorial, Vectorial]:
        """g and its gradient as functions of model positions: the derivative is with respect to those."""
        scaling, potential, gradient = self.scaling, self.potential, self.gradient

        def value(x_hat: Tensor) -> Tensor:
            return potential(scaling.to_user(x_hat))

        def slope(x_hat: Tensor) -> Tensor:
            return gradient(scaling.to_user(x_hat)) * torch.tensor(scaling.scale).to(x_hat)

        return value, slope

    def region(self) -> Region:
        """Omega in the user's positions."""
        return Region(self.low, self.high)


# name -> c, start; the start is a corner or a basin from which plain Langevin does not get away
_DEFAULTS: dict[str, tuple[float, tuple[float, ...]]] = {
    "himmelblau": (1.0, (-4.0, -4.0)),
    "cosines": (3.0, (-4.0, -1.0)),
    "cosines-2": (3.0, (-4.0, -4.0)),
    "double-well": (10.0, (-1.0, 0.0)),
    "mueller-brown": (0.1, (-0.55, 1.45)),
    "rastrigin": (1.0, (-4.0, -4.0)),
}
HALF = 6.0  # half the side of a mixture's box
SPACE = "mixture-"  # and the number of dimensions
MOST_D = 50
NAMES: tuple[str, ...] = (*_DEFAULTS, "mixture", "folds")


def find(name: str, texts: Sequence[str] = (), low: Sequence[float] = (), high: Sequence[float] = ()) -> Landscape:
    """The landscape ``name``: a built-in one, ``expression`` with its text, a terrain by name, place or file, or an
    expression written out. low, high: another box. Raises InputError where there is none."""
    key = name.strip().lower()
    if key in _DEFAULTS:
        return _analytic(key, tuple(low), tuple(high))
    if key == "mixture":
        return _mixture(tuple(low), tuple(high))
    if key.startswith(SPACE):
        return _in_space(key, tuple(low), tuple(high))
    if key == "expression" or _looks_like_expression(name):
        return of_expression(tuple(texts) or (name,), tuple(low), tuple(high))
    if low or high:
        raise InputError(f"{name} comes with its own region; leave the box (low and high) out.")
    if key == "folds":
        return _folds()
    if key in analytic.NAMES:
        raise InputError(f"{name} is no gradient of a potential, so there is nothing to sample; try {_some_names()}.")
    return of_terrain(name)


def _looks_like_expression(name: str) -> bool:
    return any(mark in name for mark in "^*+()") and not name.lower().endswith((".tif", ".hgt", ".npz"))


def _some_names() -> str:
    return ", ".join(NAMES)


def _analytic(name: str, low: tuple[float, ...], high: tuple[float, ...]) -> Landscape:
    info, formula = analytic.INFO[name], analytic._FORMULAS[name]
    assert formula.potential is not None
    c, start = _DEFAULTS[name]
    if low or high:
        start = ()
    low, high = _box(name, low or info.low, high or info.high, info.d)
    return Landscape(
        name, info.title, formula.potential, formula.gradient, low, high, c, start, units=_plain_units(info.d)
    )


def _box(
    name: str, low: tuple[float, ...], high: tuple[float, ...], d: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The box of a potential of d variables. Raises InputError for one that is none."""
    function_field.check_box(name, low, high)
    if len(low) != d:
        raise InputError(f"The domain of {name} has {len(low)} dimensions, but {name} has {d}.")
    return low, high


def _plain_units(d: int) -> Units:
    return Units(function_field.axis_names(d), ("",) * d, "")


def _mixture(low: tuple[float, ...], high: tuple[float, ...], parts: Mixture = IN_THE_PLANE) -> Landscape:
    value, slope = parts.potential()
    start = () if low or high else parts.means[-1]
    name = "mixture" if parts is IN_THE_PLANE else f"{SPACE}{parts.d}"
    low, high = _box(name, low or (-HALF,) * parts.d, high or (HALF,) * parts.d, parts.d)
    title = "Four Gaussians of unequal weight"
    if parts is not IN_THE_PLANE:
        title += f" in {parts.d} dimensions"
    units = _plain_units(parts.d)
    return Landscape(name, title, value, slope, low, high, 1.0, start, units=units, mixture=parts)


def _in_space(key: str, low: tuple[float, ...], high: tuple[float, ...]) -> Landscape:
    """The mixture in as many dimensions as its name says. Raises InputError."""
    text = key.removeprefix(SPACE)
    if not text.isascii() or not text.isdigit() or not 2 < int(text) <= MOST_D:
        raise InputError(f"{key}: the mixture has 3 to {MOST_D} dimensions, such as {SPACE}10; mixture is in the plane")
    return _mixture(low, high, in_space(int(text)))


def _folds() -> Landscape:
    sides = (-1.0,) * len(FOLDS.heights), (1.0,) * len(FOLDS.heights)
    title = "Folds: a factorization in closed form"
    units = _plain_units(len(FOLDS.heights))
    return Landscape(
        "folds", title, FOLDS.potential, FOLDS.gradient, *sides, 1.0, FOLDS_START, units=units, known=FOLDS
    )


def of_expression(texts: tuple[str, ...], low: tuple[float, ...], high: tuple[float, ...]) -> Landscape:
    """A potential typed by the user (one expression), on low..high or [-5, 5]^d. Raises InputError."""
    if len(texts) != 1:
        raise InputError(f"a landscape is one potential, not {len(texts)} expressions; give one, such as x^2 + sin(y).")
    d = expression.dimension(texts, low)
    parsed = expression.parse(texts[0], max(d, 1))
    half = expression.DEFAULT_HALF_SIDE
    low, high = low or (-half,) * d, high or (half,) * d
    function_field.check_box("the potential", low, high)
    value = torch.zeros(1, d, dtype=torch.float64)
    for share in (-1.0, 0.0, 1.0):
        point = value + torch.tensor([(a + b) / 2 + share * (b - a) / 2 for a, b in zip(low, high, strict=True)])
        if not bool(torch.isfinite(parsed(point)).all()):
            raise InputError(
                f"the potential {texts[0]} is not a finite number at {_point(point[0])}; change it or the domain."
            )
    return Landscape("expression", texts[0], parsed, parsed.gradient, low, high, units=_plain_units(d))


def _point(x: Tensor) -> str:
    return "(" + ", ".join(f"{float(v):.4g}" for v in x) + ")"


def of_terrain(name: str) -> Landscape:
    """Elevation as the potential: a bicubic spline of the smoothed grid of a raster field. Raises InputError."""
    from npf_engine.fields.catalog import resolve

    return from_grid(resolve(FieldSpec(source=name)))


def from_grid(terrain: Field) -> Landscape:
    """The elevation (metres) of a field with a grid, as a smooth function of its positions. Raises InputError."""
    if terrain.grid is None:
        raise InputError(f"{terrain.name} has no potential and no elevation to sample; try {_some_names()}.")
    z = np.asarray(terrain.grid.elevation, dtype=np.float64)
    low, high = terrain.low, terrain.high
    spline = RectBivariateSpline(
        np.linspace(low[0], high[0], z.shape[1]), np.linspace(low[1], high[1], z.shape[0]), z[::-1].T
    )
    middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    unit = tuple((b - a) / 2 for a, b in zip(low, high, strict=True))
    return Landscape(
        terrain.name,
        f"Elevation of {terrain.name}",
        _on_numpy(lambda x, y: spline.ev(x, y)),
        _on_numpy(lambda x, y: np.stack([spline.ev(x, y, dx=1), spline.ev(x, y, dy=1)], axis=1)),
        low,
        high,
        RELIEF / max(float(z.max() - z.min()), 1e-9),
        tuple(middle),
        unit,
        terrain.units,
        warnings=list(terrain.warnings),
    )


def _on_numpy(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Vectorial:
    def on_tensor(x: Tensor) -> Tensor:
        at = x.detach().cpu().double().numpy()
        return torch.from_numpy(np.ascontiguousarray(function(at[:, 0], at[:, 1]))).to(x)

    return on_tensor

"""A Field from a function that can be evaluated anywhere: domain, reference measure, scaling, drawn samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.fields.degeneracy import field_warnings
from npf_engine.fields.field import Field, Scaling, Units, draw_rho, split_indices
from npf_engine.fields.shift import shift_of
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.limits import LARGEST, MAX_D, MAX_SAMPLES, check_samples, rows_needed, shown

FUNCTION_RHOS = ("box", "disc", "gaussian")
GAUSSIAN_SIGMAS = 3.0  # the box asked for reaches to three standard deviations of a Gaussian rho
CHUNK, CHUNK_NUMBERS = 65_536, 4_000_000  # points and numbers evaluated at a time, at most
Progress = Callable[[float, float, str], None]
SHIFT_POINTS = 1024
POSITION_NAMES = ("x", "y", "z")
Functions = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor] | None]


@dataclasses.dataclass(frozen=True)
class Domain:
    """Omega and how it maps to model positions; ``low``, ``high`` is its bounding box in the user's units."""

    rho: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    scaling: Scaling
    warnings: tuple[str, ...] = ()

    @property
    def d(self) -> int:
        """Dimension of Omega."""
        return len(self.low)


@dataclasses.dataclass(frozen=True)
class Formula:
    """F and, where it is a gradient, its potential g: both of the USER's positions (n, d), F in g per unit of x."""

    name: str
    gradient: Callable[[Tensor], Tensor]
    potential: Callable[[Tensor], Tensor] | None = None


def axis_names(d: int) -> tuple[str, ...]:
    """("x",), ("x", "y"), ("x", "y", "z") or ("x1", ..., "xd")."""
    return POSITION_NAMES[:d] if d <= 3 else tuple(f"x{k + 1}" for k in range(d))


def make_domain(name: str, rho: str, low: Sequence[float], high: Sequence[float]) -> Domain:
    """Omega for a rho "box" (scaled per axis), "disc" or "gaussian" (one scale for all axes: the law stays isotropic).

    The disc is the largest ball in the middle of the box; a Gaussian has three standard deviations to the box's
    nearest side. Raises InputError for a box that is none.
    """
    if rho not in FUNCTION_RHOS:
        raise InputError(f"rho is {rho!r}; {name} offers {', '.join(FUNCTION_RHOS)}.")
    check_box(name, low, high)
    low_, high_ = tuple(map(float, low)), tuple(map(float, high))
    if rho == "box":
        return Domain(rho, low_, high_, Scaling.of_box(low_, high_))
    sides = [b - a for a, b in zip(low_, high_, strict=True)]
    radius = min(sides) / 2
    centre = tuple((a + b) / 2 for a, b in zip(low_, high_, strict=True))
    scale = radius if rho == "disc" else radius / GAUSSIAN_SIGMAS
    warnings = []
    if max(sides) > min(sides) * (1 + 1e-9):
        shape = f"disc of radius {radius:g}" if rho == "disc" else f"Gaussian of standard deviation {scale:g}"
        warnings.append(f"The domain's sides differ, so Omega is the {shape} in its middle.")
    box = tuple(c - radius for c in centre), tuple(c + radius for c in centre)
    return Domain(rho, *box, Scaling(centre, (scale,) * len(centre)), tuple(warnings))


def check_box(name: str, low: Sequence[float], high: Sequence[float]) -> None:
    """InputError unless low < high are the finite corners of a box in 1 to MAX_D dimensions."""
    if len(low) != len(high):
        raise InputError(
            f"The domain of {name} has {len(low)} lower and {len(high)} upper bounds; give one each per axis."
        )
    if not 1 <= len(low) <= MAX_D:
        raise InputError(f"The domain of {name} has {len(low)} dimensions; between 1 and {MAX_D} are possible.")
    for axis, a, b in zip(axis_names(len(low)), low, high, strict=True):
        if not (np.isfinite(a) and np.isfinite(b) and a < b):
            raise InputError(
                f"The domain of {name} on axis {axis} is from {a:g} to {b:g}; give two finite numbers, lower first."
            )
        if b - a < 1e-5 * max(abs(a), abs(b)):
            raise InputError(
                f"The domain of {name} on axis {axis}, from {a:g} to {b:g}, is too narrow for 32-bit numbers; "
                "move the origin into it."
            )


def function_field(
    formula: Formula, domain: Domain, spec: FieldSpec, source: str, progress: Progress | None = None
) -> Field:
    """Draw ``spec.n_samples`` points of rho with ``spec.split_seed``, evaluate F in double precision, split 85/15.

    ``source`` is the sentence that names the formula in the provenance; ``progress(done, total, text)`` is called
    between chunks and may raise to stop. Raises InputError where F is not finite (with
    the share and an example point) or a component of F is constant.
    """
    n = spec.n_samples
    if not rows_needed(domain.d) <= n <= MAX_SAMPLES:
        raise InputError(
            f"n_samples is {shown(n)}; {formula.name} needs between {rows_needed(domain.d)} and {MAX_SAMPLES:,}."
        )
    check_samples(n, domain.d)
    function, potential = model_functions(formula, domain)
    shift, told = value_shift(formula, domain)
    generator = seeds.generator(spec.split_seed, "field.samples")
    x = draw_rho(domain.rho, n, domain.d, generator)
    # doubles: at large offsets a float32 position would round before F sees it
    y = _in_chunks(lambda part: function(part.double()).float(), x, progress, "evaluating the formula")
    _check_finite(formula.name, "F", domain, x, y)
    if potential is not None:
        # 1/x is finite where log(x) is not: F alone does not show that its potential is undefined
        values = _in_chunks(potential, x, progress, "evaluating the potential")
        _check_finite(formula.name, "the potential", domain, x, values)
    _check_components(formula.name, y)
    train, test = split_indices(n, spec.split_seed)
    return Field(
        name=formula.name,
        kind="function",
        x_train=x[train],
        y_train=y[train],
        x_test=x[test],
        y_test=y[test],
        low=domain.low,
        high=domain.high,
        scaling=domain.scaling,
        units=Units(axis_names(domain.d), ("",) * domain.d, ""),
        rho=domain.rho,
        function=function,
        potential=potential,
        shift=shift,
        warnings=[*domain.warnings, *field_warnings(y.numpy())],
        conversions=told,
        provenance={"source": source, "rho": domain.rho, "spec": dataclasses.asdict(spec)},
    )


def _in_chunks(function: Callable[[Tensor], Tensor], x: Tensor, progress: Progress | None, text: str) -> Tensor:
    """function(x) for x (n, d), some points at a time: memory stays small, and the visitor can stop it."""
    parts = x.split(max(1, min(CHUNK, CHUNK_NUMBERS // x.shape[1])))
    out = []
    for index, part in enumerate(parts):
        if progress is not None:
            progress(float(index), float(len(parts)), text)
        out.append(function(part))
    return torch.cat(out)


def model_functions(formula: Formula, domain: Domain) -> Functions:
    """(F, potential or None), both of model positions, without what ``value_shift`` takes off."""
    gradient, potential = formula.gradient, formula.potential
    shift, _ = value_shift(formula, domain)
    if shift:
        gradient, potential = _less(gradient, potential, shift)
    return (
        in_model_positions(gradient, domain.scaling),
        None if potential is None else in_model_positions(potential, domain.scaling),
    )


def value_shift(formula: Formula, domain: Domain) -> tuple[tuple[float, ...], list[str]]:
    """What to take off F's components, from a few points of rho: the same whenever the formula and the domain are."""
    x = draw_rho(domain.rho, SHIFT_POINTS, domain.d, torch.Generator().manual_seed(0))
    values = formula.gradient(domain.scaling.to_user(x.double())).double().numpy()
    return shift_of(values) if np.isfinite(values).all() else ((), [])


def _less(
    gradient: Callable[[Tensor], Tensor], potential: Callable[[Tensor], Tensor] | None, shift: tuple[float, ...]
) -> Functions:
    """F - c, and g - <c, x> where F = grad g; in the precision that it is asked for, c taken off in double."""
    c = torch.tensor(shift, dtype=torch.float64)

    def less(x: Tensor) -> Tensor:
        return (gradient(x.double()) - c.to(x.device)).to(x.dtype)

    def potential_less(x: Tensor) -> Tensor:
        assert potential is not None
        return (potential(x.double()) - x.double() @ c.to(x.device)).to(x.dtype)

    return less, None if potential is None else potential_less


def in_model_positions(user_function: Callable[[Tensor], Tensor], scaling: Scaling) -> Callable[[Tensor], Tensor]:
    """x_hat -> user_function(x): the same values, asked for in model positions."""

    def function(x_hat: Tensor) -> Tensor:
        return user_function(scaling.to_user(x_hat))

    return function


def _check_finite(name: str, what: str, domain: Domain, x_hat: Tensor, values: Tensor) -> None:
    bad = ~(values.reshape(len(values), -1).abs() <= LARGEST).all(dim=1)  # a NaN compares false
    if bool(bad.any()):
        example = domain.scaling.to_user(x_hat[bad.nonzero()[0, 0]].double()[None])[0].tolist()
        shown = list(zip(axis_names(domain.d), example, strict=True))
        point = ", ".join(f"{axis} = {value:.6g}" for axis, value in shown[:4]) + (", ..." if len(shown) > 4 else "")
        share = _percent(float(bad.double().mean()))
        raise InputError(
            f"{name}: {what} is not a finite number (of at most {LARGEST:g}) at {share} of the points of Omega, "
            f"for example at {point}; change the formula or the domain."
        )


def _check_components(name: str, y: Tensor) -> None:
    for k in range(y.shape[1]):
        if bool((y[:, k] == y[0, k]).all()):
            raise InputError(
                f"{name}: component F{k + 1} is {float(y[0, k]):g} everywhere on Omega, so the law of F has no density "
                "and M is not determined; use a field whose every component varies."
            )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share >= 1e-4 else "less than 0.01 %"

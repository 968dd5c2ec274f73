"""Fields with a formula: the released potentials (facts of NPF 5.1), test functions, and the cases with a known answer.

``build`` makes the Field. ``closed_form`` gives grad u and M where they are known: F(x) = A x on an isotropic rho has
grad u = (A A^T)^{1/2} x and M = (A A^T)^{-1/2} A x (left polar factor); swirl and rotation keep the measure
themselves; in one dimension grad u is the monotone rearrangement.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields import flows
from npf_engine.fields import potentials as formulas
from npf_engine.fields.field import Field
from npf_engine.fields.function_field import (
    Domain,
    Formula,
    Functions,
    Progress,
    function_field,
    in_model_positions,
    make_domain,
    model_functions,
)
from npf_engine.fields.potentials import AnalyticInfo
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.limits import MAX_D

_FIVE = ((-5.0, -5.0), (5.0, 5.0))
_UNIT = ((-1.0, -1.0), (1.0, 1.0))
_TURN = math.sqrt(0.5)
# [[2, .3], [.3, 1]] after a turn by 45 degrees
DEFAULT_MATRIX = ((2.3 * _TURN, -1.7 * _TURN), (1.3 * _TURN, 0.7 * _TURN))
LARGEST_CONDITION = 1e6  # of the matrix of ``linear``: beyond it F#rho is a hyperplane for float32

INFO: dict[str, AnalyticInfo] = {
    info.name: info
    for info in (
        AnalyticInfo("himmelblau", "Himmelblau's function", "gradient of (x^2 + y - 11)^2 + (x + y^2 - 7)^2", *_FIVE),
        AnalyticInfo("cosines", "Cosines", "gradient of 3 cos(0.628 x - 1.57) cos(0.314 y)", *_FIVE),
        AnalyticInfo(
            "cosines-2", "Cosines, second variant", "gradient of 3 cos(0.628 x - 1.57) cos(0.628 y - 1.57)", *_FIVE
        ),
        AnalyticInfo("double-well", "Double well", "gradient of (x^2 - 1)^2 + y^2/2", (-2.0, -2.0), (2.0, 2.0)),
        AnalyticInfo(
            "mueller-brown",
            "Mueller-Brown surface",
            "gradient of the Mueller-Brown potential",
            (-1.5, -0.5),
            (1.2, 2.0),
        ),
        AnalyticInfo(
            "rastrigin",
            "Rastrigin's function",
            "gradient of 10 d + sum of x_k^2 - 10 cos(2 pi x_k)",
            (-5.12, -5.12),
            (5.12, 5.12),
            any_d=True,
        ),
        AnalyticInfo(
            "swirl",
            "Swirl",
            "x turned by pi exp(-|x|^2): keeps a disc's measure, so grad u = x and M = F",
            (-2.0, -2.0),
            (2.0, 2.0),
            rho="disc",
            gradient=False,
        ),
        AnalyticInfo(
            "rotation", "Quarter turn", "F(x, y) = (-y, x), so grad u = x and M = F", *_UNIT, rho="disc", gradient=False
        ),
        AnalyticInfo(
            "linear",
            "Linear map",
            "F(x) = A x, so grad u = (A A^T)^(1/2) x and M = (A A^T)^(-1/2) A x",
            *_UNIT,
            rho="disc",
            gradient=False,
            any_d=True,
        ),
        AnalyticInfo(
            "doubling",
            "Doubling map",
            "F(x) = 2 x mod 1: two pre-images of weight one half",
            (0.0,),
            (1.0,),
            rhos=("box",),
            gradient=False,
            free=False,
        ),
        *flows.INFOS,
    )
}
NAMES: tuple[str, ...] = tuple(INFO)
_FLOWS = frozenset(info.name for info in flows.INFOS)

_FORMULAS: dict[str, Formula] = {
    "himmelblau": Formula("himmelblau", formulas.himmelblau_gradient, formulas.himmelblau),
    "cosines": Formula("cosines", *reversed(formulas.cosines(0.314, 0.0))),
    "cosines-2": Formula("cosines-2", *reversed(formulas.cosines(0.628, -1.57))),
    "double-well": Formula("double-well", formulas.double_well_gradient, formulas.double_well),
    "mueller-brown": Formula("mueller-brown", formulas.mueller_brown_gradient, formulas.mueller_brown),
    "rastrigin": Formula("rastrigin", formulas.rastrigin_gradient, formulas.rastrigin),
    "swirl": Formula("swirl", formulas.swirl),
    "rotation": Formula("rotation", formulas.rotation),
    "doubling": Formula("doubling", formulas.doubling),
}


def build(spec: FieldSpec, progress: Progress | None = None) -> Field:
    """The Field (kind "function") of the analytic name ``spec.source``.

    Uses rho, low and high (another domain), matrix (``linear``), t and noise_seed (flows), n_samples and split_seed.
    Positions and values are plain numbers: F is dg/dx in g's units per unit of x. Raises InputError for an unknown
    name, a rho or a domain that the field does not have, or a matrix that is not square and regular.
    """
    info = _info(spec.source)
    domain = _domain(spec)
    field = function_field(_formula(spec), domain, spec, f"{info.title}: {info.formula}", progress)
    if spec.source == "linear":
        field.provenance["matrix"] = matrix(spec).tolist()
    return field


def functions(spec: FieldSpec) -> Functions:
    """(F, potential or None) in model positions, without drawing samples: what a stored field needs to live again."""
    return model_functions(_formula(spec), _domain(spec))


def closed_form(spec: FieldSpec) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]] | None:
    """(grad u, M) in model positions where they are known, else None.

    Both take x_hat (n, d): grad u gives values in the user's units, M gives model positions, and
    F(x_hat) = grad u(M(x_hat)). Known for ``linear`` and ``rotation`` on a disc or a Gaussian (and on a box of which
    the orthogonal factor is a symmetry), ``swirl`` about the origin on a disc or a Gaussian, and ``doubling``.
    """
    if _info(spec.source).name not in ("linear", "rotation", "swirl", "doubling"):
        return None
    domain = _domain(spec)
    if spec.source == "doubling":
        scaling = domain.scaling
        return scaling.to_user, in_model_positions(lambda x: scaling.to_model(formulas.doubling(x)), scaling)
    if spec.source == "swirl":
        if domain.rho == "box" or any(domain.scaling.offset):
            return None
        scaling = domain.scaling
        return scaling.to_user, in_model_positions(lambda x: scaling.to_model(formulas.swirl(x)), scaling)
    linear = np.array([[0.0, -1.0], [1.0, 0.0]]) if spec.source == "rotation" else matrix(spec)
    return _polar(linear, domain)


def _polar(linear: np.ndarray, domain: Domain) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]] | None:
    """Left polar factors of F in model positions, F(x_hat) = A diag(scale) x_hat + A offset."""
    scaled = linear * np.asarray(domain.scaling.scale)[None, :]
    left, singular, right = np.linalg.svd(scaled)
    turn = left @ right
    if domain.rho == "box" and not np.allclose(np.abs(turn), np.rint(np.abs(turn)), atol=1e-9):
        return None  # only a signed permutation maps [-1, 1]^d onto itself
    stretch = left @ np.diag(singular) @ left.T
    offset = torch.from_numpy(linear @ np.asarray(domain.scaling.offset))
    return partial(_affine, torch.from_numpy(stretch), offset), partial(_affine, torch.from_numpy(turn), 0 * offset)


def _affine(matrix_: Tensor, offset: Tensor, x: Tensor) -> Tensor:
    return x @ matrix_.to(x).T + offset.to(x)


def matrix(spec: FieldSpec) -> np.ndarray:
    """The matrix A (d, d) of ``linear``: ``spec.matrix``, or [[2, .3], [.3, 1]] after a turn by 45 degrees."""
    rows = spec.matrix or DEFAULT_MATRIX
    lengths = {len(row) for row in rows}
    if lengths != {len(rows)}:
        raise InputError(
            f"The matrix of linear has {len(rows)} rows of {', '.join(map(str, sorted(lengths)))} numbers; "
            "it must be square."
        )
    if len(rows) > MAX_D:
        raise InputError(f"The matrix of linear has {len(rows)} rows; at most {MAX_D} dimensions are possible.")
    out = np.array(rows, dtype=float)
    if not np.isfinite(out).all():
        row, column = np.argwhere(~np.isfinite(out))[0] + 1
        raise InputError(f"The matrix of linear is not finite in row {row}, column {column}.")
    singular = np.linalg.svd(out, compute_uv=False)
    if singular[-1] * LARGEST_CONDITION < singular[0] or singular[0] == 0:
        raise InputError(
            "The matrix of linear is singular (or nearly): F#rho would lie in a hyperplane and M is not determined; "
            "choose a regular matrix."
        )
    return out


def _info(name: str) -> AnalyticInfo:
    if name not in INFO:
        raise InputError(f"{name!r} is no analytic field; there are {', '.join(NAMES)}.")
    return INFO[name]


def _domain(spec: FieldSpec) -> Domain:
    info = _info(spec.source)
    if spec.rho not in info.rhos:
        raise InputError(f"rho is {spec.rho!r}; {info.name} offers {', '.join(info.rhos)}.")
    low, high = info.low, info.high
    if spec.source == "linear":
        d = len(matrix(spec))
        low, high = (-1.0,) * d, (1.0,) * d
        if spec.rho == "gaussian":
            low, high = (-3.0,) * d, (3.0,) * d  # N(0, I): three standard deviations
    if info.free and (spec.low or spec.high):
        if (
            len(spec.low) == len(spec.high)
            and len(spec.low) != len(low)
            and (spec.source == "linear" or not info.any_d)
        ):
            raise InputError(f"The domain has {len(spec.low)} dimensions, but {info.name} has {len(low)}.")
        low, high = spec.low, spec.high
    return make_domain(info.name, spec.rho, low, high)


def _formula(spec: FieldSpec) -> Formula:
    if spec.source in _FLOWS:
        return Formula(spec.source, flows.velocity(spec.source, spec.t, spec.noise_seed))
    if spec.source != "linear":
        return _FORMULAS[spec.source]
    return Formula("linear", partial(_affine, torch.from_numpy(matrix(spec)), torch.zeros(1)))

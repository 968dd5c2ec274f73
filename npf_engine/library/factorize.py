"""npf.factorize: samples, a function or a named field in, a PolarFactorization out, by the same run as everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.fields import own
from npf_engine.fields.field import Field, draw_rho
from npf_engine.fields.function_field import FUNCTION_RHOS, make_domain
from npf_engine.fields.spec import FieldSpec
from npf_engine.library import arrays
from npf_engine.library.arrays import ArrayLike
from npf_engine.library.callables import own_function
from npf_engine.library.model import PolarFactorization, load
from npf_engine.library.progress import Progress, loader, recorder
from npf_engine.runs.job import run_job, workplace
from npf_engine.settings import limits
from npf_engine.settings.limits import rows_needed
from npf_engine.settings.paths import whole_path
from npf_engine.studies.factorization import cost
from npf_engine.studies.factorization.result import TrainingResult
from npf_engine.studies.factorization.spec import TrainingSpec, of_field, preset, with_values

STEPS = ("u.regression_steps", "u.polish_steps", "v.steps", "m.steps", "inverse.steps")
DUAL_STEPS = ("u.dual_steps", "v.steps", "m.steps", "inverse.steps")  # where u is trained on the dual alone
TRAINED = ("u", "v", "m", "inverse")
PROBED = 4  # points on which a function is tried


class Domain(TypedDict, total=False):
    """Where a field is looked at, as far as it was given."""

    rho: str
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Asked:
    """How ``factorize`` is to do it; see there."""

    low: ArrayLike | float | None = None
    high: ArrayLike | float | None = None
    rho: str | None = None
    preset: str = "quick"
    seed: object = 0
    device: str = "auto"
    budget: float | str | None = None
    progress: Progress = None
    settings: Mapping[str, object] | None = None
    out: str | Path | None = None

    @property
    def domain(self) -> Domain:
        """The given ones of low, high and rho."""
        found: Domain = {} if self.rho is None else {"rho": self.rho}
        if self.low is not None:
            found["low"] = tuple(map(float, arrays.vector("low", self.low)))
        if self.high is not None:
            found["high"] = tuple(map(float, arrays.vector("high", self.high)))
        return found

    @property
    def values(self) -> dict[str, object]:
        """The settings by their dotted keys."""
        return {"seed": _seed(self.seed), "device": self.device} | dict(self.settings or {})


class Options(TypedDict, total=False):
    """The keywords of ``factorize``: the fields of ``Asked``."""

    low: ArrayLike | float | None
    high: ArrayLike | float | None
    rho: str | None
    preset: str
    seed: int
    device: str
    budget: float | str | None
    progress: Progress
    settings: Mapping[str, object] | None
    out: str | Path | None


def factorize(x: object, y: object = None, **options: Unpack[Options]) -> PolarFactorization:
    """Train F = grad u o M (NPF sections 3 and 4) and measure it.

    x, y: samples, two arrays (n, d) of numpy or torch with y_i = F(x_i); rho is then the law of the x_i. Or x alone: a
    function (n, d) -> (n, d), written for numpy or torch, on the box ``low`` to ``high`` (one number an axis); a name
    (``chamonix``, ``himmelblau``, any place, a file: see ``npf fields``); or a Field.

    Options: low, high, rho, preset, seed, device, budget, progress, settings, out. rho: ``box`` (default of a
    function), ``disc``, ``gaussian``, on terrain ``land`` too. preset: ``quick`` (default) or ``paper``. seed: 0;
    device: ``auto``. budget: seconds that are aimed at, by fewer steps than the preset's, or ``"2000 steps"``, all
    stages together; the same steps give the same numbers. progress: True, or a function (stage, step, total). settings:
    dotted keys as ``npf train --set`` takes them. out: a folder for the run, in which a broken one goes on.

    The answer has ``report`` (metrics, verdict), ``save``, ``bundle`` and ``fingerprint``; the same spec gives the same
    one as ``npf train``. Raises InputError, one sentence, for what cannot be trained on.
    """
    for name in options.keys() - {item.name for item in fields(Asked)}:
        raise TypeError(f"factorize() has no option {name!r}; it has {', '.join(item.name for item in fields(Asked))}")
    asked = Asked(**options)
    spec, field = _asked(x, y, asked)
    spec = _within(spec, asked.budget, field)
    with workplace(asked.out) as folder:
        telling = recorder(asked.progress, None if asked.out is None else folder)
        result = run_job(spec, folder, telling, field=field)
        assert isinstance(result, TrainingResult)
        model = load(result.bundle)
    model.report = {key: value for key, value in result.to_json().items() if key != "bundle"}
    model.spec = replace(spec, device=result.device, threads=result.threads)
    if field is not None and field.function is not None:
        model.function, model.info["kind"] = field.function, "function"
    return model


def _asked(x: object, y: object, asked: Asked) -> tuple[TrainingSpec, Field | None]:
    """The spec, and the field where no name says how to build it. Raises InputError."""
    domain, name, values = asked.domain, str(asked.preset), asked.values
    if y is not None:
        if callable(x) and not isinstance(x, Tensor):
            raise InputError("y goes with samples x; for a function pass low and high instead of y")
        return _of_samples(x, y, domain, name, values)
    if isinstance(x, Field):
        _no_domain(domain, "a Field has its own region")
        known = x.provenance.get("spec")
        source = FieldSpec(source=own.OWN_SAMPLES, rho=x.rho) if known is None else _known(known)
        return _named(replace(preset(name), field=source), x.name, values), x
    if isinstance(x, str | Path):
        spec = of_field(name, whole_path(str(x)))
        given = {f"field.{key}": value for key, value in domain.items()}
        title = Path(str(x)).stem if Path(str(x)).suffix else str(x)
        return with_values(_named(spec, title, {}), given | values), None
    if callable(x):
        return of_function(x, domain, name, values, loader(asked.progress))
    if isinstance(x, np.ndarray | Tensor) or hasattr(x, "__array__") or isinstance(x, list | tuple):
        raise InputError("y is missing: pass F at each row of x, an array of the same shape as x")
    raise InputError(
        f"x is a {type(x).__name__}; pass samples x and y (n, d), a function with low and high, or the name of a field"
    )


def _known(spec: dict[str, object]) -> FieldSpec:
    from npf_engine.fields.storage import spec_from_dict

    return spec_from_dict(spec)


def _named(spec: TrainingSpec, title: str, values: dict[str, object]) -> TrainingSpec:
    """With a name that a file can have, and the caller's settings."""
    clean = "".join(c for c in title if c.isprintable())[: limits.MAX_NAME].strip() or "field"
    return with_values(spec, {"name": clean} | values)


def _no_domain(domain: Domain, why: str) -> None:
    if domain:
        raise InputError(f"{next(iter(domain))} cannot be given here: {why}; leave it out")


def _of_samples(
    x: object, y: object, domain: Domain, name: str, values: dict[str, object]
) -> tuple[TrainingSpec, Field]:
    if domain.get("rho") == "samples":
        domain = domain.copy()
        del domain["rho"]
    _no_domain(domain, "of samples, rho is the law of the rows of x")
    at = arrays.rows("x", x)
    at = arrays.rows("x", at, least=rows_needed(at.shape[1]))
    wanted = arrays.rows("y", y)
    if at.shape != wanted.shape:
        raise InputError(
            f"x has shape {at.shape} and y {wanted.shape}; pass F at each row of x, as many columns as x has"
        )
    for key, array in (("x", at), ("y", wanted)):
        arrays.spread_check(key, array)
    spec = replace(preset(name), field=FieldSpec(source=own.OWN_SAMPLES, rho="samples"))
    spec = _named(spec, "samples", values)
    return spec, own.from_samples("samples", at, wanted, spec.field)


def of_function(
    function: Callable[..., object],
    domain: Domain,
    name: str,
    values: dict[str, object],
    progress: Callable[[float, float, str], None] | None,
) -> tuple[TrainingSpec, Field]:
    """The spec of a training on a function, and its field. domain: the given ones of low, high and rho; name: of the
    preset; values: settings by their dotted keys. A bound of one number is that of every weight of a network's loss.
    Raises InputError for a function that is none of points (n, d) -> (n, d)."""
    if missing := next((key for key in ("low", "high") if key not in domain), ""):
        raise InputError(f"{missing} is missing: a function needs its region, low and high, one number an axis")
    rho = domain.get("rho", "box")
    if rho not in FUNCTION_RHOS:
        raise InputError(f"rho must be one of {', '.join(FUNCTION_RHOS)} for a function, not {limits.shown(rho)}")
    d = getattr(function, "d", None)  # of a network's loss, whose axes are many and alike
    low, high = (
        side * d if isinstance(d, int) and len(side) == 1 else side for side in (domain["low"], domain["high"])
    )
    source = FieldSpec(source=own.OWN_FUNCTION, rho=rho, low=low, high=high)
    title = str(getattr(function, "__name__", type(function).__name__)).replace("<lambda>", "function")
    spec = _named(replace(preset(name), field=source), title, values)
    region = make_domain(title, rho, spec.field.low, spec.field.high)
    at = region.scaling.to_user(draw_rho(rho, PROBED, region.d, seeds.generator(0, "function.probe")).double())
    asked = own_function("the function", function, at)
    return spec, own.from_function(title, asked.call, spec.field, progress)


def _seed(seed: object) -> int:
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise InputError(f"seed must be a whole number, not {seed!r}")
    return int(seed.__index__())


def _within(spec: TrainingSpec, budget: float | str | None, field: Field | None) -> TrainingSpec:
    """The spec with its steps cut in one proportion to what the budget allows; never more than the preset's."""
    if budget is None:
        return spec
    keys = DUAL_STEPS if spec.solver == "published" or spec.u.method == "dual" else STEPS
    steps = {key: _steps_of(spec, key) for key in keys}
    if isinstance(budget, str):
        match = re.fullmatch(r"\s*(\d{1,9})\s*steps?\s*", budget)
        share = int(match[1]) / max(1, sum(steps.values())) if match else 0.0
    else:
        seconds = float(budget) if isinstance(budget, int | float | np.number) else 0.0
        guess = cost.guess(spec, 2 if field is None else field.d)
        besides = sum(value for stage, value in guess.items() if stage not in TRAINED)
        share = max(seconds - besides, 0.01 * seconds) / sum(guess[stage] for stage in TRAINED)
    if not share > 0 or isinstance(budget, bool):
        raise InputError(f"budget must be a positive number of seconds, or steps as in '2000 steps', not {budget!r}")
    return with_values(spec, {key: max(1, int(share * value)) for key, value in steps.items()}) if share < 1 else spec


def _steps_of(spec: TrainingSpec, key: str) -> int:
    group, _, name = key.partition(".")
    return int(getattr(getattr(spec, group), name))

"""The library's PolarFactorization: the engine's, answering in the kind it was asked in, with its report and bundle."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.field import Field
from npf_engine.fields.function_field import in_model_positions
from npf_engine.library import arrays
from npf_engine.library.arrays import ArrayLike, ArrayT, Plain
from npf_engine.library.callables import own_function
from npf_engine.library.progress import Progress
from npf_engine.polar import factorization
from npf_engine.polar.constant import WithConstant
from npf_engine.settings import limits

if TYPE_CHECKING:
    from npf_engine.studies.factorization.spec import TrainingSpec

REPORT, SPEC = "report.json", "spec.json"
SAME_FUNCTION = 1e-4  # of F's spread: how far a function given again may be from the samples that were kept
COMPARED = 256  # samples on which that is looked at
FEWEST = 50  # samples that an accuracy table is made of


@dataclass
class PolarFactorization(WithConstant):
    """F = grad u o M with its stochastic inverse, in the caller's units.

    x, y and gradients may be numpy arrays or torch tensors of any real type; answers come as the first argument came.
    report: what ``npf train --json`` prints but for the bundle ({"metrics", "verdict", ...}); empty for a model saved
    without. Methods raise InputError, one sentence that names the argument.
    """

    report: dict[str, object] = dataclasses.field(default_factory=dict)
    spec: TrainingSpec | None = None

    def potential(self, x: ArrayT) -> ArrayT:
        """u(x), (n,) at positions x (n, d)."""
        return arrays.like(x, super().potential(self._rows("x", x)))

    def grad_u(self, x: ArrayT) -> ArrayT:
        """grad u(x), (n, d), in the units of F, at positions x (n, d)."""
        return arrays.like(x, super().grad_u(self._rows("x", x)))

    def grad_u_conjugate(self, y: ArrayT) -> ArrayT:
        """grad u*(y), positions (n, d), for values y (n, d): the inverse of grad_u."""
        return arrays.like(y, super().grad_u_conjugate(self._rows("y", y)))

    def M(self, x: ArrayT, field_values: ArrayLike | None = None) -> ArrayT:
        """M_theta(x) = grad u*(F(x)), (n, d). field_values: F(x) (n, d), needed where F is known on samples only."""
        rows = self._rows("x", x)
        if field_values is None:
            if self.function is None:
                raise InputError("F is known on samples only: pass field_values, F at x (n, d), or use M_network(x)")
            return arrays.like(x, super().M(rows))
        values = self._rows("field_values", field_values)
        if len(values) != len(rows):
            raise InputError(f"field_values has {len(values)} rows and x has {len(rows)}; pass F at each row of x")
        return arrays.like(x, super().M(rows, values))

    def M_network(self, x: ArrayT) -> ArrayT:
        """M_xi(x), (n, d): the network's regression of M_theta."""
        return arrays.like(x, super().M_network(self._rows("x", x)))

    @overload
    def preimages(self, y: Tensor, n: int, seed: int = 0) -> Tensor: ...

    @overload
    def preimages(self, y: Plain, n: int, seed: int = 0) -> np.ndarray: ...

    def preimages(self, y: ArrayLike, n: int, seed: int = 0) -> Tensor | np.ndarray:
        """n draws of points that M sends to y: (n, d) for y (d,), (k, n, d) for y (k, d)."""
        return arrays.like(y, super().preimages(*self._asked("y", y, n), seed))

    @overload
    def invert(self, gradient: Tensor, n: int, seed: int = 0) -> Tensor: ...

    @overload
    def invert(self, gradient: Plain, n: int, seed: int = 0) -> np.ndarray: ...

    def invert(self, gradient: ArrayLike, n: int, seed: int = 0) -> Tensor | np.ndarray:
        """n draws of places where F takes the value ``gradient``: (n, d) for (d,), (k, n, d) for (k, d)."""
        value, draws = self._asked("gradient", gradient, n)
        return arrays.like(gradient, super().invert(value, draws, seed))

    def invert_exact(self, gradient: ArrayLike, n: int, seed: int = 0) -> factorization.ExactInversion:
        """``invert`` of one gradient (d,), each draw carried on to where F is exactly that value; tensors."""
        value = torch.from_numpy(arrays.vector("gradient", gradient, self.d))
        asked, draws = self._asked("gradient", value, n)
        return super().invert_exact(asked, draws, seed)

    def _rows(self, name: str, value: object) -> Tensor:
        return torch.from_numpy(arrays.rows(name, value, self.d))

    def _asked(self, name: str, value: object, n: object) -> tuple[Tensor, int]:
        """One point or several, and how many draws of each. Raises InputError."""
        points, draws = torch.from_numpy(arrays.points(name, value, self.d)), count("n", n)
        limits.check_samples(draws * (1 if points.ndim == 1 else len(points)), self.d)
        return points, draws

    # files

    def save(self, folder: str | Path) -> None:
        """Write the model into a folder, with its report. ``bundle`` makes one file that needs nothing of ours."""
        from npf_engine.studies.factorization.spec import to_json
        from npf_engine.tasks import layout

        folder = Path(folder)
        with layout.writing(folder):
            self._engine().save(folder)
            for name, data in ((REPORT, self.report), (SPEC, {} if self.spec is None else to_json(self.spec))):
                if data:
                    layout.write_json(folder / name, data)

    def bundle(self, path: str | Path) -> Path:
        """Write the bundle (a zip with model card, accuracy table and code that needs torch, numpy and safetensors
        only) to ``path``; returns it. Raises InputError for a model without a report."""
        from npf_engine.studies.factorization.bundling import write_bundle

        if not self.report or self.spec is None:
            raise InputError(
                "this model has no report, which a bundle holds; train it with npf.factorize, or load it "
                "from a bundle or from a folder that save wrote"
            )
        path = Path(path)
        if path.suffix != ".zip":
            path = path.with_name(path.name + ".zip")
        return write_bundle(self._engine(), self.report, self.spec, path)

    @staticmethod
    def load(path: str | Path, function: Callable[..., object] | None = None) -> PolarFactorization:
        """As ``npf.load``."""
        return load(path, function)

    def _engine(self) -> factorization.PolarFactorization:
        """The engine's own, without what the library adds."""
        names = [item.name for item in dataclasses.fields(factorization.PolarFactorization)]
        return factorization.PolarFactorization(**{name: getattr(self, name) for name in names})


def of_engine(
    model: factorization.PolarFactorization, report: dict[str, object], spec: TrainingSpec | None
) -> PolarFactorization:
    """The library's of the engine's."""
    names = [item.name for item in dataclasses.fields(factorization.PolarFactorization)]
    return PolarFactorization(**{name: getattr(model, name) for name in names}, report=report, spec=spec)


def load(path: str | Path, function: Callable[..., object] | None = None) -> PolarFactorization:
    """The model in a bundle (a zip, or its folder) or in a folder that ``save`` wrote.

    function: F again, where it was a Python function, which no file holds; without it the model knows F on samples
    only. A name of the gallery (``jacksboro``, ``fractal``, ``himmelblau``) opens the bundle that comes with the
    package. Raises InputError for what is no model, and for a function that is not the one that was trained on.
    """
    from npf_engine import resources

    if not isinstance(path, (str, Path)):
        raise InputError(f"path is of type {type(path).__name__}; pass the path of a bundle or a folder, or a name")
    found = Path(path).expanduser()
    if not found.exists() and str(path) in resources.gallery_bundles():
        found = resources.gallery_bundles()[str(path)]
    if not found.exists():
        names = ", ".join(resources.gallery_bundles())
        raise InputError(f"there is no model at {path}; pass a bundle, a folder or a name of the gallery ({names})")
    model = _read(found)
    if function is not None:
        _give(model, function)
    return model


def _read(path: Path) -> PolarFactorization:
    from npf_engine.bundle.files import CHECKSUMS
    from npf_engine.bundle.package import read_bundle
    from npf_engine.studies import kinds
    from npf_engine.studies.factorization.spec import TrainingSpec
    from npf_engine.tasks import layout

    if path.is_file() or (path / CHECKSUMS).exists():
        bundle = read_bundle(path)
        settings = kinds.spec_of(bundle.settings, TrainingSpec)
        return of_engine(factorization.PolarFactorization.load(path), bundle.report, settings)
    written = layout.read_json(path / SPEC)
    spec = None if written is None else kinds.spec_of(written, TrainingSpec)
    return of_engine(factorization.PolarFactorization.load(path), layout.read_json(path / REPORT) or {}, spec)


def _give(model: PolarFactorization, function: Callable[..., object]) -> None:
    """F of the caller's again, compared with the samples that were kept. Raises InputError where it differs."""
    x, y = (model.samples[name][:COMPARED].double() for name in ("x_train", "y_train"))
    at = model.scaling.to_user(x)
    plain, shift = in_model_positions(own_function("function", function, at[:4]).call, model.scaling), model.shift
    known = (lambda x_hat: (plain(x_hat.double()) - shift).to(x_hat)) if bool(shift.any()) else plain
    spread = float((y - y.mean(0)).norm(dim=1).mean())
    miss = float((known(x) - y).norm(dim=1).max())
    if not miss <= SAME_FUNCTION * spread:
        raise InputError(
            f"function differs from the F that this model was trained on by up to {miss:.3g}, at the samples that were "
            f"kept (F varies by {spread:.3g}); pass the same function, or leave it out"
        )
    model.function, model.info["kind"] = known, "function"


def accuracy(
    model: PolarFactorization, x: ArrayLike, y: ArrayLike, *, draws: int = 8, seed: int = 0, progress: Progress = None
) -> dict[str, object]:
    """The accuracy table of ``model`` on samples that it has not seen: y (n, d) = F(x) at x (n, d).

    Returns {"metrics", "verdict", "verdict_reason", "seconds"} as ``npf evaluate --json`` prints it, every figure
    between its floor and its trivial answer. Raises InputError for samples outside of the model's region.
    """
    from npf_engine.library.progress import loader
    from npf_engine.measures.report import accuracy_report
    from npf_engine.settings.stages import ReportConfig

    if not isinstance(model, factorization.PolarFactorization):
        raise InputError(f"model is a {type(model).__name__}; pass what npf.factorize or npf.load returns")
    at, values = arrays.rows("x", x, model.d, FEWEST), arrays.rows("y", y, model.d)
    if len(at) != len(values):
        raise InputError(f"x has {len(at):,} rows and y has {len(values):,}; pass F at each row of x")
    field = _unseen(model, torch.from_numpy(at), torch.from_numpy(values) - model.shift)
    config = dataclasses.replace(ReportConfig(), draws=count("draws", draws, least=2))
    return accuracy_report(model._engine(), field, config, seed, loader(progress)).to_json()


def _unseen(model: factorization.PolarFactorization, x: Tensor, y: Tensor) -> Field:
    """The samples as the test samples of a field whose training samples are those that the model has kept."""
    x_hat = model.scaling.to_model(x).float()
    field = Field(
        name=model.field_name,
        kind="function" if model.function else "samples",
        x_train=model.samples["x_train"],
        y_train=model.samples["y_train"],
        x_test=x_hat,
        y_test=y.float(),
        low=model.low,
        high=model.high,
        scaling=model.scaling,
        units=model.units,
        rho=model.rho,
        function=model.function,
        lattice=model.lattice,
    )
    outside = ~field.inside(x_hat / (1 + 1e-3))
    if bool(outside.any()):
        at = int(outside.nonzero()[0, 0])
        raise InputError(
            f"x[{at}] lies outside of the model's region, {model.rho} from {list(model.low)} to {list(model.high)} "
            f"({int(outside.sum()):,} such rows); pass samples of that region"
        )
    return field


def count(name: str, value: object, least: int = 1) -> int:
    """A whole number of at least ``least``. Raises InputError."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < least:
        raise InputError(f"{name} must be a whole number of {least} or more, not {value!r}")
    return int(value.__index__())


@overload
def invert(model: PolarFactorization, gradient: Tensor, n: int = 500, *, seed: int = 0) -> Tensor: ...


@overload
def invert(model: PolarFactorization, gradient: Plain, n: int = 500, *, seed: int = 0) -> np.ndarray: ...


@overload
def invert(
    model: PolarFactorization, gradient: ArrayLike, n: int = 500, *, seed: int = 0, exact: Literal[True]
) -> factorization.ExactInversion: ...


def invert(
    model: PolarFactorization, gradient: ArrayLike, n: int = 500, *, seed: int = 0, exact: bool = False
) -> ArrayLike | factorization.ExactInversion:
    """n draws of places where F takes the value ``gradient`` (d,): (n, d), or (k, n, d) for k of them.

    exact: each draw is carried on to where F is exactly that value, and an object with x, places, weights and more is
    returned (one gradient; F must be known beyond its samples).
    """
    if not isinstance(model, factorization.PolarFactorization):
        raise InputError(f"model is a {type(model).__name__}; pass what npf.factorize or npf.load returns")
    return model.invert_exact(gradient, n, seed) if exact else model.invert(gradient, n, seed)

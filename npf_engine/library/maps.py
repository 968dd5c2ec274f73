"""Brenier maps between two samples, numpy or torch, with scikit-learn's manners."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import SupportsFloat

import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from npf_engine.divergences import sinkhorn
from npf_engine.errors import InputError
from npf_engine.library import arrays
from npf_engine.library.arrays import ArrayLike, ArrayT, Sampler
from npf_engine.library.progress import Progress, recorder
from npf_engine.settings.stages import PotentialConfig
from npf_engine.transport import BrenierMap, WideConfig, fit
from npf_engine.transport.fit_report import FitInfo

FEWEST = 4  # points of a cloud


class TransportMap(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The optimal map grad u from one sample to another, u convex (Brenier 1991).

    >>> T = TransportMap(budget_seconds=30).fit(source, target)  # doctest: +SKIP
    >>> T.transform(source), T.inverse_transform(target), T.potential(source)  # doctest: +SKIP

    budget_seconds: wall time of ``fit``; config: other settings (npf_engine.transport.WideConfig); progress: True or a
    function (stage, step, total). The methods take (n, d) and answer in the kind they were asked in, arrays or
    tensors. After ``fit``: ``info`` (method, held-out dual, a note), ``map_``, ``n_features_in_``.
    """

    def __init__(
        self,
        budget_seconds: float = fit.DEFAULT_SECONDS,
        seed: int = 0,
        config: PotentialConfig | WideConfig | None = None,
        progress: Progress = None,
    ) -> None:
        self.budget_seconds, self.seed, self.config, self.progress = budget_seconds, seed, config, progress

    def fit(self, X: ArrayLike | Sampler, y: ArrayLike | Sampler | None = None) -> TransportMap:
        """From the source X (n, d) to the target y (m, d). Raises InputError."""
        if y is None:
            raise InputError("target is missing: fit(source, target) takes two samples, (n, d) and (m, d)")
        seconds = _seconds(self.budget_seconds)
        source = _cloud("source", X)
        target = _cloud("target", y, source.shape[1] if isinstance(source, Tensor) else None)
        told = None if self.progress is None or self.progress is False else recorder(self.progress)
        self.map_: BrenierMap = fit.fit_brenier_map(
            source, target, seed=int(self.seed), budget_seconds=seconds, config=self.config, recorder=told
        )
        self.n_features_in_ = int(self.map_.info["d"])
        return self

    def transform(self, X: ArrayT) -> ArrayT:
        """grad u(x), (n, d): where each row of X is sent."""
        return self._answer("X", X, lambda fitted, x: fitted.forward(x))

    def inverse_transform(self, X: ArrayT) -> ArrayT:
        """grad u*(y), (n, d): what ``transform`` sends to each row of X."""
        return self._answer("X", X, lambda fitted, y: fitted.inverse(y))

    forward, inverse = transform, inverse_transform

    def potential(self, X: ArrayT) -> ArrayT:
        """u(x), (n,), with grad u = transform."""
        return self._answer("X", X, lambda fitted, x: fitted.potential(x))

    def hessian(self, X: ArrayT) -> ArrayT:
        """The Jacobian of ``transform``, (n, d, d): symmetric, positive definite."""
        return self._answer("X", X, lambda fitted, x: fitted.jacobian(x))

    @property
    def info(self) -> FitInfo:
        """How the map was found: method, seconds, held-out duals, and a note."""
        check_is_fitted(self, "map_")
        return self.map_.info

    def _answer(self, name: str, value: ArrayT, ask: Callable[[BrenierMap, Tensor], Tensor]) -> ArrayT:
        check_is_fitted(self, "map_")
        x = torch.from_numpy(arrays.rows(name, value, self.n_features_in_))
        return arrays.like(value, ask(self.map_, x.to(self.map_.at.centre.device)))


def fit_brenier_map(
    source: ArrayLike | Sampler,
    target: ArrayLike | Sampler,
    *,
    seed: int = 0,
    budget_seconds: float | None = None,
    config: PotentialConfig | WideConfig | None = None,
    progress: Progress = None,
) -> TransportMap:
    """The optimal map from ``source`` (n, d) to ``target`` (m, d), numpy or torch, or functions of torch that draw
    them, (n, generator) -> (n, d). It is a fitted ``TransportMap``; budget_seconds: 60 by default. Raises
    InputError."""
    seconds = fit.DEFAULT_SECONDS if budget_seconds is None else budget_seconds
    return TransportMap(seconds, seed, config, progress).fit(source, target)


def sinkhorn_divergence(x: ArrayLike, y: ArrayLike, eps: float | None = None) -> float:
    """S_eps of two clouds, numpy or torch, x (n, d) and y (m, d), y the reference (NPF 5.1): cost |x - y|^2, eps 0.05
    E|Y - Y'|^2 by default. Never negative; 0 for equal laws up to the chance of the draw. Raises InputError."""
    a = arrays.rows("x", x)
    b = arrays.rows("y", y, a.shape[1], 2 if eps is None else 1)
    # S_eps(x + s, y + s) = S_eps(x, y): about their mean, so that clouds far from the origin lose nothing
    middle = b.mean(axis=0)
    for name, cloud in (("x", a - middle), ("y", b - middle)):
        size = float(abs(cloud).max())
        if 0 < size < arrays.SMALLEST:
            raise InputError(f"{name} differs from the mean of y by {size:.2g} at most; pass both in a smaller unit")
    try:
        return sinkhorn.sinkhorn_divergence(torch.from_numpy(a - middle), torch.from_numpy(b - middle), eps)
    except ValueError as error:
        raise InputError(str(error)) from None


def _seconds(value: object) -> float:
    try:
        seconds = float(value) if isinstance(value, SupportsFloat | str) else math.nan
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InputError(f"budget_seconds must be a positive number, not {value!r}")
    return seconds


def _cloud(name: str, value: ArrayLike | Sampler, d: int | None = None) -> Tensor | Sampler:
    """A sampler as it is; a sample as float64, on the device where it was."""
    if callable(value) and not isinstance(value, Tensor):
        return value
    array = arrays.rows(name, value, d, FEWEST)
    arrays.spread_check(name, array)
    return torch.from_numpy(array).to(
        value.device if isinstance(value, Tensor) and value.device.type != "mps" else "cpu"
    )

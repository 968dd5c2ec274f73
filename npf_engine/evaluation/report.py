"""The accuracy table (NPF 5.1): every value between its floor and its trivial answer, with standard errors and a
verdict.

All on test samples. Clouds are independent draws, eps comes from the reference cloud, and numerator and denominator
use the same
sizes. ``trivial`` is what a method that learned nothing scores: the Gaussian map for u, the identity's
counterpart grad u_gauss* o F for M, I ignoring its input for the inverse, the best constant direction for the cosine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from npf_engine.divergences import default_eps, sinkhorn_divergence, sinkhorn_divergences
from npf_engine.evaluation.inverse import inverse_cosine, inverse_metric
from npf_engine.evaluation.inverse_miss import inverse_miss
from npf_engine.evaluation.verdict import judge
from npf_engine.fields.field import Field
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.settings import ReportConfig
from npf_engine.transport.dual import held_out_dual, in_chunks
from npf_engine.transport.gaussian import gaussian_map

Progress = Callable[[float, float, str], None]


@dataclass
class AccuracyReport:
    """metrics: the contract's keys; level: good, usable or not trustworthy; reason: one sentence."""

    metrics: dict[str, Any]
    level: str
    reason: str
    seconds: float
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values: {"metrics", "verdict", "verdict_reason", "seconds"}."""
        return {
            "metrics": self.metrics,
            "verdict": self.level,
            "verdict_reason": self.reason,
            "seconds": self.seconds,
        }


def accuracy_report(
    model: PolarFactorization,
    field: Field,
    config: ReportConfig | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    known: tuple[Tensor, Tensor] | None = None,
    cosine: bool = True,
) -> AccuracyReport:
    """Measure a model on a field's test samples. ``progress(done, total, text)`` may raise to stop.

    known: M_theta of the field's training and test samples, (n_train, d) and (n_test, d) in model units, where a
    training has just solved them; else they are solved here. cosine False leaves out ``inverse_cosine``, for a caller
    that measures it by itself.
    """
    config = config or ReportConfig()
    begin = time.perf_counter()
    work = _Work(model, field, config, seed, progress or (lambda done, total, text: None), known)
    metrics: dict[str, Any] = work.clouds()
    metrics["reconstruction"] = work.reconstruction()
    work.tell("inverse")
    metrics["inverse"] = inverse_metric(model, work.x_test, work.m_test, work.train, config, seed)
    metrics["inverse_cosine"] = inverse_cosine(model, field, seed) if cosine else None
    work.tell("F at drawn pre-images")
    metrics["inverse_miss"] = inverse_miss(model, field, work.m_test, work.train, seed)
    work.tell("test dual")
    dual = held_out_dual(model.u, field.x_test.to(model.device), field.y_test.to(model.device), work.m_test_device)
    metrics["test_dual"] = {"value": dual.value, "max_residual": dual.max_residual}
    converged = model.info.get("conjugate", {}).get("converged", 1.0)
    level, reason = judge(metrics, held_out=field.x_test.shape[0], converged=converged)
    return AccuracyReport(metrics, level, reason, time.perf_counter() - begin)


class _Work:
    """The clouds of one report and their divergences."""

    def __init__(
        self,
        model: PolarFactorization,
        field: Field,
        config: ReportConfig,
        seed: int,
        progress: Progress,
        known: tuple[Tensor, Tensor] | None,
    ) -> None:
        self.model, self.field, self.config, self.seed, self.progress = model, field, config, seed, progress
        self.n = min(config.n, field.x_test.shape[0] // 2)
        self.total = config.draws + 5
        self.done = 0
        self.x_test, self.y_test = field.x_test, field.y_test
        self.tell("conjugates of the test samples")
        self.m_test_device = self._device(known[1]) if known else model.solve(self._device(self.y_test)).x
        self.m_test = self.m_test_device.cpu().float()
        self.tell("conjugates of the training samples")
        train = slice(0, min(field.x_train.shape[0], 300_000))
        m_train = known[0][train] if known else model.solve(self._device(field.y_train[train])).x
        m_train = m_train.cpu().float()
        self.train = (field.x_train[train], m_train)
        S, mean = gaussian_map(field.x_train, field.y_train)
        self.S, self.mean = S, mean

    def _device(self, a: Tensor) -> Tensor:
        return a.to(self.model.u.raw_w)

    def tell(self, text: str) -> None:
        """One step further."""
        self.progress(min(self.done, self.total), self.total, text)
        self.done += 1

    def clouds(self) -> dict[str, Any]:
        """Pushforward by u, and M's preservation of rho for the network and for the solver."""
        rows: dict[str, list[tuple[float, float, float]]] = {}
        for draw in range(self.config.draws):
            self.tell(f"divergences, draw {draw + 1} of {self.config.draws}")
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + draw)
            order = torch.randperm(self.x_test.shape[0], generator=generator)
            if 3 * self.n <= len(order):
                a, b, c = order[: self.n], order[self.n : 2 * self.n], order[2 * self.n : 3 * self.n]
            else:  # too few test samples for three disjoint clouds: the image is of the second reference's points
                a, b = order[: self.n], order[self.n : 2 * self.n]
                c = b
            self._u_row(rows, a, b, c)
            self._m_rows(rows, a, b, c)
        eps = {
            "pushforward": self.eps_y,
            "measure_preservation": self.eps_x,
            "measure_preservation_implicit": self.eps_x,
        }
        return {name: summarise(values, self.n, eps[name]) for name, values in rows.items()}

    def _u_row(self, rows: dict[str, list[tuple[float, float, float]]], a: Tensor, b: Tensor, c: Tensor) -> None:
        reference, other, x = self.y_test[a], self.y_test[b], self.x_test[c]
        self.eps_y = eps = default_eps(reference)
        image = in_chunks(self.model.u.gradient, self._device(x)).cpu().float()
        gauss = (x.double() @ self.S.T + self.mean).float()
        rows.setdefault("pushforward", []).append(_three(image, other, gauss, reference, eps))

    def _m_rows(self, rows: dict[str, list[tuple[float, float, float]]], a: Tensor, b: Tensor, c: Tensor) -> None:
        reference, other = self.x_test[a], self.x_test[b]
        self.eps_x = eps = default_eps(reference)
        # Trivial: the factorization whose u is the Gaussian map, M = S^-1 (F - m).
        gauss = torch.linalg.lstsq(self.S, (self.y_test[c].double() - self.mean).T).solution.T.float()
        implicit = _three(self.m_test[c], other, gauss, reference, eps)
        rows.setdefault("measure_preservation_implicit", []).append(implicit)
        if self.model.m is None:
            return
        image = in_chunks(self.model.m, self._device(self.x_test[c])).cpu().float()
        value = sinkhorn_divergence(image, reference, eps)
        rows.setdefault("measure_preservation", []).append((value, implicit[1], implicit[2]))

    def reconstruction(self) -> dict[str, float] | None:
        """mean |F - grad u o M_xi| in F's units, and relative to mean |F|."""
        if self.model.m is None:
            return None
        x = self._device(self.x_test)
        rebuilt = in_chunks(lambda part: self.model.u.gradient(self.model.m(part)), x).cpu().float()  # type: ignore[misc]
        size = float(self.y_test.norm(dim=1).mean())
        l2 = float((rebuilt - self.y_test).norm(dim=1).mean())
        trivial = float((self.y_test - self.y_test.mean(0)).norm(dim=1).mean())
        return {"l2": l2, "relative": l2 / size if size > 0 else math.nan, "trivial": trivial}


def _three(image: Tensor, other: Tensor, trivial: Tensor, reference: Tensor, eps: float) -> tuple[float, float, float]:
    """(value, self-distance, trivial) against one reference cloud."""
    value, floor, plain = sinkhorn_divergences([image, other, trivial], reference, eps)
    return value, floor, plain


def summarise(rows: list[tuple[float, float, float]], n: int, eps: float) -> dict[str, float | int | None]:
    """The contract's metric object from (value, self-distance, trivial) of each draw.

    ratio = mean value / mean self-distance; se by the delta method for a ratio of means, the draws being paired.
    """
    data = torch.tensor(rows, dtype=torch.float64)
    value, floor, trivial = (float(v) for v in data.mean(0))
    ratio = value / floor if floor > 0 else None
    se = None
    if ratio is not None and len(rows) > 1:
        se = float((data[:, 0] - ratio * data[:, 1]).std() / math.sqrt(len(rows)) / floor)
    return {
        "value": value, "self_distance": floor, "ratio": ratio, "se": se, "trivial": trivial, "n": n, "eps": eps,
        "draws": len(rows),
    }  # fmt: skip

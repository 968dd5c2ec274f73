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

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.divergences import default_eps, sinkhorn_divergence, sinkhorn_divergences
from npf_engine.fields.field import Field
from npf_engine.measures.accuracy import Accuracy, AccuracyReport, DualGap, MapError, Reconstruction
from npf_engine.measures.accuracy_verdict import judge
from npf_engine.measures.inverse import inverse_metric, inverse_values
from npf_engine.measures.inverse_miss import inverse_miss
from npf_engine.measures.local import local_measures
from npf_engine.measures.measured import Measured
from npf_engine.measures.sliced import sliced_measure
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.settings.reading import maybe_mapping, maybe_number
from npf_engine.settings.stages import ReportConfig
from npf_engine.transport.dual import in_chunks
from npf_engine.transport.dual_value import held_out_dual
from npf_engine.transport.gaussian import gaussian_dual, gaussian_map, undo_gaussian_map

Progress = Callable[[float, float, str], None]
MOST_TRAINING = 300_000  # training samples whose M is solved for


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
    training has just solved them; else they are solved here. cosine False leaves out ``inverse_cosine`` and
    ``inverse_l2``, for a caller that measures them by itself.
    """
    config = config or ReportConfig()
    begin = time.perf_counter()
    work = _Work(model, field, config, seed, progress or (lambda done, total, text: None), known)
    laws = work.clouds()
    work.tell("sliced distances")
    u_sliced, m_sliced = work.sliced()
    work.tell("crowded and empty places")
    misplaced, hole = work.local()
    reconstruction, map_error = work.reconstruction(), work.map_error()
    work.tell("inverse")
    inverse = inverse_metric(model, work.x_test, work.m_test, work.train, config, seed)
    asked = inverse_values(model, field, seed) if cosine else None
    work.tell("F at drawn pre-images")
    miss = inverse_miss(model, field, work.m_test, work.train, seed)
    work.tell("test dual")
    metrics = Accuracy(
        **laws,
        pushforward_sliced=u_sliced,
        measure_preservation_sliced=m_sliced,
        measure_preservation_local=misplaced,
        measure_preservation_hole=hole,
        reconstruction=reconstruction,
        map_error=map_error,
        inverse=inverse,
        inverse_cosine=asked[0] if asked else None,
        inverse_l2=asked[1] if asked else None,
        inverse_miss=miss,
        test_dual=work.test_dual(),
    )
    converged = maybe_number(maybe_mapping(model.info, "conjugate"), "converged", 1.0)
    verdict = judge(metrics, held_out=field.x_test.shape[0], converged=converged)
    return AccuracyReport(metrics, verdict, time.perf_counter() - begin)


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
        self.total = config.draws + 7
        self.done = 0
        self.x_test, self.y_test = field.x_test, field.y_test
        self.tell("conjugates of the test samples")
        self.m_test_device = self._device(known[1]) if known else model.solve(self._device(self.y_test)).x
        self.m_test = self.m_test_device.cpu().float()
        self.tell("conjugates of the training samples")
        train = slice(0, min(field.x_train.shape[0], MOST_TRAINING))
        m_train = known[0][train] if known else model.solve(self._device(field.y_train[train])).x
        m_train = m_train.cpu().float()
        self.train = (field.x_train[train], m_train)
        S, mean = gaussian_map(field.x_train, field.y_train)
        self.S, self.mean = S, mean

    def _device(self, a: Tensor) -> Tensor:
        return a.to(self.model.u.like)

    def tell(self, text: str) -> None:
        """One step further."""
        self.progress(min(self.done, self.total), self.total, text)
        self.done += 1

    def clouds(self) -> dict[str, Measured]:
        """Pushforward by u, and M's preservation of rho for the network and for the solver, by their names."""
        rows: dict[str, list[tuple[float, float, float]]] = {}
        for draw in range(self.config.draws):
            self.tell(f"divergences, draw {draw + 1} of {self.config.draws}")
            generator = seeds.generator(self.seed, f"report.draw.{draw}")
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
        return {name: Measured.of_draws(values, self.n, eps[name]) for name, values in rows.items()}

    def _u_row(self, rows: dict[str, list[tuple[float, float, float]]], a: Tensor, b: Tensor, c: Tensor) -> None:
        reference, other, x = self.y_test[a], self.y_test[b], self.x_test[c]
        self.eps_y = eps = default_eps(reference)
        rows.setdefault("pushforward", []).append(_three(self._grad_u(x), other, self._gauss(x), reference, eps))

    def _m_rows(self, rows: dict[str, list[tuple[float, float, float]]], a: Tensor, b: Tensor, c: Tensor) -> None:
        reference, other = self.x_test[a], self.x_test[b]
        self.eps_x = eps = default_eps(reference)
        implicit = _three(self.m_test[c], other, self._gauss_m(self.y_test[c]), reference, eps)
        rows.setdefault("measure_preservation_implicit", []).append(implicit)
        if self.model.m is None:
            return
        image = in_chunks(self.model.m, self._device(self.x_test[c])).cpu().float()
        value = sinkhorn_divergence(image, reference, eps)
        rows.setdefault("measure_preservation", []).append((value, implicit[1], implicit[2]))

    def _grad_u(self, x: Tensor) -> Tensor:
        return in_chunks(self.model.u.gradient, self._device(x)).cpu().float()

    def _gauss(self, x: Tensor) -> Tensor:
        return (x.double() @ self.S.T + self.mean).float()

    def _gauss_m(self, y: Tensor) -> Tensor:
        """Trivial: the factorization whose u is the Gaussian map, M = S^-1 (F - m)."""
        return undo_gaussian_map(self.S, self.mean, y).float()

    def sliced(self) -> tuple[Measured | None, Measured | None]:
        """Pushforward by u, and M_theta's preservation of rho, by slices of the whole test set."""
        x, y = self.x_test, self.y_test
        u = sliced_measure(self._grad_u(x), self._gauss(x), y, self.seed)
        return u, sliced_measure(self.m_test, self._gauss_m(y), x, self.seed)

    def local(self) -> tuple[Measured | None, Measured | None]:
        """Where M#rho is crowded or bare: of M_xi, which is what is drawn; of M_theta where there is no network."""
        x = self.x_test
        image = self.m_test if self.model.m is None else in_chunks(self.model.m, self._device(x)).cpu().float()
        return local_measures(image, self._gauss_m(self.y_test), x, self.seed) or (None, None)

    def map_error(self) -> MapError | None:
        """Root mean square of M_xi - M_theta over the spread of M_theta; trivial: M_theta's mean instead of M_xi."""
        if self.model.m is None:
            return None
        image = in_chunks(self.model.m, self._device(self.x_test)).cpu().double()
        m = self.m_test.double()
        spread = float((m - m.mean(0)).square().sum(1).mean())
        error = float((image - m).square().sum(1).mean())
        return MapError(math.sqrt(error / spread) if spread > 0 else math.nan)

    def test_dual(self) -> DualGap:
        """mean u(x) + u*(F(x)), and by how much it lies below the Gaussian map's: gap with its standard error, and
        gap_share, the same in percent of F's variance.

        With h = grad u - grad u_best and H the Hessian of u, a dual exceeds the least one by E <h, H^-1 h> / 2 to
        second order; for H ~ sqrt(Var F / Var x) that is sqrt(Var x Var F) / 2 times the share of F's variance that u
        leaves unexplained.
        """
        x, y = self.x_test, self.y_test
        dual = held_out_dual(self.model.u, x.to(self.model.device), y.to(self.model.device), self.m_test_device)
        gauss = gaussian_dual(self.S, self.mean, x, y)
        unit = math.sqrt(float(x.double().var(0).sum() * y.double().var(0).sum())) / 2
        if gauss is None or not unit > 0:
            return DualGap(dual.value, dual.max_residual)
        difference = gauss - dual.terms
        gap = float(difference.mean())
        se = float(difference.std() / math.sqrt(len(difference)))
        return DualGap(dual.value, dual.max_residual, gap, se, 100 * gap / unit)

    def reconstruction(self) -> Reconstruction | None:
        """mean |F - grad u o M_xi| in F's units, and relative to mean |F|."""
        if self.model.m is None:
            return None
        x = self._device(self.x_test)
        rebuilt = in_chunks(lambda part: self.model.u.gradient(self.model.m(part)), x).cpu().float()  # type: ignore[misc]
        size = float(self.y_test.norm(dim=1).mean())
        l2 = float((rebuilt - self.y_test).norm(dim=1).mean())
        trivial = float((self.y_test - self.y_test.mean(0)).norm(dim=1).mean())
        return Reconstruction(l2, l2 / size if size > 0 else math.nan, trivial)


def _three(image: Tensor, other: Tensor, trivial: Tensor, reference: Tensor, eps: float) -> tuple[float, float, float]:
    """(value, self-distance, trivial) against one reference cloud."""
    value, floor, plain = sinkhorn_divergences([image, other, trivial], reference, eps)
    return value, floor, plain

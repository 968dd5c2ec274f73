"""run_lab: every method on one task, one budget, many seeds, the same measures."""

from __future__ import annotations

import functools
import io
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.divergences import default_eps, energy_mmd, l2_uvp, sinkhorn_divergence
from npf_engine.networks.weights import fingerprint_of
from npf_engine.studies.lab.fitting import Curve, fits
from npf_engine.studies.lab.moments import Moments, moment_errors, points_for
from npf_engine.studies.lab.progress import load_done, save_done, weights
from npf_engine.studies.lab.result import LabResult, Levels, MethodResult
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.lab.tasks import Task, build_task
from npf_engine.tasks.files import write_atomic
from npf_engine.tasks.progress import Place
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import simplex
from npf_engine.transport.map import Map, TransportMap
from npf_engine.transport.methods import registry

# S_eps of two draws of the lab's mixtures: .077 +- .058 on 1,024 points, .045 +- .031 on 4,096, .019 +- .018 on 8,192,
# where one takes 4 s and 670 MB; on fewer a good map cannot be told from the exact one.
POINTS = {"mmd": 10_000, "l2_uvp": 4096, "s_eps": 8192}
SHOWN = 2000  # points kept for pictures
EXACT_POINTS = 1000
JACOBIAN_POINTS, JACOBIAN_NUMBERS = 256, 2**24  # of those that are held at a time
LOOK_POINTS = 512  # of the curves, and of the levels that are drawn beside them
FLOORS, LOOK_FLOORS, MAX_FLOORS = 3, 8, 8  # draws, at least, that a floor is the mean of
MOMENT_DRAWS = 8  # of the moments
BEYOND = 1e12  # an image farther out has left the numbers that can be measured
MMD_CHUNK = 64  # rows of the distance matrix at once: it stays in the cache


def run_lab(spec: LabSpec, recorder: Recorder | None = None, folder: Path | None = None) -> LabResult:
    """Run the methods one after another; rows that are not judged yet.

    A run failed when its value is not finite, above the task's threshold, or no better than the trivial one. folder:
    gets lab.json, and lab.npz with source, target and each method's pushforward of the first seed for pictures. Raises
    InputError for a task that cannot be had, Cancelled when the recorder says so.
    """
    recorder = recorder or Recorder()
    bench = Bench(build_task(spec.task, spec.target, spec.d), spec)
    arrays = bench.arrays()
    recorder.plan(weights(spec.methods, spec.seeds, spec.budget_seconds))
    results, kept = load_done(recorder)
    report = bench.result(results)
    arrays |= kept
    if folder is not None:
        _write(folder, report, arrays)  # who follows the run sees floor, trivial answer and clouds at once
    for name in spec.methods:
        recorder.check()
        if name in results:
            recorder.stage(name, "restored")
            continue
        recorder.stage(name, "started")
        results[name], image = bench.run(name, recorder)
        report = bench.result(results)
        if image is not None:
            arrays[f"pushforward_{name}"] = image[:SHOWN].numpy()
        recorder.stage(name, "done")
        if folder is not None:
            _write(folder, report, arrays)
        save_done(recorder, results, arrays)
    return report


def _write(folder: Path, report: LabResult, arrays: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, **{k: np.asarray(v, dtype=np.float32) for k, v in arrays.items()})  # type: ignore[arg-type]
    for name, data in (("lab.npz", buffer.getvalue()), ("lab.json", json.dumps(report.to_json()).encode())):
        write_atomic(folder / name, data)


class Bench:
    """The test points and the measures, the same for all methods."""

    def __init__(self, task: Task, spec: LabSpec) -> None:
        self.task, self.spec = task, spec
        n = spec.points or POINTS[task.metric]
        if task.cloud is not None:
            n = min(n, max(16, task.cloud))
        self.n = n
        self.x, self.y = task.test(n, spec.first_seed)
        self.eps = default_eps(self.y) if task.metric == "s_eps" else None
        self.floor, self.floor_std = self._floor(max(spec.seeds, FLOORS), n, apart=True)
        shift = self.y.mean(0) - self.x.mean(0)
        self.trivial = self.value(lambda x: x + shift, self.x, self.y)
        few = min(LOOK_POINTS, n)
        self.look_levels = Levels(
            points=few,
            floor=self._floor(LOOK_FLOORS, few, apart=False)[0],
            trivial=_number(self.look(lambda x: x + shift)),
        )
        if task.true_map is not None:
            self.exact_cost = float((task.true_map(self.x) - self.x).square().sum(1).mean())
        else:
            self.exact_cost = _exact_cost(self.x[:EXACT_POINTS], self.y[:EXACT_POINTS])
        # Identical clouds: only moving the mean, by nothing, is the answer itself.
        self.limit = math.inf if task.identical else self.trivial
        if task.failed_above is not None:
            self.limit = min(self.limit, task.failed_above)

    @functools.cached_property
    def many(self) -> tuple[Tensor, Tensor] | None:
        """The points (m, d) of both laws that moments are told by; None where a law is known by points alone."""
        if self.task.cloud is not None:
            return None
        return self.task.test(points_for(self.n, self.task.d), seeds.child(self.spec.first_seed, "lab.moments"))

    def moments(self, forward: Map) -> Moments | None:
        """Of the image of a map."""
        if self.many is None:
            return None
        found = moment_errors(forward(self.many[0]), self.many[1])
        return found if math.isfinite(found.mean) and math.isfinite(found.covariance) else None

    @functools.cached_property
    def moments_floor(self) -> Moments | None:
        """The mean of some other draws of the target: one alone may be several times another."""
        if self.many is None:
            return None
        n, first = len(self.many[1]), self.spec.first_seed
        others = (self.task.test(n, seeds.child(first, f"lab.moments.floor.{k}"))[1] for k in range(MOMENT_DRAWS))
        found = [moment_errors(other, self.many[1]) for other in others]
        return Moments(*(float(np.mean([getattr(one, key) for one in found])) for key in ("mean", "covariance")))

    def arrays(self) -> dict[str, np.ndarray]:
        """The clouds that are kept for pictures, the true map's image among them where it is known."""
        found = {"source": self.x[:SHOWN].numpy(), "target": self.y[:SHOWN].numpy()}
        if self.task.true_map is not None:
            found["truth"] = self.task.true_map(self.x[:SHOWN]).numpy()
        return found

    def result(self, rows: Mapping[str, MethodResult]) -> LabResult:
        """What the run answers, with these rows."""
        task, spec = self.task, self.spec
        return LabResult(
            task=spec.task if spec.target is None else f"{spec.task} {spec.target}",
            title=task.title,
            d=task.d,
            notes=task.notes,
            metric=task.metric,
            floor=self.floor,
            floor_std=self.floor_std,
            trivial=self.trivial,
            look=self.look_levels,
            exact_cost=self.exact_cost,
            n=len(self.x),
            seeds=(spec.first_seed, spec.seeds),
            spec=spec.to_json(),
            results=dict(rows),
            moments=self.moments_floor,
        )

    def _floor(self, draws: int, n: int, apart: bool) -> tuple[float | None, float | None]:
        """Mean and standard deviation of the metric between draws of the target, n points each: to the references of
        the seeds that are run (``apart``), or all to the first one's. None for L2-UVP."""
        if self.task.metric == "l2_uvp":
            return None, None
        first = self.spec.first_seed
        found = []
        for seed in range(first, first + min(draws, MAX_FLOORS)):
            reference = self.task.test(n, seed)[1] if apart and seed != first else self.y[:n]
            found.append(self._distance(self.task.test(n, seeds.child(seed, "lab.floor"))[1], reference))
        return float(np.mean(found)), float(np.std(found, ddof=1))

    def _distance(self, image: Tensor, y: Tensor) -> float:
        if self.task.metric == "mmd":
            return energy_mmd(image, y, chunk=MMD_CHUNK)
        return sinkhorn_divergence(image, y, self.eps)

    def value(self, forward: Map, x: Tensor, y: Tensor) -> float:
        """The task's metric of a map; NaN where the map is not finite."""
        image = forward(x)
        if not torch.isfinite(image).all() or float(image.abs().max()) > BEYOND:
            return math.nan
        if self.task.metric == "l2_uvp":
            assert self.task.true_map is not None
            return l2_uvp(image, self.task.true_map(x))
        return self._distance(image, y)

    def look(self, forward: Map) -> float:
        """The metric on a few points, for curves."""
        return self.value(forward, self.x[:LOOK_POINTS], self.y[:LOOK_POINTS])

    def run(self, name: str, recorder: Recorder) -> tuple[MethodResult, Tensor | None]:
        """The method's row, and the first seed's pushforward of the test points."""
        spec, method = self.spec, registry.get(name)
        seeds = range(spec.first_seed, spec.first_seed + spec.seeds)
        curve = Curve(recorder, self.look, name, self.x[:LOOK_POINTS], spec.seeds if method.together else 1)
        try:
            found = fits(method, self.task, seeds, spec.budget, recorder, curve.see, spec)
        except (ValueError, FloatingPointError, torch.linalg.LinAlgError) as error:
            recorder.note(f"{name}: {error}")
            row = MethodResult.of_values(self.task.metric, [math.nan] * len(seeds), 1.0)
            return replace(row, note=str(error)), None
        values = []
        for index, (seed, fitted) in enumerate(zip(seeds, found, strict=True)):
            recorder.check()
            x, y = (self.x, self.y) if seed == spec.first_seed else self.task.test(self.n, seed)
            values.append(self.value(fitted.forward, x, y))
            recorder.progress(str(Place(name, "measuring")), index + 1, len(found))
        failed = [not (math.isfinite(v) and v < self.limit) for v in values]
        first = found[0]
        image = first.forward(self.x)
        row = replace(
            MethodResult.of_values(self.task.metric, values, sum(failed) / len(failed)),
            seconds=sum(fitted.report.seconds for fitted in found) / len(found),
            parameters=first.report.parameters,
            curve=curve.points(),
            note="; ".join(filter(None, (first.report.note, self._why(values)))),
            cost=_number(float((image - self.x).square().sum(1).mean())),
            look=_number(self.look(first.forward)),
            moments=self.moments(first.forward) if method.learns else None,
            fingerprint=fingerprint_of(*(fitted.forward(self.x[:LOOK_POINTS]) for fitted in found)),
            min_eigenvalue=_min_eigenvalue(first, self.x[: min(JACOBIAN_POINTS, JACOBIAN_NUMBERS // self.task.d**2)]),
        )
        return row, image if torch.isfinite(image).all() else None

    def _why(self, values: list[float]) -> str:
        """Why runs with these values count as failed; nothing where none does."""
        lost = sum(not math.isfinite(value) for value in values)
        above = sum(math.isfinite(value) and value >= self.limit for value in values)
        limit = self.task.failed_above
        published = limit is not None and limit <= self.limit
        told = [
            f"{lost} of {len(values)} maps left the numbers that can be measured" if lost else "",
            (
                f"{above} of {len(values)} runs are above {limit:g}, where the paper counts one as failed"
                if published
                else f"{above} of {len(values)} runs are no better than only moving the mean"
            )
            if above
            else "",
        ]
        return "; ".join(filter(None, told))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _min_eigenvalue(fitted: TransportMap, x: Tensor) -> float | None:
    """Smallest eigenvalue of the Jacobian's symmetric part on a sample: not negative for a Brenier map."""
    J = fitted.jacobian(x).double()
    if not torch.isfinite(J).all():
        return None
    return float(torch.linalg.eigvalsh((J + J.mT) / 2).min())


def _exact_cost(x: Tensor, y: Tensor) -> float:
    """Mean |x - y|^2 of the exact transport of a few points: what a perfect map pays, up to sampling."""
    cost = torch.cdist(x.double(), y.double()).square().numpy()
    scale = max(float(cost.max()), 1e-300)
    return simplex.optimal_cost(cost / scale) * scale

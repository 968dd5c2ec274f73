"""run_lab: every method on one task, one budget, many seeds, the same measures."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import ot
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.divergences import default_eps, energy_mmd, l2_uvp, sinkhorn_divergence
from npf_engine.studies.lab.fitting import Curve, fits
from npf_engine.studies.lab.progress import load_done, save_done, weights
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.lab.tasks import Task, build_task
from npf_engine.tasks.files import write_atomic
from npf_engine.tasks.progress import Place
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.map import Map, TransportMap
from npf_engine.transport.methods import registry
from npf_engine.transport.pairing import PIVOTS

POINTS = {"mmd": 10_000, "l2_uvp": 4096, "s_eps": 1024}
SHOWN = 2000  # points kept for pictures
EXACT_POINTS = 1000
JACOBIAN_POINTS = 256
LOOK_POINTS = 512  # of the curves, and of the levels that are drawn beside them
FLOORS, LOOK_FLOORS, MAX_FLOORS = 3, 8, 8  # draws, at least, that a floor is the mean of
BEYOND = 1e12  # an image farther out has left the numbers that can be measured
MMD_CHUNK = 64  # rows of the distance matrix at once: it stays in the cache


def run_lab(spec: LabSpec, recorder: Recorder | None = None, folder: Path | None = None) -> dict[str, Any]:
    """Run the methods one after another; the contract's JSON and more.

    ``{"task", "metric", "floor", "trivial", "exact_cost", "n", "results": {method: {"metric", "mean", "std",
    "failed_share", "seconds", "parameters", "values", "look", "cost", "min_eigenvalue", "curve", "note"}}}``. floor:
    what two draws of the target differ by, the mean of several, with "floor_std" of a single one (None for L2-UVP,
    whose floor is 0); trivial: the value of only moving the mean. "look": {"points", "floor", "trivial"} and each row's
    value on the few points of the curves, which are to be seen beside these levels and not beside those of n. A run
    failed when its value is not finite, above the task's threshold, or no better than the trivial one. folder: gets
    lab.json, and lab.npz with source, target and each method's pushforward of the first seed for pictures. Raises
    InputError for a task that cannot be had, Cancelled when the recorder says so.
    """
    recorder = recorder or Recorder()
    task = build_task(spec.task, spec.target, spec.d)
    bench = Bench(task, spec)
    arrays = {"source": bench.x[:SHOWN].numpy(), "target": bench.y[:SHOWN].numpy()}
    if task.true_map is not None:
        arrays["truth"] = task.true_map(bench.x[:SHOWN]).numpy()
    report: dict[str, Any] = {
        "task": spec.task if spec.target is None else f"{spec.task} {spec.target}",
        "title": task.title,
        "d": task.d,
        "notes": list(task.notes),
        "metric": task.metric,
        "floor": bench.floor,
        "floor_std": bench.floor_std,
        "trivial": bench.trivial,
        "look": bench.look_levels,
        "exact_cost": bench.exact_cost,
        "n": len(bench.x),
        "seeds": [spec.first_seed, spec.seeds],
        "spec": spec.to_json(),
        "results": {},
    }
    recorder.plan(weights(spec.methods, spec.seeds, spec.budget_seconds))
    report["results"], kept = load_done(recorder)
    arrays |= kept
    if folder is not None:
        _write(folder, report, arrays)  # who follows the run sees floor, trivial answer and clouds at once
    for name in spec.methods:
        recorder.check()
        if name in report["results"]:
            recorder.stage(name, "restored")
            continue
        recorder.stage(name, "started")
        result, image = bench.run(name, recorder)
        report["results"][name] = result
        if image is not None:
            arrays[f"pushforward_{name}"] = image[:SHOWN].numpy()
        recorder.stage(name, "done")
        if folder is not None:
            _write(folder, report, arrays)
        save_done(recorder, report["results"], arrays)
    return report


def _write(folder: Path, report: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, **{k: np.asarray(v, dtype=np.float32) for k, v in arrays.items()})  # type: ignore[arg-type]
    for name, data in (("lab.npz", buffer.getvalue()), ("lab.json", json.dumps(report).encode())):
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
        self.look_levels = {
            "points": few,
            "floor": self._floor(LOOK_FLOORS, few, apart=False)[0],
            "trivial": _number(self.look(lambda x: x + shift)),
        }
        if task.true_map is not None:
            self.exact_cost = float((task.true_map(self.x) - self.x).square().sum(1).mean())
        else:
            self.exact_cost = _exact_cost(self.x[:EXACT_POINTS], self.y[:EXACT_POINTS])
        # Identical clouds: only moving the mean, by nothing, is the answer itself.
        self.limit = math.inf if task.identical else self.trivial
        if task.failed_above is not None:
            self.limit = min(self.limit, task.failed_above)

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

    def run(self, name: str, recorder: Recorder) -> tuple[dict[str, Any], Tensor | None]:
        """The method's row, and the first seed's pushforward of the test points."""
        spec, method = self.spec, registry.get(name)
        seeds = range(spec.first_seed, spec.first_seed + spec.seeds)
        curve = Curve(recorder, self.look, name, self.x[:LOOK_POINTS], spec.seeds if method.together else 1)
        try:
            found = fits(method, self.task, seeds, spec.budget, recorder, curve.see)
        except (ValueError, FloatingPointError, torch.linalg.LinAlgError) as error:
            recorder.note(f"{name}: {error}")
            return _row(self.task.metric, [math.nan] * len(seeds), 1.0, {"note": str(error)}), None
        values = []
        for index, (seed, fitted) in enumerate(zip(seeds, found, strict=True)):
            recorder.check()
            x, y = (self.x, self.y) if seed == spec.first_seed else self.task.test(self.n, seed)
            values.append(self.value(fitted.forward, x, y))
            recorder.progress(str(Place(name, "measuring")), index + 1, len(found))
        failed = [not (math.isfinite(v) and v < self.limit) for v in values]
        first = found[0]
        image = first.forward(self.x)
        more = {
            "seconds": sum(fitted.report.seconds for fitted in found) / len(found),
            "parameters": first.report.parameters,
            "curve": curve.to_json(),
            "note": first.report.note,
            "cost": _number(float((image - self.x).square().sum(1).mean())),
            "look": _number(self.look(first.forward)),
            "min_eigenvalue": _min_eigenvalue(first, self.x[:JACOBIAN_POINTS]),
        }
        row = _row(self.task.metric, values, sum(failed) / len(failed), more)
        return row, image if torch.isfinite(image).all() else None


def _row(metric: str, values: list[float], failed: float, more: dict[str, Any]) -> dict[str, Any]:
    """A method's row, with ``more`` in place of what is not known of one that gave no map."""
    finite = [v for v in values if math.isfinite(v)]
    return {
        "metric": metric,
        "mean": float(np.mean(finite)) if finite else None,
        "std": float(np.std(finite)) if finite else None,
        "failed_share": failed,
        "seconds": 0.0,
        "parameters": 0,
        "values": [v if math.isfinite(v) else None for v in values],
        "look": None,
        "cost": None,
        "min_eigenvalue": None,
        "note": "",
        "curve": {"seconds": [], "step": [], "value": []},
    } | more


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
    return float(ot.emd2([], [], cost / scale, numItermax=PIVOTS) * scale)

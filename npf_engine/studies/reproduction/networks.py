"""NPF 5.6 and appendix D: three convex architectures, their sizes and how well they carry a normal to two targets."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from npf_engine.divergences import default_eps, l2_uvp, sinkhorn_divergence
from npf_engine.networks.classical_icnn import fquad_icnn, linear_icnn
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.networks.sizes import count_parameters
from npf_engine.settings import reading
from npf_engine.studies.lab.tasks import Task, build_task
from npf_engine.studies.reproduction.making import Bench, Made
from npf_engine.studies.reproduction.result import Row
from npf_engine.studies.reproduction.workshop import PartRecorder
from npf_engine.tasks.recorder import State
from npf_engine.transport.map import Map
from npf_engine.transport.methods import registry
from npf_engine.transport.methods.dual import DualSettings
from npf_engine.transport.methods.method import Budget

DIMENSIONS = (32, 128)
SECONDS = {32: 40.0, 128: 60.0}  # of each fit of the quick size
STEPS, RATE, SEEDS = 60_000, 5e-4, 3  # of the paper's size
UVP_POINTS, CLOUD = 2048, 4096
ARCHITECTURES = {"icnn-linear": "Linear", "icnn-fquad": "FQuad", "icnn": "Ours"}
PARAMETERS = {"Linear": (20_577, 328_065), "FQuad": (20_673, 328_449), "Ours": (15_714, 247_170)}
GAUSSIAN = {"Linear": (0.72, 1.26), "FQuad": (0.38, 0.97), "Ours": (0.031, 0.082)}
MIXTURE = {"Linear": (548.0, 2460.0), "FQuad": (452.0, 1760.0), "Ours": (234.0, 1040.0)}


def parameters(bench: Bench) -> Made:
    """Table 3."""
    rows = []
    for k, d in enumerate(DIMENSIONS):
        ours = QuadraticICNN(d, [d] * 4, tail_rank=1)
        made: dict[str, nn.Module] = {"Linear": linear_icnn(d), "FQuad": fquad_icnn(d), "Ours": ours}
        rows += [
            Row(f"{name}, d = {d}", PARAMETERS[name][k], count_parameters(network)) for name, network in made.items()
        ]
    return Made(rows)


def gaussian(bench: Bench) -> Made:
    """Table 4."""
    return _table(bench, "gaussian", GAUSSIAN)


def mixture(bench: Bench) -> Made:
    """Table 5."""
    note = "The paper lists seven covariances and six means: the seventh mean is taken at the origin."
    return _table(bench, "seven-gaussians", MIXTURE, [note])


def _table(bench: Bench, task: str, published: Mapping[str, tuple[float, float]], notes: Sequence[str] = ()) -> Made:
    rows = []
    for k, d in enumerate(DIMENSIONS):
        law = _Law(build_task(task, None, d), bench)
        for method, name in ARCHITECTURES.items():
            values = [law.fitted(method, seed) for seed in law.seeds]
            rows.append(law.row(f"{name}, d = {d}", published[name][k], values))
        values = [law.fitted("fit", seed) for seed in law.seeds]
        rows.append(law.row(f"fit_brenier_map, what the lab calls fit, d = {d}", None, values))
    size = (
        f"each fit has {SECONDS[32]:g} s at d = 32 and {SECONDS[128]:g} s at d = 128, one seed, rate {_rate():g}"
        if bench.quick
        else f"{STEPS:,} steps at the constant rate {RATE:g}, {SEEDS} seeds: the mean is shown"
    )
    return Made(rows, notes=[f"The architectures have the sizes of Table 3 and no Gaussian start; {size}.", *notes])


def _rate() -> float:
    settings = registry.get("icnn").settings
    assert isinstance(settings, DualSettings)
    return settings.rate


class _Law:
    """One task in one dimension: what is fitted to it, and how an answer is measured."""

    def __init__(self, task: Task, bench: Bench) -> None:
        self.task, self.bench = task, bench
        self.seeds = range(bench.spec.seed, bench.spec.seed + (1 if bench.quick else SEEDS))
        n = UVP_POINTS if task.true_map is not None else CLOUD
        self.x, self.y = task.test(n, bench.spec.seed)
        self.floor = 0.0 if task.true_map is not None else self._distance(task.test(n, bench.spec.seed + 1)[1])
        shift = self.y.mean(0) - self.x.mean(0)
        self.trivial = self.measure(lambda x: x + shift)

    def measure(self, forward: Map) -> float:
        """L2-UVP in per cent where the map is known, else the Sinkhorn divergence."""
        image = forward(self.x)
        if self.task.true_map is not None:
            return l2_uvp(image, self.task.true_map(self.x))
        return self._distance(image)

    def _distance(self, image: Tensor) -> float:
        return sinkhorn_divergence(image, self.y, default_eps(self.y))

    def fitted(self, name: str, seed: int) -> float:
        """The measure of a method's map; kept once it is there."""
        key = f"{name}-{self.task.d}-{seed}"

        def learn() -> float:
            method = registry.get(name)
            source, target = self.task.laws
            settings = method.settings
            if isinstance(settings, DualSettings):
                settings = replace(settings, table_sizes=True, rate=settings.rate if self.bench.quick else RATE)
            seconds = SECONDS[self.task.d]
            long = None if isinstance(settings, DualSettings) else 10 * seconds
            budget = Budget(seconds) if self.bench.quick else Budget(long, STEPS)
            told = PartRecorder(self.bench.recorder, f"{ARCHITECTURES.get(name, name)}, d = {self.task.d}")
            return self.measure(method.learn(source, target, budget, seed, told, settings).forward)

        def state(value: float) -> State:
            return {"value": value}

        return self.bench.recorder.kept(key, learn, put=lambda kept: reading.number(kept, "value"), state=state)

    def row(self, what: str, paper: float | None, values: Sequence[float]) -> Row:
        """A row of the table."""
        spread = f"+- {statistics.stdev(values):.2g} over {len(values)} seeds" if len(values) > 1 else ""
        return Row(what, paper, statistics.fmean(values), self.floor, self.trivial, spread)

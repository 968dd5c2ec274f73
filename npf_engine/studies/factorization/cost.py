"""What a training will cost in time: a rough model, set right by the runs this machine has finished."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from npf_engine.fields.field import TEST_FRACTION
from npf_engine.settings.stages import EARLY
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.tasks.progress import STAGES

# The rough model's only constants. They need not be right: measured runs and stages correct them.
FLOPS = 2.5e10  # a second, small matrices in float32
OVERHEAD = 3e-4  # seconds a training step, whatever its size
PAIRING = 3e-7  # seconds a squared point of one exact assignment
SINKHORN = 4e-8  # seconds a squared point of one divergence, all its iterations together
CONJUGATES = 15.0  # seconds of grad u* of every sample, once
RECENT = 5  # finished runs that are asked


def guess(spec: TrainingSpec, d: int = 2) -> dict[str, float]:
    """Seconds a stage by the rough model, for a field of dimension d."""
    u, v, m, inverse = spec.u, spec.v, spec.m, spec.inverse
    potential = _weights((d, *u.hidden, 1), 0) + sum(u.hidden) * d * (u.rank + 2)
    if u.method == "pairing" and spec.solver != "published":
        steps = (u.regression_steps + 6 * u.polish_steps) * (EARLY if u.patience else 1.0)
        fit = u.pairings * PAIRING * u.pair_size**2 + steps * _step(3 * potential, u.batch)
    else:
        # Every dual step solves a conjugate: several evaluations with a Hessian a point.
        fit = u.dual_steps * (60 if spec.solver == "published" else 6) * _step(3 * potential, u.batch)
    # Three clouds are measured, each between its floor and its trivial answer; the neighbourhoods add a little.
    divergences = 9 * spec.report.draws * SINKHORN * spec.report.n**2
    return {
        "field": 2.0,
        "u": fit,
        "v": v.steps * _step(_weights((d, *v.hidden, d), 0), v.batch) + CONJUGATES,
        "m": m.steps * _step(_weights((d, *m.hidden, d), m.fourier), m.batch),
        "inverse": inverse.steps * _step(_weights((2 * d + 1, *inverse.hidden, d), inverse.fourier), inverse.batch),
        "report": divergences + 5.0,
        "bundle": 2.0,
    }


@dataclass(frozen=True)
class Cost:
    """Seconds a stage and their sum; ``runs``: how many finished runs of this machine it leans on, 0 for none; busy:
    other work ran on it while it was measured."""

    stages: Mapping[str, float]
    runs: int
    busy: bool = False

    @property
    def total(self) -> float:
        """Of all stages."""
        return sum(self.stages.values())

    @property
    def basis(self) -> str:
        """One sentence for the user: what the figure rests on."""
        if self.runs > 1:
            return f"From the last {self.runs} trainings of this machine."
        if self.runs == 1:
            return "From the one training that this machine has finished."
        if self.busy:
            return (
                "From a short measurement of this machine while it was at other work: alone it is faster. Its first "
                "finished training will make it sharper."
            )
        return "From a short measurement of this machine; its first finished training will make it sharper."


def by_finished(spec: TrainingSpec, finished: Iterable[tuple[TrainingSpec, Mapping[str, float]]]) -> Cost:
    """What training ``spec`` will cost.

    ``finished`` are (spec, seconds a stage) of runs on this machine, the newest first. Each stage of the rough
    model is scaled by the median of measured over guessed.
    """
    ratios: dict[str, list[float]] = {name: [] for name in STAGES}
    runs = 0
    for old, seconds in finished:
        if runs == RECENT:
            break
        runs += 1
        model = guess(old)
        for name in STAGES:
            spent = seconds.get(name, 0.0)
            if spent > 0:
                ratios[name].append(spent / model[name])
    rough = guess(spec)
    stages = {name: rough[name] * (statistics.median(ratios[name]) if ratios[name] else 1.0) for name in STAGES}
    return Cost(stages, runs)


def _weights(widths: tuple[int, ...], octaves: int) -> int:
    """Number of weights of a perceptron with these widths and Fourier octaves on its input."""
    first = widths[0] * (1 + 2 * octaves)
    return sum(a * b for a, b in itertools.pairwise((first, *widths[1:])))


def _step(weights: float, batch: int) -> float:
    """Seconds of one step: forward and backward are six operations a weight and sample."""
    return OVERHEAD + 6 * weights * batch / FLOPS


def compared(spec: TrainingSpec, n: int) -> int:
    """How many points a cloud of the accuracy table has for a field of n samples: half of those kept for tests at
    most."""
    return min(spec.report.n, int(TEST_FRACTION * n) // 2)


def wanted(spec: TrainingSpec) -> int:
    """How many samples a field must have for the accuracy table to compare as many points as were asked for."""
    return math.ceil(2 * spec.report.n / TEST_FRACTION)

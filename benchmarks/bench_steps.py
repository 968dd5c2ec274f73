"""How many operations a step of each training takes, and how often the host would wait for a device in it.

    python -m benchmarks.bench_steps --json

On a GPU each operation is a launch of some microseconds, and each wait lets it run dry. Both are counted without one:
the steps are those of the app's own trainings (``optimise``) at the preset's sizes, on random samples, in the form
that they have beside a device. The longest step counts, of twenty less those after which progress is told.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from benchmarks.step_counts import StepCounts
from npf_engine.networks.bridge import Bridge
from npf_engine.networks.mlp import MLP
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.polar.stages.matching import BridgeMatching
from npf_engine.settings.stages import ConjugateConfig
from npf_engine.studies.factorization.spec import preset
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.conjugate_steps import metric, newton_steps, secant_steps
from npf_engine.transport.dual import PairLoss
from npf_engine.transport.optimise import SHOWN, optimise
from npf_engine.transport.regression import Regression
from npf_engine.transport.schedule import Derived, Schedule, Stage, Steps
from npf_engine.transport.stratified_dual import StratifiedDual

SAMPLES, TAKEN, D = 20_000, 20, 2


@dataclass(frozen=True)
class Counted:
    """Of one step: operations and waits, the latter by name; the bar for the operations, where there is one."""

    what: str
    operations: int
    waits: dict[str, int]
    bar: int | None


@dataclass(frozen=True)
class Training:
    """A loss and the module that it trains, the decay of its average, and the bar for the operations of a step."""

    what: str
    loss: Derived
    module: torch.nn.Module
    ema: float
    bar: int | None

    def take(self, steps: int) -> None:
        """So many steps of ``optimise``: loss, gradients, Adam, average."""
        stage = Stage(self.what, self.what, 0)
        optimise(self.loss, {"it": self.module}, Schedule(1e-3, ema=self.ema), Steps(steps), Recorder(), stage)


class Marked(Derived):
    """A loss whose steps are told from what is between them."""

    def __init__(self, loss: Derived, counts: StepCounts) -> None:
        self.loss, self.counts, self.seen = loss, counts, list[tuple[int, Counter[str]]]()

    def step(self, generator: torch.Generator) -> tuple[Tensor, list[Tensor | None]]:
        """The step of the loss, after a mark."""
        self.seen.append((self.counts.total, Counter(self.counts.waits)))
        value, gradients = self.loss.step(generator)
        return value, list(gradients)


def count_training(training: Training) -> Counted:
    """The longest of its steps."""
    with StepCounts() as counts:
        marked = Marked(training.loss, counts)
        replace(training, loss=marked).take(TAKEN)
    between = [
        (after[0] - before[0], after[1] - before[1])
        for step, (before, after) in enumerate(zip(marked.seen, marked.seen[1:], strict=False))
        if step % SHOWN
    ]
    waits: Counter[str] = Counter()
    for _, seen in between:
        waits |= seen
    return Counted(training.what, max(total for total, _ in between), dict(waits), training.bar)


def count_difference(what: str, work: Callable[[int], object], bar: int | None) -> Counted:
    """One more iteration of ``work(iterations)``."""
    seen = []
    for iterations in (3, 4):
        with StepCounts() as counts:
            work(iterations)
        seen.append(counts)
    waits = seen[1].waits - seen[0].waits
    return Counted(what, seen[1].total - seen[0].total, dict(waits), bar)


def trainings(device: torch.device) -> list[Training]:
    """Those of the preset ``quick``, on a device; u of the paper's four layers too."""
    spec, g = preset("quick"), torch.Generator().manual_seed(0)
    x = torch.rand(SAMPLES, D, generator=g) * 2 - 1
    y = (2 * x + 0.1 * torch.randn(SAMPLES, D, generator=g)).to(device)
    peers = torch.randint(SAMPLES, (SAMPLES, spec.inverse.peers), generator=g).to(device)
    x, found = x.to(device), list[Training]()
    for hidden, bar in (((64, 64), 120), ((64, 64, 64, 64), None)):
        u = QuadraticICNN(D, hidden, activation=spec.u.activation).to(device)
        found.append(Training(f"u {hidden}: regression on pairs", PairLoss(u, x, y, spec.u.batch), u, 0.0, bar))
        u = QuadraticICNN(D, hidden, activation=spec.u.activation).to(device)
        dual = StratifiedDual(u, x, y, spec.u.batch, ConjugateConfig(), start=x, waits=False)
        found.append(Training(f"u {hidden}: dual with conjugates", dual, u, 0.99, None))
    v = MLP(D, D, spec.v.hidden, activation=spec.v.activation).to(device)
    found.append(Training("V", Regression(v, y, x, spec.v.batch), v, 0.99, None))
    m = MLP(D, D, spec.m.hidden, activation=spec.m.activation, fourier=spec.m.fourier).to(device)
    found.append(Training("M_xi", Regression(m, x, y, spec.m.batch), m, 0.99, 28))
    bridge = Bridge(D, spec.inverse.hidden, fourier=spec.inverse.fourier, sigma=spec.inverse.sigma).to(device)
    matching = BridgeMatching(bridge, x, x.flip(1), spec.inverse, peers)
    found.append(Training("bridge, with 32 peers", matching, bridge, spec.inverse.ema, 45))
    return found


def count_all() -> list[Counted]:
    """Every step, and one iteration of Newton's method."""
    rows = [count_training(training) for training in trainings(torch.device("cpu"))]
    for hidden, bar in (((64, 64), 45), ((64, 64, 64, 64), None)):
        u, points = QuadraticICNN(D, hidden, activation="elu"), torch.zeros(1024, D)
        newton = functools.partial(newton_steps, u, points + 0.3, points)
        rows.append(count_difference(f"u {hidden}: one Newton iteration", newton, bar))
    d = 222  # of the classifier
    u, points = QuadraticICNN(d, (64, 64), activation="elu"), torch.zeros(64, d)
    secant = functools.partial(secant_steps, u, points + 0.3, points, metric(u, points))
    rows.append(count_difference(f"u (64, 64), d = {d}: one iteration without a Hessian", secant, 60))
    return rows


def main() -> None:
    """Print all; exit 1 where a bar is not met or a step waits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = count_all()
    if asked.json:
        print(json.dumps([vars(row) for row in rows]))
    else:
        for row in rows:
            bar = "" if row.bar is None else f" (bar {row.bar})"
            print(
                f"{row.what:44s} {row.operations:4d} operations{bar}, waits {sum(row.waits.values())} {row.waits or ''}"
            )
    missed = any(row.waits or (row.bar is not None and row.operations > row.bar) for row in rows)
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()

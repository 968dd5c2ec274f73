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
from dataclasses import dataclass

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
from npf_engine.transport.conjugate_steps import newton_steps
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


class Marked(Derived):
    """A loss whose steps are told from what is between them."""

    def __init__(self, loss: Derived, counts: StepCounts) -> None:
        self.loss, self.counts, self.seen = loss, counts, list[tuple[int, Counter[str]]]()

    def step(self, generator: torch.Generator) -> tuple[Tensor, list[Tensor | None]]:
        """The step of the loss, after a mark."""
        self.seen.append((self.counts.total, Counter(self.counts.waits)))
        value, gradients = self.loss.step(generator)
        return value, list(gradients)


def count_training(what: str, loss: Derived, module: torch.nn.Module, ema: float, bar: int | None) -> Counted:
    """An average step of ``optimise``: loss, gradients, Adam, average."""
    with StepCounts() as counts:
        marked = Marked(loss, counts)
        optimise(marked, {"it": module}, Schedule(1e-3, ema=ema), Steps(TAKEN), Recorder(), Stage(what, what, 0))
    between = [
        (after[0] - before[0], after[1] - before[1])
        for step, (before, after) in enumerate(zip(marked.seen, marked.seen[1:], strict=False))
        if step % SHOWN
    ]
    waits: Counter[str] = Counter()
    for _, seen in between:
        waits |= seen
    return Counted(what, max(total for total, _ in between), dict(waits), bar)


def count_difference(what: str, work: Callable[[int], object], bar: int | None) -> Counted:
    """One more iteration of ``work(iterations)``."""
    seen = []
    for iterations in (3, 4):
        with StepCounts() as counts:
            work(iterations)
        seen.append(counts)
    waits = seen[1].waits - seen[0].waits
    return Counted(what, seen[1].total - seen[0].total, dict(waits), bar)


def count_all() -> list[Counted]:
    """Every step of the preset ``quick``."""
    spec, g = preset("quick"), torch.Generator().manual_seed(0)
    x = torch.rand(SAMPLES, D, generator=g) * 2 - 1
    y = 2 * x + 0.1 * torch.randn(SAMPLES, D, generator=g)
    rows = []
    for hidden, bar in (((64, 64), 120), ((64, 64, 64, 64), None)):
        u = QuadraticICNN(D, hidden, activation=spec.u.activation)
        name = f"u {hidden}"
        rows.append(count_training(f"{name}: regression on pairs", PairLoss(u, x, y, spec.u.batch), u, 0.0, bar))
        dual = StratifiedDual(u, x, y, spec.u.batch, ConjugateConfig(), start=x, waits=False)
        rows.append(count_training(f"{name}: dual with conjugates", dual, u, 0.99, None))
        newton = functools.partial(newton_steps, u, y[:1024], torch.zeros(1024, D))
        rows.append(count_difference(f"{name}: one Newton iteration", newton, 45 if hidden == (64, 64) else None))
    v = MLP(D, D, spec.v.hidden, activation=spec.v.activation)
    rows.append(count_training("V", Regression(v, y, x, spec.v.batch), v, 0.99, None))
    m = MLP(D, D, spec.m.hidden, activation=spec.m.activation, fourier=spec.m.fourier)
    rows.append(count_training("M_xi", Regression(m, x, y, spec.m.batch), m, 0.99, 28))
    bridge = Bridge(D, spec.inverse.hidden, fourier=spec.inverse.fourier, sigma=spec.inverse.sigma)
    peers = torch.randint(SAMPLES, (SAMPLES, spec.inverse.peers), generator=g)
    matching = BridgeMatching(bridge, x, x.flip(1), spec.inverse, peers)
    rows.append(count_training("bridge, with 32 peers", matching, bridge, spec.inverse.ema, 45))
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

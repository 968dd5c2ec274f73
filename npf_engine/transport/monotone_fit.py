"""fit_monotone: a C-MGN or M-MGN from one sample to another, by one of six losses (seed 004 has two of them).

``pairs`` regresses on exact discrete transports and is the default up to four dimensions; ``dual`` (Makkuva et al.
2020) is the default beyond, where small assignments are biased. The paper's own two, ``kl`` and ``adversarial``, and
``sinkhorn`` and ``monge-ampere`` need no pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.networks.monotone import CMGN, MMGN, MonotoneGradient
from npf_engine.networks.sizes import count_parameters
from npf_engine.settings.stages import ConjugateConfig, PotentialConfig
from npf_engine.tasks.recorder import Passing, Recorder
from npf_engine.transport.dual import DualPlan, collect_pairs, fit_dual, fit_to_pairs
from npf_engine.transport.fit_report import FitInfo
from npf_engine.transport.gaussian import gaussian_map, spread_of
from npf_engine.transport.map import MonotoneMap
from npf_engine.transport.monotone_losses import Fitting, LogDensity, batch_loss
from npf_engine.transport.optimise import optimise
from npf_engine.transport.schedule import Schedule, Stage, Steps

KINDS = ("cmgn", "mmgn")
LOSSES = ("pairs", "kl", "adversarial", "sinkhorn", "monge-ampere", "dual")
PAIRING_MAX_D = 4
DRAWN, DRAWN_NUMBERS = 100_000, 2**24  # points of a law at most, and numbers in them
Sampler = Callable[[int, torch.Generator], Tensor]
Watch = Callable[[int, Callable[[Tensor], Tensor]], None]
SNAPSHOTS = 12  # times that a watcher is called
HURRIED, FEW_PAIRS = 4.0, 500  # seconds within which an assignment has no more points


@dataclass(frozen=True)
class LossPlan:
    """Default steps, rate and batch of a loss."""

    steps: int
    rate: float
    batch: int


PLANS = {
    "pairs": LossPlan(1500, 2e-2, 1024),
    "kl": LossPlan(600, 1e-2, 4096),
    "adversarial": LossPlan(3000, 3e-3, 256),
    "sinkhorn": LossPlan(400, 1e-2, 384),
    "monge-ampere": LossPlan(1500, 1e-2, 512),
    "dual": LossPlan(1500, 5e-3, 512),
}


@dataclass(frozen=True)
class MonotonePlan:
    """Which network, and how it is fitted.

    kind: cmgn or mmgn; network: keywords of CMGN or MMGN. loss: one of LOSSES (by default pairs for d <= 4, else dual).
    start: gaussian (the closed-form map; the layers learn the rest) or identity. steps: of the optimiser at most, the
    loss' own where none are given, as are rate and batch; seconds: of the whole call at most. densities: log densities
    of source and target, (n, d) -> (n,), for monge-ampere.
    """

    kind: str = "cmgn"
    loss: str | None = None
    start: str = "gaussian"
    steps: int | None = None
    seconds: float | None = None
    network: Mapping[str, object] = field(default_factory=dict)
    densities: tuple[LogDensity, LogDensity] | None = None
    rate: float | None = None
    batch: int | None = None

    def of(self, loss: str) -> LossPlan:
        """Steps, rate and batch of a loss: what is said here, else its own."""
        own = PLANS[loss]
        return LossPlan(self.steps or own.steps, self.rate or own.rate, self.batch or own.batch)

    def check(self) -> None:
        """InputError for a name that is none, and for what does not go together."""
        if self.kind not in KINDS:
            raise InputError(f"a monotone network is one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.loss is not None and self.loss not in LOSSES:
            raise InputError(f"the loss is one of {', '.join(LOSSES)}, not {self.loss!r}")
        if self.start not in ("gaussian", "identity"):
            raise InputError(f"the start is gaussian or identity, not {self.start!r}")
        if self.loss == "monge-ampere" and self.densities is None:
            raise InputError(
                "the Monge-Ampere residual needs the log densities of source and target; take another loss"
            )
        if self.seconds is not None and not self.seconds > 0:
            raise InputError(f"the budget must be a positive number of seconds, not {self.seconds!r}")


def fit_monotone(
    source: Tensor | Sampler,
    target: Tensor | Sampler,
    plan: MonotonePlan = MonotonePlan(),
    *,
    seed: int = 0,
    recorder: Recorder | None = None,
    watch: Watch | None = None,
) -> MonotoneMap:
    """A monotone gradient network that sends ``source`` to ``target``.

    source, target: samples (n, d), (m, d), or callables (n, generator) -> (n, d), fitted on the CPU. watch(step,
    forward): called SNAPSHOTS times on the way. Raises InputError for a wrong plan and for clouds that do not fit each
    other, FloatingPointError where the loss diverges.
    """
    recorder = recorder or Recorder()
    begin = recorder.clock()
    plan.check()
    x, y = _draw(source, seed, "source"), _draw(target, seed, "target")
    if x.shape[1] != y.shape[1]:
        raise InputError(f"source has dimension {x.shape[1]} and target {y.shape[1]}; a Brenier map needs them equal")
    loss = plan.loss or ("pairs" if x.shape[1] <= PAIRING_MAX_D else "dual")
    fitting, curve = _prepared(x, y, plan, loss, seed), _Curve(recorder, begin)
    u = fitting.u
    if watch is not None:
        curve.snapshot_of = lambda step: watch(step, MonotoneMap(u, fitting.centre, fitting.size).forward)
    seconds = math.inf if plan.seconds is None else plan.seconds
    _Work(fitting, loss, plan, seed, curve, begin + seconds).fit()
    if not all(torch.isfinite(p).all() for p in u.parameters()):
        raise FloatingPointError(f"the fit of the {plan.kind} by {loss} ended with values that are not finite")
    info: FitInfo = {
        "method": plan.kind,
        "loss": loss,
        "d": x.shape[1],
        "n": min(len(x), len(y)),
        "steps": curve.steps,
        "seconds": recorder.clock() - begin,
        "parameters": count_parameters(u),
    }
    return MonotoneMap(u, fitting.centre, fitting.size, info, curve.curve)


class _Curve(Passing):
    """Keeps the losses with their seconds, and passes everything but checkpoints on: a fit of a minute needs none."""

    def __init__(self, inner: Recorder, begin: float) -> None:
        super().__init__(inner)
        self.begin, self.curve = begin, list[dict[str, float]]()
        self.snapshot_of: Callable[[int], None] | None = None
        self.snapshots, self.steps = 0, 0

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        """Keep the step, then pass it on."""
        if "loss" in scalars:
            self.steps = step
            self.curve.append({"step": step, "seconds": self.clock() - self.begin, "loss": scalars["loss"]})
            if self.snapshot_of is not None and step * SNAPSHOTS >= self.snapshots * total:
                self.snapshots = 1 + step * SNAPSHOTS // total
                self.snapshot_of(step)
        self.inner.progress(stage, step, total, **scalars)


def _prepared(x: Tensor, y: Tensor, plan: MonotonePlan, loss: str, seed: int) -> Fitting:
    """The source in model units, and the network at its start."""
    centre, size = x.mean(0), spread_of(x)
    x = (x - centre) / size
    kind: type[MonotoneGradient] = CMGN if plan.kind == "cmgn" else MMGN
    u = kind.from_config({"d": x.shape[1], "seed": seed, **plan.network})
    scale = spread_of(y)
    if plan.start == "gaussian":
        S, mean = gaussian_map(x, y)
        u.start_at_gaussian(S, mean, x, scale)
    else:
        u.start_at_identity(x, scale)
    return Fitting(u, x, y, centre, size, plan.of(loss).batch)


@dataclass(frozen=True)
class _Work:
    """One fit by a loss, until its steps are done or the recorder's clock reaches ``until``."""

    fitting: Fitting
    loss: str
    plan: MonotonePlan
    seed: int
    recorder: _Curve
    until: float

    def fit(self) -> None:
        """Train: by batches, or as u_theta is trained, which a monotone network serves as well."""
        own, fitting, recorder = self.plan.of(self.loss), self.fitting, self.recorder
        config = PotentialConfig(regression_lr=own.rate, batch=own.batch)
        if self.loss == "dual":
            x, y = self._repeated()
            plan = DualPlan.of(config, ConjugateConfig(), self._budget(), own.rate)
            fit_dual(fitting.u, x, y, plan, self.seed, recorder)
        elif self.loss == "pairs":
            pairs = self._pairs(config)
            fit_to_pairs(fitting.u, pairs, config, self.seed, recorder, budget=self._budget())
        else:
            loss = batch_loss(self.loss, fitting, self.plan.densities, self.seed)
            stage = Stage("fit", "fit", self.seed)
            # Against a critic that follows, momentum and the newest weights go round the answer in circles.
            adversarial = self.loss == "adversarial"
            schedule = Schedule(own.rate, betas=(0.5, 0.9), ema=0.99) if adversarial else Schedule(own.rate)
            optimise(loss, {"u": fitting.u}, schedule, self._budget(), recorder, stage)

    def _budget(self) -> Steps:
        """What is left."""
        return Steps(self.plan.of(self.loss).steps, self.until - self.recorder.clock())

    def _pairs(self, config: PotentialConfig) -> tuple[Tensor, Tensor]:
        """Assignments one after another, until there are enough or half of the time is gone."""
        begin = self.recorder.clock()
        stop = begin + (self.until - begin) / 2
        size = min(config.pair_size, len(self.fitting.x), len(self.fitting.y))
        if self.until - begin < HURRIED:
            size = min(size, FEW_PAIRS)
        found: list[tuple[Tensor, Tensor]] = []
        while not found or (len(found) < config.pairings and self.recorder.clock() < stop):
            own = seeds.child(self.seed, f"pairing.{len(found)}")
            found.append(collect_pairs(*self._equal(), size, 1, own, self.recorder))
        return torch.cat([pair[0] for pair in found]), torch.cat([pair[1] for pair in found])

    def _equal(self) -> tuple[Tensor, Tensor]:
        """Both clouds cut to one length, which stratified pairs need; rows are in random order."""
        count = min(len(self.fitting.x), len(self.fitting.y))
        return self.fitting.x[:count], self.fitting.y[:count]

    def _repeated(self) -> tuple[Tensor, Tensor]:
        """Both clouds at the length of the longer: the dual keeps a conjugate for each row, and may see a row twice."""
        x, y = self.fitting.x, self.fitting.y
        rows = torch.arange(max(len(x), len(y)))
        return x[rows % len(x)], y[rows % len(y)]


def _draw(cloud: Tensor | Sampler, seed: int, name: str) -> Tensor:
    points = cloud if isinstance(cloud, Tensor) else cloud(DRAWN, seeds.generator(seed, name))
    if points.ndim != 2 or points.shape[0] < 4:
        raise InputError(f"the {name} must be (n, d) with at least 4 points, not {tuple(points.shape)}")
    if not torch.isfinite(points).all():
        raise InputError(f"the {name} holds values that are not finite")
    order = torch.randperm(len(points), generator=seeds.generator(seed, f"{name}.order"))
    if not isinstance(cloud, Tensor):
        order = order[: max(4, DRAWN_NUMBERS // points.shape[1])]
    return points.detach().float().cpu()[order]

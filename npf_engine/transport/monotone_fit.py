"""fit_monotone: a C-MGN or M-MGN from one sample to another, by one of six losses (seed 004 has two of them).

``pairs`` regresses on exact discrete transports and is the default up to four dimensions; ``dual`` (Makkuva et al.
2020) is the default beyond, where small assignments are biased. The paper's own two, ``kl`` and ``adversarial``, and
``sinkhorn`` and ``monge-ampere`` need no pairs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.divergences import default_eps
from npf_engine.errors import InputError
from npf_engine.networks.monotone import CMGN, MMGN, MonotoneGradient
from npf_engine.networks.sizes import count_parameters
from npf_engine.settings.stages import ConjugateConfig, PotentialConfig
from npf_engine.tasks.recorder import Passing, Recorder
from npf_engine.transport.adversarial import AdversarialConfig, Adversary
from npf_engine.transport.dual import collect_pairs, fit_dual, fit_to_pairs
from npf_engine.transport.gaussian import covariance, gaussian_map, spread_of
from npf_engine.transport.loop import Loop
from npf_engine.transport.map import MonotoneMap
from npf_engine.transport.monotone_losses import LogDensity, gaussian_kl, monge_ampere, sinkhorn_loss

KINDS = ("cmgn", "mmgn")
LOSSES = ("pairs", "kl", "adversarial", "sinkhorn", "monge-ampere", "dual")
PAIRING_MAX_D = 4
DRAWN = 100_000
Sampler = Callable[[int, torch.Generator], Tensor]
Loss = Callable[[int, torch.Generator], tuple[Tensor, dict[str, float]]]
Watch = Callable[[int, Callable[[Tensor], Tensor]], None]
LOOKS = 12
TRIAL, SPENT = 10, 0.9  # steps by which their pace is known; the share of the time left that the others may take
HURRIED, FEW_PAIRS = 4.0, 500  # seconds within which an assignment has no more points
EPS_POINTS = 4096  # of the target, by which the Sinkhorn loss chooses its eps


@dataclass(frozen=True)
class _Plan:
    """Default steps, rate and batch of a loss."""

    steps: int
    rate: float
    batch: int


PLANS = {
    "pairs": _Plan(1500, 2e-2, 1024),
    "kl": _Plan(600, 1e-2, 4096),
    "adversarial": _Plan(2000, 2e-3, 512),
    "sinkhorn": _Plan(400, 1e-2, 384),
    "monge-ampere": _Plan(1500, 1e-2, 512),
    "dual": _Plan(1500, 5e-3, 512),
}


def fit_monotone(
    source: Tensor | Sampler,
    target: Tensor | Sampler,
    *,
    kind: str = "cmgn",
    loss: str | None = None,
    start: str = "gaussian",
    steps: int | None = None,
    budget_seconds: float | None = None,
    network: dict[str, Any] | None = None,
    densities: tuple[LogDensity, LogDensity] | None = None,
    seed: int = 0,
    recorder: Recorder | None = None,
    watch: Watch | None = None,
) -> MonotoneMap:
    """A monotone gradient network that sends ``source`` to ``target``.

    source, target: samples (n, d), (m, d), or callables (n, generator) -> (n, d), fitted on the CPU. kind: cmgn or
    mmgn. loss: one of LOSSES (by default pairs for d <= 4, else dual). start: gaussian (the closed-form map; the layers
    learn the rest) or identity. steps: of the optimiser; budget_seconds: wall time, which may cut the steps. network:
    keywords of CMGN or MMGN.
    densities: log densities of source and target, (n, d) -> (n,), for monge-ampere. watch(step, forward): called LOOKS
    times on the way. Raises InputError for a wrong name
    and for clouds that do not fit each other, FloatingPointError where the loss diverges.
    """
    recorder = recorder or Recorder()
    begin = recorder.clock()
    _check_names(kind, loss, start, densities)
    x, y = _draw(source, seed, "source"), _draw(target, seed, "target")
    if x.shape[1] != y.shape[1]:
        raise InputError(f"source has dimension {x.shape[1]} and target {y.shape[1]}; a Brenier map needs them equal")
    if budget_seconds is not None and not budget_seconds > 0:
        raise InputError(f"the budget must be a positive number of seconds, not {budget_seconds!r}")
    loss = loss or ("pairs" if x.shape[1] <= PAIRING_MAX_D else "dual")
    work = _Work.prepare(x, y, kind, start, network or {}, seed, _Curve(recorder, begin))
    if watch is not None:
        work.recorder.look = lambda step: watch(step, MonotoneMap(work.u, work.centre, work.size).forward)
    until = None if budget_seconds is None else begin + budget_seconds
    count = work.fit(loss, steps or PLANS[loss].steps, until, densities)
    if not all(torch.isfinite(p).all() for p in work.u.parameters()):
        raise FloatingPointError(f"the fit of the {kind} by {loss} ended with values that are not finite")
    info = {
        "method": kind, "loss": loss, "d": x.shape[1], "n": min(len(x), len(y)), "steps": count,
        "seconds": recorder.clock() - begin, "parameters": count_parameters(work.u),
    }  # fmt: skip
    return MonotoneMap(work.u, work.centre, work.size, info, work.recorder.curve)


class _Curve(Passing):
    """Keeps the losses with their seconds, and passes everything but checkpoints on: a fit of a minute needs none."""

    def __init__(self, inner: Recorder, begin: float) -> None:
        super().__init__(inner)
        self.begin, self.curve = begin, list[dict[str, float]]()
        self.look: Callable[[int], None] | None = None
        self.looks = 0

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        """Keep the step, then pass it on."""
        if "loss" in scalars:
            self.curve.append({"step": step, "seconds": self.clock() - self.begin, "loss": scalars["loss"]})
            if self.look is not None and step * LOOKS >= self.looks * total:
                self.looks = 1 + step * LOOKS // total
                self.look(step)
        self.inner.progress(stage, step, total, **scalars)


@dataclass
class _Work:
    """The clouds of one fit, the source in model units, and its network."""

    u: MonotoneGradient
    x: Tensor
    y: Tensor
    centre: Tensor
    size: float
    seed: int
    recorder: _Curve

    @classmethod
    def prepare(
        cls, x: Tensor, y: Tensor, kind: str, start: str, network: dict[str, Any], seed: int, recorder: _Curve
    ) -> _Work:
        d = x.shape[1]
        centre = x.mean(0)
        size = spread_of(x)
        x = (x - centre) / size
        u: MonotoneGradient = (CMGN if kind == "cmgn" else MMGN)(d, seed=seed, **network)
        scale = spread_of(y)
        if start == "gaussian":
            S, mean = gaussian_map(x, y)
            u.start_at_gaussian(S, mean, x, scale)
        else:
            u.start_at_identity(x, scale)
        return cls(u, x, y, centre, size, seed, recorder)

    def fit(self, name: str, steps: int, until: float | None, densities: tuple[LogDensity, LogDensity] | None) -> int:
        """Train; the number of steps that were done."""
        plan = PLANS[name]
        if name in ("pairs", "dual"):
            return self._fit_potential(name, steps, until)
        loss = self._loss(name, plan.batch, densities)
        steps = self._affordable(lambda n: self._loop(n, plan.rate, loss, Recorder()), steps, until)
        self._loop(steps, plan.rate, loss, self.recorder)
        return steps

    def _loop(self, steps: int, rate: float, loss: Loss, recorder: Recorder) -> None:
        Loop("fit", "fit", {"u": self.u}, steps, rate, self.seed, recorder).run(loss)

    def _affordable(self, run: Callable[[int], None], steps: int, until: float | None) -> int:
        """How many of the steps fit into the time left, from the time that TRIAL take (whose effect is undone)."""
        if until is None:
            return steps
        before = copy.deepcopy(self.u.state_dict())
        run(1)  # the first step loads and allocates
        begin = self.recorder.clock()
        run(TRIAL)
        each = (self.recorder.clock() - begin) / TRIAL
        self.u.load_state_dict(before)
        return max(1, min(steps, int(SPENT * (until - self.recorder.clock()) / each)))

    def _fit_potential(self, name: str, steps: int, until: float | None) -> int:
        """Regression on exact pairs, or the dual: the trainings of u_theta, which a monotone network serves as well."""
        plan, u = PLANS[name], self.u
        config = PotentialConfig(regression_lr=plan.rate, batch=plan.batch)
        if name == "dual":
            x, y = self._repeated()

            def run(count: int, recorder: Recorder) -> None:
                fit_dual(u, x, y, count, plan.rate, config, ConjugateConfig(), self.seed, recorder)
        else:
            source, target = self._pairs(config, until)

            def run(count: int, recorder: Recorder) -> None:
                fit_to_pairs(u, source, target, replace(config, regression_steps=count), self.seed, recorder)

        steps = self._affordable(lambda count: run(count, Recorder()), steps, until)
        run(steps, self.recorder)
        return steps

    def _pairs(self, config: PotentialConfig, until: float | None) -> tuple[Tensor, Tensor]:
        """Assignments one after another, until there are enough or half of the time is gone."""
        begin = self.recorder.clock()
        stop = None if until is None else begin + (until - begin) / 2
        size = min(config.pair_size, len(self.x), len(self.y))
        if until is not None and until - begin < HURRIED:
            size = min(size, FEW_PAIRS)
        found: list[tuple[Tensor, Tensor]] = []
        while not found or (len(found) < config.pairings and (stop is None or self.recorder.clock() < stop)):
            found.append(
                collect_pairs(*self._equal(), size, 1, seeds.child(self.seed, f"pairing.{len(found)}"), self.recorder)
            )
        return torch.cat([pair[0] for pair in found]), torch.cat([pair[1] for pair in found])

    def _equal(self) -> tuple[Tensor, Tensor]:
        """Both clouds cut to one length, which stratified pairs need; rows are in random order."""
        count = min(len(self.x), len(self.y))
        return self.x[:count], self.y[:count]

    def _repeated(self) -> tuple[Tensor, Tensor]:
        """Both clouds at the length of the longer: the dual keeps a conjugate for each row, and may see a row twice."""
        count = max(len(self.x), len(self.y))
        return tuple(cloud[torch.arange(count) % len(cloud)] for cloud in (self.x, self.y))  # type: ignore[return-value]

    def _loss(self, name: str, batch: int, densities: tuple[LogDensity, LogDensity] | None) -> Loss:
        x, y, u, scale = self.x, self.y, self.u, float(self.u.scale)
        batch = min(batch, len(x), len(y))

        def draw(cloud: Tensor, generator: torch.Generator) -> Tensor:
            return cloud[torch.randint(len(cloud), (batch,), generator=generator)]

        if name == "kl":
            mean, cov = y.double().mean(0), covariance(y)
            return lambda step, generator: (gaussian_kl(u.gradient(draw(x, generator)), mean, cov), {})
        if name == "sinkhorn":
            eps = default_eps(y[:EPS_POINTS]) / scale**2
            divergence = sinkhorn_loss(eps)
            return lambda step, generator: (
                divergence(u.gradient(draw(x, generator)) / scale, draw(y, generator) / scale),
                {},
            )
        if name == "monge-ampere":
            assert densities is not None
            log_rho, log_nu = densities

            def residual(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
                points = draw(x, generator)
                known = log_rho(points * self.size + self.centre)
                return monge_ampere(u, points, self.size, known, log_nu).square().mean(), {}

            return residual
        adversary = Adversary(y, AdversarialConfig(), self.seed)

        def adversarial(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
            config = adversary.config
            rounds = config.rounds if adversary.warm else config.warm_up
            adversary.warm = True
            for _ in range(rounds):
                with torch.no_grad():
                    image = u.gradient(draw(x, generator))
                adversary.train(image, draw(y, generator), generator)
            return adversary.loss(u.gradient(draw(x, generator)), draw(y, generator)) / scale, {}

        return adversarial


def _check_names(kind: str, loss: str | None, start: str, densities: tuple[LogDensity, LogDensity] | None) -> None:
    if kind not in KINDS:
        raise InputError(f"a monotone network is one of {', '.join(KINDS)}, not {kind!r}")
    if loss is not None and loss not in LOSSES:
        raise InputError(f"the loss is one of {', '.join(LOSSES)}, not {loss!r}")
    if start not in ("gaussian", "identity"):
        raise InputError(f"the start is gaussian or identity, not {start!r}")
    if loss == "monge-ampere" and densities is None:
        raise InputError("the Monge-Ampere residual needs the log densities of source and target; take another loss")


def _draw(cloud: Tensor | Sampler, seed: int, name: str) -> Tensor:
    points = cloud if isinstance(cloud, Tensor) else cloud(DRAWN, seeds.generator(seed, name))
    if points.ndim != 2 or points.shape[0] < 4:
        raise InputError(f"the {name} must be (n, d) with at least 4 points, not {tuple(points.shape)}")
    if not torch.isfinite(points).all():
        raise InputError(f"the {name} holds values that are not finite")
    order = torch.randperm(len(points), generator=seeds.generator(seed, f"{name}.order"))
    return points.detach().float().cpu()[order]

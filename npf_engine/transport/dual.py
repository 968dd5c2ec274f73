"""Fitting a convex potential u to an optimal transport: regression on exact pairs, and the dual objective.

The dual of Makkuva et al. (2020) as in Amos (2023), NPF section 3.2: with xhat = stop_gradient(grad u*(y)),

    L_u = mean[ u(x) + <xhat, y> - u(xhat) ],      L_V = mean |V(y) - xhat|^2.

Its value on held-out samples with exact conjugates, the *test dual* mean u(x) + u*(y), is the fine measure of u:
lower is better.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.networks.chunks import in_chunks as in_chunks
from npf_engine.networks.potential import Potential
from npf_engine.settings.stages import ConjugateConfig, PotentialConfig
from npf_engine.tasks.progress import Place
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.conjugate import conjugate
from npf_engine.transport.distributed import over
from npf_engine.transport.divided_dual import DividedDual
from npf_engine.transport.optimise import optimise
from npf_engine.transport.pairing import Stratifier, draw_pairs
from npf_engine.transport.plateau import Plateau
from npf_engine.transport.schedule import At, Budget, Derived, Gradients, Own, Schedule, Stage, Steps
from npf_engine.transport.stratified_dual import StratifiedDual
from npf_engine.transport.validation import HeldOut

Watch = Callable[[int], dict[str, float]]
REGRESSION, DUAL = "u", "u: dual"  # what progress calls the two ways
WARM_UP = 1000  # steps of the published V before the first of the dual
MAX_CORES = 4  # assignments at a time: each holds a cost matrix and a plan


def collect_pairs(
    x: Tensor, y: Tensor, size: int, count: int, seed: int, recorder: Recorder, stage: str = "u"
) -> tuple[Tensor, Tensor]:
    """``count`` independent optimal assignments of ``size`` points each, joined: (source, target), (k, d) both.

    The simplex releases Python's lock, so that every core takes an assignment of its own; each has its own seed, so
    that their number changes nothing.
    """
    strata = Stratifier(x, size)

    def one(index: int) -> tuple[Tensor, Tensor]:
        return draw_pairs(x, y, size, seeds.generator(seed, f"pairing.{index}"), strata)

    found = []
    with ThreadPoolExecutor(min(count, MAX_CORES, os.cpu_count() or 1)) as pool:
        waiting = [pool.submit(one, index) for index in range(count)]
        try:
            for index, pair in enumerate(waiting):
                recorder.check()
                found.append(pair.result())
                recorder.progress(str(Place(stage, "pairing")), index + 1, count)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return torch.cat([source for source, _ in found]), torch.cat([target for _, target in found])


@dataclass(frozen=True)
class DualPlan:
    """How the dual is minimised: what may be spent, the schedule, samples a step, the solver of its conjugates.

    patience: validations without a gain that end it, where there are held-out samples. key: of its checkpoint. start
    (n, d): first guesses of grad u*(y). devices: over how many of them each batch is divided.
    """

    budget: Budget
    schedule: Schedule
    batch: int
    solver: ConjugateConfig
    patience: int = 0
    key: str = "u.dual"
    start: Tensor | None = None
    devices: int = 1

    @classmethod
    def of(
        cls, config: PotentialConfig, solver: ConjugateConfig, budget: Budget | None = None, rate: float | None = None
    ) -> DualPlan:
        """All of a training (``method`` dual), with its own steps and rate where none are given."""
        budget, rate = budget or Steps(config.dual_steps), config.dual_lr if rate is None else rate
        return cls(budget, _schedule(config, rate, config.ema), config.batch, solver, config.patience)

    @classmethod
    def polish(
        cls, config: PotentialConfig, solver: ConjugateConfig, start: Tensor | None, budget: Budget | None = None
    ) -> DualPlan:
        """What follows the regression on pairs, with its own steps where no budget is given."""
        schedule, budget = _schedule(config, config.polish_lr, config.ema), budget or Steps(config.polish_steps)
        return cls(budget, schedule, config.batch, solver, config.patience, "u.polish", start)


def _schedule(config: PotentialConfig, rate: float, ema: float = 0.0) -> Schedule:
    return Schedule(rate, config.lr_floor, (config.beta1, config.beta2), ema)


class PairLoss(Derived):
    """mean |grad u(x) - y|^2 / scale^2 on batches of pairs (x, y), (k, d) both. ``watch(step)``: numbers to show."""

    def __init__(self, u: Potential, source: Tensor, target: Tensor, batch: int, watch: Watch | None = None) -> None:
        self.losses, self.d, self.batch, self.watch = u.losses(), u.d, batch, watch
        self.table = torch.cat([source, target], dim=1)

    def step(self, generator: torch.Generator) -> tuple[Tensor, Gradients]:
        """The loss of one batch."""
        pick = torch.randint(len(self.table), (self.batch,), generator=generator, device=generator.device)
        row = self.table.index_select(0, pick)
        return self.losses.pairs(row[:, : self.d], row[:, self.d :])

    def between(self, step: int) -> Mapping[str, float | Tensor]:
        """What is watched."""
        return self.watch(step) if self.watch else {}


def fit_to_pairs(
    u: Potential,
    pairs: tuple[Tensor, Tensor],
    config: PotentialConfig,
    seed: int,
    recorder: Recorder,
    *,
    budget: Budget | None = None,
    watch: Watch | None = None,
    held_out: HeldOut | None = None,
) -> float:
    """Regress grad u on pairs (source, target). ``watch(step)`` adds numbers to the progress. With ``held_out`` it ends
    once that dual is flat. Without a budget it is config.regression_steps. Returns seconds."""
    loss = PairLoss(u, *pairs, config.batch, watch)
    stop = None if held_out is None else Plateau(held_out, config.patience)
    schedule, budget = _schedule(config, config.regression_lr), budget or Steps(config.regression_steps)
    stage = Stage(REGRESSION, "u.fit", seed)
    return optimise(loss, {"u": u}, schedule, budget, recorder, stage, stop=stop).seconds


def fit_dual(
    u: Potential,
    x: Tensor,
    y: Tensor,
    plan: DualPlan,
    seed: int,
    recorder: Recorder,
    *,
    watch: Watch | None = None,
    held_out: HeldOut | None = None,
) -> float:
    """Minimise the dual on samples x (n, d), y (n, d). With ``held_out`` it ends once that dual is flat, and leaves u
    as it was where no step brought a gain. Returns seconds."""
    kind: type[StratifiedDual | DividedDual] = StratifiedDual if plan.devices == 1 else DividedDual
    loss = kind(u, x, y, plan.batch, plan.solver, start=plan.start, watch=watch)
    stop = None if held_out is None else Plateau(held_out, plan.patience)
    schedule = replace(plan.schedule, from_start=held_out is not None)
    stage = Stage(DUAL, plan.key, seed)
    with over(plan.devices, loss) as divided:
        done = optimise(divided, {"u": u}, schedule, plan.budget, recorder, stage, stop=stop, memory=loss.memory)
    return done.seconds


@dataclass(frozen=True)
class PublishedPlan:
    """The paper's algorithm: settings of u and of its conjugates, V's rate and the share to which it falls."""

    config: PotentialConfig
    solver: ConjugateConfig
    v_rate: float
    v_floor: float = 0.01


@dataclass(frozen=True)
class PublishedLoss:
    """L_u / scale + L_V with Adam's conjugates from V(y), those that did not converge masked out."""

    u: Potential
    v: nn.Module
    x: Tensor
    y: Tensor
    plan: PublishedPlan
    watch: Watch | None = None

    def draw(self, generator: torch.Generator) -> Tensor:
        """Indices of a batch."""
        return torch.randint(len(self.x), (self.plan.config.batch,), generator=generator, device=generator.device)

    def warm_up(self, at: At, generator: torch.Generator) -> tuple[Tensor, Mapping[str, float | Tensor]]:
        """V regressed on grad u(x) -> x."""
        points = self.x[self.draw(generator)]
        with torch.no_grad():
            image = self.u.gradient(points)
        return (self.v(image) - points).square().sum(1).mean(), {}

    def __call__(self, at: At, generator: torch.Generator) -> tuple[Tensor, Mapping[str, float | Tensor]]:
        """Both losses of one batch."""
        u, solver = self.u, self.plan.solver
        points, target = self.x[self.draw(generator)], self.y[self.draw(generator)]
        guess, tolerance = self.v(target), solver.tolerance / float(u.scale)
        most = solver.max_iterations
        result = conjugate(u, target, guess.detach(), method="adam", tolerance=tolerance, max_iterations=most)
        mask = result.converged.to(self.x.dtype)
        share = mask.sum().clamp(min=1)
        dual = u(points).mean() + (((result.x * target).sum(1) - u(result.x)) * mask).sum() / share
        amortizer = ((guess - result.x).square().sum(1) * mask).sum() / share
        shown = {"converged": mask.mean(), "dual": dual.detach()}
        return dual / float(u.scale) + amortizer, shown | (self.watch(at.step) if self.watch else {})


def fit_published(
    u: Potential,
    v: nn.Module,
    x: Tensor,
    y: Tensor,
    plan: PublishedPlan,
    seed: int,
    recorder: Recorder,
    watch: Watch | None = None,
) -> float:
    """The paper's algorithm unchanged: V regressed on grad u(x) -> x first, then dual steps with conjugates from V(y).
    Returns seconds."""
    config, loss = plan.config, PublishedLoss(u, v, x, y, plan, watch)
    warm, flat = Stage("u: warm-up", "u.warm", seed), Schedule(plan.v_rate, floor=1.0)
    seconds = optimise(loss.warm_up, {"v": v}, flat, Steps(WARM_UP), recorder, warm).seconds
    schedule = replace(_schedule(config, config.dual_lr), own={"v": Own(plan.v_rate, plan.v_floor)})
    stage = Stage(DUAL, "u.published", seed)
    return seconds + optimise(loss, {"u": u, "v": v}, schedule, Steps(config.dual_steps), recorder, stage).seconds

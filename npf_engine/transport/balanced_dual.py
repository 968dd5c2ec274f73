"""The dual objective in balanced coordinates: all of a budget is used, the best weights are kept, nothing is silent.

Both clouds come in coordinates in which the Gaussian map is the identity (fit_wide.py), so that u starts at |x|^2 / 2
and L-BFGS needs no other preconditioner. Every target sample remembers its last conjugate. Batches, tolerances and the
rate follow the share of the budget that is spent; the averaged weights are validated on held-out samples, and the best
are returned. Once nothing is gained any more, the rest of the schedule is run through faster (plateau.py: Hasten).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from npf_engine.errors import TrainingDiverged
from npf_engine.networks.potential import Potential
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.conjugate import conjugate, extra_iterations
from npf_engine.transport.optimise import optimise
from npf_engine.transport.plateau import Hasten
from npf_engine.transport.schedule import At, Budget, Schedule, Seconds, Shown, Stage
from npf_engine.transport.validation import HeldOut, Validation

VALIDATIONS = 12
PATIENCE = 4  # validations no better than those before them, after which the fit hastens to its end
HASTE = 4  # times faster the rest of the schedule is run through then
SMALLEST_GAIN = 1e-5  # of the dual's distance to its start that counts as an improvement
DECAY = 0.99  # of the weight average
# The last step's batch over the first's. Early, steps count and the noise does not: in 64 dimensions 256 samples a step
# leave a half to three quarters of the error of 2048 in the same time. Late it is the other way round.
GROWTH = 8.0
# Of a minibatch's conjugates, times sqrt(d), at the last step and more at the first: the residual that costs no
# accuracy grows with the dimension, as the noise of a step does. In 64 dimensions a tenth of it leaves time for about
# half the steps, or for half the batch; in 2 dimensions twice as much is too loose.
TOLERANCE, MORE = 0.006, 0.02
HELD_OUT_TOLERANCE, HELD_OUT_ITERATIONS = 3e-3, 60  # of the held-out conjugates
BETAS = (0.9, 0.99)
LAST_RATE, WARM_UP = 0.01, 50  # share of the rate at the end; steps over which it rises at the beginning
LEAST_TIME = 1e-3  # seconds


class Samples(NamedTuple):
    """To fit on, x (n, d) and y (m, d), and to judge by, in balanced coordinates."""

    x: Tensor
    y: Tensor
    x_check: Tensor
    y_check: Tensor


@dataclass(frozen=True)
class BalancedPlan:
    """rate: Adam's first. batch: samples of the last step; the first has 1 / GROWTH of them, and they grow
    geometrically. iterations: of a conjugate at the first and at the last step; between, in proportion to what is
    spent, and more where too few converge."""

    rate: float = 3e-2
    batch: int = 2048
    iterations: tuple[int, int] = (6, 16)


@dataclass
class DualFit:
    """What a fit did: steps, the share of held-out conjugates that converged at the validation whose weights are
    returned, evaluations a point, and the (seconds, dual) of all validations."""

    steps: int = 0
    converged: float = 1.0
    evaluations: float = 0.0
    curve: list[tuple[float, float]] = field(default_factory=list)
    best: float = math.inf  # the lowest held-out dual
    ended_early: bool = False
    diverged: int = 0  # the step by which the numbers were no longer finite; 0 for never


class GrowingDual:
    """mean u(x) + <xhat, y> - u(xhat) on batches that grow, xhat the conjugates of the last batches, improved."""

    def __init__(self, u: Potential, x: Tensor, y: Tensor, plan: BalancedPlan) -> None:
        self.u, self.x, self.y, self.plan = u, x, y, plan
        self.memory = {"xhat": y.clone(), "extra": torch.zeros((), dtype=torch.long)}  # the start is near the identity
        self.evaluations, self.batches, self.last = 0.0, 0, 0

    def __call__(self, at: At, generator: torch.Generator) -> tuple[Tensor, Shown]:
        """The loss of one batch."""
        plan, xhat = self.plan, self.memory["xhat"]
        size = max(1, round(plan.batch * GROWTH ** (at.position - 1)))
        first = torch.randint(len(self.x), (size,), generator=generator, device=generator.device).to(self.x.device)
        second = torch.randint(len(self.y), (size,), generator=generator, device=generator.device).to(self.x.device)
        least, most = plan.iterations
        extra = int(self.memory["extra"])
        solved = conjugate(
            self.u,
            self.y[second],
            xhat[second],
            method="lbfgs",
            tolerance=math.sqrt(self.x.shape[1]) * (TOLERANCE + MORE * at.share),
            max_iterations=round(least + (most - least) * at.position) + extra,
        )
        xhat[second] = solved.x
        self.memory["extra"].fill_(extra_iterations(extra, solved))
        self.batches, self.last = self.batches + 1, max(self.last, at.step + 1)
        self.evaluations += (solved.evaluations - self.evaluations) / self.batches
        return self.u(self.x[first]).mean() - self.u(solved.x).mean(), {}


def minimise_dual(
    u: Potential,
    samples: Samples,
    plan: BalancedPlan,
    budget: Budget,
    *,
    seed: int = 0,
    recorder: Recorder | None = None,
) -> DualFit:
    """Minimise mean u(x) + u*(y) over the budget; one in seconds ends before them where nothing is gained.

    Leaves the best averaged weights by the held-out dual in u. Where the numbers are no longer finite for good it ends
    with these; raises FloatingPointError where that is before the first validation after the start.
    """
    recorder = recorder or Recorder()
    if isinstance(budget, Seconds):
        budget = Seconds(max(LEAST_TIME, budget.count))
    held_out = HeldOut(
        u,
        samples.x_check,
        samples.y_check,
        samples.y_check,
        "lbfgs",
        tolerance=HELD_OUT_TOLERANCE,
        max_iterations=HELD_OUT_ITERATIONS,
        solved=0.0,
    )
    stop = Hasten(
        Validation(held_out, PATIENCE, SMALLEST_GAIN), VALIDATIONS, HASTE if isinstance(budget, Seconds) else 1.0
    )
    loss, fit = GrowingDual(u, samples.x, samples.y, plan), DualFit()
    schedule = Schedule(plan.rate, LAST_RATE, BETAS, DECAY, warm_up=WARM_UP)
    stage = Stage("the dual", "balanced.dual", seed)
    try:
        fit.steps = optimise(loss, {"u": u}, schedule, budget, recorder, stage, stop=stop, memory=loss.memory).steps
    except TrainingDiverged:
        fit.steps = fit.diverged = loss.last
        if not stop.validation.seen():
            raise FloatingPointError(f"the dual is not finite at step {loss.last}") from None
        torch._foreach_copy_([p.detach() for p in u.parameters()], stop.validation.best)
    fit.best, fit.converged = stop.validation.best_dual, stop.validation.best_converged
    fit.curve, fit.ended_early, fit.evaluations = stop.curve, stop.hastened, loss.evaluations
    return fit

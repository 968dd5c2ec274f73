"""The dual objective minimised within a time budget: full use of the seconds, best weights kept, nothing silent.

Both clouds come in coordinates in which the Gaussian map is the identity (fit.py), so that u starts at |x|^2 / 2 and
L-BFGS needs no other preconditioner. Every target sample remembers its last conjugate. The rate falls with the time
spent; the averaged weights are looked at on held-out samples and the best are returned. Once looks no longer bring
anything, the rest of the schedule is run through faster: what looks like the end is often only the noise of the rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.wide import WidePotential
from npf_engine.tasks.recorder import Recorder
from npf_engine.tasks.restoring import all_finite
from npf_engine.transport.conjugate import conjugate, extra_iterations
from npf_engine.transport.setbacks import MOST, SLOWER
from npf_engine.transport.validation import HeldOut, Looks, follow

LOOKS = 12
PATIENCE = 4  # looks no better than those before them, after which the fit hastens to its end
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
LOOK_TOLERANCE, LOOK_ITERATIONS = 3e-3, 60  # of the held-out conjugates
BETAS = (0.9, 0.99)
LAST_RATE, WARM_UP = 0.01, 50  # share of the rate at the end; steps over which it rises at the beginning
LEAST_TIME = 1e-3  # seconds


@dataclass
class TimedFit:
    """What a fit did: steps, the share of held-out conjugates that converged at the look whose weights are returned,
    evaluations a point, and (seconds, dual) looks."""

    steps: int = 0
    converged: float = 1.0
    evaluations: float = 0.0
    looks: list[tuple[float, float]] = field(default_factory=list)
    best: float = math.inf  # the lowest dual of a look
    ended_early: bool = False
    setbacks: int = 0  # times that it went back to its best weights, with half the rate
    diverged: int = 0  # the step by which the loss was no longer finite; 0 for never


def minimise_dual(
    u: WidePotential,
    x: Tensor,
    y: Tensor,
    x_check: Tensor,
    y_check: Tensor,
    until: float,
    *,
    seed: int = 0,
    rate: float = 3e-2,
    batch: int = 2048,
    iterations: tuple[int, int] = (6, 16),
    steps: int | None = None,
    recorder: Recorder | None = None,
) -> TimedFit:
    """Minimise mean u(x) + u*(y) on samples x (n, d), y (m, d) until the recorder's clock reaches ``until``.

    batch: samples of the last step; the first has 1 / GROWTH of them, and they grow geometrically with the time spent.
    iterations: of a conjugate at the first and at the last step; between, in proportion to the time spent, and more
    where too few converge. steps: where given, the schedule follows them and not the time, which still ends it.
    Leaves the best averaged weights by the dual on x_check, y_check in u. Where the loss is no longer finite it goes
    back to these with half the rate, and ends the second time that this did not help;
    raises FloatingPointError where that is before the first look after the start.
    """
    generator = seeds.generator(seed, "timed.batches")
    optimiser = torch.optim.Adam(u.parameters(), lr=rate, betas=BETAS, fused=True)
    parameters = [p.detach() for p in u.parameters()]
    average = [p.clone() for p in parameters]
    held_out = HeldOut(
        u, x_check, y_check, y_check, "lbfgs", tolerance=LOOK_TOLERANCE, max_iterations=LOOK_ITERATIONS, solved=0.0
    )
    looks = Looks(held_out, PATIENCE, SMALLEST_GAIN)
    memory = y.clone()  # the start is near the identity
    recorder = recorder or Recorder()
    begin = recorder.clock()
    clock = _Clock(recorder, begin, max(LEAST_TIME, until - begin))
    fit = TimedFit()
    loss, extra = torch.zeros(()), 0
    while True:
        spent = clock.spent() if steps is None else max(fit.steps / steps, float(clock.over()))
        if spent >= len(fit.looks) / LOOKS:
            if math.isfinite(float(loss.detach())) and all_finite(average):
                fit.looks.append((recorder.clock() - begin, looks.look(parameters, average)))
                # The very first is not asked: from a start that is at its rest already, the first steps always lose a
                # little.
                if looks.stale(since=1) and spent < 1 and not fit.ended_early and steps is None:
                    fit.ended_early = True
                    clock.hasten(spent)
            elif fit.setbacks < MOST and spent < 1:  # from the best weights, with half the rate and no momentum
                fit.setbacks += 1
                rate, memory = SLOWER * rate, y.clone()
                optimiser.state.clear()
                torch._foreach_copy_(parameters, looks.best)
                torch._foreach_copy_(average, looks.best)
            elif len(fit.looks) < 2:
                raise FloatingPointError(f"the dual is not finite at step {fit.steps}")
            else:
                fit.diverged = fit.steps
                break
        if spent >= 1:
            break
        recorder.check()
        share = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * spent))
        for group in optimiser.param_groups:
            group["lr"] = rate * share * min(1.0, (fit.steps + 1) / WARM_UP)
        size = max(1, round(batch * GROWTH ** (spent - 1)))
        first = torch.randint(len(x), (size,), generator=generator).to(x.device)
        second = torch.randint(len(y), (size,), generator=generator).to(x.device)
        allowed = round(iterations[0] + (iterations[1] - iterations[0]) * spent) + extra
        tolerance = math.sqrt(x.shape[1]) * (TOLERANCE + MORE * share)
        solved = conjugate(u, y[second], memory[second], method="lbfgs", tolerance=tolerance, max_iterations=allowed)
        memory[second], extra = solved.x, extra_iterations(extra, solved)
        loss = u(x[first]).mean() - u(solved.x).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        fit.steps += 1
        follow(average, parameters, DECAY, fit.steps)
        fit.evaluations += (solved.evaluations - fit.evaluations) / fit.steps
    torch._foreach_copy_(parameters, looks.best)
    fit.best, fit.converged = looks.best_dual, looks.best_converged
    return fit


class _Clock:
    """How much of the schedule is spent, 0 to 1."""

    def __init__(self, recorder: Recorder, begin: float, total: float) -> None:
        self.recorder = recorder
        self.since, self.total, self.before = begin, total, 0.0

    def spent(self) -> float:
        return self.before + (self.recorder.clock() - self.since) / self.total

    def over(self) -> bool:
        """Whether all the time is gone."""
        return self.recorder.clock() - self.since >= self.total

    def hasten(self, spent: float) -> None:
        """Run through what is left HASTE times faster."""
        self.since, self.total, self.before = self.recorder.clock(), self.total / HASTE, spent

"""The dual's step: batches stratified alike, conjugates that start where they ended the last time.

mean u(x) - u(xhat), over scale,    xhat ~ grad u*(y) of each sample y, remembered
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from npf_engine.networks.potential import Potential
from npf_engine.settings.stages import ConjugateConfig
from npf_engine.transport.conjugate import NEWTON_MAX_D, conjugate, extra_iterations, quadratic_start
from npf_engine.transport.conjugate_steps import metric, newton_steps, secant_steps
from npf_engine.transport.pairing import Stratifier
from npf_engine.transport.schedule import Derived, Gradients

AT_HAND = ("cpu",)  # devices whose numbers the host has without waiting
ITERATIONS, SECANTS = 3, 10  # of Newton's method, and without a Hessian, where all points take as many
FINISHED = 100  # steps between two times that those are finished for which they were too few


class StratifiedDual(Derived):
    """Of a potential u on samples x, y (n, d).

    Where the processor works itself, points leave the solver when they are done, and where too few converge, the next
    ones get more iterations than the solver's (``extra_iterations``). Beside a device it would have to be asked for
    each decision: there all points take as many (``waits`` False), and those that are left are finished now and then,
    outside of the steps.
    """

    def __init__(
        self,
        u: Potential,
        x: Tensor,
        y: Tensor,
        batch: int,
        solver: ConjugateConfig,
        *,
        start: Tensor | None = None,
        watch: Callable[[int], dict[str, float]] | None = None,
        waits: bool | None = None,
    ) -> None:
        """start (n, d): first guesses of grad u*(y). watch: called on the host every few steps, for numbers to show."""
        self.u, self.x, self.y, self.solver, self.watch = u, x, y, solver, watch
        self.newton = solver.method == "newton" or (solver.method == "auto" and u.d <= NEWTON_MAX_D)
        known = solver.method != "adam"  # the released solver is left as it is
        self.waits = (x.device.type in AT_HAND or not known) if waits is None else waits
        self.strata, self.losses = Stratifier(x, batch), u.losses()
        self.tolerance = solver.tolerance * float(u.scale)
        count = self.strata.k
        self.shares = torch.full((2 * count, 1), 1 / count, dtype=x.dtype, device=x.device)
        self.shares[count:].neg_()
        self.memory = {
            "xhat": torch.full_like(y, torch.nan) if start is None else start.clone(),
            "extra": torch.zeros((), dtype=torch.long),
        }
        self.last = (y[:0], y[:0], y.new_zeros(()), y[:0, 0])  # xhat, y, the loss, residuals of the last step
        if start is None and not self.waits:
            self.memory["xhat"].copy_(quadratic_start(u, y).detach())
        if not self.waits:
            self.memory["left"] = torch.zeros(len(y), dtype=torch.bool, device=y.device)
        if not self.waits and not self.newton:
            self.memory["metric"] = metric(u, y)

    def step(self, generator: torch.Generator) -> tuple[Tensor, Gradients]:
        """The loss of one batch."""
        first, second = (self.strata.sample(generator) for _ in range(2))
        target, guess = self.y.index_select(0, second), self.memory["xhat"].index_select(0, second)
        xhat, residual = (self._solve if self.waits else self._improve)(target, guess)
        self.memory["xhat"].index_copy_(0, second, xhat)
        if not self.waits:
            self.memory["left"].index_copy_(0, second, ~(residual <= self.tolerance))  # nor is NaN
        value, gradients = self.losses.values(torch.cat([self.x.index_select(0, first), xhat]), self.shares)
        self.last = (xhat, target, value, residual)
        return value, gradients

    def _solve(self, target: Tensor, guess: Tensor) -> tuple[Tensor, Tensor]:
        """The conjugates of a batch and their residuals, each as far as it needs."""
        u, solver, extra = self.u, self.solver, int(self.memory["extra"])
        unknown = torch.isnan(guess).any(1)
        if unknown.any():
            guess = torch.where(unknown[:, None], quadratic_start(u, target), guess)
        most = solver.max_iterations + extra
        result = conjugate(u, target, guess, method=solver.method, tolerance=solver.tolerance, max_iterations=most)
        self.memory["extra"].fill_(extra_iterations(extra, result))
        return result.x, result.residual

    def _improve(self, target: Tensor, guess: Tensor) -> tuple[Tensor, Tensor]:
        """The same number of iterations for all."""
        if self.newton:
            return newton_steps(self.u, target, guess, ITERATIONS)
        return secant_steps(self.u, target, guess, self.memory["metric"], SECANTS)

    def between(self, step: int) -> Mapping[str, float | Tensor]:
        """Finish what is left; the share that converged, the dual, and what is watched."""
        if not self.waits and step % FINISHED == 0:
            self._finish()
            if not self.newton:
                self.memory["metric"].copy_(metric(self.u, self.y))
        xhat, target, value, residual = self.last
        shown: dict[str, float | Tensor] = {
            "converged": (residual <= self.tolerance).float().mean(),
            "dual": value * self.u.scale + (xhat * target).sum(1).mean(),
        }
        return shown | (self.watch(step) if self.watch else {})

    def _finish(self) -> None:
        """Solve what the fixed iterations left unsolved."""
        rows = self.memory["left"].nonzero()[:, 0]
        if len(rows):
            solver = self.solver
            found = conjugate(
                self.u,
                self.y[rows],
                self.memory["xhat"][rows],
                method=solver.method,
                tolerance=solver.tolerance,
                max_iterations=solver.max_iterations,
            )
            self.memory["xhat"][rows] = found.x
            self.memory["left"][rows] = False

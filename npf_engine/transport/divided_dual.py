"""The dual's step where a batch is divided over several devices (``distributed.py``): of any potential, by autograd."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from npf_engine.networks.potential import Potential
from npf_engine.settings.stages import ConjugateConfig
from npf_engine.transport.conjugate import Conjugate, conjugate, extra_iterations, quadratic_start
from npf_engine.transport.distributed import Answers, Batch, Divisible
from npf_engine.transport.pairing import Stratifier
from npf_engine.transport.schedule import At, Shown


class DualShare(nn.Module):
    """What a device does of a batch of the dual: conjugates xhat of its rows, and mean u(x) - u(xhat), over scale."""

    x: Tensor
    y: Tensor

    def __init__(self, u: Potential, x: Tensor, y: Tensor, solver: ConjugateConfig) -> None:
        super().__init__()
        self.u, self.solver, self.scale = u, solver, float(u.scale)
        self.register_buffer("x", x, persistent=False)
        self.register_buffer("y", y, persistent=False)

    def forward(self, first: Tensor, second: Tensor, guess: Tensor, *, most: int) -> tuple[Tensor, Answers]:
        """Rows of x, rows of y, first guesses of their conjugates (NaN: none); answers xhat, residual, converged."""
        target, solver = self.y[second], self.solver
        unknown = torch.isnan(guess).any(1)
        if unknown.any():
            with torch.no_grad():
                guess = torch.where(unknown[:, None], quadratic_start(self.u, target), guess)
        found = conjugate(self.u, target, guess, method=solver.method, tolerance=solver.tolerance, max_iterations=most)
        value = (self.u(self.x[first]).mean() - self.u(found.x).mean()) / self.scale
        return value, (found.x, found.residual, found.converged)


class DividedDual(Divisible):
    """``DualShare`` on the batches of ``StratifiedDual``: the same draws, the same memory. Every sample remembers its
    last conjugate, which starts the next solve; where too few converge, the next ones get more iterations than the
    solver's."""

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
    ) -> None:
        self.share, self.y, self.watch = DualShare(u, x, y, solver), y, watch
        self.scale = float(u.scale)
        self.strata, self.most = Stratifier(x, batch), solver.max_iterations
        self.memory = {
            "xhat": torch.full_like(y, torch.nan) if start is None else start.clone(),
            "extra": torch.zeros((), dtype=torch.long),
        }

    def draw(self, at: At, generator: torch.Generator) -> Batch:
        """Rows of both marginals, with the last conjugates of the second."""
        first, second = (self.strata.sample(generator) for _ in range(2))
        return Batch((first, second, self.memory["xhat"][second]), {"most": self.most + int(self.memory["extra"])})

    def told(self, at: At, batch: Batch, value: Tensor, answers: Answers) -> Shown:
        """Remember the conjugates; the dual, and which share was found."""
        (_, second, _), (x, residual, converged) = batch.rows, answers
        self.memory["xhat"][second] = x
        extra = extra_iterations(int(self.memory["extra"]), Conjugate(x, residual, converged, 0.0))
        self.memory["extra"].fill_(extra)
        dual = float(value) * self.scale + float((x * self.y[second]).sum(1).mean())
        shown = {"converged": float(converged.float().mean()), "dual": dual}
        return shown | (self.watch(at.step) if self.watch else {})

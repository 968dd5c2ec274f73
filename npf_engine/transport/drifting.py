"""Constrained drifting (CDM, section 3): gradient flow of a divergence within gradients of convex functions.

    explicit   theta_{k+1} = argmin mean |T_theta - (T_k + tau v_k)|^2,         v_k at T_k
    implicit   theta_{k+1} = argmin mean |T_theta - T_k|^2 / (2 tau) + D(T_theta#mu | nu)
    euclidean  theta <- theta - rate * grad_theta D;     adam: the same gradient through Adam

v is minus the Wasserstein gradient (``functionals``), a constant for differentiation. Inner problems are solved by
Adam, as published, or, for the explicit scheme, by Gauss-Newton: then a step is a natural-gradient step (CDM,
Corollary 3.8). Atoms are redrawn at every gradient step. ``implicit-summed`` sums the divergence's gradient over the
atoms as the released code does, which makes its tau as many times larger as there are atoms; so do ``euclidean`` and
``adam``, whose published rates are meant for the sum.

A run that is ``guarded`` looks at the functional's value after every outer step (``drift_guard``): one that raises it
is taken back and the next one is shorter, rates fall to the end of the run, means stand in the place of sums, and
Euclidean steps are as long as the functional's decrease allows. So no run ends surely above where it began.

All seeds run at once as one tensor program (``networks.ensemble.Ensemble``). That is why this is no ``optimise``: a
member whose numbers are lost stands still while the others go on, rates do not fall, and the inner problems of a scheme
begin anew with Adam's moments at zero, as published.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from npf_engine.networks.ensemble import Ensemble
from npf_engine.networks.potential import Potential
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.drift_config import DriftConfig
from npf_engine.transport.drift_guard import Guard
from npf_engine.transport.functionals import Functional, Guarded
from npf_engine.transport.natural_gradient import GaussNewton

PROBE = 1000  # atoms by which a guarded run is looked at
LOOK = 25  # gradient steps between two looks of a scheme that has no outer ones
FAR = 0.1  # of the image's size: how far a Euclidean step of a guarded run may move the atoms
LAST, LAST_INSIDE = 0.02, 0.5  # of the rate of a guarded run: at its end, and at that of each outer step

Draw = Callable[[int], Tensor]  # atoms -> fresh samples of mu (S, atoms, d)
Watch = Callable[[int, Tensor], None]  # gradient steps so far, theta (S, P)


@dataclass
class Drift:
    """theta (S, P) at the end; gradient steps; seconds of all seeds together; note where it was cut short; the guard of
    a guarded run."""

    theta: Tensor
    steps: int
    seconds: float
    note: str = ""
    guard: Guard | None = None


def drift(
    ensemble: Ensemble[Potential],
    draw: Draw,
    functional: Functional,
    config: DriftConfig,
    recorder: Recorder,
    watch: Watch | None = None,
    seconds: float | None = None,
) -> Drift:
    """Run a scheme from ``ensemble.theta``; ``seconds`` bounds the wall time (the step at work is finished). A guarded
    one needs a functional that is ``Guarded``."""
    run = _Run(ensemble, draw, functional, config, recorder, watch, recorder.clock(), seconds)
    theta = ensemble.theta.detach().clone()
    if config.guarded:
        run.probe = draw(PROBE)
        run.guard = Guard(run.energies, theta)
    if config.scheme in ("euclidean", "adam"):
        theta = _descent(run, theta)
    elif config.scheme == "gauss-newton":
        theta = _natural(run, theta)
    else:
        theta = _constrained(run, theta, config)
    if run.guard is not None:
        theta = run.guard.judge(theta, slack=0.0)
    return Drift(theta, run.steps, recorder.clock() - run.began, run.note, run.guard)


@dataclass
class _Run:
    ensemble: Ensemble[Potential]
    draw: Draw
    functional: Functional
    config: DriftConfig
    recorder: Recorder
    watch: Watch | None
    began: float
    limit: float | None
    steps: int = 0
    note: str = ""
    probe: Tensor | None = None
    guard: Guard | None = None

    def energies(self, theta: Tensor, x: Tensor | None = None) -> Tensor:
        """The functional's parts (S, n) at the atoms x, or at the probe's."""
        points, functional = self.probe if x is None else x, cast(Guarded, self.functional)
        assert points is not None
        log_det = None
        if functional.bends:
            log_det = torch.linalg.slogdet(self.ensemble.hessian(theta, points)).logabsdet
        return functional.energies(self.ensemble.gradient(theta, points), log_det)

    def judged(self, theta: Tensor) -> Tensor:
        """theta, or of a guarded run the one before it where that was better."""
        return theta if self.guard is None else self.guard.judge(theta)

    def tau(self, config: DriftConfig) -> Tensor | float:
        """The length of an outer step, of a guarded run each seed's own (S, 1, 1)."""
        return config.tau if self.guard is None else config.tau * self.guard.reach[:, :, None]

    def rate(self, inside: float = 0.0) -> float:
        """The learning rate now; of a guarded run it falls to the end, and ``inside`` each outer step from 0 to 1."""
        if self.guard is None:
            return self.config.rate
        share = self.steps / self.config.gradient_steps
        if self.limit is not None:
            share = max(share, (self.recorder.clock() - self.began) / self.limit)
        fall = LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
        return self.config.rate * fall * (1 - (1 - LAST_INSIDE) * inside)

    def tick(self, theta: Tensor) -> bool:
        """One gradient step is done; whether time is left for another."""
        self.steps += 1
        self.recorder.check()
        total, spent = self.config.gradient_steps, self.recorder.clock() - self.began
        if self.limit is not None:
            total = max(self.steps, min(total, round(self.steps * self.limit / spent)))  # at the pace so far
        self.recorder.progress(self.config.scheme, self.steps, total)
        if self.watch:
            self.watch(self.steps, theta)
        if self.limit is not None and self.recorder.clock() - self.began > self.limit:
            self.note = f"the time allowed ended after {self.steps} steps"
            return False
        return True

    def previous(self, theta: Tensor, k: int, x: Tensor) -> Tensor:
        """T_k(x), the identity for k = 0 where the flow begins with it."""
        if k == 0 and self.config.from_identity:
            return x
        with torch.no_grad():
            return self.ensemble.gradient(theta, x)


def _descent(run: _Run, theta: Tensor) -> Tensor:
    """theta <- theta - rate grad D, or Adam on the same gradient."""
    config = run.config
    theta.requires_grad_(True)
    kind = torch.optim.SGD if config.scheme == "euclidean" else torch.optim.Adam
    optimiser = kind([theta], lr=config.rate)
    for _ in range(config.steps):
        x, before = run.draw(config.atoms), theta.detach().clone()
        moved = run.ensemble.gradient(theta, x)
        with torch.no_grad():
            force = -run.functional.velocity(moved.detach())
            if run.guard is not None:
                force = force * run.guard.reach[:, :, None] / moved.shape[1]  # which Adam does not feel
        optimiser.param_groups[0]["lr"] = run.rate()
        _step(optimiser, theta, (moved * force).sum())
        if run.guard is not None and config.scheme == "euclidean":
            with torch.no_grad():
                theta.copy_(_shortened(run, before, theta, x, moved))
        if not run.tick(theta.detach()):
            break
        if run.guard is not None and run.steps % LOOK == 0:
            with torch.no_grad():
                theta.copy_(run.judged(theta.detach()))
    return theta.detach()


def _shortened(run: _Run, before: Tensor, theta: Tensor, x: Tensor, moved: Tensor) -> Tensor:
    """The step from ``before`` to ``theta`` (S, P), cut where it moves the atoms x by more than FAR of their image's
    size; none where it is no number."""
    size = (moved - moved.mean(1, keepdim=True)).square().sum(2).mean(1).sqrt()
    far = (run.ensemble.gradient(theta, x) - moved).square().sum(2).mean(1).sqrt()
    share = torch.nan_to_num(FAR * size / far.clamp(min=1e-12), nan=0.0, posinf=0.0).clamp(max=1.0)[:, None]
    return before + share * (theta - before)


def _step(optimiser: torch.optim.Optimizer, theta: Tensor, loss: Tensor) -> None:
    """One step on d loss / d theta. A member whose gradient is not finite stays where it is: the others go on."""
    (gradient,) = torch.autograd.grad(loss, theta)
    theta.grad = torch.where(torch.isfinite(gradient).all(1, keepdim=True), gradient, 0.0)
    optimiser.step()


def _constrained(run: _Run, theta: Tensor, config: DriftConfig) -> Tensor:
    """The explicit and implicit schemes with Adam inside: a fresh one for each outer step, as published, or in a
    guarded run one for all, which does not begin each step with a leap of the whole rate."""
    theta.requires_grad_(True)
    optimiser = torch.optim.Adam([theta], lr=config.rate)
    for k in range(config.outer):
        before, tau = theta.detach().clone(), run.tau(config)
        if run.guard is None:
            optimiser = torch.optim.Adam([theta], lr=config.rate)
        kept = math.ceil(config.average * config.inner)
        mean = torch.zeros_like(before)
        for i in range(config.inner):
            x = run.draw(config.atoms)
            start = run.previous(before, k, x)
            moved = run.ensemble.gradient(theta, x)
            optimiser.param_groups[0]["lr"] = config.rate if run.guard is None else run.rate(i / config.inner)
            _step(optimiser, theta, _inner_loss(config, run.functional, moved, start, tau))
            if i >= config.inner - kept:
                mean += theta.detach() / kept
            if not run.tick(theta.detach()):
                return theta.detach()
        if kept:
            with torch.no_grad():
                theta.copy_(mean)
        if run.guard is not None:
            with torch.no_grad():
                theta.copy_(run.judged(theta.detach()))
    return theta.detach()


def _inner_loss(
    config: DriftConfig, functional: Functional, moved: Tensor, start: Tensor, tau: Tensor | float | None = None
) -> Tensor:
    """A scalar whose gradient in theta is that of the inner problem, summed over the seeds; moved = T_theta(x),
    start = T_k(x), (S, n, d); tau: the config's, or each seed's own (S, 1, 1)."""
    n, tau = moved.shape[1], config.tau if tau is None else tau
    with torch.no_grad():
        if config.scheme == "explicit":
            goal = start + tau * functional.velocity(start)
        else:
            share = 1.0 if config.scheme == "implicit-summed" else 1.0 / n
            force = (moved - start) / (tau * n) - share * functional.velocity(moved)
    if config.scheme == "explicit":
        return (moved - goal).square().sum() / n
    return (moved * force).sum()


def _natural(run: _Run, theta: Tensor) -> Tensor:
    """The explicit scheme, each inner problem solved on one draw of atoms by Gauss-Newton."""
    config = run.config
    if config.warm_up:
        theta = _constrained(run, theta, DriftConfig("implicit", tau=config.tau, outer=config.warm_up))
        if run.note:
            return theta
    solver = GaussNewton(run.ensemble.gradient, config.damping)
    for k in range(config.warm_up, config.warm_up + config.outer):
        x = run.draw(config.atoms)
        start = run.previous(theta, k, x)
        with torch.no_grad():
            goal = start + run.tau(config) * run.functional.velocity(start)
        for _ in range(config.inner):
            theta = solver.step(theta, x, goal)
            if not run.tick(theta):
                return theta
        theta = run.judged(theta)
    return theta

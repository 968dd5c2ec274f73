"""Constrained drifting (CDM, section 3): gradient flow of a divergence within gradients of convex functions.

    explicit   theta_{k+1} = argmin mean |T_theta - (T_k + tau v_k)|^2,         v_k at T_k
    implicit   theta_{k+1} = argmin mean |T_theta - T_k|^2 / (2 tau) + D(T_theta#mu | nu)
    euclidean  theta <- theta - rate * grad_theta D;     adam: the same gradient through Adam

v is minus the Wasserstein gradient (``scores``), a constant for differentiation. Inner problems are solved by Adam, as
published, or, for the explicit scheme, by Gauss-Newton: then a step is a natural-gradient step (CDM, Corollary 3.8).
Atoms are redrawn at every gradient step. ``implicit-summed`` sums the divergence's gradient over the atoms as the
released code does, which makes its tau as many times larger as there are atoms; so do ``euclidean`` and ``adam``, whose
published rates are meant for the sum.

All seeds run at once as one tensor program (``networks.ensemble.Ensemble``). That is why this is no ``optimise``: a
member whose numbers are lost stands still while the others go on, rates do not fall, and the inner problems of a scheme
begin anew with Adam's moments at zero, as published.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from npf_engine.networks.ensemble import Ensemble
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.natural_gradient import GaussNewton
from npf_engine.transport.scores import Functional

SCHEMES = ("explicit", "implicit", "implicit-summed", "euclidean", "adam", "gauss-newton")

Draw = Callable[[int], Tensor]  # atoms -> fresh samples of mu (S, atoms, d)
Watch = Callable[[int, Tensor], None]  # gradient steps so far, theta (S, P)


@dataclass(frozen=True)
class DriftConfig:
    """Seed 003's own settings by default. For ``euclidean`` and ``adam`` only ``steps`` and ``rate`` count."""

    scheme: str = "explicit"
    tau: float = 0.4
    outer: int = 10
    inner: int = 100
    rate: float = 0.1
    steps: int = 1000
    atoms: int = 100
    average: float = 0.0  # share of the last inner steps whose parameters are averaged
    warm_up: int = 0  # gauss-newton: outer steps of the implicit scheme with Adam before it
    damping: float = 1e-3  # gauss-newton: start of the Levenberg-Marquardt damping

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise ValueError(f"there is no scheme {self.scheme!r}; it is one of {', '.join(SCHEMES)}")

    @property
    def gradient_steps(self) -> int:
        """Of the whole run."""
        if self.scheme in ("euclidean", "adam"):
            return self.steps
        return self.outer * self.inner + self.warm_up * DriftConfig.inner


def published(scheme: str) -> DriftConfig:
    """The settings of seed 003 for a scheme; ours for ``gauss-newton``, which it lacks."""
    if scheme == "euclidean":
        return DriftConfig(scheme, rate=1e-3, steps=3000)
    if scheme == "adam":
        return DriftConfig(scheme, rate=1e-2, steps=1000)
    if scheme == "gauss-newton":
        # From random weights Gauss-Newton finds poor valleys; a few cheap implicit steps lead out of them.
        return DriftConfig(scheme, inner=6, atoms=1500, warm_up=4)
    return DriftConfig(scheme)


@dataclass
class Drift:
    """theta (S, P) at the end; gradient steps; seconds of all seeds together; note where it was cut short."""

    theta: Tensor
    steps: int
    seconds: float
    note: str = ""


def drift(
    ensemble: Ensemble,
    draw: Draw,
    functional: Functional,
    config: DriftConfig,
    recorder: Recorder,
    watch: Watch | None = None,
    seconds: float | None = None,
) -> Drift:
    """Run a scheme from ``ensemble.theta``; ``seconds`` bounds the wall time (the step at work is finished)."""
    run = _Run(ensemble, draw, functional, config, recorder, watch, recorder.clock(), seconds)
    theta = ensemble.theta.detach().clone()
    if config.scheme in ("euclidean", "adam"):
        theta = _descent(run, theta)
    elif config.scheme == "gauss-newton":
        theta = _natural(run, theta)
    else:
        theta = _constrained(run, theta, config)
    return Drift(theta, run.steps, recorder.clock() - run.began, run.note)


@dataclass
class _Run:
    ensemble: Ensemble
    draw: Draw
    functional: Functional
    config: DriftConfig
    recorder: Recorder
    watch: Watch | None
    began: float
    limit: float | None
    steps: int = 0
    note: str = ""

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
        """T_k(x), the identity for k = 0."""
        if k == 0:
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
        moved = run.ensemble.gradient(theta, run.draw(config.atoms))
        with torch.no_grad():
            force = -run.functional.velocity(moved.detach())
        _step(optimiser, theta, (moved * force).sum())
        if not run.tick(theta.detach()):
            break
    return theta.detach()


def _step(optimiser: torch.optim.Optimizer, theta: Tensor, loss: Tensor) -> None:
    """One step on d loss / d theta. A member whose gradient is not finite stays where it is: the others go on."""
    (gradient,) = torch.autograd.grad(loss, theta)
    theta.grad = torch.where(torch.isfinite(gradient).all(1, keepdim=True), gradient, 0.0)
    optimiser.step()


def _constrained(run: _Run, theta: Tensor, config: DriftConfig) -> Tensor:
    """The explicit and implicit schemes with Adam inside, a fresh one for each outer step."""
    theta.requires_grad_(True)
    for k in range(config.outer):
        before = theta.detach().clone()
        optimiser = torch.optim.Adam([theta], lr=config.rate)
        kept = math.ceil(config.average * config.inner)
        mean = torch.zeros_like(before)
        for i in range(config.inner):
            x = run.draw(config.atoms)
            start = run.previous(before, k, x)
            moved = run.ensemble.gradient(theta, x)
            _step(optimiser, theta, _inner_loss(config, run.functional, moved, start))
            if i >= config.inner - kept:
                mean += theta.detach() / kept
            if not run.tick(theta.detach()):
                return theta.detach()
        if kept:
            with torch.no_grad():
                theta.copy_(mean)
    return theta.detach()


def _inner_loss(config: DriftConfig, functional: Functional, moved: Tensor, start: Tensor) -> Tensor:
    """A scalar whose gradient in theta is that of the inner problem, summed over the seeds; moved = T_theta(x),
    start = T_k(x), (S, n, d)."""
    n = moved.shape[1]
    with torch.no_grad():
        if config.scheme == "explicit":
            goal = start + config.tau * functional.velocity(start)
        else:
            share = 1.0 if config.scheme == "implicit-summed" else 1.0 / n
            force = (moved - start) / (config.tau * n) - share * functional.velocity(moved)
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
            goal = start + config.tau * run.functional.velocity(start)
        for _ in range(config.inner):
            theta = solver.step(theta, x, goal)
            if not run.tick(theta):
                return theta
    return theta

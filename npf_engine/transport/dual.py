"""Fitting a convex potential u to an optimal transport: regression on exact pairs, and the dual objective.

The dual of Makkuva et al. (2020) as in Amos (2023), NPF section 3.2: with xhat = stop_gradient(grad u*(y)),

    L_u = mean[ u(x) + <xhat, y> - u(xhat) ],      L_V = mean |V(y) - xhat|^2.

Its value on held-out samples with exact conjugates, the *test dual* mean u(x) + u*(y), is the fine measure of u:
lower is better.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.networks.chunks import in_chunks as in_chunks
from npf_engine.networks.potential import Potential
from npf_engine.settings.stages import ConjugateConfig, PotentialConfig
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.conjugate import conjugate, extra_iterations, quadratic_start
from npf_engine.transport.loop import Loop
from npf_engine.transport.pairing import Stratifier, draw_pairs
from npf_engine.transport.plateau import Plateau
from npf_engine.transport.validation import HeldOut

REGRESSION, DUAL = "u", "u: dual"  # what progress calls the two ways
MAX_CORES = 4  # assignments at a time: each holds a cost matrix and a plan


@dataclass
class DualValue:
    """value = mean u(x) + u*(y); max_residual: largest sup-norm of y - grad u(xhat). ``value`` is an
    upper-bound-corrected
    figure: where a residual r stays above the tolerance, |r|^2 / (2 m) is added (m: strong convexity). terms (n,)
    float64, on the CPU: u(x_i) + u*(y_i), whose mean ``value`` is."""

    value: float
    max_residual: float
    terms: Tensor


def held_out_dual(
    u: Potential, x: Tensor, y: Tensor, start: Tensor | None = None, tolerance: float = 1e-6
) -> DualValue:
    """The dual objective on held-out samples x (n, d), y (n, d), in double precision with exact conjugates.

    An unfinished conjugate under-estimates u* and would flatter the score, so its missing part is bounded from above.
    """
    device = torch.device("cpu") if x.device.type == "mps" else x.device  # MPS has no float64
    double = copy.deepcopy(u).to(device).double()
    x, y = x.to(device).double(), y.to(device).double()
    start = None if start is None else start.to(device).double()
    result = conjugate(double, y, start, tolerance=tolerance / float(double.scale))
    with torch.no_grad():
        star = (result.x * y).sum(1) - in_chunks(double, result.x)
        gap = (y - in_chunks(double.gradient, result.x)).square().sum(1) / (2 * double.strong_convexity)
        star = star + torch.where(result.residual > tolerance, gap, 0.0)
        terms = (in_chunks(double, x) + star).cpu()
    return DualValue(float(terms.mean()), float(result.residual.max()), terms)


def copy_as(module: Potential, dtype: torch.dtype) -> Potential:
    """A copy of the module in another precision."""
    return copy.deepcopy(module).to(dtype)


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
                recorder.progress(f"{stage}: pairing", index + 1, count)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return torch.cat([source for source, _ in found]), torch.cat([target for _, target in found])


def fit_to_pairs(
    u: Potential,
    source: Tensor,
    target: Tensor,
    config: PotentialConfig,
    seed: int,
    recorder: Recorder,
    watch: Callable[[int], dict[str, float]] | None = None,
    held_out: HeldOut | None = None,
) -> float:
    """Regress grad u on pairs: mean |grad u(x) - y|^2. ``watch(step)`` adds numbers to the progress. With ``held_out``
    it ends once that dual is flat. Returns seconds."""
    scale = float(u.scale)

    def loss(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        pick = torch.randint(source.shape[0], (config.batch,), generator=generator).to(source.device)
        value = ((u.gradient(source[pick]) - target[pick]) / scale).square().sum(1).mean()
        return value, watch(step) if watch else {}

    loop = Loop(
        REGRESSION, "u.fit", {"u": u}, config.regression_steps, config.regression_lr, seed, recorder,
        floor=config.lr_floor, betas=(config.beta1, config.beta2),
        plateau=_plateau(held_out, config.regression_steps, config),
    )  # fmt: skip
    return loop.run(loss)


def _plateau(held_out: HeldOut | None, most: int, config: PotentialConfig) -> Plateau | None:
    return None if held_out is None else Plateau(held_out, most, config.patience, config.lr_floor)


def fit_dual(
    u: Potential,
    x: Tensor,
    y: Tensor,
    steps: int,
    rate: float,
    config: PotentialConfig,
    solver: ConjugateConfig,
    seed: int,
    recorder: Recorder,
    *,
    key: str = "u.dual",
    watch: Callable[[int], dict[str, float]] | None = None,
    start: Tensor | None = None,
    held_out: HeldOut | None = None,
) -> float:
    """Minimise the dual on samples x (n, d), y (n, d), stratified minibatches of both marginals. Every sample remembers
    its last conjugate, which starts the next solve; ``start`` (n, d) are first guesses. Where too few conjugates
    converge, the next ones get more iterations than the solver's (``extra_iterations``). With ``held_out`` it ends once
    that dual is flat, and leaves u as it was where no step brought a gain. Returns seconds."""
    strata = Stratifier(x, config.batch)
    memory = {
        "xhat": torch.full_like(y, torch.nan) if start is None else start.clone(),
        "extra": torch.zeros((), dtype=torch.long),
    }
    scale = float(u.scale)

    def loss(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        first, second = strata.draw(generator).to(x.device), strata.draw(generator).to(x.device)
        target, guess = y[second], memory["xhat"][second]
        unknown = torch.isnan(guess).any(1)
        if unknown.any():
            with torch.no_grad():
                guess = torch.where(unknown[:, None], quadratic_start(u, target), guess)
        extra = int(memory["extra"])
        result = conjugate(
            u, target, guess, method=solver.method, tolerance=solver.tolerance,
            max_iterations=solver.max_iterations + extra,
        )  # fmt: skip
        memory["xhat"][second] = result.x
        memory["extra"].fill_(extra_iterations(extra, result))
        value = (u(x[first]).mean() - u(result.x).mean()) / scale
        dual = float(value.detach()) * scale + float((result.x * target).sum(1).mean())
        shown = {"converged": float(result.converged.float().mean()), "dual": dual}
        return value, shown | (watch(step) if watch else {})

    loop = Loop(
        DUAL, key, {"u": u}, steps, rate, seed, recorder, floor=config.lr_floor,
        betas=(config.beta1, config.beta2), memory=memory, ema=config.ema,
        plateau=_plateau(held_out, steps, config), from_start=held_out is not None,
    )  # fmt: skip
    return loop.run(loss)


def fit_published(
    u: Potential,
    v: nn.Module,
    x: Tensor,
    y: Tensor,
    config: PotentialConfig,
    solver: ConjugateConfig,
    v_rate: float,
    seed: int,
    recorder: Recorder,
    *,
    warm_up: int = 1000,
    watch: Callable[[int], dict[str, float]] | None = None,
) -> float:
    """The paper's algorithm unchanged: V regressed on grad u(x) -> x first, then dual steps whose conjugates are
    Adam's from V(y);
    points that did not converge are masked out of the loss. Returns seconds."""

    def draw(generator: torch.Generator) -> Tensor:
        return torch.randint(x.shape[0], (config.batch,), generator=generator).to(x.device)

    def warm(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        points = x[draw(generator)]
        with torch.no_grad():
            image = u.gradient(points)
        return (v(image) - points).square().sum(1).mean(), {}

    seconds = Loop("u: warm-up", "u.warm", {"v": v}, warm_up, v_rate, seed, recorder, floor=1.0).run(warm)

    def loss(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        points, target = x[draw(generator)], y[draw(generator)]
        guess = v(target)
        result = conjugate(
            u, target, guess.detach(), method="adam", tolerance=solver.tolerance / float(u.scale),
            max_iterations=solver.max_iterations,
        )  # fmt: skip
        mask = result.converged.to(x.dtype)
        share = mask.sum().clamp(min=1)
        dual = u(points).mean() + (((result.x * target).sum(1) - u(result.x)) * mask).sum() / share
        amortizer = ((guess - result.x).square().sum(1) * mask).sum() / share
        shown = {"converged": float(mask.mean()), "dual": float(dual.detach())}
        return dual / float(u.scale) + amortizer, shown | (watch(step) if watch else {})

    loop = Loop(
        DUAL, "u.published", {"u": u, "v": v}, config.dual_steps, config.dual_lr, seed, recorder,
        floor=config.lr_floor, betas=(config.beta1, config.beta2), rates={"v": v_rate},
    )  # fmt: skip
    return seconds + loop.run(loss)

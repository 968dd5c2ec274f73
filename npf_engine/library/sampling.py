"""npf.sample: draws of exp(-c g) for a potential of the caller's own, in any dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.fields.function_field import check_box
from npf_engine.library import arrays
from npf_engine.library.callables import OwnFunction, Vectorial, check_gradient, gradient_of, own_function
from npf_engine.library.model import count
from npf_engine.library.progress import recorder
from npf_engine.sampling.chain import ChainState, Oracle, Trace, run_chain
from npf_engine.sampling.corrected import Mala
from npf_engine.sampling.landscapes import Landscape
from npf_engine.sampling.langevin import Langevin, LangevinSettings, Region
from npf_engine.sampling.sampler import get, known
from npf_engine.sampling.setting import Chains, Setting
from npf_engine.sampling.tempering import Tempering
from npf_engine.settings import limits
from npf_engine.settings.setting import SEED
from npf_engine.settings.values import check as check_value
from npf_engine.tasks.recorder import Recorder

LOCAL = ("tempering", "mala", "lmc")  # in any dimension, with a box or without
TEMPERED_D = 8  # beyond it neighbouring temperatures hardly overlap: in 20 dimensions 4 % of the swaps are accepted
PARTICLES, PROBED = 512, 4
SETTLING = 0.5  # of the steps, before draws count
FRAMES = 200
# The step of Langevin: trial runs of MALA from the start, until so many proposals are accepted (Roberts and Rosenthal
# 1998: 0.574 is best in high dimension).
WANTED, ROUNDS, ROUND_STEPS, GROWTH = 0.574, 24, 20, 1.4


@dataclass(frozen=True)
class Draws:
    """x (n, d): draws of exp(-coefficient g); method, tau (its step), acceptance (of MALA's moves, of tempering's swaps
    or of jumps; None where all are taken), gradient_evaluations: points at which grad g was asked for."""

    x: Any
    method: str
    tau: float
    coefficient: float
    acceptance: float | None
    gradient_evaluations: int


@dataclass
class _Task:
    """g and grad g of float64 rows in the caller's positions, where to start and the box, if there is one."""

    potential: Vectorial
    gradient: Vectorial
    start: Tensor
    low: tuple[float, ...]
    high: tuple[float, ...]
    coefficient: float
    steps: int
    seed: int
    recorder: Recorder

    @property
    def region(self) -> Region | None:
        return Region(self.low, self.high) if self.low else None

    def oracle(self) -> Oracle:
        return Oracle(self.gradient, self.potential)


def sample(
    g: Any,
    n: int = 1000,
    *,
    grad: Any = None,
    low: Any = None,
    high: Any = None,
    start: Any = None,
    method: str | None = None,
    steps: int = 2000,
    coefficient: float = 1.0,
    tau: float | None = None,
    seed: int = 0,
    progress: Any = None,
    details: bool = False,
) -> Any:
    """n draws (n, d) of the density proportional to exp(-coefficient g), on the box ``low`` to ``high`` or on R^d.

    g: the potential, (n, d) -> (n,), written for numpy or torch. grad: its gradient, (n, d) -> (n, d); left out where
    g is written in torch. start: where the chains begin, (d,) or (k, d); by default the middle of the box. method:
    ``tempering`` (six temperatures, finds far modes; the default in few dimensions), ``mala`` (the default beyond),
    ``lmc`` (uncorrected), in a box ``nuts`` too, and up to three dimensions ``lmc-npf-corrected`` and ``lmc-npf`` (NPF
    4.2: they learn a factorization of grad g first, some minutes). steps: of each chain; the first half is left out.
    tau: the step, by default from trial runs of MALA; axes of very different scales need many steps: rescale them.
    details: return ``Draws`` with x, acceptance and more. Arrays for a numpy g, tensors for a torch one. Draws of one
    chain are not independent: more steps make them more so. Raises InputError, one sentence.
    """
    wanted = count("n", n)
    task, kind = _task(g, grad, (low, high, start), _positive("coefficient", coefficient), count("steps", steps, 10))
    task = replace(task, seed=_seed(seed), recorder=recorder(progress))
    if method is None:
        method = "tempering" if task.start.shape[1] <= TEMPERED_D else "mala"
    _check_method(method, task)
    limits.check_samples(wanted, task.start.shape[1])
    step = _step(task) if tau is None else _positive("tau", tau)
    particles = min(wanted, PARTICLES)
    begin = task.start[torch.arange(particles) % len(task.start)]
    run = _local if method in LOCAL else _boxed
    x, acceptance, spent = run(method, task, begin, step, wanted)
    if not len(x):
        raise InputError(f"the method {method} made no draws in {steps} steps; give it more steps")
    answer = x.numpy() if kind == "numpy" else x
    return Draws(answer, method, step, task.coefficient, acceptance, spent) if details else answer


def _seed(seed: Any) -> int:
    value = count("seed", seed, 0)
    check_value("seed", value, SEED)
    return value


def _positive(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < float(value) < math.inf:
        raise InputError(f"{name} must be a positive number, not {value!r}")
    return float(value)


def _task(g: Any, grad: Any, place: tuple[Any, Any, Any], coefficient: float, steps: int) -> tuple[_Task, str]:
    """What is to be sampled, and ``numpy`` or ``torch``: how g takes its points. Raises InputError."""
    if not callable(g) or isinstance(g, Tensor):
        raise InputError(
            f"g is a {type(g).__name__}; pass the potential, a function of points (n, d) that returns (n,)"
        )
    low, high = _box(*place[:2])
    start = _start(place[2], low, high)
    at = start[torch.arange(PROBED) % len(start)]
    at = at + 1e-3 * (1 + at.abs()) * torch.linspace(-1, 1, PROBED, dtype=torch.float64)[:, None]
    own = own_function("g", g, at, scalar=True)
    gradient = _gradient(own, grad, at)
    values = own.call(start).detach()
    if not bool(torch.isfinite(values).all()):
        raise InputError(f"g is {float(values[~torch.isfinite(values)][0]):g} at the start; start where it is finite")
    if not bool(torch.isfinite(gradient(start)).all()):
        raise InputError("the gradient of g is not finite at the start; start elsewhere")
    potential = _detached(own.call)
    return _Task(potential, gradient, start, low, high, coefficient, steps, 0, Recorder()), own.way


def _detached(function: Vectorial) -> Vectorial:
    return lambda x: function(x.detach()).detach()


def _gradient(own: OwnFunction, grad: Any, at: Tensor) -> Vectorial:
    if grad is None:
        if own.way == "numpy":
            raise InputError("grad is missing: pass the gradient of g, (n, d) -> (n, d), or write g in torch")
        return gradient_of(own.call)
    if not callable(grad):
        raise InputError(f"grad is a {type(grad).__name__}; pass a function of points (n, d) that returns (n, d)")
    gradient = _detached(own_function("grad", grad, at).call)
    check_gradient(own.call, gradient, at)
    return gradient


def _box(low: Any, high: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if (low is None) != (high is None):
        raise InputError(f"{'low' if low is None else 'high'} is missing: pass both corners of the box, or neither")
    if low is None:
        return (), ()
    a, b = (tuple(map(float, arrays.vector(name, value))) for name, value in (("low", low), ("high", high)))
    check_box("g", a, b)
    return a, b


def _start(start: Any, low: tuple[float, ...], high: tuple[float, ...]) -> Tensor:
    """(k, d) float64 inside of the box."""
    if start is None:
        if not low:
            raise InputError(
                "start is missing: without a box, low and high, pass a point (d,) for the chains to begin at"
            )
        return torch.tensor([[(a + b) / 2 for a, b in zip(low, high, strict=True)]], dtype=torch.float64)
    d = len(low) or None
    one = isinstance(start, int | float) or np.ndim(start) < 2
    found = arrays.vector("start", start, d)[None] if one else arrays.rows("start", start, d)
    x = torch.from_numpy(found)
    if low and not bool(Region(low, high).inside(x).all()):
        raise InputError("start lies outside of the box from low to high; pass points inside")
    return x


def _check_method(method: str, task: _Task) -> None:
    d = task.start.shape[1]
    if method in LOCAL:
        return
    boxed = {name: sampler for name, sampler in known().items() if name not in LOCAL}
    if method not in boxed:
        raise InputError(f"method must be one of {', '.join((*LOCAL, *boxed))}, not {limits.shown(method)}")
    if not task.low:
        raise InputError(f"low and high are missing: the method {method} needs a box; without one take {LOCAL[0]}")
    if d > boxed[method].most_d:
        most = boxed[method].most_d
        raise InputError(f"the method {method} takes up to {most} dimensions, not {d}; take {LOCAL[0]} or nuts")


def _unit(task: _Task) -> tuple[float, ...]:
    """Squares of the half sides of the box, by which the step is larger along a longer axis; none without a box."""
    return tuple(((b - a) / 2) ** 2 for a, b in zip(task.low, task.high, strict=True))


def _step(task: _Task) -> float:
    """tau at which MALA accepts about WANTED of its moves where it comes to from the start."""
    few = min(64, max(16, len(task.start)))
    state = ChainState.start(task.start[torch.arange(few) % len(task.start)], seeds.child(task.seed, "step"))
    slope = float(task.gradient(task.start).norm(dim=1).max()) * task.coefficient
    tau = 0.1 / max(slope, 1e-12) ** 2 if slope > 1e-6 else 0.1
    if task.low:
        tau = min(tau / max(_unit(task)), 0.1)
    for round_ in range(ROUNDS):
        kernel = Mala(task.oracle(), LangevinSettings(tau, task.coefficient, 1, True, _unit(task)), task.region)
        state.at = None
        for _ in range(ROUND_STEPS):
            task.recorder.check()
            kernel.step(state)
        rate = kernel.accepted / kernel.tried
        strength = GROWTH ** (3.0 if round_ < ROUNDS // 2 else 1.0)
        tau *= strength ** max(-1.0, min(1.0, (rate - WANTED) / 0.3))
    return float(f"{tau:.3g}")


def _local(method: str, task: _Task, x: Tensor, tau: float, wanted: int) -> tuple[Tensor, float | None, int]:
    oracle = task.oracle()
    settings = LangevinSettings(tau, task.coefficient, 1, True, _unit(task))
    kernel: Any = {"tempering": Tempering, "mala": Mala, "lmc": Langevin}[method](oracle, settings, task.region)
    trace = Trace(every=max(1, task.steps // FRAMES), kept=len(x))
    state = ChainState.start(x, seeds.child(task.seed, "chain"))
    run_chain(kernel, state, task.steps, task.recorder, stage=method, trace=trace)
    acceptance = (
        None if method == "lmc" else kernel.acceptance if method == "tempering" else kernel.accepted / kernel.tried
    )
    return _spread(trace.x[int(SETTLING * len(trace.x)) :], wanted), acceptance, oracle.evaluations


def _boxed(method: str, task: _Task, x: Tensor, tau: float, wanted: int) -> tuple[Tensor, float | None, int]:
    """nuts and the learned methods, which run in model positions, [-1, 1]^d."""
    unit = tuple((b - a) / 2 for a, b in zip(task.low, task.high, strict=True))
    landscape = Landscape("g", "g", task.potential, task.gradient, task.low, task.high, task.coefficient, unit=unit)
    value, slope = landscape.in_model()
    settings = LangevinSettings(tau, task.coefficient, get(method).inner, True, landscape.metric)
    oracle = Oracle(slope, value)
    setting = Setting(
        landscape, oracle, settings, landscape.scaling.to_model(x), task.steps * len(x), task.seed, task.recorder, None
    )
    chains = Chains()
    get(method).run(setting, chains)
    frames = (
        [chains.only] if chains.only is not None else chains.traces[-1].x[int(SETTLING * len(chains.traces[-1].x)) :]
    )
    drawn = _spread([landscape.scaling.to_user(frame.double()) for frame in frames], wanted)
    return drawn, chains.acceptance, oracle.evaluations


def _spread(frames: list[Tensor], wanted: int) -> Tensor:
    """``wanted`` of the frames' particles, from as many frames as needed, as far apart in time as they lie."""
    per = len(frames[0]) if frames else 0
    if not per:
        return torch.empty(0, 0, dtype=torch.float64)
    if len(frames) == 1:  # one cloud of draws in the order they were made
        pick = torch.linspace(0, per - 1, min(wanted, per)).round().long()
        return frames[0][pick]
    needed = min(len(frames), math.ceil(wanted / per))
    chosen = [len(frames) - 1 - (k * len(frames)) // needed for k in range(needed)]
    return torch.cat([frames[k] for k in chosen])[:wanted]

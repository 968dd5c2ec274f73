"""npf.sample: draws of exp(-c g) for a potential of the caller's own, in any dimension."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypedDict, Unpack, overload

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.library.arrays import ArrayT
from npf_engine.library.model import count
from npf_engine.library.progress import Progress, recorder
from npf_engine.library.sampling_task import Corner, Task, positive, task_of
from npf_engine.sampling.chain import ChainState, Oracle, Trace, run_chain
from npf_engine.sampling.corrected import Mala
from npf_engine.sampling.landscapes import Landscape
from npf_engine.sampling.langevin import Langevin, LangevinSettings
from npf_engine.sampling.sampler import get, known
from npf_engine.sampling.setting import Chains, Setting
from npf_engine.sampling.tempering import Tempering
from npf_engine.settings import limits
from npf_engine.settings.setting import SEED
from npf_engine.settings.values import check as check_value

LOCAL = ("tempering", "mala", "lmc")  # in any dimension, with a box or without
TEMPERED_D = 8  # beyond it neighbouring temperatures hardly overlap: in 20 dimensions 4 % of the swaps are accepted
PARTICLES = 512
SETTLING = 0.5  # of the steps, before draws count
FRAMES = 200
# The step of Langevin: trial runs of MALA from the start, until so many proposals are accepted (Roberts and Rosenthal
# 1998: 0.574 is best in high dimension).
WANTED, ROUNDS, ROUND_STEPS, GROWTH = 0.574, 24, 20, 1.4


@dataclass(frozen=True)
class Draws(Generic[ArrayT]):
    """x (n, d): draws of exp(-coefficient g); method, tau (its step), acceptance (of MALA's moves, of tempering's swaps
    or of jumps; None where all are taken), gradient_evaluations: points at which grad g was asked for."""

    x: ArrayT
    method: str
    tau: float
    coefficient: float
    acceptance: float | None
    gradient_evaluations: int


class Options(TypedDict, total=False):
    """The keywords of ``sample`` but for ``details``."""

    grad: Callable[..., object] | None
    low: Corner
    high: Corner
    start: Corner
    method: str | None
    steps: int
    coefficient: float
    tau: float | None
    seed: int
    progress: Progress


@overload
def sample(
    g: Callable[[ArrayT], ArrayT], n: int = 1000, *, details: Literal[False] = False, **options: Unpack[Options]
) -> ArrayT: ...


@overload
def sample(
    g: Callable[[ArrayT], ArrayT], n: int = 1000, *, details: Literal[True], **options: Unpack[Options]
) -> Draws[ArrayT]: ...


def sample(
    g: Callable[..., object],
    n: int = 1000,
    *,
    grad: Callable[..., object] | None = None,
    low: Corner = None,
    high: Corner = None,
    start: Corner = None,
    method: str | None = None,
    steps: int = 2000,
    coefficient: float = 1.0,
    tau: float | None = None,
    seed: int = 0,
    progress: Progress = None,
    details: bool = False,
) -> object:
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
    task, kind = task_of(g, grad, (low, high, start), positive("coefficient", coefficient), count("steps", steps, 10))
    task = replace(task, seed=_seed(seed), recorder=recorder(progress))
    if method is None:
        method = "tempering" if task.start.shape[1] <= TEMPERED_D else "mala"
    _check_method(method, task)
    limits.check_samples(wanted, task.start.shape[1])
    step = _step(task) if tau is None else positive("tau", tau)
    particles = min(wanted, PARTICLES)
    begin = task.start[torch.arange(particles) % len(task.start)]
    run = _local if method in LOCAL else _boxed
    x, acceptance, spent = run(method, task, begin, step, wanted)
    if not len(x):
        raise InputError(f"the method {method} made no draws in {steps} steps; give it more steps")
    more = method, step, task.coefficient, acceptance, spent
    if kind == "numpy":
        return Draws(x.numpy(), *more) if details else x.numpy()
    return Draws(x, *more) if details else x


def _seed(seed: object) -> int:
    value = count("seed", seed, 0)
    check_value("seed", value, SEED)
    return value


def _check_method(method: str, task: Task) -> None:
    d = task.start.shape[1]
    if method in LOCAL:
        return
    boxed = {name: item for name, item in known().items() if name not in LOCAL and not item.known_only}
    if method not in boxed:
        raise InputError(f"method must be one of {', '.join((*LOCAL, *boxed))}, not {limits.shown(method)}")
    if not task.low:
        raise InputError(f"low and high are missing: the method {method} needs a box; without one take {LOCAL[0]}")
    if d > boxed[method].most_d:
        most = boxed[method].most_d
        raise InputError(f"the method {method} takes up to {most} dimensions, not {d}; take {LOCAL[0]} or nuts")


def _unit(task: Task) -> tuple[float, ...]:
    """Squares of the half sides of the box, by which the step is larger along a longer axis; none without a box."""
    return tuple(((b - a) / 2) ** 2 for a, b in zip(task.low, task.high, strict=True))


def _step(task: Task) -> float:
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


def _local(method: str, task: Task, x: Tensor, tau: float, wanted: int) -> tuple[Tensor, float | None, int]:
    oracle = task.oracle()
    settings = LangevinSettings(tau, task.coefficient, 1, True, _unit(task))
    kernel: Tempering | Mala | Langevin
    if method == "tempering":
        kernel = Tempering(oracle, settings, task.region)
    else:
        kernel = (Mala if method == "mala" else Langevin)(oracle, settings, task.region)
    trace = Trace(every=max(1, task.steps // FRAMES), kept=len(x))
    state = ChainState.start(x, seeds.child(task.seed, "chain"))
    run_chain(kernel, state, task.steps, task.recorder, stage=method, trace=trace)
    return _spread(trace.x[int(SETTLING * len(trace.x)) :], wanted), _acceptance(kernel), oracle.evaluations


def _acceptance(kernel: Tempering | Mala | Langevin) -> float | None:
    if isinstance(kernel, Langevin):
        return None
    return kernel.acceptance if isinstance(kernel, Tempering) else kernel.accepted / kernel.tried


def _boxed(method: str, task: Task, x: Tensor, tau: float, wanted: int) -> tuple[Tensor, float | None, int]:
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

"""What every sampler shares: a counted gradient, the particles' state, what is kept of a chain, and the loop.

A sampler is a ``Kernel``: it moves a ``ChainState`` by one step. ``run_chain`` repeats that, keeps a ``Trace``, tells
a Recorder, stops where a budget of gradient evaluations is spent, and goes on after an interruption with the same
numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.settings import reading
from npf_engine.tasks.recorder import Recorder
from npf_engine.tasks.restoring import WRONG, check, restored

Vectorial = Callable[[Tensor], Tensor]


class Oracle:
    """grad g, and g where it is known, with a count of the points at which the gradient was asked for.

    gradient: (n, d) -> (n, d), may be stochastic; then ``generator`` is what it draws from, so that a resume
    repeats its draws. potential: (n, d) -> (n,). Value and gradient at the same points count once.
    """

    def __init__(
        self, gradient: Vectorial, potential: Vectorial | None = None, generator: torch.Generator | None = None
    ) -> None:
        self._gradient, self._potential, self.generator = gradient, potential, generator
        self.evaluations = 0

    def gradient(self, x: Tensor) -> Tensor:
        """grad g at x (n, d)."""
        self.evaluations += x.shape[0]
        return self._gradient(x).detach()

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """g (n,) and grad g (n, d) at x (n, d). Raises ValueError where g is not known."""
        if self._potential is None:
            raise ValueError("the potential g itself is needed, not only its gradient")
        return self._potential(x).detach(), self.gradient(x)

    def state_dict(self) -> dict[str, object]:
        """The count, and the random state of a stochastic gradient."""
        state: dict[str, object] = {"evaluations": self.evaluations}
        return state if self.generator is None else state | {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Back to a kept state."""
        self.evaluations = reading.whole(state, "evaluations")
        if self.generator is not None:
            self.generator.set_state(reading.of(state, "generator", Tensor))


@dataclass
class ChainState:
    """Particles x (P, d) after ``step`` steps. gradient (P, d), value (P,): at ``at`` (P, d), the last points asked for
    (at is x itself in samplers that need g at the current point). jumped (P,): moved through u in the last step."""

    x: Tensor
    generator: torch.Generator
    step: int = 0
    at: Tensor | None = None
    gradient: Tensor | None = None
    value: Tensor | None = None
    jumped: Tensor | None = None

    @staticmethod
    def start(x: Tensor, seed: int) -> ChainState:
        """Particles (P, d) at step 0, with the chain's own random numbers (always drawn on the CPU)."""
        return ChainState(x.clone(), seeds.generator(seed, "chain.steps"))

    def normal(self) -> Tensor:
        """Standard normal numbers shaped like x."""
        return torch.randn(self.x.shape, generator=self.generator, dtype=self.x.dtype).to(self.x.device)

    def uniform(self) -> Tensor:
        """Uniform numbers (P,)."""
        return torch.rand(self.x.shape[0], generator=self.generator, dtype=self.x.dtype).to(self.x.device)

    def state_dict(self) -> dict[str, object]:
        """All of it, as tensors and numbers."""
        names = ("x", "step", "at", "gradient", "value", "jumped")
        return {name: getattr(self, name) for name in names} | {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Back to a kept state, on this state's device."""
        device = self.x.device
        self.x, self.step = reading.of(state, "x", Tensor).to(device), reading.whole(state, "step")
        for name in ("at", "gradient", "value", "jumped"):
            value = reading.maybe(state, name, Tensor)
            setattr(self, name, None if value is None else value.to(device))
        self.generator.set_state(reading.of(state, "generator", Tensor))
        if self.at is not None and torch.equal(self.at, self.x):
            self.at = self.x  # samplers tell by identity that value and gradient belong to x


class Stateful(Protocol):
    """What can be kept, and put back."""

    def state_dict(self) -> dict[str, object]:
        """What a resume needs."""

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Back to a kept state."""


class Kernel(Protocol):
    """One step of a sampler. ``oracle`` counts; ``shown`` are numbers for the progress line."""

    oracle: Oracle

    def step(self, state: ChainState) -> None:
        """Move ``state`` in place by one step."""

    def shown(self) -> dict[str, float]:
        """Numbers of the last steps."""

    def state_dict(self) -> dict[str, object]:
        """What a resume needs besides the ChainState."""

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Back to a kept state."""


@dataclass
class Trace:
    """What is kept of a chain: every ``every`` steps the first ``kept`` particles and whether they jumped since.

    steps (T,), x (T, kept, d), jumped (T, kept) bool; scalars: name -> (T,) of what ``watch`` returned.
    """

    every: int = 10
    kept: int = 256
    steps: list[int] = field(default_factory=list)
    x: list[Tensor] = field(default_factory=list)
    jumped: list[Tensor] = field(default_factory=list)
    scalars: dict[str, list[float]] = field(default_factory=dict)
    _since: Tensor | None = None

    def see(self, state: ChainState, watch: Callable[[ChainState], dict[str, float]] | None = None) -> bool:
        """Note the state; whether a frame was kept."""
        now = state.jumped[: self.kept].cpu() if state.jumped is not None else None
        if now is not None:
            self._since = now if self._since is None else self._since | now
        if state.step % self.every:
            return False
        x = state.x[: self.kept].detach().cpu()
        self.steps.append(state.step)
        self.x.append(x.clone())
        self.jumped.append(torch.zeros(len(x), dtype=torch.bool) if self._since is None else self._since)
        self._since = None
        for name, value in (watch(state) if watch else {}).items():
            self.scalars.setdefault(name, []).append(float(value))
        return True

    def arrays(self) -> dict[str, np.ndarray]:
        """The trace as arrays: steps, x, jumped and scalar_<name>."""
        out = {"steps": np.array(self.steps, dtype=np.int64)}
        if self.x:
            out["x"] = torch.stack(self.x).numpy()
            out["jumped"] = torch.stack(self.jumped).numpy()
        return out | {f"scalar_{name}": np.array(values) for name, values in self.scalars.items()}

    def state_dict(self) -> dict[str, object]:
        """For a checkpoint."""
        kept: dict[str, object] = {
            "steps": list(self.steps),
            "since": self._since,
            "scalars": {k: list(v) for k, v in self.scalars.items()},
        }
        return kept | {"x": torch.stack(self.x), "jumped": torch.stack(self.jumped)} if self.x else kept

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Back to a kept trace."""
        scalars = reading.mapping(state, "scalars")
        self.steps = reading.each_of(state, "steps", int)
        self.scalars = {name: reading.numbers(scalars, name) for name in scalars}
        self.x, self.jumped = _frames(state, "x"), _frames(state, "jumped")
        self._since = reading.maybe(state, "since", Tensor)


def _frames(state: reading.Record, key: str) -> list[Tensor]:
    stacked = reading.maybe(state, key, Tensor)
    return [] if stacked is None else list(stacked)


def run_chain(
    kernel: Kernel,
    state: ChainState,
    steps: int,
    recorder: Recorder | None = None,
    *,
    stage: str = "chain",
    trace: Trace | None = None,
    watch: Callable[[ChainState], dict[str, float]] | None = None,
    budget: int | None = None,
) -> ChainState:
    """Move ``state`` by steps until state.step is ``steps`` or the oracle has counted ``budget`` evaluations.

    stage: its name for the progress. watch(state) gives numbers for the progress line at every kept frame. A
    checkpoint of the stage (particles, kernel, trace) is gone on from. A chain that diverges raises Diverged; what came
    before is in ``trace``.
    """
    recorder = recorder or Recorder()
    trace, key = trace if trace is not None else Trace(), f"chain.{stage}"
    if not take_up(recorder, key, [("state", state), ("kernel", kernel), ("trace", trace)]) and not trace.steps:
        trace.see(state, watch)
    while state.step < steps and (budget is None or kernel.oracle.evaluations < budget):
        recorder.check()
        kernel.step(state)
        if trace.see(state, watch):
            latest = {name: values[-1] for name, values in trace.scalars.items() if values}
            recorder.progress(stage, state.step, steps, **kernel.shown(), **latest)
        if recorder.checkpoint_due():
            save_chain(recorder, key, kernel, state, trace)
    save_chain(recorder, key, kernel, state, trace)
    return state


def take_up(recorder: Recorder, key: str, parts: list[tuple[str, Stateful]]) -> bool:
    """Put the parts, each under its name, back to what was kept under ``key``; whether they are now. A state that does
    not fit is told of, and leaves them as they were."""

    def put(kept: dict[str, object]) -> bool:
        before = [copy.deepcopy(part.state_dict()) for _, part in parts]
        try:
            for name, part in parts:
                state = reading.mapping(kept, name) if name else kept
                _must_be_like(state, part.state_dict(), name)
                part.load_state_dict(state)
        except WRONG:
            for (_, part), state in zip(parts, before, strict=True):
                part.load_state_dict(state)
            raise
        return True

    return bool(restored(recorder, key, put))


def _must_be_like(state: dict[str, object], like: dict[str, object], name: str) -> None:
    """Raise where tensors have other shapes or precision, or weights are not finite."""
    for key, wanted in like.items():
        found = state.get(key)
        if isinstance(wanted, dict) and isinstance(found, dict):
            _must_be_like(found, wanted, f"{name}.{key}")
        elif isinstance(wanted, Tensor) and found is not None:
            check(f"{name}.{key}", found, wanted, finite=".modules." in f"{name}.")


def save_chain(recorder: Recorder, key: str, kernel: Kernel, state: ChainState, trace: Trace) -> None:
    """Keep all that a resume needs under ``key``."""
    recorder.save(key, {"state": state.state_dict(), "kernel": kernel.state_dict(), "trace": trace.state_dict()})

"""What every sampler of a landscape is given, what it leaves behind, and a chain of it with all that is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.fields.field import Field
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.sampling.chain import ChainState, Kernel, Oracle, Trace, Vectorial, run_chain
from npf_engine.sampling.known import KnownFactorization
from npf_engine.sampling.landscapes import Landscape
from npf_engine.sampling.langevin import LangevinSettings, Region
from npf_engine.sampling.mixing import Mixing, mixing
from npf_engine.sampling.pretrain import PretrainSettings
from npf_engine.tasks.recorder import Recorder

FRAMES = 400  # kept of a chain
SETTLING_SHARE = 0.25  # of a chain: frames before that do not count


class Shares(Protocol):
    """What tells draws apart by their modes: Truth in the plane, a Mixture in any dimension."""

    def shares(self, x: Tensor) -> np.ndarray:
        """Share of x (n, d) at each mode, (modes,)."""


@dataclass
class Setting:
    """What all methods share. x (P, d), the oracle and settings are in model positions; budget: gradients in all.

    known: the factorization to jump by, where it is not to be learned; start: where the solver of M_theta starts within
    a jump, v (V_phi) or m (M_xi); density: of what a corrected jump comes back by, mixture (sampling/proposal.py) or
    flow (sampling/flow.py).
    """

    landscape: Landscape
    oracle: Oracle
    settings: LangevinSettings
    x: Tensor
    budget: int
    seed: int
    recorder: Recorder
    truth: Shares | None
    networks: PretrainSettings = field(default_factory=PretrainSettings)
    known: KnownFactorization | None = None
    start: str = "v"
    density: str = "mixture"

    @property
    def region(self) -> Region:
        """Omega in model positions."""
        return Region.cube(self.landscape.d)

    def steps_left(self, cost: int = 1) -> int:
        """Steps that the rest of the budget pays for, at ``cost`` gradients a particle."""
        return max(1, (self.budget - self.oracle.evaluations) // (cost * len(self.x)))


@dataclass
class Chains:
    """What a method leaves behind: traces in the order they ran; only the last one's later frames are draws."""

    traces: list[Trace] = field(default_factory=list)
    settled: float = SETTLING_SHARE
    only: Tensor | None = None  # draws of a method that has no trace
    acceptance: float | None = None
    lifted: Vectorial | None = None
    networks: tuple[PolarFactorization, Field, PretrainSettings] | None = None  # as the chain left them

    def draws(self) -> Tensor:
        """Particles (n, d) of all frames that count."""
        if self.only is not None:
            return self.only
        frames = self.traces[-1].x if self.traces else []
        kept = frames[int(len(frames) * self.settled) :]
        return torch.cat(kept) if kept else torch.empty(0, 2, dtype=torch.float64)

    def mixing(self) -> Mixing | None:
        """How well the chains of the frames that count have mixed; None of a method that keeps none."""
        frames = self.traces[-1].x if self.traces and self.only is None else []
        kept = frames[int(len(frames) * self.settled) :]
        return mixing(torch.stack(kept).numpy()) if kept else None

    def last(self) -> Tensor:
        """The last particles (P, d)."""
        return self.only[-1000:] if self.only is not None else self.traces[-1].x[-1]

    def paths(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps (T,), paths (T, P, d) and jumped (T, P) of all traces, one after the other."""
        if self.only is not None or not self.traces:
            return np.empty(0, dtype=np.int64), np.empty((0, 0, 2)), np.empty((0, 0), dtype=bool)
        offset, steps = 0, []
        for trace in self.traces:
            steps += [offset + step for step in trace.steps]
            offset = steps[-1] if steps else offset
        x = torch.cat([torch.stack(trace.x) for trace in self.traces])
        jumped = torch.cat([torch.stack(trace.jumped) for trace in self.traces])
        return np.array(steps, dtype=np.int64), x.numpy(), jumped.numpy()

    def shares(self) -> np.ndarray:
        """Share of the particles in each basin at the moments of ``paths``, (T, modes); NaN where it was not told."""
        told = [trace.scalars for trace in self.traces]
        names = list(dict.fromkeys(name for scalars in told for name in scalars if name.startswith("occupancy_")))
        columns = [
            np.concatenate(
                [scalars.get(name, [np.nan] * len(t.steps)) for t, scalars in zip(self.traces, told, strict=True)]
            )
            for name in names
        ]
        return np.stack(columns, axis=1) if columns else np.empty((0, 0))


def one_chain(
    name: str, kernel: Kernel, setting: Setting, steps: int, chains: Chains, x: Tensor | None = None
) -> ChainState:
    """Run a kernel from x (P, d), by default from the setting's start, with its trace, its live pictures and the
    occupancy of the basins as numbers; ``name`` is its stage and the stream of its random numbers."""
    every = max(1, steps // FRAMES)
    # At all moments between two jumps alike: what comes just before each is the chain at its most relaxed.
    while math.gcd(every, setting.settings.inner) > 1:
        every += 1
    trace = Trace(every=every, kept=1024)
    chains.traces.append(trace)
    state = ChainState.start(setting.x if x is None else x, seeds.child(setting.seed, name))
    watch = _watch(setting, trace, chains)
    return run_chain(
        kernel,
        state,
        steps,
        setting.recorder,
        stage=name,
        trace=trace,
        watch=watch,
        budget=setting.budget,
    )


def _watch(setting: Setting, trace: Trace, chains: Chains) -> Callable[[ChainState], dict[str, float]]:
    scaling, truth = setting.landscape.scaling, setting.truth

    def watch(state: ChainState) -> dict[str, float]:
        x = scaling.to_user(state.x.detach().cpu())
        jumped = trace.jumped[-1].numpy() if trace.jumped else np.zeros(len(x), dtype=bool)
        setting.recorder.snapshot(
            "landscape", x=x[:2000].numpy().astype(np.float32), jumped=jumped[:2000], step=np.array(state.step)
        )
        if truth is None:
            return {}
        return {f"occupancy_{k}": float(share) for k, share in enumerate(truth.shares(x)[:12])}

    return watch

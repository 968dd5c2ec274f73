"""F = grad u o M, learned from samples (x, F(x)) of a field: NPF sections 3 and 4, as they are read there.

u       a convex potential whose gradient carries rho to the law of F
grad u* the conjugate of every sample, M_theta(x) = grad u*(F(x)), and V_phi, its first guess
M       a network M_xi for M_theta, which preserves rho
I       a bridge from M_theta(x) to x, whose ends I_psi(y, noise) are draws of the pre-images of y

A finished stage is kept by the recorder, and so is each loop on its way: with or without it the numbers are the same.
All draws come from the settings' seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import Tensor, nn

from npf_engine.fields.field import Field
from npf_engine.fields.lattice import Lattice
from npf_engine.networks.bridge import Bridge
from npf_engine.networks.mlp import MLP
from npf_engine.networks.sizes import count_parameters
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.polar.stages.amortizer import train_amortizer
from npf_engine.polar.stages.conjugates import Conjugates, solve_conjugates
from npf_engine.polar.stages.inverse import train_inverse
from npf_engine.polar.stages.job import Job, Network
from npf_engine.polar.stages.map import train_map
from npf_engine.polar.stages.potential import TrainedPotential, train_potential
from npf_engine.settings.stages import InverseConfig, StageSettings
from npf_engine.tasks.memory import keep_freed_memory
from npf_engine.tasks.recorder import Recorder

KEPT_SAMPLES = 16_384
KEPT_NUMBERS = 400_000  # at most so many numbers a kept array, whatever d


@dataclass(frozen=True)
class Trained:
    """The model, and M_theta of all training (n, d) and test samples (k, d), which the training has solved."""

    model: PolarFactorization
    m_train: Tensor
    m_test: Tensor

    @property
    def solved(self) -> tuple[Tensor, Tensor]:
        """Of the training and of the test samples."""
        return self.m_train, self.m_test


def train(
    field: Field,
    settings: StageSettings,
    recorder: Recorder | None = None,
    *,
    field_spec: Mapping[str, object] | None = None,
) -> Trained:
    """Train u_theta, V_phi, M_xi and X_psi on the field's training samples.

    settings.device must be resolved (cpu, cuda, mps; ``auto`` is taken as cpu). field_spec: how the field is built, as
    JSON, which the model keeps; by default as the field itself says. model.info holds seconds per stage, convergence
    figures and parameter counts. Raises TrainingDiverged where going back with smaller rates did not help.
    """
    keep_freed_memory()
    job = Job.of(field, settings, recorder)
    published = settings.v if settings.solver == "published" else None
    potential = _stage(
        job,
        "u",
        lambda: train_potential(job, settings.u, settings.conjugate, published=published, watched=settings.watched),
    )
    solved = _stage(job, "v", lambda: _solve(job, settings, potential))
    m_train, m_test = solved.conjugates.train, solved.conjugates.test
    m = _stage(job, "m", lambda: train_map(job, settings.m, m_train))
    bridge = _stage(job, "inverse", lambda: train_inverse(job, settings.inverse, m_train, potential.u.module))
    parts = _Parts(potential, solved, m, bridge)
    spec = field.provenance.get("spec", {}) if field_spec is None else field_spec
    return Trained(_model(job, parts, settings.inverse, dict(spec)), m_train, m_test)


@dataclass(frozen=True)
class _Solved:
    """What stage v answers with."""

    conjugates: Conjugates
    v: Network[MLP]

    @property
    def seconds(self) -> float:
        """Of the solver and, but where the published algorithm trained V with u, of the regression."""
        return self.conjugates.seconds + self.v.seconds


def _solve(job: Job, settings: StageSettings, potential: TrainedPotential) -> _Solved:
    conjugates = solve_conjugates(job, potential.u.module, settings.conjugate)
    return _Solved(conjugates, train_amortizer(job, settings.v, conjugates.train, potential.v))


class _Timed(Protocol):
    @property
    def seconds(self) -> float: ...


Answer = TypeVar("Answer", bound=_Timed)


def _stage(job: Job, name: str, work: Callable[[], Answer]) -> Answer:
    """One stage; its seconds include those before an interruption."""
    job.recorder.check()
    job.recorder.stage(name, "started")
    answer = work()
    job.recorder.stage(name, "done", answer.seconds)
    return answer


@dataclass(frozen=True)
class _Parts:
    """The answers of all stages."""

    potential: TrainedPotential
    solved: _Solved
    m: Network[MLP]
    bridge: Network[Bridge]

    @property
    def networks(self) -> dict[str, Network[nn.Module]]:
        """By the names that a model's files have for them."""
        return {"u": self.potential.u, "v": self.solved.v, "m": self.m, "bridge": self.bridge}

    def info(self) -> dict[str, object]:
        """How the training went, as JSON."""
        gaussian = {"S": self.potential.S.tolist(), "m": self.potential.m.tolist()}
        stages: dict[str, _Timed] = {"u": self.potential, "v": self.solved, "m": self.m, "inverse": self.bridge}
        return {
            "u_parameters": count_parameters(self.potential.u.module),
            "gaussian": gaussian,
            "conjugate": self.solved.conjugates.summary(),
            "seconds": {name: stage.seconds for name, stage in stages.items()},
            "networks": {name: network.arguments for name, network in self.networks.items()},
        }


def _model(job: Job, parts: _Parts, config: InverseConfig, field_spec: dict[str, object]) -> PolarFactorization:
    """The stages' answers as a model, with as many samples as pictures and checks need."""
    field = job.field
    keep = max(256, min(KEPT_SAMPLES, KEPT_NUMBERS // field.d))
    solved = parts.solved.conjugates
    lattice, grid = _lattice(field, job.recorder)
    info = parts.info() | {
        "kind": field.kind,
        "n": field.n,
        "warnings": field.warnings,
        "conversions": field.conversions,
        "shift": list(field.shift),  # off F's components: every value in this model is less by it
        "provenance": field.provenance,
    }
    for network in parts.networks.values():
        network.module.eval().requires_grad_(False)
    return PolarFactorization(
        u=parts.potential.u.module,
        v=parts.solved.v.module,
        m=parts.m.module,
        bridge=parts.bridge.module,
        scaling=field.scaling,
        units=field.units,
        rho=field.rho,
        low=field.low,
        high=field.high,
        field_name=field.name,
        field_spec=field_spec,
        samples={
            "x_train": field.x_train[:keep],
            "y_train": field.y_train[:keep],
            "m_train": solved.train[:keep].cpu().float(),
            "x_test": field.x_test[:keep],
            "y_test": field.y_test[:keep],
            "m_test": solved.test[:keep].cpu().float(),
        },
        info=info | grid,
        function=field.function,
        sampler=config.sampler,
        sampler_steps=config.sampler_steps,
        guide_steps=config.guide_steps,
        redraws=config.redraws,
        lattice=lattice,
    )


def _lattice(field: Field, recorder: Recorder) -> tuple[Lattice | None, dict[str, list[int]]]:
    """F on the grid that a model keeps, and what its info says of the field's own where that is finer."""
    if field.lattice is None:
        return None, {}
    lattice = field.lattice.thinned()
    if lattice is field.lattice:
        return lattice, {}
    (rows, cols), (of_rows, of_cols) = lattice.shape, field.lattice.shape
    recorder.note(f"the bundle keeps F on {rows} x {cols} nodes of its grid of {of_rows} x {of_cols}")
    return lattice, {"grid": [of_rows, of_cols]}

"""TrainingSpec: what to train, validated and serialisable; the same for page, command line and cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.fields.spec import FieldSpec
from npf_engine.potentials import check_training
from npf_engine.settings import limits
from npf_engine.settings.base import Spec
from npf_engine.settings.dotted import dotted_values, flatten, to_json, with_dotted
from npf_engine.settings.setting import device_setting, group, seed_setting, setting, threads_setting
from npf_engine.settings.stages import (
    PATIENCE,
    POLISH_RATE,
    SMALL,
    AmortizerConfig,
    ConjugateConfig,
    InverseConfig,
    MapConfig,
    PotentialConfig,
    ReportConfig,
    StageSettings,
)

__all__ = ["PRESETS", "TrainingSpec", "dotted_values", "from_json", "preset", "to_json", "with_values"]

# The counts are the most: how many steps u takes the held-out dual decides.
STOPPING: dict[str, object] = {"u.patience": PATIENCE, "u.polish_steps": 600, "u.polish_lr": POLISH_RATE}
QUICK: dict[str, object] = {"u.hidden": SMALL, "u.regression_steps": 4000} | STOPPING

PRESETS: dict[str, dict[str, object]] = {
    # minutes on two CPU cores
    "quick": QUICK,
    # Figure 17's network sizes and step counts, with our solvers
    "paper": STOPPING
    | {
        "u.pair_size": 4000,
        "u.pairings": 16,
        "u.regression_steps": 50_000,
        "u.regression_lr": 1e-2,
        "v.hidden": (512, 512),
        "v.steps": 50_000,
        "v.lr": 5e-4,
        "v.batch": 256,
        "m.hidden": (512, 512),
        "m.steps": 50_000,
        "m.lr": 2e-3,
        "m.batch": 512,
        "inverse.hidden": (256, 256, 256),
        "inverse.steps": 50_000,
        "inverse.lr": 5e-3,
        "inverse.sampler_steps": 50,
    },
    "custom": QUICK,
}

# What the paper's own algorithm runs with, set first by solver=published, whatever the preset: Figure 17; V and M_xi as
# in the text (G.3, G.4); what neither says (batches, M's rate and steps, the sampler) as the authors' program has it.
PUBLISHED: dict[str, object] = {
    "u.network": "icnn",
    "u.hidden": (64, 64, 64, 64),
    "u.rank": 1,
    "u.activation": "elu",
    "u.start": "identity",
    "u.ema": 0.0,
    "u.dual_steps": 50_000,
    "u.dual_lr": 1e-3,
    "u.lr_floor": 0.1,
    "u.beta1": 0.5,
    "u.beta2": 0.5,
    "u.batch": 1024,
    "v.hidden": (512, 512),
    "v.activation": "relu",
    "v.lr": 5e-4,
    "v.lr_floor": 0.01,
    "conjugate.method": "adam",
    "conjugate.tolerance": 1e-3,
    "conjugate.max_iterations": 200,
    "m.hidden": (512, 512),
    "m.activation": "relu",
    "m.fourier": 0,
    "m.steps": 50_000,
    "m.lr": 1e-3,
    "m.batch": 1024,
    "inverse.hidden": (256, 256, 256),
    "inverse.fourier": 0,
    "inverse.ema": 0.0,
    "inverse.sigma": 0.1,
    "inverse.time_power": 1.0,
    "inverse.peers": 1,
    "inverse.steps": 50_000,
    "inverse.lr": 1e-3,
    "inverse.lr_floor": 0.01,
    "inverse.batch": 1024,
    "inverse.sampler": "heun",
    "inverse.sampler_steps": 950,
    "inverse.guide_steps": 0,
    "inverse.redraws": 0,
}


@dataclass(frozen=True)
class TrainingSpec(Spec):
    """One training, from field to bundle. Dotted keys (``u.pair_size``) name its settings."""

    name: str = setting("", "What the run and its bundle are called; empty: after the field.", longest=limits.MAX_NAME)
    preset: str = setting(
        "quick",
        "Where the settings start from: `quick` (minutes), `paper` (Figure 17's sizes) or `custom`.",
        choices=tuple(PRESETS),
    )
    solver: str = setting(
        "fast",
        "`fast`: exact pairing and warm-started conjugates; `published`: the paper's algorithm unchanged.",
        choices=("fast", "published"),
    )
    seed: int = seed_setting(
        "Fixes every random draw of the training: the same seed on the same machine gives the same numbers. "
        "A GPU draws other numbers than a processor."
    )
    device: str = device_setting()
    dtype: str = setting(
        "float32",
        "Precision of the networks. `float64` is slower and seldom needed.",
        choices=("float32", "float64"),
    )
    threads: int = threads_setting()
    devices: int = setting(
        1,
        "Over how many devices of one machine the batches of u's dual and of the bridge are divided, from 8 dimensions "
        "on. The steps are those of one device, up to rounding.",
        most=64,
        why="with fewer dimensions a step is shorter than what has to be exchanged for it",
    )
    field: FieldSpec = group(
        FieldSpec, "Field", "How the field is built. Options that a source does not use are ignored by it."
    )
    u: PotentialConfig = group(
        PotentialConfig,
        "Potential u",
        "The convex network u and how its gradient is fitted (equations 5 and 6 of the paper).",
    )
    conjugate: ConjugateConfig = group(
        ConjugateConfig, "Conjugate", "The solver that finds ∇u*(y), the point where ∇u takes the value y."
    )
    v: AmortizerConfig = group(AmortizerConfig, "Amortizer V", "The network V that makes the first guess of ∇u*.")
    m: MapConfig = group(MapConfig, "Map M", "The network that learns the measure-preserving map M = ∇u* ∘ F.")
    inverse: InverseConfig = group(
        InverseConfig, "Inverse", "The bridge that draws pre-images under M (Algorithm 1 of the paper)."
    )
    report: ReportConfig = group(ReportConfig, "Accuracy", "How the accuracy table is measured.")

    def together(self) -> None:
        """InputError for a network, a solver and a method that do not go together."""
        check_potential(self.u, self.solver)

    @property
    def stages(self) -> StageSettings:
        """What the stages of the training are trained with."""
        return StageSettings(
            self.u,
            self.conjugate,
            self.v,
            self.m,
            self.inverse,
            self.solver,
            self.seed,
            self.device,
            self.dtype,
            self.report.n,
            self.devices,
        )

    @property
    def default_name(self) -> str:
        """What a run without a name is called."""
        return f"{Path(self.field.source).stem} {self.preset}"


def check_potential(u: PotentialConfig, solver: str) -> None:
    """InputError for a network that the solver or its method cannot train."""
    if u.network != "icnn" and solver == "published":
        raise InputError("u.network must be icnn with solver published, which is the paper's algorithm unchanged")
    if u.network != "icnn":  # which takes all; to ask the others imports torch
        check_training(u.network, u.method, u.start)


def preset(name: str) -> TrainingSpec:
    """The spec of a preset. Raises InputError for an unknown one."""
    if name not in PRESETS:
        raise InputError(f"preset must be one of {', '.join(PRESETS)}, not {limits.shown(name)}")
    return with_values(TrainingSpec(preset=name), PRESETS[name])


def base_of(spec: TrainingSpec) -> TrainingSpec:
    """What a spec's own settings are told against: its preset, with the settings that its solver brings with it."""
    return with_values(preset(spec.preset), {"solver": spec.solver})


def with_values(spec: TrainingSpec, values: Mapping[str, object]) -> TrainingSpec:
    """The spec with dotted keys replaced. Strings are parsed to the leaf's type. Raises InputError.

    solver=published brings the paper's settings with it; other keys given beside it still win.
    """
    if values.get("solver") == "published" and spec.solver != "published":
        values = {"solver": "published"} | PUBLISHED | dict(values)
    return with_dotted(spec, values, "`train --show-spec` prints all of them")


def of_field(name: str, source: str) -> TrainingSpec:
    """The spec of the preset ``name`` for the field ``source``, with the rho that suits it: linear, rotation and swirl
    live on a disc, where the answer is known. Raises InputError."""
    from npf_engine.fields import analytic  # which imports torch: the queue does without

    known = analytic.INFO.get(source.lower())
    return with_values(preset(name), {"field.source": source} | ({"field.rho": known.rho} if known else {}))


def from_json(data: Mapping[str, object]) -> TrainingSpec:
    """Inverse of to_json. Unknown keys raise InputError that names them.

    What was written before a place's water could be left out had it in rho: the field stays that of the training.
    """
    values = flatten(data)
    if "field.voids" in values:  # a whole spec, not some of its keys
        values = {"field.water": "keep"} | values
    return with_values(TrainingSpec(), values)

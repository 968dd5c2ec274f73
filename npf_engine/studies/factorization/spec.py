"""TrainingSpec: what to train, validated and serialisable; the same for page, command line and cluster."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npf_engine.errors import InputError
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings import limits
from npf_engine.settings.dotted import flatten, leaves, set_leaves, to_json
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
)

__all__ = ["CHOICES", "PRESETS", "TrainingSpec", "from_json", "leaves", "preset", "to_json", "validate", "with_values"]


@dataclass(frozen=True)
class TrainingSpec:
    """One training, from field to bundle. Dotted keys (``u.pair_size``) name its leaves."""

    name: str = ""
    preset: str = "quick"  # quick | paper | custom
    solver: str = "fast"  # fast (ours) | published (the paper's algorithm unchanged)
    seed: int = 0
    device: str = "auto"  # auto | cpu | cuda | mps
    dtype: str = "float32"  # float32 | float64
    threads: int = 0  # 0: chosen by a short measurement when the run starts, then stored
    field: FieldSpec = dataclasses.field(default_factory=FieldSpec)
    u: PotentialConfig = dataclasses.field(default_factory=PotentialConfig)
    conjugate: ConjugateConfig = dataclasses.field(default_factory=ConjugateConfig)
    v: AmortizerConfig = dataclasses.field(default_factory=AmortizerConfig)
    m: MapConfig = dataclasses.field(default_factory=MapConfig)
    inverse: InverseConfig = dataclasses.field(default_factory=InverseConfig)
    report: ReportConfig = dataclasses.field(default_factory=ReportConfig)

    def __post_init__(self) -> None:
        limits.check(self)

    @property
    def default_name(self) -> str:
        """What a run without a name is called."""
        return f"{Path(self.field.source).stem} {self.preset}"


# The counts are the most: how many steps u takes the held-out dual decides.
STOPPING: dict[str, Any] = {"u.patience": PATIENCE, "u.polish_steps": 600, "u.polish_lr": POLISH_RATE}
QUICK: dict[str, Any] = {"u.hidden": SMALL, "u.regression_steps": 4000} | STOPPING

PRESETS: dict[str, dict[str, Any]] = {
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

# What the paper's own algorithm runs with (Figure 17; M_xi as in the text): set first by solver=published
PUBLISHED: dict[str, Any] = {
    "u.dual_steps": 50_000,
    "u.dual_lr": 1e-3,
    "u.lr_floor": 0.1,
    "u.beta1": 0.5,
    "u.beta2": 0.5,
    "u.batch": 1024,
    "v.hidden": (512, 512),
    "v.activation": "relu",
    "v.lr": 5e-4,
    "conjugate.method": "adam",
    "conjugate.tolerance": 1e-3,
    "conjugate.max_iterations": 200,
    "m.hidden": (512, 512),
    "m.activation": "relu",
    "m.fourier": 0,
    "m.steps": 50_000,
    "m.lr": 1e-3,
    "inverse.fourier": 0,
    "inverse.sigma": 0.1,
    "inverse.time_power": 1.0,
    "inverse.peers": 1,
    "inverse.steps": 50_000,
    "inverse.lr": 1e-3,
    "inverse.batch": 1024,
    "inverse.sampler": "heun",
    "inverse.sampler_steps": 950,
    "inverse.guide_steps": 0,
    "inverse.redraws": 0,
}

CHOICES: dict[str, tuple[str, ...]] = {
    "preset": tuple(PRESETS),
    "solver": ("fast", "published"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "dtype": ("float32", "float64"),
    "field.rho": ("box", "disc", "gaussian", "land", "samples"),
    "field.slope": ("per-pixel", "per-metre"),
    "field.voids": ("fill", "mask"),
    "u.network": ("icnn", "wide"),
    "u.activation": ("softplus", "elu"),
    "u.start": ("gaussian", "identity"),
    "u.method": ("pairing", "dual"),
    "conjugate.method": ("auto", "newton", "lbfgs", "adam"),
    "v.activation": ("silu", "relu"),
    "m.activation": ("silu", "relu"),
    "inverse.sampler": ("bridge", "heun"),
}

# Leaves of the training itself and of its field that may be 0; those of its groups are in npf_engine.settings.limits.
MAY_BE_ZERO = {"seed", "threads", "field.split_seed", "field.noise_seed", "field.sigma"}


def preset(name: str) -> TrainingSpec:
    """The spec of a preset. Raises InputError for an unknown one."""
    if name not in PRESETS:
        raise InputError(f"preset must be one of {', '.join(PRESETS)}, not {limits.shown(name)}")
    return with_values(TrainingSpec(preset=name), PRESETS[name])


def base_of(spec: TrainingSpec) -> TrainingSpec:
    """What a spec's own settings are told against: its preset, with the settings that its solver brings with it."""
    return with_values(preset(spec.preset), {"solver": spec.solver})


def with_values(spec: TrainingSpec, values: dict[str, Any]) -> TrainingSpec:
    """The spec with dotted keys replaced. Strings are parsed to the leaf's type. Raises InputError.

    solver=published brings the paper's settings with it; other keys given beside it still win.
    """
    if values.get("solver") == "published" and spec.solver != "published":
        values = {"solver": "published"} | PUBLISHED | values
    changed: TrainingSpec = set_leaves(spec, values, "`train --show-spec` prints all of them")
    validate(changed)
    return changed


def of_field(name: str, source: str) -> TrainingSpec:
    """The spec of the preset ``name`` for the field ``source``, with the rho that suits it: linear, rotation and swirl
    live on a disc, where the answer is known. Raises InputError."""
    from npf_engine.fields import analytic  # which imports torch: the queue does without

    known = analytic.INFO.get(source.lower())
    return with_values(preset(name), {"field.source": source} | ({"field.rho": known.rho} if known else {}))


def from_json(data: dict[str, Any]) -> TrainingSpec:
    """Inverse of to_json. Unknown keys raise InputError that names them."""
    return with_values(TrainingSpec(), flatten(data))


def check_choices(spec: Any) -> None:
    """Raise InputError for a leaf that is none of its names (``CHOICES``), for any kind of spec that trains, and for
    names that do not go together."""
    for key, value in leaves(spec).items():
        if key in CHOICES and value not in CHOICES[key]:
            raise InputError(f"{key} must be one of {', '.join(CHOICES[key])}, not {limits.shown(value)}")
    if spec.u.network == "wide" and spec.solver == "published":
        raise InputError("u.network must be icnn with solver published, which is the paper's algorithm unchanged")
    if spec.u.network == "wide" and (spec.u.method, spec.u.start) != ("dual", "gaussian"):
        raise InputError("u.network wide needs u.method dual and u.start gaussian, the only way it is trained")


def validate(spec: TrainingSpec) -> None:
    """Raise InputError that names the first bad leaf. What is beyond the limits was refused when the spec was made."""
    check_choices(spec)
    for key, value in leaves(spec).items():
        bounded = isinstance(value, int | float) and not isinstance(value, bool)
        if bounded and not (value > 0 or key in MAY_BE_ZERO or key.partition(".")[0] in limits.POSITIVE):
            raise InputError(f"{key} must be positive, not {limits.shown(value)}")
        if key in MAY_BE_ZERO and value < 0:
            raise InputError(f"{key} must be 0 or more, not {limits.shown(value)}")

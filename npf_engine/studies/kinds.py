"""The kinds of run: what each reads, runs and leaves behind. A new kind is one entry in KINDS.

Modules are named, not imported: a list of runs must not load what only one of them needs.
"""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import dataclass
from typing import Any

from npf_engine.errors import InputError
from npf_engine.settings import limits
from npf_engine.settings.dotted import flatten, leaves, set_leaves, to_json
from npf_engine.tasks import progress

TRAIN = "train"
KIND = "kind"  # key of spec.json; absent: a training


@dataclass(frozen=True)
class Kind:
    """One kind of run.

    ``spec`` names a frozen dataclass whose fields all have defaults, among them ``seed`` and mostly ``name``; it may
    have a method ``validate()`` that raises InputError, and a property ``default_name``. ``run`` names a function
    ``(spec, recorder, folder) -> dict``; its answer becomes report.json. ``stages`` are shown before they begin; a
    stop waits a moment for those in ``saving``, and for those that ask whether a checkpoint is due. ``files`` are
    patterns of the result files in the run folder. ``naming`` is what a run without a name is called, with leaves in
    braces; where ``{name}`` is among them, that leaf is not the run's name. ``change`` names a function ``(spec,
    values) -> spec`` where setting leaves one by one is not all there is to it.
    """

    name: str
    title: str
    spec: str
    run: str
    stages: tuple[str, ...]
    saving: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    naming: str = ""
    change: str = ""

    def default(self) -> Any:
        """The spec with every setting at its default."""
        return named(self.spec)()

    def with_values(self, spec: Any, values: dict[str, Any]) -> Any:
        """The spec with dotted keys replaced, checked. Raises InputError."""
        if self.change:
            return named(self.change)(spec, values)
        changed = set_leaves(spec, values)
        if hasattr(changed, "validate"):
            changed.validate()
        return changed

    @property
    def names_runs(self) -> bool:
        """Whether the leaf ``name`` is the name of the run."""
        return "{name}" not in self.naming

    def default_name(self, spec: Any) -> str:
        """What a run of this spec without a name of its own is called."""
        made = self.naming.format(**leaves(spec)) if self.naming else getattr(spec, "default_name", "")
        return str(made or self.title)

    def run_name(self, spec: Any) -> str:
        """The name of a run of this spec."""
        own = str(getattr(spec, "name", "")).strip() if self.names_runs else ""
        return own or self.default_name(spec)


KINDS: dict[str, Kind] = {
    TRAIN: Kind(
        TRAIN,
        "Training",
        spec="npf_engine.studies.factorization.spec:TrainingSpec",
        run="npf_engine.studies.factorization.run:run_pipeline",
        stages=progress.STAGES,
        saving=progress.SAVING,
        files=("npf-*.zip",),
        change="npf_engine.studies.factorization.spec:with_values",
    ),
    "landscape": Kind(
        "landscape",
        "Landscape",
        spec="npf_engine.studies.landscape.study:LandscapeSpec",
        run="npf_engine.studies.landscape.run:run",
        stages=(),  # each method has its own
        files=("particles.npz", "particles.csv", "landscape.json", "npf-*.zip"),
        naming="{name} {method}",
    ),
    "experiment": Kind(
        "experiment",
        "Experiment",
        spec="npf_engine.studies.classifier.spec:ExperimentSpec",
        run="npf_engine.studies.classifier.run:run_experiment",
        stages=(),  # each experiment has its own
        files=("particles.npz", "figures.npz", "best-weights.safetensors", "model/*"),
        naming="Experiment {experiment} {preset}",
    ),
    "lab": Kind(
        "lab",
        "Monge lab",
        spec="npf_engine.studies.lab.run:LabSpec",
        run="npf_engine.studies.lab.view:run_judged",
        stages=(),  # one for each method
        files=("lab.npz", "lab.json"),
    ),
    "recolor": Kind(
        "recolor",
        "Colour transfer",
        spec="npf_engine.studies.recolor.run:RecolorSpec",
        run="npf_engine.studies.recolor.run:run_recolor",
        stages=("recolor", "measure"),
        files=("before.png", "palette.png", "after.png"),
    ),
}


def named(text: str) -> Any:
    """What ``module:name`` stands for."""
    module, _, name = text.partition(":")
    return getattr(importlib.import_module(module), name)


def get(name: str) -> Kind:
    """The kind called ``name``. Raises InputError for one that this version does not know."""
    if name not in KINDS:
        raise InputError(
            f"this version knows no run of kind {limits.shown(name)}, only {', '.join(KINDS)}; update the program"
        )
    return KINDS[name]


def of(spec: Any) -> Kind:
    """The kind that a spec belongs to. Raises InputError where it is none's."""
    for kind in KINDS.values():
        # The name first: most kinds need not be imported to know that it is not theirs.
        if kind.spec.rpartition(":")[2] == type(spec).__name__ and named(kind.spec) is type(spec):
            return kind
    raise InputError(f"{type(spec).__name__} is no spec of a run")


def name_in(data: dict[str, Any]) -> str:
    """The name of the kind in the JSON of a spec."""
    return str(data.get(KIND) or TRAIN)


def spec_to_json(spec: Any) -> dict[str, Any]:
    """Nested dict of plain values, with the kind in it unless it is a training's."""
    kind = of(spec)
    return ({} if kind.name == TRAIN else {KIND: kind.name}) | to_json(spec)


def spec_from_json(data: dict[str, Any]) -> Any:
    """Inverse of spec_to_json. Unknown kinds, unknown keys and bad values raise InputError."""
    kind = get(name_in(data))
    return kind.with_values(kind.default(), flatten(_settings(data)))


def lenient_spec(data: dict[str, Any]) -> Any:
    """The spec in ``data``; leaves that this version does not know or accept keep their default.

    A row of an older version must not take the whole list down. Raises InputError for an unknown kind alone.
    """
    kind = get(name_in(data))
    with contextlib.suppress(InputError, TypeError, AttributeError):  # a group that is no object, a key that is none
        return spec_from_json(data)
    spec = kind.default()
    for key in leaves(spec):
        value: Any = data
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            with contextlib.suppress(InputError):
                spec = kind.with_values(spec, {key: value})
    return spec


def _settings(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != KIND}

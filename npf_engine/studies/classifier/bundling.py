"""The factorization of 5.3 and 5.4 left as a bundle like any other, which opens without the digits."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

from npf_engine.fields.spec import FieldSpec
from npf_engine.measures.accuracy import AccuracyReport
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.settings import reading
from npf_engine.settings.dotted import as_text, dotted_values
from npf_engine.settings.stages import InverseConfig
from npf_engine.studies.classifier.presets import experiment_preset
from npf_engine.studies.classifier.spec import ExperimentSpec
from npf_engine.studies.factorization.bundling import write_bundle
from npf_engine.studies.factorization.spec import preset
from npf_engine.tasks import layout

SOURCE = "classifier"  # no field that could be trained on again: the experiment draws it
NOTE = "F is the gradient of a classifier's loss, drawn anew by minibatches: the bundle knows it on its samples only."


def write_model(model: PolarFactorization, accuracy: AccuracyReport, spec: ExperimentSpec, folder: Path) -> Path:
    """Write the bundle, with the accuracy table of the experiment; its path."""
    info = model.info | {"kind": "samples", "warnings": [*reading.texts(model.info, "warnings"), NOTE]}
    model = dataclasses.replace(model, info=info, function=None)
    how = {"device": spec.device, "threads": spec.threads, "seed": spec.seed}
    report = accuracy.to_json() | {"seconds": model.seconds} | how
    shared = {item.name: getattr(spec.inverse, item.name) for item in dataclasses.fields(InverseConfig)}
    training = dataclasses.replace(
        preset("custom"),
        name=f"Experiment {spec.experiment} {spec.preset}",
        seed=spec.seed,
        device=spec.device,
        u=spec.u,
        v=spec.v,
        conjugate=spec.conjugate,
        m=spec.m,
        inverse=InverseConfig(**shared),
        report=spec.report,
        field=FieldSpec(source=SOURCE, n_samples=len(model.samples["x_train"])),
    )
    path = folder / layout.bundle_name(training.name)
    return write_bundle(model, report, training, path, command=experiment_command(spec))


def experiment_command(spec: ExperimentSpec) -> str:
    """The command line that runs ``spec`` again: its size, and every setting that differs from it."""
    parts = ["python", "-m", "npf_engine", "experiment", spec.experiment, "--preset", spec.preset]
    before = dotted_values(experiment_preset(spec.experiment, spec.preset))
    named = {"experiment", "preset", "threads", "device"}
    changed = {key: value for key, value in dotted_values(spec).items() if key not in named and value != before[key]}
    if changed:
        parts += ["--set", *(f"{key}={as_text(value)}" for key, value in changed.items())]
    return shlex.join(parts)

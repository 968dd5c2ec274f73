"""From a spec to a bundle: field, training, report, bundle. Each part is kept, so that a break costs little."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from npf_engine.errors import InputError
from npf_engine.fields.field import Field
from npf_engine.measures.verdict import Verdict
from npf_engine.settings import reading
from npf_engine.studies.factorization import cost
from npf_engine.studies.factorization.result import TrainingResult
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.tasks import layout
from npf_engine.tasks.checkpoints import ProgressRecorder
from npf_engine.tasks.recorder import Recorder, State
from npf_engine.tasks.restoring import restored

if TYPE_CHECKING:
    from npf_engine.polar import PolarFactorization
    from npf_engine.polar.train import Trained

log = logging.getLogger(__name__)

Progress = Callable[[float, float, str], None]


def run_pipeline(spec: TrainingSpec, recorder: Recorder, folder: Path, field: Field | None = None) -> TrainingResult:
    """Train what a settled ``spec`` says and write npf-<name>.zip into ``folder``.

    ``field`` is what spec.field describes, where a program has it at hand. Raises InputError for a spec that cannot be
    trained here and for other samples than those in the folder; Cancelled when the recorder says so.
    """
    recorder.plan(cost.guess(spec))
    seconds: dict[str, float] = {}
    field, seconds["field"] = _field(spec, folder, recorder, field)
    recorder.plan(cost.guess(spec, field.d))

    from npf_engine.polar.train import train

    made = train(field, spec.stages, recorder, field_spec=dataclasses.asdict(spec.field))
    model = made.model
    seconds |= {name: model.seconds[name] for name in ("u", "v", "m", "inverse")}
    report, seconds["report"] = _report(made, field, spec, recorder)
    result = TrainingResult(
        metrics=reading.mapping(report, "metrics"),
        verdict=Verdict(reading.text(report, "verdict"), reading.text(report, "verdict_reason")),
        seconds=seconds,
        device=spec.device,
        threads=spec.threads,
        seed=spec.seed,
        fingerprint=model.fingerprint(),
        bundle=folder / layout.bundle_name(spec.name or Path(spec.field.source).stem),
    )
    return _bundle(model, result, spec, recorder)


def _progress(recorder: Recorder, stage: str) -> Progress:
    """The loaders' ``progress(done, total, text)`` on top of a recorder."""

    def progress(done: float, total: float, text: str = "") -> None:
        if isinstance(recorder, ProgressRecorder):
            recorder.working(stage, done, total, text)
        recorder.check()

    return progress


def _field(spec: TrainingSpec, folder: Path, recorder: Recorder, given: Field | None) -> tuple[Field, float]:
    """The field, built (or given) once and then read from the folder, and the seconds that building took."""
    from npf_engine.fields import catalog, storage

    began = recorder.clock()
    recorder.stage("field", "started")
    path = folder / layout.FIELD
    if path.exists():
        try:
            field = storage.load_field(path)
        except InputError as error:
            recorder.note(f"the kept samples cannot be used ({error}); the field is built again")
        else:
            if given is not None:
                _must_be_same(field, given, folder)
                field = given  # with its function, which no file holds
            taken = restored(recorder, "field.done", lambda state: reading.number(state, "seconds"))
            seconds = recorder.clock() - began if taken is None else taken
            recorder.stage("field", "restored", seconds)
            return field, seconds
    field = given or catalog.resolve(spec.field, _progress(recorder, "field"))
    with layout.writing(path):
        storage.save_field(field, path)
    for warning in field.warnings:
        recorder.note(warning)
    seconds = recorder.clock() - began
    recorder.save("field.done", {"seconds": seconds})
    recorder.stage("field", "done", seconds)
    return field, seconds


def _must_be_same(kept: Field, given: Field, folder: Path) -> None:
    for name in ("x_train", "y_train", "x_test", "y_test"):
        if not torch.equal(getattr(kept, name), getattr(given, name)):
            raise InputError(f"{folder} holds a training on other samples; choose another folder or remove it")


def _report(made: Trained, field: Field, spec: TrainingSpec, recorder: Recorder) -> tuple[dict[str, object], float]:
    from npf_engine.measures.report import accuracy_report

    kept = restored(recorder, "report.done", _kept_report)
    if kept is not None:
        recorder.stage("report", "restored", kept[1])
        return kept
    began = recorder.clock()
    recorder.stage("report", "started")
    report = accuracy_report(
        made.model, field, spec.report, spec.seed, _progress(recorder, "report"), made.solved
    ).to_json()
    seconds = recorder.clock() - began
    recorder.save("report.done", {"report": json.dumps(report), "seconds": seconds})
    recorder.stage("report", "done", seconds)
    return report, seconds


def _kept_report(state: State) -> tuple[dict[str, object], float]:
    report = reading.as_mapping("report", json.loads(reading.text(state, "report")))
    return {key: report[key] for key in ("metrics", "verdict", "verdict_reason")}, float(
        reading.number(state, "seconds")
    )


def _bundle(
    model: PolarFactorization, result: TrainingResult, spec: TrainingSpec, recorder: Recorder
) -> TrainingResult:
    """Write the bundle; the result with all seconds."""
    from npf_engine.studies.factorization.bundling import write_bundle

    began = recorder.clock()
    recorder.stage("bundle", "started")
    recorder.check()
    before, path = result.seconds, result.bundle
    for old in path.parent.glob("npf-*.zip"):
        old.unlink()
    # The bundle itself cannot tell how long its own writing takes.
    told = replace(result, seconds=dict(before) | {"bundle": 0.0, "total": sum(before.values())})
    with layout.writing(path):
        write_bundle(model, told.to_json(), spec, path)
    seconds = recorder.clock() - began
    recorder.stage("bundle", "done", seconds)
    return replace(result, seconds=dict(before) | {"bundle": seconds, "total": sum(before.values()) + seconds})

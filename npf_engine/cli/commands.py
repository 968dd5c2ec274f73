"""What each command does: read its arguments, call the engine, answer."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine.cli import flags
from npf_engine.cli.options import EvaluateOptions
from npf_engine.cli.output import Answer, columns, report_text
from npf_engine.errors import InputError
from npf_engine.settings.dotted import with_dotted
from npf_engine.settings.paths import whole_path

if TYPE_CHECKING:
    from torch import Tensor

    from npf_engine.fields.field import Field
    from npf_engine.polar import PolarFactorization
    from npf_engine.runs.console import ConsoleRecorder


def fields(args: argparse.Namespace) -> Answer:
    """The fields that have a name."""
    from npf_engine.fields.catalog import list_fields

    infos = list_fields()
    keys = ("name", "kind", "d", "n", "units", "needs_network")
    data = [{key: getattr(info, key) for key in keys} for info in infos]
    rows: list[tuple[str, ...]] = [
        (
            i.name,
            i.kind,
            str(i.d),
            "-" if i.n is None else str(i.n),
            i.units,
            "yes" if i.needs_network else "no",
            i.title,
        )
        for i in infos
    ]
    return Answer(data, columns(("name", "kind", "d", "n", "units", "network", "title"), rows))


def evaluate(args: argparse.Namespace) -> Answer:
    """The accuracy table again, on the test samples of a field."""
    import torch

    from npf_engine.measures.report import accuracy_report
    from npf_engine.runs.console import ConsoleRecorder
    from npf_engine.runs.machine import choose_threads
    from npf_engine.studies.factorization.spec import TrainingSpec

    given = flags.typed(EvaluateOptions, args)
    if wrong := [key for key in flags.pairs(args.settings, "") if not key.startswith("field.")]:
        raise InputError(f"--set {wrong[0]}: evaluate trains nothing; only keys that begin with field. can be set")
    options = with_dotted(EvaluateOptions(), given)
    model = load_model(args.bundle)
    torch.set_num_threads(options.threads or choose_threads())
    recorder = ConsoleRecorder()
    began = time.perf_counter()
    of_field = {key: value for key, value in given.items() if key.startswith("field.")}
    field = field_like(model, whole_path(args.field), of_field, recorder)
    built = time.perf_counter()
    config = dataclasses.replace(TrainingSpec().report, draws=options.draws)

    def progress(done: float, total: float, text: str) -> None:
        recorder.working("report", done, total, text)

    data = accuracy_report(model, field, config, options.seed, progress).to_json()
    ended = time.perf_counter()
    data["seconds"] = {"field": built - began, "report": ended - built, "total": ended - began}
    return Answer(data, report_text(data))


def load_model(path: str) -> PolarFactorization:
    """The model in a checked bundle. Raises InputError where it is not sound."""
    from npf_engine.bundle.package import load_bundle

    return load_bundle(path)


def field_like(
    model: PolarFactorization, source: str, settings: Mapping[str, object], recorder: ConsoleRecorder
) -> Field:
    """The field ``source`` with the settings and the split of the model's training, so that test samples are unseen.

    Raises InputError where it has another dimension or lies on another domain than the model.
    """
    from npf_engine.fields.catalog import resolve
    from npf_engine.studies.factorization.spec import TrainingSpec, with_values
    from npf_engine.studies.kinds import spec_of

    like = spec_of({"field": model.field_spec}, TrainingSpec)
    spec = with_values(like, {"field.source": source, **settings})

    def progress(done: float, total: float, text: str) -> None:
        recorder.working("field", done, total, text)

    field = resolve(spec.field, progress)
    if field.d != model.d:
        raise InputError(f"{source} has d = {field.d} and the bundle d = {model.d}; give a field of the same dimension")
    pairs_ = zip((*field.low, *field.high), (*model.low, *model.high), strict=True)
    sizes = [abs(high - low) for low, high in zip(model.low, model.high, strict=True)]
    if field.rho != model.rho or any(
        abs(a - b) > 1e-3 * size for (a, b), size in zip(pairs_, [*sizes, *sizes], strict=True)
    ):
        raise InputError(
            f"{source} lies on another domain than the bundle: rho = {field.rho} from {_point(field.low)} to "
            f"{_point(field.high)}, but the bundle has {model.rho} from {_point(model.low)} to {_point(model.high)}"
        )
    return field


def _point(x: Sequence[float] | Tensor) -> str:
    return "(" + ", ".join(f"{float(v):.6g}" for v in list(x)[:4]) + (", ..." if len(x) > 4 else "") + ")"


def doctor(args: argparse.Namespace) -> Answer:
    """What works on this machine."""
    from npf_engine.doctor import diagnose

    diagnosis = diagnose()
    marks = {(True, True): "ok  ", (True, False): "ok  ", (False, False): "note", (False, True): "FAIL"}
    lines = [f"{marks[check.ok, check.required]}  {check.name}: {check.say}" for check in diagnosis.checks]
    lines.append("everything that is needed works" if diagnosis.ok else "mend what is marked FAIL first")
    return Answer(diagnosis.to_json(), "\n".join(lines), diagnosis.ok)


def worker(args: argparse.Namespace) -> None:
    """One run in this process; its exit code is the worker's."""
    from npf_engine.runs.worker import main

    raise SystemExit(main(Path(args.folder)))

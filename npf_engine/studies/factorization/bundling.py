"""The bundle of a training: its settings and the command that repeats it, told to the room of bundles as plain data."""

from __future__ import annotations

import shlex
from pathlib import Path, PureWindowsPath

from npf_engine.bundle import package
from npf_engine.fields import own, stored_files
from npf_engine.polar import PolarFactorization
from npf_engine.settings.dotted import as_text
from npf_engine.settings.setting import declared
from npf_engine.studies import kinds
from npf_engine.studies.factorization.spec import TrainingSpec, base_of, dotted_values, preset, to_json, with_values


def write_bundle(
    model: PolarFactorization, report: dict[str, object], spec: TrainingSpec, out_zip: Path | str, command: str = ""
) -> Path:
    """As ``package.write_bundle``, of a model trained as ``spec`` says; ``command`` made it, where not ``train``."""
    return package.write_bundle(model, report, to_json(spec), out_zip, command or training_command(spec))


def known_settings(told: dict[str, object]) -> dict[str, object]:
    """The settings of an import, as far as this version knows and accepts them; no file of this machine among them."""
    spec = kinds.spec_of({key: value for key, value in told.items() if key != kinds.KIND}, TrainingSpec)
    values, known = dotted_values(spec), declared(TrainingSpec)
    paths = {key: str(values[key]) for key in values if known[key].setting.path}
    return to_json(with_values(spec, {key: PureWindowsPath(text).name or text for key, text in paths.items()}))


def training_command(spec: TrainingSpec) -> str:
    """The command line that trains ``spec`` again: its preset and every setting that differs from it; for a field of a
    program's own the call in Python."""
    source = _file_of(spec.field.source)
    if source in own.NAMES:
        given = "x, y" if source == own.OWN_SAMPLES else "function, low=low, high=high"
        return f"npf.factorize({given}, preset={spec.preset!r}, seed={spec.seed})"
    parts = ["python", "-m", "npf_engine", "train", source, "--preset", spec.preset, "--seed", str(spec.seed)]
    before = dotted_values(base_of(spec)) | {"solver": preset(spec.preset).solver}
    shown = {"name", "preset", "seed", "field.source", "threads", "device"}
    changed = {key: value for key, value in dotted_values(spec).items() if key not in shown and value != before[key]}
    if "field.second" in changed:
        changed["field.second"] = _file_of(spec.field.second)
    if changed:
        parts += ["--set", *(f"{key}={as_text(value)}" for key, value in changed.items())]
    return shlex.join(parts)


def _file_of(source: str) -> str:
    """A file as whoever has it calls it, an upload by the name under which it was uploaded; a name as it is."""
    return stored_files.path_of(source).name if stored_files.is_upload(source) else package.file_name(source)

"""The last run of each item, kept beside this module: what ``reproduce --keep`` wrote, and nothing by hand."""

from __future__ import annotations

import datetime
import platform
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from npf_engine import __version__
from npf_engine.settings import reading
from npf_engine.studies import kinds
from npf_engine.studies.reproduction.result import ReproductionResult
from npf_engine.studies.reproduction.spec import ReproductionSpec
from npf_engine.tasks import layout
from npf_engine.tasks.files import json_bytes, read_json, write_atomic


@dataclass(frozen=True)
class Kept:
    """A result that is kept: on which day, by which command, version and machine; picture: its file, if any."""

    result: ReproductionResult
    date: str
    command: str
    version: str
    machine: str
    picture: Path | None


def folder() -> Path:
    """Where they are."""
    return Path(str(files("npf_engine.studies.reproduction"))) / "kept"


def command(spec: ReproductionSpec) -> str:
    """What is typed to have it again."""
    seed = f" --seed {spec.seed}" if spec.seed else ""
    where = f" --device {spec.device} --threads {spec.threads}"
    return f"python -m npf_engine reproduce {spec.item} --paper {spec.paper} --preset {spec.preset}{seed}{where}"


def keep(result: ReproductionResult, made: Path) -> Path:
    """Write a result, and the picture that it left in the folder ``made`` of its run; returns the file."""
    spec = kinds.spec_of(read_json(made / layout.SPEC) or {}, ReproductionSpec)
    path = _path(spec.paper, spec.item, spec.preset)
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": command(spec),
        "version": __version__,
        "machine": f"{platform.machine()}, {spec.device}, {spec.threads} thread{'s' * (spec.threads != 1)}",
    }
    picture = picture_of(path)
    told = result.to_json() | ({"picture": picture.name} if result.picture else {})
    if result.picture:
        write_atomic(picture, (made / result.picture).read_bytes())
    write_atomic(path, json_bytes(told | about))
    return path


def find(paper: str, item: str, preset: str) -> Kept | None:
    """The last run of an item in one size; None where it was never run in it. Raises InputError for a damaged one."""
    path = _path(paper, item, preset)
    told = read_json(path)
    if told is None:
        return None
    date, typed, version, machine = (reading.text(told, key) for key in ("date", "command", "version", "machine"))
    picture = picture_of(path)
    found = picture if picture.is_file() else None
    return Kept(ReproductionResult.of_json(told), date, typed, version, machine, found)


def _path(paper: str, item: str, preset: str) -> Path:
    return folder() / paper / f"{item}.{preset}.json"


def picture_of(path: Path) -> Path:
    """The file with the picture of a result that is kept in ``path``."""
    return path.with_suffix(".picture.json")

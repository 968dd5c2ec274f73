"""What a run decides once, at its first start, and keeps: device and threads, since they fix its numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from npf_engine.errors import InputError
from npf_engine.runs import machine
from npf_engine.settings.dotted import leaves
from npf_engine.settings.setting import declared
from npf_engine.studies import kinds
from npf_engine.tasks import layout

# What may differ between a folder's spec and the one given when a run goes on: resolved by the run itself.
RESOLVED = {"threads": 0, "device": "auto"}


def settle(spec: kinds.AnySpec, folder: Path) -> kinds.AnySpec:
    """The spec with device and threads (where it has them) resolved, as kept in the folder: the same after every break.

    Raises InputError when the folder holds a run with other settings, and for a device that is not here.
    """
    with layout.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    kept = _kept(folder)
    if kept is not None:
        _must_match(spec, kept, folder)
        values = {key: _first(getattr(spec, key), getattr(kept, key), blank) for key, blank in _resolvable(spec)}
        spec = replace(spec, **values)
    if hasattr(spec, "device"):
        spec = replace(spec, device=machine.resolve_device(spec.device, declared(type(spec))["device"].names()))
    if hasattr(spec, "threads"):
        spec = replace(spec, threads=spec.threads or machine.choose_threads())
    layout.write_json(folder / layout.SPEC, kinds.spec_to_json(spec), durable=True)
    return spec


def _resolvable(spec: object) -> list[tuple[str, Any]]:
    return [(key, blank) for key, blank in RESOLVED.items() if hasattr(spec, key)]


def _first(asked: object, kept: object, blank: object) -> object:
    return kept if asked == blank else asked


def _must_match(spec: kinds.AnySpec, kept: kinds.AnySpec, folder: Path) -> None:
    kind, there = kinds.of(spec), kinds.of(kept)
    differs = f"it is of kind {there.name}, not {kind.name}" if kind is not there else ""
    if not differs:
        old = leaves(kept)
        differs = next(
            (
                f"{key} is {old[key]!r} there, not {new!r}"
                for key, new in leaves(spec).items()
                if new != old[key] and not (key == "name" and kind.names_runs) and RESOLVED.get(key, old[key]) != new
            ),
            "",
        )
    if differs:
        what = kind.title.lower()
        raise InputError(f"{folder} holds another {what} ({differs}); choose another folder or remove it")


def _kept(folder: Path) -> kinds.AnySpec:
    path = folder / layout.SPEC
    if not path.exists():
        return None
    data = layout.read_json(path)
    if data is None:
        raise InputError(f"{path} cannot be read as a run's settings; choose another folder or remove it")
    return kinds.spec_from_json(data)

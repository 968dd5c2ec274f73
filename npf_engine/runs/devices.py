"""What a run decides once, at its first start, and keeps: device and threads, since they fix its numbers."""

from __future__ import annotations

from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.runs import machine
from npf_engine.settings.base import Spec
from npf_engine.settings.dotted import dotted_values, with_dotted
from npf_engine.settings.setting import declared
from npf_engine.studies import kinds
from npf_engine.tasks import layout

# What may differ between a folder's spec and the one given when a run goes on: resolved by the run itself.
RESOLVED = {"threads": 0, "device": "auto"}


def settle(spec: Spec, folder: Path) -> Spec:
    """The spec with device and threads (where it has them) resolved, as kept in the folder: the same after every break.

    Raises InputError when the folder holds a run with other settings, and for a device that is not here.
    """
    with layout.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    kept = _kept(folder)
    if kept is not None:
        _must_match(spec, kept, folder)
        values = {key: _first(getattr(spec, key), getattr(kept, key), blank) for key, blank in _resolvable(spec)}
        spec = with_dotted(spec, values)
    told = dotted_values(spec)
    if "device" in told:
        device = machine.resolve_device(str(told["device"]), declared(type(spec))["device"].names())
        spec = with_dotted(spec, {"device": device})
        machine.check_devices(int(getattr(spec, "devices", 1)), device)
    if "threads" in told:
        spec = with_dotted(spec, {"threads": told["threads"] or machine.choose_threads()})
    layout.write_json(folder / layout.SPEC, kinds.spec_to_json(spec), durable=True)
    return spec


def finished(spec: Spec, folder: Path) -> dict[str, object] | None:
    """The report of this very run, where the folder holds it done. Raises InputError where it holds another run."""
    report, kept = layout.read_json(folder / layout.REPORT), _kept(folder)
    if report is None or kept is None:
        return None
    _must_match(spec, kept, folder)
    return report


def _resolvable(spec: object) -> list[tuple[str, object]]:
    return [(key, blank) for key, blank in RESOLVED.items() if hasattr(spec, key)]


def _first(asked: object, kept: object, blank: object) -> object:
    return kept if asked == blank else asked


def _must_match(spec: Spec, kept: Spec, folder: Path) -> None:
    kind, there = kinds.of(spec), kinds.of(kept)
    differs = f"it is of kind {there.name}, not {kind.name}" if kind is not there else ""
    if not differs:
        old = dotted_values(kept)
        differs = next(
            (
                f"{key} is {old[key]!r} there, not {new!r}"
                for key, new in dotted_values(spec).items()
                if new != old[key] and not (key == "name" and kind.names_runs) and RESOLVED.get(key, old[key]) != new
            ),
            "",
        )
    if differs:
        what = kind.title.lower()
        raise InputError(f"{folder} holds another {what} ({differs}); choose another folder or remove it")


def _kept(folder: Path) -> Spec | None:
    path = folder / layout.SPEC
    if not path.exists():
        return None
    data = layout.read_json(path)
    if data is None:
        raise InputError(f"{path} cannot be read as a run's settings; choose another folder or remove it")
    return kinds.spec_from_json(data)

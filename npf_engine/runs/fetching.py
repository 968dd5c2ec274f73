"""A run taken back from its copy (runs/artifacts.py): into a folder, or into a home with its row, as an imported run.

What comes back may have been changed by whoever can write there. So its sums are compared, its archives are judged by
their directories, and its bundle is checked in a child, before anything of it gets a name here.
"""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.runs import imported, marks, safekeeping
from npf_engine.runs.artifacts import Artifacts, Copy
from npf_engine.runs.schema import Run
from npf_engine.runs.store import RunStore
from npf_engine.studies import kinds
from npf_engine.tasks import archives, child, layout

HERE = ("bundle", "out")  # keys of a report that are paths of the machine it was written on
OURS = archives.Bounds(own=True)


def take_out(place: Artifacts, run: str, out: Path) -> Copy:
    """The files of a run's copy in the folder ``out``, which must be new or empty. Raises InputError."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not empty; name a folder that is not there yet")
    copy = place.find(run)
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        _fetched(place, copy, part)
        with layout.writing(out):
            if out.exists():
                out.rmdir()
            part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return copy


def restore(place: Artifacts, run: str, store: RunStore) -> Run:
    """The run of a copy among those of the store. Raises InputError where one of its id is there, and where the copy is
    not sound."""
    copy = place.find(run)
    if store.find(copy.id) is not None:
        raise InputError(f"run {copy.id} is here already; delete it first, or fetch its copy with --out FOLDER")
    if kinds.find(copy.kind) is None:
        raise InputError(f"{copy.name!r} is a run of a kind that this version does not know ({copy.kind}); update it")
    target = store.folder / copy.id
    part = store.folder / f"{imported.PART}{secrets.token_hex(4)}"
    try:
        spec = _fetched(place, copy, part)
        report = layout.read_json(part / layout.REPORT) or {}
        for key in HERE:
            if isinstance(report.get(key), str):
                report[key] = str(target / Path(str(report[key])).name) if key == "bundle" else str(target)
        layout.write_json(part / layout.REPORT, report)
        about = layout.read_json(part / layout.ABOUT) or {}
        known = {key: value for key, value in marks.columns(about).items() if key in ("notes", "tags")}
        (part / layout.ABOUT).unlink(missing_ok=True)
        marks.write(part, name=copy.name, source="imported", created=copy.created, **known)
        with layout.writing(target):
            part.rename(target)
        name = store.table.insert(
            id=copy.id,
            name=copy.name,
            state="done",
            source="imported",
            spec=json.dumps(spec),
            created=copy.created,
            finished=copy.finished,
            **safekeeping.report_columns(report),
            **known,
        )
        if name != copy.name:
            marks.write(target, name=name)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return store.get(copy.id)


def _fetched(place: Artifacts, copy: Copy, part: Path) -> dict[str, object]:
    """The copy in ``part``, found sound; its settings. Raises InputError."""
    from npf_engine.bundle import check

    with layout.writing(part):
        part.mkdir(parents=True)
    place.fetch(copy, part)
    for path in sorted(part.rglob("*.np[yz]")):
        if path.suffix == ".npz":
            archives.check_zip(path, OURS)
    for path in sorted(part.glob("npf-*.zip")):
        child.call(check.check_bundle, path, path.name, what=path.name, limits=imported.CHECKING)
    spec, report = layout.read_json(part / layout.SPEC), layout.read_json(part / layout.REPORT)
    if spec is None or report is None:
        raise InputError(f"the copy of {copy.name!r} has settings or a report that cannot be read; send the run again")
    if kinds.name_in(spec) != copy.kind:
        raise InputError(f"the settings of {copy.name!r} are those of another kind of run; do not use this copy")
    if kinds.find(copy.kind) is not None:
        kinds.spec_from_json(spec)
    return spec

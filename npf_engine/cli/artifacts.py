"""``artifacts``: finished runs at NPF_ARTIFACTS, listed, sent there and taken back."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine.cli.output import Answer, columns
from npf_engine.errors import InputError
from npf_engine.settings.paths import whole_path

if TYPE_CHECKING:
    from npf_engine.runs.artifacts import Artifacts

UNSET = "NPF_ARTIFACTS is not set; name the place of copies there or as --at, e.g. s3://bucket/runs or file:///mnt/runs"


def artifacts(args: argparse.Namespace) -> Answer:
    """What is there, or what was done."""
    from npf_engine.runs.artifacts import Artifacts, configured

    place = Artifacts(args.at) if args.at else configured()
    if place is None:
        raise InputError(UNSET)
    if args.action == "list":
        if args.runs or args.out:
            raise InputError("artifacts list takes no run and no --out; it lists all copies")
        return _listed(place)
    if not args.runs:
        raise InputError(f"name the runs to {args.action}, by id or name; `artifacts list` and Models have them")
    return _sent(place, args.runs) if args.action == "send" else _fetched(place, args.runs, args.out)


def _listed(place: Artifacts) -> Answer:
    copies, wrong = place.copies()
    rows = [
        (copy.id, copy.kind, copy.verdict or "-", f"{copy.size / 1e6:.1f} MB", _day(copy.created), copy.name)
        for copy in copies
    ]
    text = columns(("id", "kind", "verdict", "size", "made", "name"), rows) if rows else f"no runs at {place.shown}"
    runs = [{**copy.to_json(), "bytes": copy.size} for copy in copies]
    return Answer({"at": place.shown, "runs": runs, "broken": wrong}, "\n".join([text, *wrong]))


def _day(seconds: float) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "-"


def _sent(place: Artifacts, names: list[str]) -> Answer:
    from npf_engine.runs import sending
    from npf_engine.runs.store import RunStore

    store = RunStore()
    of_name = {run.name: run for run in store.list()}
    runs = [store.find(name) or of_name.get(name) for name in names]
    for name, run in zip(names, runs, strict=True):
        if run is None:
            raise InputError(f"there is no run {name!r} in {store.home}; give its id or its name, as Models has it")
    copies = [sending.send(place, run) for run in runs if run is not None]
    text = "\n".join(f"{copy.name} is at {place.shown}/{copy.id}" for copy in copies)
    return Answer({"at": place.shown, "runs": [copy.to_json() for copy in copies]}, text)


def _fetched(place: Artifacts, names: list[str], out: str | None) -> Answer:
    from npf_engine.runs import fetching
    from npf_engine.runs.store import RunStore

    if out is not None:
        if len(names) != 1:
            raise InputError("--out takes one run at a time; without it all of them come among the runs of this home")
        folder = Path(whole_path(out))
        copy = fetching.take_out(place, names[0], folder)
        return Answer({"runs": [{"id": copy.id, "name": copy.name, "out": str(folder)}]}, f"{copy.name} is in {folder}")
    store = RunStore()
    runs = [fetching.restore(place, name, store) for name in names]
    found = [{"id": run.id, "name": run.name, "out": str(run.folder)} for run in runs]
    text = "\n".join(f"{run.name} is among the runs of {store.home}, as {run.id}" for run in runs)
    return Answer({"runs": found}, text)

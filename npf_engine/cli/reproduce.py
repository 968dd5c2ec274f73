"""``reproduce [ITEM] --paper npf|cdm|mgn``: a table or figure of the papers, or the list of all."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from npf_engine.cli import flags
from npf_engine.cli.output import Answer, columns, number
from npf_engine.errors import InputError
from npf_engine.studies.reproduction.items import PAPERS
from npf_engine.studies.reproduction.spec import PRESETS, ReproductionSpec

if TYPE_CHECKING:
    from npf_engine.studies.reproduction.item import Item
    from npf_engine.studies.reproduction.result import ReproductionResult


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What can be typed."""
    command.add_argument("item", metavar="ITEM", nargs="?", help="table-1, figure-3, ...; without one: the list")
    command.add_argument("--list", action="store_true", dest="listed", help="all items, with their last run")
    command.add_argument("--out", metavar="DIR", default=None, help="folder for rows.csv and picture.json")
    keep = "keep the result in the checkout, as the last run of its item (for who works on the program)"
    command.add_argument("--keep", action="store_true", help=keep)
    command.epilog = "Trainings that several items stand on are done once and kept under NPF_HOME/cache/reproduced."
    flags.add_settings(command, ReproductionSpec(), without=("item",))


def reproduce(args: argparse.Namespace) -> Answer:
    """Run one item, or list them all."""
    from npf_engine.studies.kinds import get

    typed = flags.typed(ReproductionSpec, args)
    paper = typed.get("paper")
    if args.item is None or args.listed:
        if args.item is not None:
            raise InputError(f"--list lists all items; leave {args.item} out, or leave --list out to run it")
        return _list(list(PAPERS) if paper is None else [str(paper)])
    typed["item"] = args.item
    kind = get("reproduce")
    spec = kind.with_values(kind.default(), typed)
    assert isinstance(spec, ReproductionSpec)
    return _run(spec, args.out, args.keep)


def _run(spec: ReproductionSpec, out: str | None, keep: bool) -> Answer:
    from npf_engine.cli import running
    from npf_engine.studies.reproduction import kept
    from npf_engine.studies.reproduction.result import ReproductionResult

    with running.running(spec, out) as (report, folder):
        result = ReproductionResult.of_json(report)
        where = kept.keep(result, folder) if keep else None
        if result.picture:
            path = folder / result.picture if out is not None else None
            report["picture"] = str(path) if path else where and str(kept.picture_of(where))
    text = _text(result)
    return Answer(report, f"{text}\nkept as {where}" if where else text)


def _text(result: ReproductionResult) -> str:
    rows = [
        (row.what, number(row.paper), number(row.ours), number(row.floor), number(row.trivial)) for row in result.rows
    ]
    lines = [f"{result.title}, {PAPERS[result.paper].short}, size {result.preset}, seed {result.seed}"]
    lines.append(columns(("", "paper", "ours", "floor", "trivial"), rows))
    lines += [f"{row.what}: {row.note}" for row in result.rows if row.note]
    lines += [f"note: {text}" for text in result.notes]
    lines.append(f"time: {result.seconds:.0f} s, of all trainings that it stands on")
    return "\n".join(lines)


def _list(papers: list[str]) -> Answer:
    found = [(name, item) for name in papers for item in PAPERS[name].items.values()]
    data = [_told(name, item) for name, item in found]
    rows: list[tuple[str, ...]] = []
    for (name, item), told in zip(found, data, strict=True):
        runs = [told["last"][preset] for preset in PRESETS] if isinstance(told["last"], dict) else []
        dates = [f"{run['date']}, {run['seconds']:.0f} s" if isinstance(run, dict) else "never" for run in runs]
        rows.append((name, item.name, item.section, *dates, item.about))
    return Answer(data, columns(("paper", "item", "section", "quick, last run", "paper's size", "what"), rows))


def _told(paper: str, item: Item) -> dict[str, object]:
    from npf_engine.studies.reproduction import kept

    last: dict[str, object] = {}
    for preset in PRESETS:
        run = kept.find(paper, item.name, preset)
        last[preset] = None if run is None else run.result.to_json() | {"date": run.date, "command": run.command}
    told: dict[str, object] = {"paper": paper, "item": item.name, "title": item.title, "section": item.section}
    return told | {"about": item.about, "needs": item.needs, "paper_size_takes": item.large, "last": last}

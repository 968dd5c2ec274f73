"""``train --seeds`` and ``--sweep``: several runs one after another in this process, and what they have in common."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine.cli.output import Answer
from npf_engine.errors import Cancelled, InputError
from npf_engine.numbers import number
from npf_engine.studies import kinds, sweep
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.studies.sweep import SEED, Sweep
from npf_engine.tasks import layout

if TYPE_CHECKING:
    from npf_engine.runs.groups import Spread


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What can be typed."""
    command.add_argument(
        "--seeds", metavar="A..B", default=None, help="train once for each of these seeds: 0..4, or 0,7"
    )
    command.add_argument(
        "--sweep",
        metavar="KEY=A,B,...",
        action="append",
        default=[],
        help="train once for each value of a setting, and for each combination where several are given",
    )


def asked(args: argparse.Namespace, spec: TrainingSpec) -> Sweep | None:
    """The sweep that was typed; None for a single training. Raises InputError."""
    texts = [*args.sweep, *([f"{SEED}={args.seeds}"] if args.seeds is not None else [])]
    if not texts:
        return None
    if args.callable is not None and any(text.strip().startswith("field.") for text in texts):
        raise InputError("--sweep cannot change the field of --callable; sweep another setting")
    return sweep.read(spec, texts)


def run(found: Sweep, name: str, out: str | None, **at_hand: object) -> Answer:
    """All runs, each in a folder of its own below ``out``; a sweep that broke off goes on there: what is done is taken
    as it is, and the run that was at work goes on. Raises Cancelled with the folder of the whole."""
    from npf_engine.cli import running
    from npf_engine.runs.devices import finished

    whole = Path(out or running.home_folder(name))
    reports: list[dict[str, object]] = []
    members = found.named(name)
    for count, member in enumerate(members, 1):
        print(f"{count} of {len(members)}: {member.label}", file=sys.stderr)
        folder = whole / f"{count:02d}-{layout.slug(member.label)}"  # numbered: long labels may begin alike
        try:
            report = finished(member.spec, folder) or running.run(member.spec, str(folder), **at_hand)
        except Cancelled:
            hint = f"; the same command with --out {whole} goes on from the last checkpoint" if out else ""
            raise Cancelled(f"stopped at {count} of {len(members)}, {member.label}{hint}") from None
        reports.append({"label": member.label, "out": str(folder)} | report)
    spreads = _spreads(found, reports)
    told = {name: {"mean": item.mean, "std": item.std, "n": item.n} for name, item in spreads.items()}
    lines = [f"{report['label']}: {report.get('verdict')}, {report['out']}" for report in reports]
    lines += [f"{name}: {number(item.mean)} ± {number(item.std)} ({item.n} runs)" for name, item in spreads.items()]
    return Answer({"sweep": found.title, "out": str(whole), "runs": reports, "spread": told}, "\n".join(lines))


def _spreads(found: Sweep, reports: Sequence[dict[str, object]]) -> dict[str, Spread]:
    """Mean and spread over the runs of each measure that their kind is compared by."""
    from npf_engine.runs.groups import Spread

    kind = kinds.of(found.base)
    measured = [kind.measured(report) for report in reports]
    spreads = {
        item.name: Spread.of([values[item.name] for values in measured if item.name in values])
        for item in kind.measures
    }
    return {name: item for name, item in spreads.items() if item is not None}

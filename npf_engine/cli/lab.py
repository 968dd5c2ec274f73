"""``lab``: several ways to learn a Brenier map on one task, by the same clock and measures."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from npf_engine.cli import flags
from npf_engine.cli.output import Answer, columns, number
from npf_engine.errors import InputError
from npf_engine.settings.dotted import with_dotted
from npf_engine.settings.paths import whole_path
from npf_engine.settings.setting import declared
from npf_engine.studies.lab.spec import LabSpec

if TYPE_CHECKING:
    from npf_engine.studies.lab.result import LabResult

METHODS = ("explicit", "implicit", "gauss-newton", "icnn", "entropic", "exact", "gaussian", "fit")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What can be typed."""
    command.epilog = "Without a budget every method has its own settings; for drift-mixture those of its paper."
    about = f"{declared(LabSpec)['task'].setting.help[:-1]}; both, where it is two files"
    command.add_argument("tasks", metavar="TASK", nargs="+", help=about)
    command.add_argument("--out", metavar="DIR", default=None, help="folder for lab.json and lab.npz, the clouds")
    flags.add_settings(command, LabSpec(methods=METHODS), without=("task", "target"))


def lab(args: argparse.Namespace) -> Answer:
    """Run the methods and print the table."""
    from npf_engine.cli import running
    from npf_engine.studies.lab.result import LabResult

    if len(args.tasks) > 2:
        raise InputError(f"lab takes one task or two files, not {len(args.tasks)} names")
    task, *target = map(whole_path, args.tasks)
    values = {"task": _task(task)} | ({"target": target[0]} if target else {})
    spec = with_dotted(LabSpec(methods=METHODS), values | flags.typed(LabSpec, args))
    report = running.run(spec, args.out)
    return Answer(report, _text(LabResult.of_json(report)))


def _task(name: str) -> str:
    """A field's name may be given bare where the lab has no task of that name."""
    from npf_engine.studies.lab.tasks import FILES, NAMES

    if name in NAMES or ":" in name or os.sep in name or name.lower().endswith(FILES):
        return name
    from npf_engine.fields.catalog import list_fields

    return f"field:{name}" if name in {info.name for info in list_fields()} else name


def _text(report: LabResult) -> str:
    header = (
        "method",
        report.metric,
        "std",
        "gap",
        "s.e.",
        "failed",
        "seconds",
        "parameters",
        "cost",
        "least eigenvalue",
    )
    rows: list[tuple[str, ...]] = []
    for name, row in report.results.items():
        numbers = map(number, (row.mean, row.std, row.gap, row.gap_se, row.failed_share, row.seconds))
        rows.append((name, *numbers, str(row.parameters), number(row.cost), number(row.min_eigenvalue)))
    lines = [f"{report.title}, d = {report.d}, {report.n} test points", columns(header, rows)]
    lines.append(
        f"floor {number(report.floor)}, only moving the mean {number(report.trivial)}, "
        f"exact transport cost {number(report.exact_cost)}"
    )
    if report.verdict is not None:
        lines.append(f"verdict: {report.verdict.level} ({report.verdict.reason})")
    lines += [f"note: {text}" for text in report.notes]
    lines += [f"{name}: {row.note}" for name, row in report.results.items() if row.note]
    return "\n".join(lines)

"""``lab``: several ways to learn a Brenier map on one task, by the same clock and measures."""

from __future__ import annotations

import argparse
import os
from typing import Any

from npf_engine.cli.output import Answer, columns, number
from npf_engine.errors import InputError


def lab(args: argparse.Namespace) -> Answer:
    """Run the methods and print the table."""
    from npf_engine.cli import running
    from npf_engine.studies.lab.spec import LabSpec

    if len(args.task) > 2:
        raise InputError(f"lab takes one task or two files, not {len(args.task)} names")
    spec = LabSpec(
        task=_task(args.task[0]),
        target=args.task[1] if len(args.task) == 2 else None,
        methods=tuple(name.strip() for name in args.methods.split(",") if name.strip()),
        seeds=args.seeds,
        first_seed=args.first_seed,
        budget_seconds=args.budget_seconds,
        budget_steps=args.budget_steps,
        d=args.dimension,
        points=args.points,
    )
    report = running.run(spec, args.out)
    return Answer(report, _text(report))


def _task(name: str) -> str:
    """A field's name may be given bare where the lab has no task of that name."""
    from npf_engine.studies.lab.tasks import FILES, NAMES

    if name in NAMES or ":" in name or os.sep in name or name.lower().endswith(FILES):
        return name
    from npf_engine.fields.catalog import list_fields

    return f"field:{name}" if name in {info.name for info in list_fields()} else name


def _text(report: dict[str, Any]) -> str:
    header = (
        "method",
        report["metric"],
        "std",
        "gap",
        "s.e.",
        "failed",
        "seconds",
        "parameters",
        "cost",
        "least eigenvalue",
    )
    rows = []
    for name, row in report["results"].items():
        numbers = [number(row[key]) for key in ("mean", "std", "gap", "gap_se", "failed_share", "seconds")]
        more = [str(row["parameters"]), number(row["cost"]), number(row["min_eigenvalue"])]
        rows.append((name, *numbers, *more))
    lines = [f"{report['title']}, d = {report['d']}, {report['n']} test points", columns(header, rows)]
    lines.append(
        f"floor {number(report['floor'])}, only moving the mean {number(report['trivial'])}, "
        f"exact transport cost {number(report['exact_cost'])}"
    )
    if "verdict" in report:
        lines.append(f"verdict: {report['verdict']} ({report['verdict_reason']})")
    lines += [f"note: {text}" for text in report.get("notes", ())]
    lines += [f"{name}: {row['note']}" for name, row in report["results"].items() if row["note"]]
    return "\n".join(lines)

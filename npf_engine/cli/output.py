"""Answers of commands: data for programs, text for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npf_engine import numbers
from npf_engine.runs.console import duration
from npf_engine.settings import reading


@dataclass(frozen=True)
class Answer:
    """What a command found. ``data`` is for --json, ``text`` for reading; not ``ok``: exit code 1."""

    data: object
    text: str
    ok: bool = True


def columns(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table with left-aligned columns."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, *rows]]
    return "\n".join(line.rstrip() for line in lines)


def number(value: float | None) -> str:
    """Four significant digits; a dash for what has no sense."""
    return numbers.number(value, 4, dash="-")


def report_text(report: dict[str, object]) -> str:
    """The accuracy table, the verdict and the seconds of a report, for reading."""
    from npf_engine.bundle.accuracy_table import accuracy_rows

    header = ("", "value", "floor", "ratio", "s.e.", "trivial")
    table = columns(
        header, [(row.title, *map(number, row.numbers())) for row in accuracy_rows(reading.mapping(report, "metrics"))]
    )
    spent = reading.mapping(report, "seconds")
    known = [stage for stage, value in spent.items() if value is not None]
    seconds = ", ".join(f"{stage} {duration(reading.number(spent, stage))}" for stage in known)
    verdict = f"verdict: {report['verdict']}"
    if report.get("verdict_reason"):
        verdict += f" ({report['verdict_reason']})"
    return f"{table}\n\n{verdict}\ntime: {seconds}"

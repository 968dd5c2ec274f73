"""The command of a kind of run that arranges nothing by hand: a flag for each of its settings."""

from __future__ import annotations

import argparse

from npf_engine.cli import flags
from npf_engine.cli.output import Answer, columns, number
from npf_engine.settings import reading
from npf_engine.studies.kinds import AnyKind
from npf_engine.tasks.files import finite


def add_arguments(kind: AnyKind, command: argparse.ArgumentParser) -> None:
    """A flag for each setting, and --out."""
    command.add_argument("--out", metavar="DIR", default=None, help="folder for the run; a broken run there goes on")
    flags.add_settings(command, kind.default())


def run(kind: AnyKind, args: argparse.Namespace) -> Answer:
    """Run what was typed in this process; without --out in a new folder of the home."""
    from npf_engine.cli import running

    spec = kind.with_values(kind.default(), flags.typed(kind.spec_type, args))
    folder = args.out or running.home_folder(kind.run_name(spec))
    report = running.run(spec, folder)
    return Answer(report, _text(report, folder))


def _text(report: dict[str, object], folder: str) -> str:
    rows = [
        (key, number(value) if isinstance(value, int | float) else value)
        for key, value in reading.as_mapping("the report", finite(report)).items()
        if isinstance(value, str | int | float) and not key.startswith("verdict")
    ]
    lines = [columns(("figure", "value"), rows)] if rows else []
    if "verdict" in report:
        lines.append(f"verdict: {report['verdict']} ({report.get('verdict_reason')})")
    return "\n".join([*lines, f"results in {folder}"])

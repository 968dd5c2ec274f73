"""The command of a kind of run that arranges nothing by hand: a flag for each of its settings."""

from __future__ import annotations

import argparse

from npf_engine.cli.output import Answer, columns, number
from npf_engine.settings.dotted import leaves
from npf_engine.studies.kinds import AnyKind
from npf_engine.tasks.files import finite

SETTING = "setting "  # before a dotted key, in the names under which argparse keeps what was typed


def add_arguments(kind: AnyKind, command: argparse.ArgumentParser) -> None:
    """A flag for each setting, named by its dotted key, and --out."""
    command.add_argument("--out", metavar="DIR", default=None, help="folder for the run; a broken run there goes on")
    for key, value in leaves(kind.default()).items():
        if key not in ("out", "json"):
            told = "none" if value is None else str(value) or "empty"
            command.add_argument(f"--{key}", metavar="VALUE", dest=SETTING + key, help=f"default: {told}")


def run(kind: AnyKind, args: argparse.Namespace) -> Answer:
    """Run what was typed in this process; without --out in a new folder of the home."""
    from npf_engine.cli import running

    given = {key.removeprefix(SETTING): value for key, value in vars(args).items() if key.startswith(SETTING)}
    spec = kind.with_values(kind.default(), {key: value for key, value in given.items() if value is not None})
    folder = args.out or running.home_folder(kind.run_name(spec))
    report = running.run(spec, folder)
    return Answer(report, _text(report, folder))


def _text(report: dict[str, object], folder: str) -> str:
    rows = [
        (key, number(value) if isinstance(value, int | float) else value)
        for key, value in finite(report).items()
        if isinstance(value, str | int | float) and not key.startswith("verdict")
    ]
    lines = [columns(("figure", "value"), rows)] if rows else []
    if "verdict" in report:
        lines.append(f"verdict: {report['verdict']} ({report.get('verdict_reason')})")
    return "\n".join([*lines, f"results in {folder}"])

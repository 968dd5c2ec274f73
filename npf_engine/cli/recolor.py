"""``recolor``: one picture in the colours of another."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine.cli import flags
from npf_engine.cli.output import Answer, columns, number
from npf_engine.errors import InputError
from npf_engine.settings.dotted import with_dotted
from npf_engine.studies.recolor.spec import RecolorSpec

if TYPE_CHECKING:
    from npf_engine.studies.recolor.result import RecolorResult


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What can be typed."""
    command.add_argument("--out", metavar="FILE", required=True, help="file for the PNG")
    flags.add_settings(command, RecolorSpec(), {"source": "SOURCE", "palette": "PALETTE"})


def recolor(args: argparse.Namespace) -> Answer:
    """Fit the map between the two pictures' colours, apply it to every pixel, write a PNG, and measure."""
    from npf_engine.cli import running
    from npf_engine.fields.pictures import open_picture, write_png
    from npf_engine.studies.recolor.result import RecolorResult
    from npf_engine.studies.recolor.run import AFTER

    begin = time.perf_counter()
    spec = with_dotted(RecolorSpec(), flags.typed(RecolorSpec, args))
    if Path(args.out).is_dir():
        raise InputError(f"--out {args.out} is a folder; give the name of a file")
    with running.running(spec, None) as (report, folder):
        out = write_png(open_picture(folder / AFTER), args.out)
    keys = ("width", "height", "pushforward", "verdict", "verdict_reason")
    data: dict[str, object] = {"out": str(out)} | {key: report[key] for key in keys if key in report}
    seconds = time.perf_counter() - begin
    data["seconds"] = seconds
    return Answer(data, _text(RecolorResult.of_json(report), str(out), seconds))


def _text(result: RecolorResult, out: str, seconds: float) -> str:
    match = result.pushforward
    row = ("colours", *(number(match[key]) for key in ("value", "self_distance", "ratio", "se", "trivial")))
    table = columns(("", "value", "floor", "ratio", "s.e.", "trivial"), [row])
    size = f"{result.width} x {result.height}, {seconds:.1f} s"
    lines = [table, f"structure kept: {number(result.structure)}", f"{out}: {size}"]
    if result.verdict is not None:
        lines.append(f"verdict: {result.verdict.level} ({result.verdict.reason})")
    return "\n".join(lines + ([result.note] if result.note else []))

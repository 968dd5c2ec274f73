"""``recolor``: one picture in the colours of another."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from npf_engine.cli.output import Answer, columns, number
from npf_engine.errors import InputError


def recolor(args: argparse.Namespace) -> Answer:
    """Fit the map between the two pictures' colours, apply it to every pixel, write a PNG, and measure."""
    from npf_engine.evaluation.colour import colour_match
    from npf_engine.evaluation.colour_run import judge
    from npf_engine.fields.pictures import open_picture, write_png
    from npf_engine.transport import recolor as engine

    begin = time.perf_counter()
    if args.draws < 1:
        raise InputError(f"--draws must be at least 1, not {args.draws}")
    if Path(args.out).is_dir():
        raise InputError(f"--out {args.out} is a folder; give the name of a file")
    source, palette = open_picture(args.source), open_picture(args.palette)
    result = engine.recolor(
        source,
        palette,
        args.method,
        strength=args.strength,
        smooth=args.smooth,
        budget_seconds=args.seconds,
        seed=args.seed,
    )
    out = write_png(result.picture, args.out)
    match = colour_match(source, palette, result.picture, draws=args.draws, seed=args.seed)
    data = {
        "out": str(out),
        "width": result.picture.width,
        "height": result.picture.height,
        "pushforward": match,
        **(judge(match) if args.strength == 1 else {}),
        "seconds": time.perf_counter() - begin,
    }
    row = ("colours", *(number(match[key]) for key in ("value", "self_distance", "ratio", "se", "trivial")))
    table = columns(("", "value", "floor", "ratio", "s.e.", "trivial"), [row])
    kept = number(engine.structure(source, result.picture))
    lines = [table, f"structure kept: {kept}", f"{out}: {data['width']} x {data['height']}, {data['seconds']:.1f} s"]
    if "verdict" in data:
        lines.append(f"verdict: {data['verdict']} ({data['verdict_reason']})")
    return Answer(data, "\n".join(lines + ([result.note] if result.note else [])))

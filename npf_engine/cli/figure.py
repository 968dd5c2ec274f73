"""``figure``: a picture of the app as a file for a paper, of a trained model or of a run's folder."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine.cli.output import Answer
from npf_engine.errors import InputError
from npf_engine.figures.print_views import CAPTIONS, CLOUDS, DRAWS, VIEWS

if TYPE_CHECKING:
    from npf_engine.figures import paper


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What can be typed."""
    command.add_argument(
        "source", metavar="RUN", help="a run's folder, or a bundle: npf-....zip or its unpacked folder"
    )
    command.add_argument("--view", choices=tuple(VIEWS), default=CLOUDS, help=_views(VIEWS))
    command.add_argument(
        "--out", metavar="FILE", required=True, help="the file, its format by its end: .pdf, .svg, .png"
    )
    command.add_argument("--columns", type=int, choices=(1, 2), default=2, help="of a page: 3.3 or 6.9 inches wide")
    command.add_argument("--font", type=float, default=8.0, metavar="POINTS", help="size of the type, 4 to 24")


def _views(known: dict[str, str]) -> str:
    return "; ".join(f"{name}: {what}" for name, what in known.items()).replace("%", "%%")


def figure(args: argparse.Namespace) -> Answer:
    """Draw the view and write it; the file's metadata hold its caption and what repeats it."""
    from npf_engine.figures import paper
    from npf_engine.studies import printed
    from npf_engine.tasks import layout

    out, run = Path(args.out), Path(args.source).expanduser()
    kind = next((format for format in paper.FORMATS if out.suffix.lower() == f".{format}"), None)
    if kind is None:
        raise InputError(f"--out must end with .pdf, .svg or .png, not {out.suffix or out.name!r}")
    if not 4 <= args.font <= 24:
        raise InputError(f"--font must be a size of type between 4 and 24 points, not {args.font:g}")
    how_wide = f"--columns {args.columns} --font {args.font:g}"
    again = f"{printed.PYTHON} figure {shlex.quote(run.name)} --view {args.view} {how_wide}"
    title, repeated = f"{run.stem} {args.view}", f"{again} --out {shlex.quote(out.name)}"
    how = paper.Print(args.columns, args.font, kind, title, CAPTIONS[args.view], repeated)
    data, numbers = (printed.of_run(run, how), None) if args.view == DRAWS else _of_model(run, args.view, how)
    with layout.writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    layout.write_atomic(out, data)
    told: dict[str, object] = {
        "out": str(out),
        "view": args.view,
        "format": kind,
        "columns": args.columns,
        "font": args.font,
    }
    if numbers is not None:
        told |= {"numbers": numbers}
    return Answer(told, f"{VIEWS[args.view]}: {out}")


def _of_model(run: Path, view: str, how: paper.Print) -> tuple[bytes, dict[str, object] | None]:
    """A view of the model in the bundle ``run``, or of the one bundle that a run's folder holds; with its numbers,
    where they stand nowhere else."""
    from npf_engine.bundle.package import read_bundle
    from npf_engine.settings import reading
    from npf_engine.studies import printed

    bundle = read_bundle(bundle_of(run))
    how = dataclasses.replace(how, caption=printed.caption(view, bundle.settings))
    if view in printed.OF_PLACES:
        return printed.of_places(view, bundle.model(), how)
    return printed.of_model(view, bundle.model(), reading.mapping(bundle.report, "metrics"), how), None


def bundle_of(run: Path) -> Path:
    """The bundle ``run``, or the one that a run's folder holds. Raises InputError for a folder without one."""
    from npf_engine.tasks import layout

    if not (run / layout.SPEC).is_file():
        return run
    found = sorted(run.glob("npf-*.zip"))
    if not found:
        raise InputError(f"{run} holds no bundle: the run is not done, or trains no model")
    return found[0]

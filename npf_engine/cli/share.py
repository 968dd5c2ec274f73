"""``share``: a model's clouds as one file that plays."""

from __future__ import annotations

import argparse
from pathlib import Path

from npf_engine.cli.output import Answer
from npf_engine.errors import InputError


def share(args: argparse.Namespace) -> Answer:
    """Write the file."""
    from npf_engine.bundle.package import read_bundle
    from npf_engine.cli.figure import bundle_of
    from npf_engine.studies.share_page import MOST, share_page
    from npf_engine.tasks import layout

    if not 100 <= args.points <= MOST:
        raise InputError(f"--points must be a number between 100 and {MOST:,}, not {args.points}")
    bundle = read_bundle(bundle_of(Path(args.source).expanduser()))
    out = Path(args.out or f"npf-{layout.slug(bundle.name)}-clouds.html")
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--out must end with .html, not {out.suffix or out.name!r}")
    data = share_page(bundle, args.points)
    with layout.writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    layout.write_atomic(out, data)
    return Answer({"out": str(out), "bytes": len(data)}, f"{out}: open it in a browser; it needs no network")

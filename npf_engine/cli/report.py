"""``report``: a bundle's results as one page of HTML."""

from __future__ import annotations

import argparse
from pathlib import Path

from npf_engine.cli.output import Answer
from npf_engine.errors import InputError


def report(args: argparse.Namespace) -> Answer:
    """Write the page."""
    from npf_engine.bundle.package import read_bundle
    from npf_engine.studies.report_page import command_of, report_page
    from npf_engine.tasks import layout

    bundle = read_bundle(args.bundle)
    out = Path(args.out or f"npf-{layout.slug(bundle.name)}.html")
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(
            f"--out must end with .html, not {out.suffix or out.name!r}; a browser prints the page as a PDF"
        )
    data = report_page(bundle, command_of(bundle))
    with layout.writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    layout.write_atomic(out, data)
    return Answer({"out": str(out), "bytes": len(data)}, f"{out}: open it in a browser; printing it gives a PDF")

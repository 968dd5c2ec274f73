"""``report``: a bundle's results as one page of HTML, or as a PDF."""

from __future__ import annotations

import argparse
from pathlib import Path

from npf_engine.cli.output import Answer
from npf_engine.errors import InputError

PAGE, PDF = (".html", ".htm"), ".pdf"


def report(args: argparse.Namespace) -> Answer:
    """Write the report, in the form that the end of its name asks for."""
    from npf_engine.bundle.package import read_bundle
    from npf_engine.cli.figure import bundle_of
    from npf_engine.studies.report_parts import command_of
    from npf_engine.tasks import layout

    form = Path(args.out).suffix.lower() if args.out else PAGE[0]
    if form not in (*PAGE, PDF):
        raise InputError(f"--out must end with .html or .pdf, not {form or args.out!r}")
    bundle = read_bundle(bundle_of(Path(args.bundle).expanduser()))
    out = Path(args.out or f"npf-{layout.slug(bundle.name)}.html")
    command = command_of(bundle)
    if form == PDF:
        from npf_engine.studies.report_pdf import report_pdf

        data, told = report_pdf(bundle, command), f"{out}: A4, its figures as vectors"
    else:
        from npf_engine.studies.report_page import report_page

        data, told = report_page(bundle, command), f"{out}: open it in a browser; it needs no network"
    with layout.writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    layout.write_atomic(out, data)
    return Answer({"out": str(out), "bytes": len(data)}, told)

"""``regions fetch``: the elevation of places, kept for use without a network."""

from __future__ import annotations

import argparse

from npf_engine.cli.output import Answer, columns


def regions(args: argparse.Namespace) -> Answer:
    """Fetch what is not here yet; all that was asked for, with its raster."""
    from npf_engine.fields.places import find, kept
    from npf_engine.runs.console import ConsoleRecorder

    recorder = ConsoleRecorder()

    def progress(done: float, total: float, text: str) -> None:
        recorder.working("fetch", done, total, text)

    for name in args.names:
        find.find_place(name)  # a name that is none is told before anything is fetched
    found = [kept.keep(name, progress) for name in args.names]
    rows = [(item.place.name, ", ".join(f"{edge:g}" for edge in item.place.bounds), str(item.path)) for item in found]
    return Answer([item.to_json() for item in found], columns(("name", "west, south, east, north", "kept in"), rows))

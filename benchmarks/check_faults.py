"""Does anybody read our server, or bring it down? Hostile uploads, links, bundles, guesses and homes, on the real app.

Starts the app on free ports with homes of its own and plays the cases of ``benchmarks/faults``; each line of the table:
refused or survived, the peak memory of the server process and how much of it came with the case, seconds, what the
visitor read. A case FAILED where the server stopped answering, took too long, grew by more than 1 GB, showed an error
that is not a sentence of ours, gave away the file beside its home, or called the listener on the loopback. Exit code 1
when any failed.

    python -m benchmarks.check_faults [--json] [--only TEXT]      (TEXT: a section, or a part of a name)
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults import disks, gate, numbers, readers
from benchmarks.faults.server import AppServer, Listener
from benchmarks.faults.stage import FAILED, Case, Outcome, Stage, play


def main() -> int:
    """Play, print, and fail where a case did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of the table")
    parser.add_argument("--only", default="", help="a section (A, B, C, D, E), or a part of a case's name")
    options = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="npf-faults-") as folder:
        for outcome in _outcomes(Path(folder), options.only):
            outcomes.append(outcome)
            if not options.json:
                print(_line(outcome), flush=True)
    failed = sum(outcome.outcome == FAILED for outcome in outcomes)
    if options.json:
        print(json.dumps({"cases": [outcome.as_json() for outcome in outcomes], "failed": failed}))
    else:
        print(f"{len(outcomes)} cases, {failed} failed")
    return 1 if failed else 0


def _outcomes(folder: Path, only: str) -> Iterator[Outcome]:
    def chosen(cases: list[Case]) -> list[Case]:
        return [case for case in cases if case.section.startswith(only) or (len(only) > 1 and only in case.name)]

    listener = Listener()
    yield from _played(folder / "guarded", listener, chosen(gate.GUARDED), NPF_PASSWORD=gate.PASSWORD)
    yield from _played(folder / "open", listener, chosen([*readers.CASES, *numbers.CASES, *gate.CASES]))
    for number, (damage, case) in enumerate(disks.CASES):
        if chosen([case]):
            here = folder / f"disk{number}"
            disks.prepared(here / "home")
            damage(here / "home")
            yield from _played(here, listener, [case])


def _played(folder: Path, listener: Listener, cases: list[Case], **environment: str) -> Iterator[Outcome]:
    """The outcomes of cases against one server; one that a case brought down is started again."""
    if not cases:
        return
    server = AppServer(folder, **environment)
    try:
        server.start()
        for case in cases:
            if not server.alive():
                server.stop()
                server.start()
            yield play(case, Stage(server, listener, folder))
    finally:
        server.stop()


def _line(outcome: Outcome) -> str:
    memory = f"{outcome.peak_mb:5.0f} MB (+{outcome.grown_mb:.0f})"
    return (
        f"{outcome.section:4} {outcome.case:46} {outcome.outcome:9} {memory:>16} {outcome.seconds:6.1f} s  "
        f"{outcome.read[:110]}"
    )


if __name__ == "__main__":
    sys.exit(main())

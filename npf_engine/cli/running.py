"""How a command runs what it is asked for: the job of the page's worker, in this process, told of on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from npf_engine.errors import Cancelled
from npf_engine.runs.console import ConsoleRecorder
from npf_engine.runs.job import run_job, workplace
from npf_engine.settings.base import Spec
from npf_engine.studies import kinds
from npf_engine.tasks import layout


def run(spec: Spec, out: str | None, **at_hand: object) -> dict[str, object]:
    """The report of ``spec`` run in the folder ``out``, or gone on with there; None: in one that goes after it."""
    with running(spec, out, **at_hand) as (report, _):
        return report


@contextmanager
def running(spec: Spec, out: str | None, **at_hand: object) -> Iterator[tuple[dict[str, object], Path]]:
    """The same with the run's folder, whose files are there for as long as the block runs.

    Raises InputError, and Cancelled on Ctrl-C with what to type to go on.
    """
    with workplace(out) as folder:
        recorder = ConsoleRecorder(None if out is None else folder, stages=kinds.of(spec).stages)
        try:
            report = run_job(spec, folder, recorder, **at_hand).to_json()
        except (KeyboardInterrupt, Cancelled):
            hint = "" if out is None else f"; the same command with --out {out} goes on from the last checkpoint"
            raise Cancelled(f"stopped{hint}") from None
        yield report, folder


def home_folder(name: str) -> str:
    """A new folder in the home for a run that is to be kept though no --out was given."""
    return str(layout.home() / "command-line" / f"{layout.slug(name)}-{time.strftime('%Y%m%d-%H%M%S')}")

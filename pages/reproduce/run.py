"""A run of one item: its rows beside the paper's, its picture, and what it stands on."""

from __future__ import annotations

from npf_engine.errors import InputError
from npf_engine.runs.reading import Status
from npf_engine.runs.store import Run
from npf_engine.studies.reproduction.result import ReproductionResult
from npf_engine.studies.reproduction.spec import ReproductionSpec
from pages.reproduce import item
from ui import frame, live, runpage, runs

QUESTION = "Do the papers' tables and figures come out here, and how near?"


def show(run_id: str) -> None:
    """The page of one run."""
    runpage.show(run_id, QUESTION, _actions, _done, _body)


def _actions(run: Run, status: Status) -> None:
    spec = run.spec_of(ReproductionSpec)
    link = {"paper": spec.paper, "item": spec.item}
    runpage.buttons(run, status, "reproduce", lambda: link, {"paper": spec.paper})


def _done(run: Run) -> None:
    report, spec = runs.store().answer(run.id, ReproductionResult), run.spec_of(ReproductionSpec)
    frame.caption(f"{spec.about.about} {spec.about.place} of the paper.")
    picture = None
    if report.picture:
        try:
            picture = runs.store().result(run.id, "picture.json")
        except InputError:  # an older run's file is gone: the rows stand without it
            picture = None
    item.result(report, "done", picture)


def _body(run: Run, status: Status) -> None:
    live.log(run.id)

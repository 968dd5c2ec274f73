"""A run of the bench: the board while it works, and what it came to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import streamlit as st

from npf_engine.errors import InputError
from npf_engine.runs import reading
from npf_engine.runs.reading import Status
from npf_engine.runs.store import Run
from npf_engine.studies.lab.result import CurvePoints, LabResult, MethodResult
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.lab.view import judged
from npf_engine.tasks.layout import slug
from pages.lab import bench_setup, board, titles
from ui import live, manage, runpage, runs, states

QUESTION = "Which way of learning a Brenier map is best for these data?"
RESULT, MOVE, ARROWS, DIGITS = "Result", "From source to target", "Arrows", "Digits"
Arrays = dict[str, np.ndarray]


def show(run_id: str) -> None:
    """The page of one run."""
    runpage.show(run_id, QUESTION, _actions, _done, _body, _rest)


def _actions(run: Run, status: Status) -> None:
    runpage.buttons(run, status, "lab", lambda: bench_setup.link_of(run.spec_of(LabSpec)), {})


def _done(run: Run) -> None:
    _tabs(runs.store().answer(run.id, LabResult), _arrays(run), f"npf-{slug(run.name)}")


def _arrays(run: Run) -> Arrays:
    """Clouds of a run. Raises InputError where it has none (yet)."""
    path = runs.store().result(run.id, "lab.npz")
    return _read(str(path), path.stat().st_mtime_ns)


@st.cache_data(max_entries=8, show_spinner=False)
def _read(path: str, written: int) -> Arrays:
    return reading.arrays(Path(path))


def _so_far(run: Run) -> tuple[LabResult, Arrays] | None:
    """What a run that is not done has written: methods that are through, and the one at work as its picture says."""
    told = runs.store().so_far(run.id, "lab.json")
    if told is None:
        return None
    try:
        report = LabResult.of_json(told)
        arrays = dict(_arrays(run))
    except InputError:
        return None
    picture = runs.store().snapshot(run.id)
    if picture is not None and "method" in picture:
        name = str(picture["method"])
        if name not in report.results and len(picture["value"]):
            seconds, values = ([float(v) for v in picture[key]] for key in ("seconds", "value"))
            row = MethodResult(
                report.metric,
                mean=values[-1] if np.isfinite(values[-1]) else None,
                seconds=seconds[-1],
                curve=CurvePoints(seconds, value=values),
                live=True,
            )
            report = replace(report, results={**report.results, name: row})
            arrays[f"pushforward_{name}"] = picture["pushforward"]
    return report, arrays


def _body(run: Run, status: Status) -> None:
    """The live board."""
    found = _so_far(run)
    if found is None:
        if run.active:
            st.info("Source and target appear as soon as they are drawn.", icon=":material/hourglass_top:")
        live.log(run.id)
        return
    report, arrays = found
    left, right = st.columns([3, 2], gap="medium")
    with left:
        board.clouds(report, arrays, 1.0, "live", f"npf-{slug(run.name)}")
    with right:
        if not board.convergence(report, "live", f"npf-{slug(run.name)}"):
            st.caption("The curves begin with the first looks of the first method.")
    through = {name: row for name, row in report.results.items() if not row.live}
    if through:
        board.table(judged(replace(report, results=through)))
    live.log(run.id)


def _rest(run: Run) -> None:
    """Methods that were through when the run broke off are not lost."""
    found = _so_far(run)
    if found is not None and any(not row.live for row in found[0].results.values()):
        manage.download(run)


def _tabs(report: LabResult, arrays: Arrays, name: str) -> None:
    plane = arrays["source"].shape[1] > 1  # on the line the graph of T says it all
    labels = [RESULT, *([DIGITS] if report.digits else []), MOVE, *([ARROWS] if plane else [])]
    for tab, label in zip(st.tabs(labels, key="view", bind="query-params"), labels, strict=True):
        if not tab.open:
            continue
        with tab, states.told():
            if label == RESULT:
                _result(report, arrays, name)
            elif label == MOVE:
                st.fragment(_move)(report, arrays, name)
            elif label == ARROWS:
                st.fragment(_arrows)(report, arrays, name)
            else:
                board.digits(report, arrays, name)


def _result(report: LabResult, arrays: Arrays, name: str) -> None:
    board.numbers(report)
    board.table(report)
    for method, row in report.results.items():
        if row.note:
            st.caption(states.sentence(f"{titles.method(method)}: {row.note}"))
    columns = st.columns(2, gap="medium") if board.many(report) else [st.container()]
    with columns[0]:
        if not board.convergence(report, "done", name):
            st.info("No method gave a finite map, so there is no curve.", icon=":material/info:")
    if board.many(report):
        with columns[1]:
            board.spread(report, name)
    board.clouds(report, arrays, 1.0, "done", name)


def _move(report: LabResult, arrays: Arrays, name: str) -> None:
    t = st.slider(
        "t", 0.0, 1.0, 0.5, 0.05, key="moment", help="0: where the points begin; 1: where the map takes them."
    )
    board.clouds(report, arrays, t, "move", name)


def _arrows(report: LabResult, arrays: Arrays, name: str) -> None:
    there = [method for method in report.results if f"pushforward_{method}" in arrays]
    if not there:
        st.info("No method gave a finite map.", icon=":material/info:")
        return
    chosen = st.pills(
        "Method", there, default=there[0], key="arrows_of", required=True, format_func=titles.method, wrap=True
    )
    board.arrows(arrays, chosen or there[0], name)

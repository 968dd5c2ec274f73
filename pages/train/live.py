"""A run while it trains and after: stages, curves, the picture that forms, the log, and what one can do about it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from npf_engine import glossary
from npf_engine.figures import curves, training
from npf_engine.numbers import number, percent
from npf_engine.runs.reading import Status
from npf_engine.runs.store import Run
from npf_engine.studies.factorization.spec import TrainingSpec
from ui import copies, frame, live, modelcard, sharing, states
from ui.link import TRAINING
from ui.plots import Arrays, plot
from ui.runs import store, verdict

CAPTIONS = {
    "divergence": "How far ∇u♯ρ is from F♯ρ. It should come down towards the dashed line, the floor: what two draws of "
    "F♯ρ differ by. It is done where it no longer falls; what is left above the floor is weighed in the verdict.",
    "convergence": "Share of points whose conjugate was found: near 100 %, or the dual and M cannot be trusted.",
    "losses": "**Potential u**: the squared distance of ∇u from exact pairs. **Potential u, dual**: mean u(x) − "
    "u(∇u\\*(F(x))), which settles about 0 and may be negative; that stage is done once the dual on samples kept apart "
    "no longer falls. **Vφ, Mξ, Iψ**: the squared distance from what each has to give. All but the dual's should fall "
    "and flatten out; one that still falls steeply at its end wants more steps.",
}


def show(run_id: str) -> None:
    """The page of one run; it looks again by itself while the run is in the queue or at work."""
    run = store().get(run_id)
    status = store().status(run_id)
    live.head(run, status, "How far is this training, and is it going well?")
    with states.shown(run.name):
        _actions(run, status)
    if run.error:
        states.problem(run.error)
    if run.state == "done":
        verdict(run)
    live.follow(run, status, _body)
    with states.shown(run.name):
        live.settings(run)
        copies.told(run)
    if run.state == "done":
        modelcard.fold(run)


def _actions(run: Run, status: Status) -> None:
    """What can be done with a run in its state."""
    with st.container(horizontal=True, vertical_alignment="center", key="actions"):
        if run.state == "done":
            frame.link("factorization", "Look at the factorization", {"run": run.id})
            frame.link("inverse", "Pre-images", {"run": run.id})
            frame.link("models", "Download and compare", {"run": run.id})
        live.controls(run, status)
        sharing.offer(run)
        if st.button("Retry with edits", icon=":material/edit:", key="retry"):
            frame.go("train", {**TRAINING.write(run.spec_of(TrainingSpec)), "retry": run.id})
        if st.button("New training", icon=":material/add:", key="new"):
            frame.go("train")


def _body(run: Run, status: Status) -> None:
    _numbers(status)
    history = live.history(run)
    left, right = st.columns(2, gap="medium")
    with left:
        _forming(run)
    with right:
        _curve(run, "divergence", curves.divergence, history, "sinkhorn", "self_distance")
        _curve(run, "convergence", curves.convergence, history, "converged")
    if not _curve(run, "losses", curves.losses, history, "loss") and run.state == "running":
        st.caption("Losses appear with the first training steps.")
    live.log(run.id)


def _numbers(status: Status) -> None:
    """The newest numbers, large."""
    scalars = status["scalars"]
    value, floor = scalars.get("sinkhorn"), scalars.get("self_distance")
    shown: list[tuple[str, float | None, Callable[..., str], str]] = [
        ("Loss", scalars.get("loss"), number, "Of the running stage; its scale differs from stage to stage."),
        ("Steps a second", status["rate"], number, "Averaged over the last five seconds."),
        ("Conjugates found", scalars.get("converged"), percent, "Share of points whose conjugate converged."),
        ("Sε(∇u♯ρ, F♯ρ)", value, number, "Falls to its floor as u gets good. " + glossary.SYMBOLS["S"].about + "."),
        ("Floor", floor, number, "Sε of two draws of F♯ρ, as many points as the value's."),
        ("Ratio", value / floor if value is not None and floor else None, number, glossary.MEASURES["Ratio"]),
    ]
    there = [item for item in shown if item[1] is not None]
    # A stage that tells words (a download, the report) counts thousandths, not steps.
    if not there or status["text"] or status["state"] == "done":
        return
    with st.container(horizontal=True, key="numbers"):
        for label, value, form, about in there:
            st.metric(label, form(value), help=about, width="content", border=True)


def _forming(run: Run) -> None:
    """The newest picture: of the stage that is at work, later of the last one that had any."""
    picture = live.snapshot(run)
    name = str((picture or {}).get("name", ""))
    if picture is None or name not in PICTURES:
        if run.active:
            st.info("The first picture of ∇u♯ρ appears a few seconds after the field is ready.")
        return
    caption, draw = PICTURES[name]
    plot(
        live.shared(run, f"forming_{name}", lambda: draw(picture)),
        f"forming_{name}",
        caption,
        _table(picture),
        run.id,
    )


def _table(picture: Arrays) -> dict[str, np.ndarray]:
    """The numbers of a picture for its download: of a family of lines or draws, its points below one another."""
    found = {key: value for key, value in picture.items() if value.dtype.kind == "f" and value.ndim}
    return {key: value.reshape(-1, value.shape[-1]) if value.ndim > 2 else value for key, value in found.items()}


def _grad_u(picture: Arrays) -> go.Figure:
    return training.live_snapshot(picture["grad_u"], picture["target"], str(picture.get("unit", "")))


def _map(picture: Arrays) -> go.Figure:
    if "across" in picture:
        return training.live_mesh(picture["across"], picture["up"], training.extent(picture))
    return training.live_cloud(picture["m"], picture["rho"], training.extent(picture))


def _inverse(picture: Arrays) -> go.Figure:
    return training.live_draws(picture["draws"], picture["true"], training.extent(picture))


# Name of a live picture -> its caption, and who draws it.
PICTURES: dict[str, tuple[str, Callable[[Arrays], go.Figure]]] = {
    "grad_u": (
        "Held-out points of ∇u♯ρ over those of F♯ρ: the two clouds should come to cover the same ground.",
        _grad_u,
    ),
    "map": (
        "A mesh of equal squares after Mξ, as it is learnt: it folds over itself where F takes its values more than "
        "once, and together the folds should cover Ω evenly. (Where Ω is no box of the plane: samples of ρ and where "
        "Mξ brings them, two clouds that should be alike.)",
        _map,
    ),
    "inverse": (
        "Draws of Iψ (dots) for five values of F, a colour each, and the samples at which M takes nearly the same "
        "value (rings): dots should come to lie on the rings of their colour, on all of them.",
        _inverse,
    ),
}


def _curve(
    run: Run, name: str, draw: Callable[[curves.History], go.Figure | None], history: curves.History, *scalars: str
) -> bool:
    """The plot ``name`` of these scalars, where there is something to draw; whether there was."""
    figure = live.shared(run, name, lambda: draw(history))
    if figure is not None:
        plot(figure, name, CAPTIONS[name], _curves(history, *scalars))
    return figure is not None


def _curves(history: curves.History, *names: str) -> Arrays:
    """The plotted curves as columns: ``<stage> step``, ``<stage> <scalar>``."""
    arrays: dict[str, np.ndarray] = {}
    for name in names:
        for stage, (step, value) in curves.told(history, name).items():
            arrays[f"{stage} {name} step"] = step
            arrays[f"{stage} {name}"] = value
    return arrays

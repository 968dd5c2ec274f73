"""Before a run of the bench: the task, the methods, one budget, the seeds; source and target beside them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st
import torch

from npf_engine.errors import InputError
from npf_engine.fields import catalog
from npf_engine.fields.sources.place import must_be_fetched, place_of
from npf_engine.fields.spec import FieldSpec
from npf_engine.figures import colour, lab
from npf_engine.studies import kinds
from npf_engine.studies.lab.progress import weights
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.lab.tasks import PIXELS, build_task
from npf_engine.transport.methods import registry
from pages.lab import choices, files, titles
from ui import form, frame, states, where
from ui.form import Form
from ui.link import FIELD_NAME, Link
from ui.plots import plot
from ui.runs import remember

if TYPE_CHECKING:
    from npf_engine.studies.lab.digit_codes import CodeSpace

BASE = LabSpec(task="mixtures", methods=("gaussian", "exact", "cmgn", "icnn"), seeds=3, budget_seconds=10.0)
PATHS = ("task", "target")
DIGITS = {"digits": "Real digits, as 32 principal components.", PIXELS: "Real digits."}
CLOUDS = "clouds"  # choice: two files of the visitor
SECONDS, STEPS, OWN = "seconds", "steps", "own"
BUDGETS = {SECONDS: "Seconds", STEPS: "Steps", OWN: "Each its own"}
POINTS = 1500
NUMBERS = ("seeds", "first_seed", "points")
FORM = Form(Link(lambda heads: BASE))


def show() -> None:
    """The form, and the two clouds beside it."""
    try:
        spec = FORM.spec()
    except InputError as error:
        states.problem(error)
        frame.link("lab", "Start from the defaults")
        return
    form.problem()
    left, right = frame.picture_second("bench")
    with left:
        ready = _task(spec)
        _methods(spec)
        choices.show(FORM, spec, spec.methods)
        _budget(spec)
        found = _tried(spec) if ready else "upload two clouds: one column for each coordinate, one row for each point"
        _run(spec, not isinstance(found, str))
    with right:
        if not ready:
            st.info(states.sentence(str(found)), icon=":material/upload:")
        elif isinstance(found, str):
            states.problem(found)
        else:
            _preview(spec, *found)


def link_of(spec: LabSpec) -> dict[str, str]:
    """Query parameters of the form with this spec's settings."""
    return FORM.link.write(spec)


def submit(spec: LabSpec, name: str) -> None:
    """Put the run in the queue and turn into its live view."""
    spec = dataclasses.replace(
        spec, task=files.kept(spec.task), target=files.kept(spec.target) if spec.target else None
    )
    run = where.store().submit(spec, name)
    st.query_params.clear()
    remember(run.id)
    st.rerun()


def _task(spec: LabSpec) -> bool:
    """The choice of a task; whether there is one."""
    fields = {f"field:{info.name}": f"Field: {info.title}" for info in catalog.built_in_fields()}
    names = titles.TASKS | fields | {CLOUDS: "Two clouds of yours"}
    uploading = st.query_params.get("of") == CLOUDS or spec.target is not None
    st.session_state["task_choice"] = CLOUDS if uploading else spec.task if spec.task in names else None
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        st.selectbox(
            "Task",
            list(names),
            key="task_choice",
            format_func=names.__getitem__,
            on_change=_task_chosen,
            placeholder="Choose a task",
            help="What is to be transported to what. For a field F: positions to values, ρ to F♯ρ.",
        )
    if spec.task in titles.ANY_DIMENSION and not uploading:
        with right:
            FORM.widget(spec, "d")
    if not uploading:
        return True
    for column, key, label in zip(st.columns(2), PATHS, ("Source", "Target"), strict=True):
        with column:
            st.file_uploader(label, type=["csv", "npz"], key=f"cloud_{key}", on_change=_uploaded, args=(key,))
            path = getattr(spec, key)
            if path and Path(path).suffix and st.session_state[f"cloud_{key}"] is None:  # it came with the link
                st.caption(states.plain(Path(path).name))
    return bool(spec.target) and bool(Path(spec.task).suffix)


def _task_chosen() -> None:
    """Another task: what belonged to the old one is forgotten."""
    name = st.session_state["task_choice"]
    if name == CLOUDS:
        st.query_params["of"] = CLOUDS
        return
    st.query_params.pop("of", None)
    dimension: dict[str, object] = {} if name in titles.ANY_DIMENSION else {"d": None}
    FORM.change({"task": name, "target": None} | dimension)


def _uploaded(key: str) -> None:
    path = files.staged(f"cloud_{key}")
    if path is not None:
        FORM.change({key: path, "d": None})


def _methods(spec: LabSpec) -> None:
    st.markdown("**Methods**")
    for family, members in registry.families().items():
        key = f"methods_{frame.key_of(family)}"
        st.session_state[key] = [method.name for method in members if method.name in spec.methods]
        st.pills(
            family,
            [method.name for method in members],
            selection_mode="multi",
            key=key,
            format_func=titles.method,
            on_change=_methods_chosen,
            wrap=True,
            help="; ".join(f"{method.title}: {method.about}" for method in members) + ".",
        )


def _methods_chosen() -> None:
    keys = [f"methods_{frame.key_of(family)}" for family in registry.families()]
    chosen = [name for key in keys for name in st.session_state[key]]
    FORM.change({"methods": tuple(name for name in registry.names() if name in chosen)})


def _budget(spec: LabSpec) -> None:
    kind = SECONDS if spec.budget_seconds is not None else STEPS if spec.budget_steps is not None else OWN
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        st.session_state["budget_choice"] = kind
        st.segmented_control(
            "Budget of each run",
            list(BUDGETS),
            key="budget_choice",
            required=True,
            format_func=BUDGETS.__getitem__,
            on_change=_budget_chosen,
            help="The same for all methods. Without one each has the settings that it was published with.",
        )
    with right:
        if kind == SECONDS:
            FORM.widget(spec, "budget_seconds")
        elif kind == STEPS:
            FORM.widget(spec, "budget_steps")
    FORM.widgets(spec, NUMBERS)
    if spec.budget_seconds is not None:
        total = sum(weights(spec.methods, spec.seeds, spec.budget_seconds).values())
        st.caption(
            f"{len(spec.methods)} method{'s' * (len(spec.methods) != 1)}, {spec.seeds} seed{'s' * (spec.seeds != 1)}: "
            f"about {frame.duration(total)}."
        )


def _budget_chosen() -> None:
    kind = st.session_state["budget_choice"]
    seconds, steps = BASE.budget_seconds if kind == SECONDS else None, 500 if kind == STEPS else None
    FORM.change({"budget_seconds": seconds, "budget_steps": steps})


def _run(spec: LabSpec, ready: bool) -> None:
    name = st.text_input("Name", placeholder=kinds.of(spec).default_name(spec), key="run_name", max_chars=80)
    where.choose()
    if st.button(
        "Run", type="primary", icon=":material/play_arrow:", width="stretch", key="run_it", disabled=not ready
    ):
        with states.told():
            submit(spec, name or "")
    st.caption("It runs in the background: the page can be closed, and the link brings it back.")


def _tried(spec: LabSpec) -> tuple[str, np.ndarray, np.ndarray, bool] | str:
    """What ``_clouds`` finds; or the sentence that says why there is nothing."""
    field = FieldSpec(source=spec.task.removeprefix(FIELD_NAME))
    if spec.task.startswith(FIELD_NAME) and must_be_fetched(field, place_of(field)):
        return f"the elevation of {field.source} is not on this machine yet; fetch it on the Field page first"
    try:
        found: tuple[str, np.ndarray, np.ndarray, bool] = _clouds(spec.task, spec.target, spec.d)
    except InputError as error:
        return str(error)
    return found


def _preview(spec: LabSpec, title: str, source: np.ndarray, target: np.ndarray, same: bool) -> None:
    if same:
        st.info("Both clouds are the same: the best map leaves every point where it is.", icon=":material/info:")
    if spec.task in DIGITS:
        st.markdown(f"## {states.plain(title)}")
        plot(colour.digit_sheet(digits(target[:64])), "digits_target", DIGITS[spec.task])
        return
    d = source.shape[1]
    caption = "Source and target. A Brenier map moves the one to the other at the least cost of squared distance."
    if d > 2:
        caption += f" The first two of {d} coordinates."
    figure = _one_dimension(source, target) if d == 1 else lab.pushforwards(source, target, {})
    plot(figure, "clouds", caption, {"source": source, "target": target}, "npf-lab")


def _one_dimension(source: np.ndarray, target: np.ndarray) -> go.Figure:

    from npf_engine.figures import palette
    from npf_engine.figures.layout import finish, float32

    figure = go.Figure()
    for values, name, key in ((source, "source", "rho"), (target, "target", "field")):
        figure.add_trace(
            go.Histogram(x=float32(values[:, 0]), name=name, opacity=0.6, marker={"color": palette.COLOURS[key]})
        )
    figure.update_layout(barmode="overlay")
    return finish(figure, height=320, revision="lab_one", legend=True)


@st.cache_data(max_entries=16, show_spinner="Drawing from both laws ...")
def _clouds(task: str, target: str | None, d: int | None) -> tuple[str, np.ndarray, np.ndarray, bool]:
    """Title, points of source and target that no method sees, whether both are one. Raises InputError."""
    found = build_task(task, target, d)
    count = POINTS if found.cloud is None else min(POINTS, max(16, found.cloud))
    source, goal = found.test(count, 0)
    return found.title, source.numpy(), goal.numpy(), found.identical


def digits(codes: np.ndarray) -> np.ndarray:
    """Images (n, 784) of codes (n, 32), or of images."""
    return np.asarray(_space().decode(torch.from_numpy(np.ascontiguousarray(codes, dtype=np.float32))).numpy())


def plane(points: np.ndarray, task: str) -> np.ndarray:
    """Points as they are drawn: images by their principal components, whose first two tell most."""
    if task != PIXELS or points.shape[1] == len(_space().axes):
        return points
    return np.asarray(_space().encode(torch.from_numpy(np.ascontiguousarray(points, dtype=np.float32))).numpy())


@st.cache_resource(show_spinner="Reading the digits ...")
def _space() -> CodeSpace:
    from npf_engine.fields.digits import load_digit_images
    from npf_engine.studies.lab.digit_codes import CodeSpace

    return CodeSpace.of(load_digit_images().pixels)

"""Before the training: the field, the preset, what it will cost, advanced settings, Train."""

from __future__ import annotations

import dataclasses

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields import catalog, relevant, titles
from npf_engine.fields.spec import FieldSpec
from npf_engine.runs.estimate import estimate
from npf_engine.studies.factorization.cost import Cost, compared, wanted
from npf_engine.studies.factorization.spec import TrainingSpec, dotted_values
from pages.train import settings, sweeps
from ui import frame, live, progress, states, where
from ui.link import FIELD, TRAINING
from ui.runs import remember, store

PRESETS = {
    "quick": "Minutes on two processor cores; enough to see everything, and within a few percent of the best.",
    "paper": "The network sizes and step counts of the paper's Figure 17; for an accelerator, or a night.",
}

SAME_TRAINING = ("seed", "device", "threads")  # with which it is the preset's all the same
KNOWN = {  # group of a field -> how F is known, in the Field page's words
    "terrain": "known on a grid",
    "raster folder": "known on a grid",
    "place": "known on a grid",
    "analytic": "known as a function",
}


def show() -> None:
    """The whole set-up form; submits a run and turns into its live view."""
    frame.title(
        "Train", "Which field shall be factorized, how thoroughly, and what will it cost?", live.symbols("train")
    )
    try:
        spec = TRAINING.read(st.query_params)
    except InputError as error:
        states.problem(error)
        frame.link("field", "Choose a field")
        frame.link("train", "Start from the defaults")
        return
    live.active()
    left, right = st.columns([3, 2], gap="large")
    with left:
        _field(spec.field)
        _preset(spec)
        name = st.text_input(
            "Name",
            value=spec.name,
            placeholder=default_name(spec),
            key="run_name",
            max_chars=80,
            help="What the run and its bundle are called; the field's name and the preset if left empty.",
        )
    with right:
        own = (name or "").strip() or default_name(spec)
        _few(spec)
        if not sweeps.plan(spec, own):
            _cost(estimate(store(), spec))
            where.choose()
            if st.button("Train", type="primary", icon=":material/play_arrow:", width="stretch", key="train"):
                _submit(dataclasses.replace(spec, name=own))
        sweeps.choose(spec)
        st.caption("It runs in the background: the page can be closed, and the link brings it back.")
    settings.show(spec)


def default_name(spec: TrainingSpec) -> str:
    """The name of a run that was given none: of its field and preset, and whether it is the preset's training."""
    info = _info(spec.field)
    title = info.title.split(",")[0].split("(")[0].strip() if info else titles.source_title(spec.field)
    if info:
        title = titles.at_time(title, spec.field.time)
    changed = [key for key in settings.differing(spec) if key not in SAME_TRAINING]
    return f"{title} {spec.preset}{' changed' if changed else ''}"


def _few(spec: TrainingSpec) -> None:
    """Say so where the field has too few samples for the accuracy table that is asked for."""
    n = spec.field.n_samples
    if "n_samples" not in relevant.settings(spec.field):
        info = _info(spec.field)
        if info is None or info.n is None:
            return
        n = min(info.n, spec.field.max_samples)
    points = compared(spec, n)
    if points < spec.report.n:
        st.warning(
            f"The accuracy table will compare {points:,} points, not {spec.report.n:,}: 15 % of the {n:,} samples are "
            f"kept for tests, half of them a cloud. So few may not tell a good map from a trivial one; take "
            f"{wanted(spec):,} samples where the field has them.",
            icon=":material/scatter_plot:",
        )


def _info(field: FieldSpec) -> catalog.FieldInfo | None:
    return next((info for info in catalog.list_fields() if info.name == field.source), None)


def _field(field: FieldSpec) -> None:
    info = _info(field)
    with st.container(border=True, gap="small", key="field_card"):
        st.markdown(f"## :material/terrain: {states.plain(info.title if info else titles.source_title(field))}")
        chosen = {key: value for key, value in dotted_values(field).items() if value != dotted_values(FieldSpec())[key]}
        chosen.pop("source", None)
        facts = [f"{info.d}-d", KNOWN[info.group], info.units] if info else []
        facts += [f"{key.replace('_', ' ')} {_short(value)}" for key, value in chosen.items()]
        if facts:
            st.caption(states.plain(" · ".join(facts)))
        if info is not None and info.needs_network:
            st.caption(":material/cloud_download: Its elevation is fetched from the network when the training starts.")
        frame.link("field", "Look at it, or choose another", FIELD.write(field))


def _short(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _preset(spec: TrainingSpec) -> None:
    options = [*PRESETS, *([] if spec.preset in PRESETS else [spec.preset])]
    st.session_state["preset_choice"] = spec.preset
    st.segmented_control(
        "Preset",
        options,
        key="preset_choice",
        required=True,
        format_func=str.capitalize,
        on_change=_preset_chosen,
    )
    st.caption(PRESETS.get(spec.preset, "Settings of your own."))


def _preset_chosen() -> None:
    choice = st.session_state["preset_choice"]
    if choice == TrainingSpec().preset:
        st.query_params.pop("preset", None)
    else:
        st.query_params["preset"] = choice


def _cost(found: Cost) -> None:
    with st.container(border=True, gap="small", key="cost_card"):
        st.metric(
            "About this long on this machine",
            frame.duration(found.total),
            help="All stages together; from what it is estimated stands below.",
        )
        shown = [name for name, seconds in found.stages.items() if seconds >= 0.01 * found.total]
        parts = [f"{progress.title(name)} {frame.duration(found.stages[name])}" for name in shown]
        st.caption(" · ".join(parts))
        st.caption(found.basis)


def _submit(spec: TrainingSpec) -> None:
    with states.told():
        old = st.query_params.get("retry")
        # All leaves of a retry: a solver that is named brings settings with it, unless they are named too.
        run = where.store().submit(spec) if old is None else where.store().retry(old, dotted_values(spec))
        st.query_params.clear()
        remember(run.id)
        st.rerun()

"""Several trainings at once: seeds, or a setting with a list of values. The link holds what is asked for; it is
confirmed below what it will cost."""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.runs.estimate import whole
from npf_engine.settings.setting import declared
from npf_engine.studies import sweep
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.studies.sweep import FIXED, SEED, Sweep
from pages.train import settings
from ui import form, frame, states, where

LINK = "sweep"  # query parameter: key=value,value,... one a line
SEEDS = 5  # to begin with
SHOWN = 8  # names of runs that are listed
EXAMPLE = "field.sigma"
FOLD, PROBLEM = "sweep_ask", "sweep_problem"  # session: whether the form is open, and what was wrong with it
FIELDS = ("sweep_key", "sweep_values")  # session: what it says


def choose(spec: TrainingSpec) -> None:
    """What can be asked for: seeds in one click, any setting with its values."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="sweep_choose"):
        count = st.number_input(
            "Seeds", 2, sweep.MOST, SEEDS, key="sweep_count", width=130, help="How many trainings; each has its own."
        )
        st.button(
            f"{count} seeds",
            icon=":material/casino:",
            key="sweep_seeds",
            on_click=_ask,
            args=(f"{SEED}={spec.seed}..{spec.seed + count - 1}",),
            help="The same training with other random draws: how much of a difference is chance?",
        )
        popover = st.popover("Sweep a setting", icon=":material/stacked_line_chart:", key=FOLD, on_change="rerun")
        with popover:
            _form(spec)


def _form(spec: TrainingSpec) -> None:
    known = declared(TrainingSpec)
    keys = [key for key in settings.offered(spec) if key not in FIXED]
    with st.form("sweep_form", border=False):
        st.selectbox(
            "Setting",
            keys,
            index=keys.index(EXAMPLE if EXAMPLE in keys else SEED),
            key=FIELDS[0],
            format_func=lambda item: f"{form.label_of(known[item])} · {item}",
        )
        st.text_input(
            "Values",
            key=FIELDS[1],
            placeholder="5, 10, 20, 40",
            help="Parted by commas; 0..4 stands for 0, 1, 2, 3, 4. Lists, as of widths, by semicolons: 64,64; 128,128.",
        )
        if asked := st.query_params.get(LINK, ""):
            st.caption(f"Every value is trained with every one of {states.plain('; '.join(asked.splitlines()))}.")
        if problem := st.session_state.pop(PROBLEM, None):
            states.problem(problem)
        st.form_submit_button(
            "What will it cost?", type="primary", key="sweep_look", on_click=_look, args=(spec, *FIELDS)
        )


def _look(spec: TrainingSpec, key: str, values: str) -> None:
    """Take what the form says into the link and fold the form, or keep the sentence about it."""
    text = f"{st.session_state[key]}={st.session_state[values]}"
    try:
        sweep.read(spec, [text])
    except InputError as error:
        st.session_state[PROBLEM] = str(error)
        return
    _ask(text)
    st.session_state[FOLD] = False


def _ask(text: str) -> None:
    """Take a setting and its values into the link, in place of what it says of this setting."""
    key = text.partition("=")[0]
    others = [line for line in st.query_params.get(LINK, "").splitlines() if line.partition("=")[0] != key]
    st.query_params[LINK] = "\n".join([*others, text])


def plan(spec: TrainingSpec, name: str) -> bool:
    """What the link asks for, its cost, and the button that starts it; whether it asks for anything."""
    asked = st.query_params.get(LINK, "").splitlines()
    if not asked:
        return False
    with st.container(border=True, gap="small", key="sweep_card"):
        try:
            found = sweep.read(spec, asked)
            cost = whole(where.store(), [item.spec for item in found.members if isinstance(item.spec, TrainingSpec)])
        except InputError as error:
            states.problem(error)
            st.button("One training", icon=":material/undo:", key="sweep_drop", on_click=_drop)
            return True
        st.metric(
            f"{cost.runs} trainings, about this long on this machine",
            frame.duration(cost.seconds),
            help="From the first to the last, as many at a time as this machine has slots.",
        )
        st.caption(
            f"{frame.duration(cost.work)} of work, {cost.at_once} at a time. Over {states.plain(found.title)}: "
            + states.plain("; ".join(item.label for item in found.members[:SHOWN]))
            + (" and more." if cost.runs > SHOWN else ".")
        )
        where.choose()
        with st.container(horizontal=True):
            if st.button(f"Train all {cost.runs}", type="primary", icon=":material/playlist_play:", key="sweep_start"):
                _start(found, name)
            st.button("One training", icon=":material/undo:", key="sweep_drop", on_click=_drop)
        st.caption("They wait in the queue as one entry of the Models page, with mean and spread of each measure.")
    return True


def _drop() -> None:
    st.query_params.pop(LINK, None)


def _start(found: Sweep, name: str) -> None:
    with states.told():
        made = where.store().submit_sweep(found, name)
        frame.go("models", {"open": made[0].sweep or ""})

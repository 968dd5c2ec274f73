"""Every leaf of the training's settings as a widget. The link holds the values; widgets show and change them."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.numbers import typed
from npf_engine.settings.setting import Declared, Group, declared, groups
from npf_engine.studies.factorization.spec import TrainingSpec, leaves, preset, with_values
from ui import fieldlink, states

PROBLEM = "setting_problem"  # session: the sentence about the last value that was refused
ELSEWHERE = ("preset", "name")  # have their own widgets above
GENERAL = Group("General", "Solver, random seed and machine.")  # of the settings in no group


def show(spec: TrainingSpec) -> None:
    """The folded settings. Nothing inside is drawn while they are folded."""
    changed = differing(spec)
    # The label stays the same: another one would be another fold, and close it at every change.
    fold = st.expander("Advanced settings", icon=":material/tune:", key="advanced", on_change="rerun")
    if changed:
        st.caption("Changed from the preset: " + ", ".join(f"`{key}`" for key in changed))
    problem = st.session_state.pop(PROBLEM, None)
    if problem:
        states.problem(problem)
    if not fold.open:
        return
    with fold:
        if changed:
            st.button("Back to the preset", icon=":material/restart_alt:", on_click=_reset, args=(tuple(changed),))
        found = {"": GENERAL} | groups(TrainingSpec)
        tabs = st.tabs([about.title for about in found.values()], key="settings_tab", on_change="rerun")
        for tab, (prefix, about) in zip(tabs, found.items(), strict=True):
            if tab.open:
                with tab:
                    st.caption(about.help)
                    _group(prefix, spec)


def differing(spec: TrainingSpec) -> list[str]:
    """The dotted keys, the field's aside, that are not as the preset has them."""
    base = leaves(preset(spec.preset))
    values = leaves(spec)
    return [key for key in values if not key.startswith("field.") and key not in ELSEWHERE and values[key] != base[key]]


def _group(prefix: str, spec: TrainingSpec) -> None:
    values = leaves(spec)
    known = declared(TrainingSpec)
    keys = [key for key in known if _prefix(key) == prefix and key not in ELSEWHERE]
    columns = st.columns(3)
    for number, key in enumerate(keys):
        with columns[number % 3]:
            _widget(known[key], values[key])


def _prefix(key: str) -> str:
    return key.rpartition(".")[0]


def _widget(known: Declared, value: Any) -> None:
    """One setting. Its state follows the link, so that a reload and the back button show what will be trained."""
    key, label = known.key, known.title
    name, about = f"set_{key}", f"`{key}`: {known.setting.help}"
    common: dict[str, Any] = {"key": name, "help": about, "on_change": _changed, "args": (key,)}
    if known.names():
        st.session_state[name] = value
        st.selectbox(label, known.names(), **common)
    elif isinstance(value, int) and not isinstance(value, bool):
        st.session_state[name] = value
        st.number_input(label, step=1, **common)
    elif isinstance(value, float):
        st.session_state[name] = typed(value)
        st.text_input(label, **common)
    else:
        st.session_state[name] = text_of(value)
        st.text_input(label, **common)


def text_of(value: Any) -> str:
    """A setting as text: a list without its brackets, none for None."""
    if value is None:
        return "none"
    if isinstance(value, tuple):
        plain = all(isinstance(item, int | float) for item in value)
        return ", ".join(map(typed, value)) if plain else json.dumps(value)
    return str(value)


def _changed(key: str) -> None:
    """Take a widget's value into the link; one that is refused leaves the link as it was, with a sentence."""
    value = st.session_state[f"set_{key}"]
    leaf = key.removeprefix("field.")
    try:
        spec = fieldlink.training_from_query(st.query_params)
        spec = with_values(spec, {key: "" if value is None else value})
        told = {**fieldlink.training_to_query(spec)}
        fieldlink.from_query(told)
    except InputError as error:
        st.session_state[PROBLEM] = str(error)
        return
    if leaf in told:
        st.query_params[leaf] = told[leaf]
    else:
        st.query_params.pop(leaf, None)


def _reset(keys: tuple[str, ...]) -> None:
    for key in keys:
        st.query_params.pop(key, None)

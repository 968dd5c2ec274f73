"""Every setting of a training as a widget, by its group."""

from __future__ import annotations

import streamlit as st

from npf_engine.fields import relevant
from npf_engine.settings.setting import Group, declared, groups
from npf_engine.studies.factorization.spec import TrainingSpec, dotted_values, preset
from ui import form
from ui.form import Form
from ui.link import TRAINING

FORM = Form(TRAINING)
FIELD = "field."
ELSEWHERE = ("preset", "name")  # have their own widgets above
GENERAL = Group("General", "Solver, random seed and machine.")  # of the settings in no group


def show(spec: TrainingSpec) -> None:
    """The folded settings. Nothing inside is drawn while they are folded."""
    changed = differing(spec)
    # The label stays the same: another one would be another fold, and close it at every change.
    fold = st.expander("Advanced settings", icon=":material/tune:", key="advanced", on_change="rerun")
    if changed:
        st.caption("Changed from the preset: " + ", ".join(f"`{key}`" for key in changed))
    form.problem()
    if not fold.open:
        return
    with fold:
        if changed:
            st.button("Back to the preset", icon=":material/restart_alt:", on_click=FORM.reset, args=(tuple(changed),))
        found = {"": GENERAL} | groups(TrainingSpec)
        tabs = st.tabs([about.title for about in found.values()], key="settings_tab", on_change="rerun")
        for tab, (prefix, about) in zip(tabs, found.items(), strict=True):
            if tab.open:
                with tab:
                    st.caption(about.help)
                    _group(prefix, spec)


def differing(spec: TrainingSpec) -> list[str]:
    """The dotted keys, the field's aside, that are not as the preset has them."""
    base = dotted_values(preset(spec.preset))
    values = dotted_values(spec)
    return [key for key in values if not key.startswith(FIELD) and key not in ELSEWHERE and values[key] != base[key]]


def _group(prefix: str, spec: TrainingSpec) -> None:
    keys = [key for key in offered(spec) if key.rpartition(".")[0] == prefix and key not in ELSEWHERE]
    FORM.widgets(spec, keys)


def offered(spec: TrainingSpec) -> list[str]:
    """The dotted keys of all settings that something reads: of the field's only those of its source, and those that
    were set all the same."""
    read, values = relevant.settings(spec.field), dotted_values(spec)
    before = dotted_values(TrainingSpec())
    return [
        key
        for key in declared(TrainingSpec)
        if not key.startswith(FIELD) or key.removeprefix(FIELD) in read or values[key] != before[key]
    ]

"""What may be chosen of the methods that are chosen: a group of settings each, shown with the first of its methods."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from npf_engine.settings.setting import declared, groups
from npf_engine.transport.methods import registry
from ui.form import Form

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SpecT = TypeVar("SpecT", bound="DataclassInstance")


def show(form: Form[SpecT], spec: SpecT, methods: Iterable[str], across: int = 3) -> None:
    """The groups of these methods, each in an expander that is open where something of it is chosen."""
    known = registry.known()
    asked = {known[name].choices for name in methods if name in known}
    for name, about in groups(type(spec)).items():
        if name not in asked:
            continue
        group = getattr(spec, name)
        with st.expander(about.title, expanded=group != type(group)(), key=f"choices_{name}"):
            st.caption(f"{about.help} What is empty is the methods' own.")
            form.widgets(spec, [key for key in declared(type(spec)) if key.startswith(f"{name}.")], across)

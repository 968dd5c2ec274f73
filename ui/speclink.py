"""The settings of a run of any kind in the query parameters of a link, and widgets that show and change them.

The link holds what differs from a base spec (a preset): dotted leaf -> text. A widget's state follows the link, so
that a reload and the back button show what will be run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.numbers import typed
from npf_engine.settings.dotted import leaves
from npf_engine.studies import kinds
from ui import fieldlink, states

PROBLEM = "spec_problem"  # session: the sentence about the last value that was refused


def to_query(spec: Any, base: Any) -> dict[str, str]:
    """Dotted leaf -> text, for the leaves of ``spec`` that differ from ``base``."""
    before = leaves(base)
    return {key: fieldlink.as_text(value) for key, value in leaves(spec).items() if value != before[key]}


def from_query(base: Any, params: Mapping[str, str]) -> Any:
    """``base`` with the leaves that the link names. Raises InputError."""
    values = {key: fieldlink.checked(key, params[key]) for key in leaves(base) if key in params}
    return kinds.of(base).with_values(base, values)


def told() -> None:
    """The sentence about a value that was refused, once."""
    problem = st.session_state.pop(PROBLEM, None)
    if problem:
        states.problem(problem)


@dataclass(frozen=True)
class Leaf:
    """A widget for the leaf ``key`` of a spec."""

    key: str
    label: str
    help: str
    choices: Sequence[str] = ()

    def show(self, spec: Any, base: Any) -> None:
        """Draw it; a change goes into the link, unless it is refused."""
        name, value = f"set_{self.key}", leaves(spec)[self.key]
        common: dict[str, Any] = {"key": name, "help": self.help, "on_change": _changed, "args": (self.key, base)}
        if self.choices:
            st.session_state[name] = value
            st.selectbox(self.label, self.choices, **common)
        elif value in (None, ()):
            st.session_state[name] = ""
            st.text_input(self.label, placeholder="auto", **common)
        elif isinstance(value, int) and not isinstance(value, bool):
            st.session_state[name] = value
            st.number_input(self.label, step=1, **common)
        else:
            st.session_state[name] = plain_text(value)
            st.text_input(self.label, **common)


def show_all(widgets: Sequence[Leaf], spec: Any, base: Any, across: int = 3) -> None:
    """Widgets in rows of ``across``; on a narrow screen one below the other, in their order."""
    for first in range(0, len(widgets), across):
        row = widgets[first : first + across]
        for column, leaf in zip(st.columns(across), row, strict=False):
            with column:
                leaf.show(spec, base)


def plain_text(value: Any) -> str:
    """A setting as somebody would type it."""
    if isinstance(value, float):
        return typed(value)
    if isinstance(value, tuple):
        return ", ".join(plain_text(item) for item in value)
    return str(value)


def _changed(key: str, base: Any) -> None:
    """Take a widget's value into the link; one that is refused leaves the link as it was, with a sentence."""
    value = st.session_state[f"set_{key}"]
    if value in (None, ""):
        value = leaves(base)[key]  # an emptied box takes what it would have been
    try:
        spec = from_query(base, st.query_params)
        spec = kinds.of(base).with_values(spec, {key: value})
    except InputError as error:
        st.session_state[PROBLEM] = str(error)
        return
    query = to_query(spec, base)
    if key in query:
        st.query_params[key] = query[key]
    else:
        st.query_params.pop(key, None)

"""A form whose settings stand in the page's link: widgets made from declarations, and what a change does.

The link holds the values; the widgets show them, so that a reload and the back button show what will be run. A value
that is refused leaves the link as it was, and its sentence is told once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypedDict, TypeVar

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.numbers import typed
from npf_engine.settings.dotted import dotted_values
from npf_engine.settings.setting import Declared, declared
from ui import states
from ui.link import Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import DataclassInstance

SpecT = TypeVar("SpecT", bound="DataclassInstance")
PROBLEM = "form_problem"  # session: the sentence about the last value that was refused


class _Common(TypedDict):
    """What every widget is given."""

    key: str
    help: str
    on_change: Callable[[str], None]
    args: tuple[str]


@dataclass(frozen=True)
class Form(Generic[SpecT]):
    """The form of one kind of spec, whose ``link`` it reads and changes."""

    link: Link[SpecT]

    def spec(self) -> SpecT:
        """What the page's link says. Raises InputError."""
        return self.link.read(st.query_params)

    def change(self, values: Mapping[str, object]) -> None:
        """Take values by their dotted keys into the link; what is refused leaves it as it was and is told once."""
        try:
            query = self.link.write(self.link.change(self.spec(), values))
            self.link.read(query)  # a file that no link may name is refused here
        except InputError as error:
            st.session_state[PROBLEM] = str(error)
            return
        for name in self.link.parameters().values():
            if name in query:
                st.query_params[name] = query[name]
            else:
                st.query_params.pop(name, None)

    def reset(self, keys: Sequence[str]) -> None:
        """Back to what the link says without these keys."""
        names = self.link.parameters()
        for key in keys:
            st.query_params.pop(names[key], None)

    def widget(self, spec: SpecT, key: str, label: str = "") -> None:
        """The setting ``key`` of ``spec``, which is what the link says."""
        known, name, value = declared(type(spec))[key], f"set_{key}", dotted_values(spec)[key]
        label = label or label_of(known)
        common: _Common = {"key": name, "help": _help(known), "on_change": self._changed, "args": (key,)}
        if known.names() and isinstance(value, str):
            st.session_state[name] = value
            st.selectbox(label, known.names(), format_func=known.setting.called, **common)
        elif known.names() and value is None:
            st.session_state[name] = None
            st.selectbox(
                label, known.names(), index=None, placeholder="auto", format_func=known.setting.called, **common
            )
        elif isinstance(value, bool):
            st.session_state[name] = value
            st.toggle(label, **common)
        elif isinstance(value, int):
            st.session_state[name] = value
            st.number_input(label, step=1, **common)
        else:
            st.session_state[name] = text_of(value)
            st.text_input(label, placeholder="auto" if value in (None, ()) else None, **common)

    def widgets(self, spec: SpecT, keys: Sequence[str], across: int = 3) -> None:
        """Settings in rows of ``across``; on a narrow screen one below the other, in their order."""
        for first in range(0, len(keys), across):
            row = keys[first : first + across]
            # a label of two lines must not push its box below its neighbours'
            for column, key in zip(st.columns(across, vertical_alignment="bottom"), row, strict=False):
                with column:
                    self.widget(spec, key)

    def _changed(self, key: str) -> None:
        value = st.session_state[f"set_{key}"]
        if value is None or value == "":  # an emptied box takes what it would have been
            value = dotted_values(self._start())[key]
        self.change({key: value})

    def _start(self) -> SpecT:
        """What the link would say without its own settings."""
        heads = {key: st.query_params[key] for key in self.link.heads if key in st.query_params}
        return self.link.read(heads)


def problem() -> None:
    """The sentence about a value that was refused, once."""
    sentence = st.session_state.pop(PROBLEM, None)
    if sentence:
        states.problem(sentence)


def text_of(value: object) -> str:
    """A value as somebody would type it: a list without its brackets, nothing for what is left empty."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        plain = all(isinstance(item, int | float) for item in value)
        return ", ".join(map(typed, value)) if plain else json.dumps(value)
    return typed(value) if isinstance(value, float) else str(value)


def label_of(known: Declared) -> str:
    """What a form calls a setting, with its unit."""
    title, unit = known.title, known.setting.unit
    return title[0].upper() + title[1:] + (f" ({unit})" if unit and unit not in title else "")


def _help(known: Declared) -> str:
    why = f" Default: {known.setting.why}." if known.setting.why else ""
    return f"`{known.key}`: {known.setting.help}{why}"

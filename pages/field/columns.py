"""A table on the Field page: which of its columns are positions and which F, where their names do not say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields.readers.assigned import assigned, written
from npf_engine.fields.readers.guessed import guess
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.uploads import UploadPreview
from pages.field import choice
from ui import states

MOST = 200  # columns that are offered
AT, OF, ABOUT = "columns_at", "columns_of", "columns_about"  # session: the two lists, and what they were filled for


def offer(seen: UploadPreview, spec: FieldSpec) -> None:
    """Two lists of columns, open where the table cannot be read by its names."""
    names = seen.names[:MOST]
    if len(names) < 2:
        return
    unread = seen.kind == "unreadable" and not spec.columns
    with st.expander("Columns", icon=":material/view_column:", expanded=unread or bool(spec.columns)):
        places, values = _now(seen, spec, names)
        _begin((spec.source, spec.columns, *names), places, values)
        at = _pick(AT, "Positions", names, (), "The axes of the region, in their order: first x, then y ...")
        text = "As many components, in the order of their axes; or one height over two axes."
        of = _pick(OF, "F", names, at, text)
        first, second = st.columns(2)
        kind: Literal["primary", "secondary"] = "primary" if unread else "secondary"
        if first.button("Read it so", key="columns_so", type=kind, icon=":material/check:", width="stretch"):
            _assign(seen.file, names, at, of)
        if second.button(
            "By their names",
            key="columns_by_name",
            icon=":material/undo:",
            width="stretch",
            disabled=not spec.columns,
        ):
            choice.change(columns="")
            st.rerun()


def guessed(seen: UploadPreview, spec: FieldSpec) -> bool:
    """Whether a table is not read by its names, and all its columns can be guessed: nothing is wrong with it."""
    return seen.kind == "unreadable" and not spec.columns and len(seen.names) > 1 and all(guess(seen.names[:MOST]))


def _now(seen: UploadPreview, spec: FieldSpec, names: Sequence[str]) -> tuple[list[int], list[int]]:
    """What is assigned, else what the names say, else a guess; by numbers from 0."""
    if spec.columns:
        try:
            layout = assigned(seen.file, names, spec.columns)
        except InputError:
            return guess(names)
        return [column.index for column in layout.positions], [column.index for column in layout.values]
    plain = [name.strip() for name in names]
    used = [(c.role, plain.index(c.name)) for c in seen.columns if c.name in plain]
    if used:
        return [k for role, k in used if role[0] == "x"], [k for role, k in used if role[0] != "x"]
    return guess(names)


def _begin(about: tuple[str, ...], places: list[int], values: list[int]) -> None:
    """Fill the lists anew for another table, or another assignment of it."""
    if st.session_state.get(ABOUT) != about:
        st.session_state[ABOUT], st.session_state[AT], st.session_state[OF] = about, places, values


def _pick(key: str, label: str, names: Sequence[str], taken: Sequence[int], text: str) -> list[int]:
    """The columns of one list; those ``taken`` by the other one are not offered."""
    st.session_state[key] = [k for k in st.session_state.get(key, ()) if k not in taken]
    return st.multiselect(
        label,
        [k for k in range(len(names)) if k not in taken],
        key=key,
        format_func=lambda k: names[k].strip() or f"column {k + 1}",  # a list of choices is no markdown
        help=text,
        placeholder="Choose columns",
    )


def _assign(file: str, names: Sequence[str], places: list[int], values: list[int]) -> None:
    """Keep it in the link; what does not fit is told."""
    with states.told():
        text = written(names, places, values)
        layout = assigned(file, names, text)
        choice.change(columns=text, rho="samples" if layout.kind == "samples" else "box")
        st.rerun()

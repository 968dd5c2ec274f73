"""A VTK file on the Field page: which of its arrays F is, or whose gradient."""

from __future__ import annotations

import streamlit as st

from npf_engine.fields.readers.meshes import MeshLook
from npf_engine.fields.spec import FieldSpec
from pages.field import choice
from ui import states

KEY = "mesh_array"
GRADIENT = "∇ "  # before a scalar whose gradient F is


def offer(seen: MeshLook, spec: FieldSpec) -> None:
    """The arrays of a file that was looked at; nothing where there is no choice."""
    now = GRADIENT + spec.scalar if spec.scalar else spec.components or _found(seen)
    options = [*seen.vectors, *(GRADIENT + name for name in seen.scalars)]
    if len(options) < 2:
        return
    options = list(dict.fromkeys([*([now] if now else []), *options]))
    st.session_state[KEY] = now or None
    st.selectbox(
        "F is",
        options,
        index=None,
        key=KEY,
        format_func=_named,
        on_change=_chosen,
        placeholder="Choose a vector, or a scalar for its gradient (∇)",
        help="A vector of the mesh's points or cells, or the gradient (∇) of a scalar, per unit of the positions.",
    )


def _found(seen: MeshLook) -> str:
    """What the file says by itself, where it says one thing."""
    return (GRADIENT if seen.gradient else "") + ",".join(seen.used)


def _named(option: str) -> str:
    """velocity (points) for point:velocity."""
    where, colon, name = option.removeprefix(GRADIENT).partition(":")
    if not colon or where not in ("point", "cell") or "," in name:
        return states.plain(option)
    return states.plain(f"{GRADIENT if option.startswith(GRADIENT) else ''}{name} ({where}s)")


def _chosen() -> None:
    name = str(st.session_state[KEY] or "")
    if name.startswith(GRADIENT):
        choice.change(components="", scalar=name.removeprefix(GRADIENT))
    else:
        choice.change(components=name, scalar="")

"""Linked views of clouds in the browser: all samples, lit up together, selected by a polygon, moved along the maps.

Two of Streamlit's components (version 2: no iframe) with one script. ``npf_linked_points`` takes the points, as bytes
that stay the same, so that they are sent once; ``npf_linked_view`` takes what changes, draws, and answers with a
selection of a few hundred letters. The script is the files beside this one, one after the other; it loads nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from npf_engine import resources
from npf_engine.figures import message
from ui.linked import selection as selection

STATE = "selection"  # what the view answers with


_SCRIPT = resources.linked_script()
_points = st.components.v2.component("npf_linked_points", js=_SCRIPT)
_view = st.components.v2.component("npf_linked_view", js=_SCRIPT, css=resources.linked_style())


@dataclass(frozen=True)
class Look:
    """What a view shows of its points.

    label: its name for those who do not see it. selection: as a link has it, and ``push``, another number whenever
    the server changes it. way: "views" (panels side by side), "path" (x, M(x), F(x)) or "mccann"; a ``scene`` is motion
    alone, with three sentences. renderer: "auto", or "raster" for pixels filled without WebGL. colour: what is coloured
    at first.
    """

    label: str
    selection: str = ""
    push: int = 0
    way: str = "views"
    scene: bool = False
    sentences: Sequence[str] = ()
    renderer: str = "auto"
    colour: str = "origin"


def draw(points: bytes, look: Look, key: str, selected: Callable[[str], None] | None = None) -> None:
    """Draw the points of a message (``blob.pack``); ``selected`` is called with each selection that is made."""

    def told() -> None:
        answer = st.session_state[key].get(STATE)
        if selected is not None and isinstance(answer, str):
            selected(answer)

    with st.container(gap=None, key=f"linked_{key}"):
        _points(data=points, key=f"{key}_points", height="content")
        _view(
            data={
                "id": message.identity(points),
                "label": look.label,
                "selection": look.selection,
                "push": look.push,
                "way": look.way,
                "scene": look.scene,
                "sentences": list(look.sentences),
                "renderer": look.renderer,
                "colour": look.colour,
            },
            key=key,
            on_selection_change=told,
        )

"""Scenes in motion, drawn in the browser from bytes that are sent once: nothing goes to the server while they play.

One of Streamlit's components (version 2: no iframe) a kind of scene. Its script is some files
of ``ui/linked``, ``kit.js`` and the files of its kind, one after the other; it loads nothing and draws on plain
canvases: no WebGL is needed.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from npf_engine import resources

HERE = Path(__file__).resolve().parent
# kind of scene -> what else of this folder its script needs
KINDS: dict[str, tuple[str, ...]] = {
    "particles": ("dots",),
    "mesh": (),
    "legendre": ("solid",),
    "paths": (),
    "region": ("solid",),
}
SHARED = ("message", "frame", "stop")  # of ui/linked


def script(kind: str) -> str:
    """The JavaScript of a kind of scene, an ES module."""
    own = [(HERE / f"{name}.js").read_text(encoding="utf-8") for name in ("kit", *KINDS[kind], kind)]
    return "\n".join((resources.linked_script(SHARED), *own))


_STYLE = (HERE / "style.css").read_text(encoding="utf-8")
_COMPONENTS = {kind: st.components.v2.component(f"npf_{kind}", js=script(kind), css=_STYLE) for kind in KINDS}


def draw(kind: str, message: bytes, key: str) -> None:
    """Draw a scene of ``kind`` from its message (``figures/message.py: pack``)."""
    _COMPONENTS[kind](data=message, key=key, height="content")

"""The way back: what the browser's Back button comes to after a page has sent its visitor on to another."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_history = st.components.v2.component("npf_history", js=_SCRIPT)


def mend() -> None:
    """Have Back come to the page that was left, with its link: ``frame.go`` leaves one without in between."""
    _history(key="history", height=1)

"""Tokens by which programs speak for the visitor."""

from __future__ import annotations

import time

import streamlit as st

from npf_engine.runs import audit, tokens
from npf_engine.runs.tokens import DAYS
from ui import frame, states
from ui.runs import store

MADE = "token_made"  # session: the token that has just been made, shown once


def show() -> None:
    """The visitor's tokens, and a form for a new one."""
    st.markdown("## Programs")
    st.caption(
        "A token lets a program do what you may do: `npf --server ADDRESS ...` with the token in the variable "
        "`NPF_TOKEN`, or anything that speaks `/api/v1`. Give one to nobody; as `--token` on a command line, others on "
        "the same machine can read it."
    )
    found = store()
    made = st.session_state.pop(MADE, None)
    if made is not None:
        st.success(f"Copy it now, it cannot be shown again; it is taken for {DAYS} days.", icon=":material/key:")
        st.code(made, language=None, wrap_lines=True)
    for token in tokens.listed(found.ledger, found.viewer):
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"token_{token.id[:12]}"):
            used = "never used" if token.used is None else f"last used {frame.ago(time.time() - token.used)}"
            left = max(1, round((token.expires - time.time()) / tokens.DAY))
            st.markdown(f"**{states.plain(token.name)}**  ·  {used}  ·  {left} days left", width="content")
            st.button("Remove", icon=":material/delete:", key=f"drop_{token.id}", on_click=_remove, args=(token.id,))
    with st.form("token_form", border=False, clear_on_submit=True):
        name = st.text_input("What uses it", max_chars=tokens.MAX_NAME, placeholder="my laptop", key="token_name")
        if st.form_submit_button("Make a token", icon=":material/key:", key="token_make"):
            with states.told():
                st.session_state[MADE] = tokens.make(found.ledger, found.viewer, name)
                audit.note(found.home, found.viewer, "made a token")
                st.rerun()


def _remove(token_id: str) -> None:
    found = store()
    with states.told():
        tokens.remove(found.ledger, found.viewer, token_id)
        audit.note(found.home, found.viewer, "removed a token")

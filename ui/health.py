"""What a visitor must know on every page: that nothing can be kept now, and why; that the list of runs was mended."""

from __future__ import annotations

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from npf_engine.errors import InputError
from ui import runs, states


def run(page: StreamlitPage) -> None:
    """A page below what is wrong with the machine; where that stops the page, its cause stands as a sentence."""
    shown = _banner()
    try:
        page.run()
    except InputError as error:
        if str(error) != shown:
            states.problem(error)


def _banner() -> str | None:
    try:
        store = runs.store()
        trouble, notice = store.trouble(), store.notice()
    except InputError as error:
        states.problem(error)
        return str(error)
    if trouble:
        st.warning(states.sentence(trouble), icon=":material/hard_drive:")
    if notice:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key="table_mended"):
            st.markdown(f":material/build: {states.sentence(notice)}", width="stretch")
            if st.button("Understood", key="table_mended_read", type="tertiary"):
                with states.told():
                    store.dismiss()
                    st.rerun()
    return trouble

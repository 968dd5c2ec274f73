"""Entry of the web app: page config, sign-in, navigation; nothing else."""

from __future__ import annotations

import streamlit as st

from ui import frame, gate


def main() -> None:
    st.set_page_config(
        page_title="Polar factorization explorer",
        page_icon=str(frame.ASSETS / "icon.svg"),
        layout="wide",
        menu_items={"About": frame.ABOUT},
    )
    st.logo(str(frame.ASSETS / "logo.svg"), icon_image=str(frame.ASSETS / "icon.svg"), size="large")
    sections: dict[str, list] = {}
    for name, entry in frame.PAGES.items():
        page = st.Page(
            frame.ROOT / entry.file, title=entry.title, icon=entry.icon, url_path=name, default=name == "home"
        )
        sections.setdefault(entry.section, []).append(page)
    if not gate.open_for_visitor():
        # Every address, deep links included, leads to the sign-in and to nothing else.
        st.navigation([st.Page(gate.sign_in, title="Sign in", icon=":material/lock:")], position="hidden").run()
        return
    page = st.navigation(sections)
    frame.sidebar()
    page.run()
    frame.footer()


main()

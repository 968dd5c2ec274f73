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
    let_in = gate.open_for_visitor()
    page = st.navigation(sections, position="sidebar" if let_in else "hidden")
    if not let_in:
        gate.sign_in()  # every address, deep links included, shows this and nothing else
        return
    frame.sidebar()
    page.run()
    frame.footer()


main()

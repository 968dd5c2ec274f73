"""Entry of the web app: page config, sign-in, navigation; nothing else."""

from __future__ import annotations

import logging

import streamlit as st

from npf_engine.runs import serving
from ui import door, frame, health, people, tour, warm


def pages() -> dict[str, list]:
    """The menu: section -> its pages."""
    sections: dict[str, list] = {}
    own = {} if people.viewer().alone else {"account": frame.ACCOUNT}
    for name, entry in (frame.PAGES | own).items():
        file = frame.ROOT / entry.file
        page = st.Page(file, title=entry.title, icon=entry.icon, url_path=name, default=name == "home")
        sections.setdefault(entry.section, []).append(page)
    return sections


def main() -> None:
    st.set_page_config(
        page_title="Polar factorization explorer",
        page_icon=str(frame.ASSETS / "icon.svg"),
        layout="wide",
        menu_items={"About": frame.ABOUT},
    )
    st.logo(str(frame.ASSETS / "logo.svg"), icon_image=str(frame.ASSETS / "icon.svg"), size="large")
    around = door.unguarded_start()
    page = st.navigation(pages(), position="hidden" if around else "sidebar", expanded=True)
    if around:
        st.title("Sign in", anchor=False)
        st.error("This server was not started by `streamlit run app.py`: nobody can sign in.", icon=":material/lock:")
        return
    frame.sidebar()
    tour.show(page.url_path or "home")
    health.run(page)
    frame.footer()


if __name__ == "__main__":
    main()  # a visitor's page
else:
    layers = door.middleware()  # first: a server that must not start should not keep anybody waiting
    # The server imports this file once, before the first visitor. Streamlit takes a folder pages/ for pages of its
    # own until st.navigation was called for the first time: the first deep link would be told "page not found".
    for talker in ("scriptrunner_utils", "caching.cache_data_api"):  # or they warn of no visitor
        logging.getLogger(f"streamlit.runtime.{talker}").setLevel("ERROR")
    warm.up()
    st.navigation(pages())
    app = st.App(__file__, middleware=layers, routes=door.routes(), lifespan=serving.lifespan)

"""The door: one layer in front of every route of the web app, Streamlit's own included.

It knows who may come in (``signin``, ``tickets``, ``throttle``), under which names the server answers (``caller``), how
much may be uploaded (``uploads``) and what every answer carries (``headers``). Pages ask it only whether there is a
sign-in, and for the way out.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from npf_engine.errors import InputError
from npf_engine.runs.quotas import Quotas

if TYPE_CHECKING:
    from starlette.middleware import Middleware
    from starlette.routing import BaseRoute

_standing = False  # set by middleware(): this process serves the app through the door


def middleware() -> list[Middleware]:
    """For ``st.App``: the door. Ends the program with one sentence where nobody should be let in like this."""
    from starlette.middleware import Middleware
    from streamlit import config

    from ui.door.layer import Door
    from ui.door.people import KEY
    from ui.door.settings import Settings

    global _standing
    try:
        settings = Settings.from_environment()
        settings.check_start()
        Quotas.from_environment()
    except InputError as error:
        print(f"npf: {error}", file=sys.stderr, flush=True)
        raise SystemExit(2) from None
    _standing = True
    _log_with_time()
    if settings.user_header:  # so that st.user knows, and nobody goes on with another's session
        config.set_option("server.trustedUserHeaders", {settings.user_header: KEY})
    config.set_option("server.allowedHosts", ["*"])  # names are the door's affair: one list, NPF_HOSTS
    return [Middleware(Door, settings=settings)]


def routes() -> list[BaseRoute]:
    """For ``st.App``: the HTTP API, health and numbers."""
    from npf_engine.server import api, metrics
    from ui.door.settings import Settings

    return [*api.routes(lambda: Settings.from_environment().people), *metrics.routes()]


def _log_with_time() -> None:
    log = logging.getLogger("npf.door")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False


def guarded() -> bool:
    """Whether visitors must sign in at all."""
    from ui.door.settings import Settings

    return Settings.from_environment().guarded


def unguarded_start() -> bool:
    """Whether a sign-in was asked for but this server was started around the door (not by ``st.App`` of app.py)."""
    return guarded() and not _standing


def way_out() -> None:
    """The sidebar's link that signs out; nothing where there is no sign-in."""
    import streamlit as st

    from ui.door.settings import Settings

    settings = Settings.from_environment()
    if settings.password:  # a plain link of this window: the cookie can be taken back by the server only
        st.html(f'<a href="{settings.base}/sign-out" style="color: inherit; font-size: 0.9rem">Sign out</a>')
    elif settings.providers:
        st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=st.logout)

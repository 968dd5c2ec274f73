"""Sign-in by an identity provider (OpenID Connect): Streamlit's own cookie, read before Streamlit is asked."""

from __future__ import annotations

import json
import logging
from urllib.parse import quote

from ui.door.settings import Settings

log = logging.getLogger("npf.door")


def identity(cookies: dict[str, str]) -> dict[str, object] | None:
    """The identity that the cookies hold, signed by this server and not over its time; None where they hold none.

    Verified as Streamlit does it when a socket opens (itsdangerous, the cookie secret of the secrets' [auth]; a cookie
    too large for the browser comes in parts). ``st.user`` is made from the same cookie.
    """
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
    from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

    try:
        decoded = _get_signed_cookie_with_chunks(cookies, USER_COOKIE_NAME)
        found: object = json.loads(decoded) if decoded else None
    except Exception:  # whatever is wrong with a cookie, it opens nothing
        log.warning("an identity cookie could not be read", exc_info=True)
        return None
    return found if isinstance(found, dict) and found.get("is_logged_in") is True else None


def start_address(provider: str, settings: Settings) -> str | None:
    """Where Streamlit's way to the provider begins; None where it is not set up (the log says why)."""
    from streamlit.auth_util import encode_provider_token, validate_auth_credentials
    from streamlit.errors import StreamlitAuthError

    try:
        validate_auth_credentials(provider)
        return f"{settings.base}/auth/login?provider={quote(encode_provider_token(provider), safe='')}"
    except StreamlitAuthError as error:
        log.error("sign-in with %s: %s", provider, " ".join(str(error).split()))
        return None

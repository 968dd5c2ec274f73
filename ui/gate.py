"""The optional sign-in: a password (NPF_PASSWORD) or an identity provider ([auth] in the secrets); neither: no gate."""

from __future__ import annotations

import hmac
import os
import time

import streamlit as st

SIGNED_IN = "signed_in"  # session: the password of this server that was given


def open_for_visitor() -> bool:
    """Whether the visitor may see the pages."""
    if password():
        return hmac.compare_digest(st.session_state.get(SIGNED_IN, "").encode(), password().encode())
    return bool(st.user.is_logged_in) if provider() else True


def password() -> str:
    """The password that this server asks for, or an empty string."""
    return os.environ.get("NPF_PASSWORD", "")


def provider() -> bool:
    """Whether an OpenID Connect provider is configured in the secrets."""
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def sign_in() -> None:
    """The page of a visitor who may not see the others yet."""
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.title("Sign in", anchor=False)
        if not password():
            st.markdown("This explorer is open to people with an account.")
            st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)
            return
        with st.form("sign_in", border=True):
            given = st.text_input("Password", type="password", autocomplete="current-password")
            sent = st.form_submit_button("Sign in", type="primary", icon=":material/login:")
        if sent:
            time.sleep(0.5)  # makes guessing slow
            if hmac.compare_digest(given.encode(), password().encode()):
                st.session_state[SIGNED_IN] = given
                st.rerun()
            st.error("That is not the password of this explorer.", icon=":material/lock:")


def sign_out() -> None:
    """Forget the visitor; callback of the sidebar's button."""
    if password():
        st.session_state.pop(SIGNED_IN, None)
    else:
        st.logout()


def guarded() -> bool:
    """Whether there is a gate at all."""
    return bool(password()) or provider()

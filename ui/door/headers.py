"""What every answer carries: content policy, frames, referrer, and the flags of cookies."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

# Streamlit's page reads this cookie and sends it back as a header (double submit): it must stay readable by scripts.
READABLE = ("_streamlit_xsrf",)
SIGN_IN_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
FIXED = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), bluetooth=(), midi=(), "
        b"display-capture=(), browsing-topics=()",
    ),
)
HSTS = (b"strict-transport-security", b"max-age=31536000")


def app_policy(host: str, https: bool) -> str:
    """The content security policy of the app's pages.

    Scripts come from this server alone. ``unsafe-eval``: plotly builds its WebGL draw calls with ``new Function``;
    ``blob:``: components of Streamlit's second kind are imported from blobs. Styles are written into the page by
    Streamlit's emotion. The socket is named, since ``'self'`` does not stand for it in every browser.
    """
    socket = f"{'wss' if https else 'ws'}://{host}"
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' 'unsafe-eval' blob: {' '.join(_inline_scripts())}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' data: blob:",
            "worker-src 'self' blob:",
            f"connect-src 'self' data: blob: {socket}",
            "frame-src 'self' blob: data:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


@cache
def _inline_scripts() -> tuple[str, ...]:
    """The hashes of the scripts written into Streamlit's page itself."""
    import streamlit

    page = Path(streamlit.__file__).parent / "static" / "index.html"
    scripts = re.findall(r"<script>(.*?)</script>", page.read_text(encoding="utf-8"), re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return tuple(f"'sha256-{digest}'" for digest in digests)


def dressed(raw: list[tuple[bytes, bytes]], policy: str, https: bool) -> list[tuple[bytes, bytes]]:
    """An answer's headers with ours: each of ours once, cookies with the flags they should have."""
    ours = [(b"content-security-policy", policy.encode("latin-1")), *FIXED, *([HSTS] if https else [])]
    names = {name for name, _ in ours}
    kept = [
        (name, _cookie(value, https) if name.lower() == b"set-cookie" else value)
        for name, value in raw
        if name.lower() not in names
    ]
    return [*kept, *ours]


def _cookie(value: bytes, https: bool) -> bytes:
    """A Set-Cookie value with HttpOnly, SameSite and, under TLS, Secure."""
    name = value.partition(b"=")[0].strip().decode("latin-1")
    flags = value.lower()
    if https and b"; secure" not in flags:
        value += b"; Secure"
    if b"; samesite" not in flags:
        value += b"; SameSite=Lax"
    if name not in READABLE and b"; httponly" not in flags:
        value += b"; HttpOnly"
    return value

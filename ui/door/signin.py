"""The pages that the door shows by itself: sign in, signed out. Plain HTML in the app's colours, no script."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import quote

ICON = Path(__file__).resolve().parents[2] / "assets" / "icon.svg"
WRONG = "That is not the password of this explorer."
EMPTY = "Type the password of this explorer."

# The colours of .streamlit/config.toml; the names that tests know the app's pages by stand on these pages too.
STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --card: #f2f5f7; --field: #ffffff; --text: #1c2a36; --gray: #5b6b79;
  --line: #d9e0e6; --main: #0b6e8f; --bad: #fdecea; --bad-text: #8c1d18; }
@media (prefers-color-scheme: dark) { :root { --page: #12181f; --card: #1c2530; --field: #12181f; --text: #e4eaf0;
  --gray: #a7b4c0; --line: #334050; --main: #2088aa; --bad: #3d1f22; --bad-text: #ffb4ab; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.25rem; background: var(--page);
  color: var(--text); font: 15px/1.5 "Source Sans", "Source Sans 3", "Source Sans Pro", sans-serif; }
main { width: 100%; max-width: 25rem; }
header { display: flex; gap: .75rem; align-items: center; margin-bottom: 1.25rem; }
header svg { width: 2.5rem; height: 2.5rem; flex: none; }
header p { margin: 0; color: var(--gray); }
h1 { font-size: 1.45rem; line-height: 1.2; margin: 0; font-weight: 700; }
form, .box { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; 
  padding: 1.25rem; margin: 0; }
label { display: block; margin-bottom: .35rem; }
input { width: 100%; font: inherit; color: inherit; background: var(--field); border: 1px solid var(--line);
  border-radius: .5rem; padding: .55rem .7rem; }
button, a.button { display: block; width: 100%; margin-top: 1rem; font: inherit; font-weight: 600; text-align: center;
  text-decoration: none; color: #ffffff; background: var(--main); border: 0; border-radius: .5rem;
  padding: .6rem 1rem; cursor: pointer; }
.box a.button:first-of-type { margin-top: 0; }
:focus-visible { outline: 2px solid var(--main); outline-offset: 2px; }
[role=alert] { background: var(--bad); color: var(--bad-text); border-radius: .5rem; padding: .6rem .8rem;
  margin: 0 0 1rem; }
"""
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>{title} · Polar factorization explorer</title><style>{style}</style></head>
<body><main data-testid="stMain"><header>{icon}<div><h1>{title}</h1><p>Polar factorization explorer</p></div></header>
{error}{body}</main><div data-testid="stApp" data-test-script-state="notRunning" style="width:1px;height:1px"></div>
</body></html>
"""


def password_page(base: str, back: str, error: str = "") -> str:
    """The form that asks for the password; ``back``: where the visitor wanted to go."""
    body = (
        f'<form method="post" action="{base}/sign-in"><input type="hidden" name="next" value="{escape(back)}">'
        '<label for="password">Password</label><input id="password" name="password" type="password" '
        'autocomplete="current-password" required autofocus maxlength="1024">'
        '<button type="submit">Sign in</button></form>'
    )
    return _page("Sign in", body, error)


def provider_page(base: str, back: str, providers: tuple[str, ...]) -> str:
    """The way to the identity providers."""
    links = "".join(
        f'<a class="button" href="{base}/sign-in/with?provider={quote(name)}&amp;next={quote(back, safe="")}">'
        f"Sign in{'' if name == 'default' else ' with ' + escape(name.capitalize())}</a>"
        for name in providers
    )
    return _page("Sign in", f'<div class="box">{links}</div>')


def sign_out_page(base: str) -> str:
    """Asked where a page of another site, or nobody knows who, led to the way out."""
    return _page("Sign out", f'<form method="post" action="{base}/sign-out"><button>Sign out</button></form>')


def safe_return(text: str, base: str) -> str:
    """A place of this app to return to: a path with its query, never another site; the start page otherwise."""
    plain = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and len(text) < 8000
    inside = text == base or text.startswith(f"{base}/")
    own = bool(re.match(rf"{re.escape(base)}/(sign-in|sign-out|auth/|_stcore/)", text))
    return text if plain and inside and not own else f"{base}/"


def _page(title: str, body: str, error: str = "") -> str:
    told = f'<p role="alert">{escape(error)}</p>' if error else ""
    return PAGE.format(title=title, style=STYLE, icon=_icon(), error=told, body=body)


@cache
def _icon() -> str:
    text = ICON.read_text(encoding="utf-8")
    return text[text.index("<svg") :].replace("<svg", '<svg aria-hidden="true"', 1)

"""A trained factorization as one file that plays: its linked clouds, to hover, select and set in motion, without a
network and without this program.

The script is the one that the pages draw with. The file's own policy lets that script run and nothing be loaded;
everything that comes from a bundle is escaped or is a number.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape

from npf_engine import resources
from npf_engine.bundle import card
from npf_engine.bundle.package import Bundle
from npf_engine.citation import bibtex
from npf_engine.errors import InputError
from npf_engine.figures import blob
from npf_engine.figures.message import identity
from npf_engine.glossary import typeset
from npf_engine.measures.linked import PIECE, Evaluation
from npf_engine.settings.reading import maybe_mapping

MOST = 20_000  # samples: a file of about two megabytes
STYLE = """
:root { color-scheme: light dark; --st-text-color: #1c2a36; --st-background-color: #ffffff; --st-link-color: #0b6e8f;
  --st-primary-color: #0b6e8f; --st-border-color: #c9d1d9; --st-secondary-background-color: #eef2f5;
  --st-button-radius: 6px; --st-base-radius: 6px; --st-font: system-ui, sans-serif; --soft: #56606e }
@media (prefers-color-scheme: dark) { :root { --st-text-color: #e8ebf0; --st-background-color: #0f151c;
  --st-link-color: #6cc3e0; --st-primary-color: #6cc3e0; --st-border-color: #3a4654;
  --st-secondary-background-color: #1a232d; --soft: #a4adba } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--st-text-color); background: var(--st-background-color);
  max-width: 80rem; margin: 1.5rem auto; padding: 0 1rem }
h1 { margin: 0; overflow-wrap: anywhere } .soft { color: var(--soft) } pre { white-space: pre-wrap;
  overflow-wrap: anywhere; font-size: .85rem }
"""
# What Streamlit does on a page: the points once, and what shows them; again where the colours of the screen change.
START = """
const told = JSON.parse(document.getElementById("npf-look").textContent);
const text = atob(document.getElementById("npf-points").textContent.trim());
linked({ data: Uint8Array.from(text, (letter) => letter.charCodeAt(0)) });
const parentElement = document.getElementById("npf-view");
const show = () => linked({ data: told, parentElement, setStateValue: () => {} });
show();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
"""
ABOUT = (
    "Draw round some samples, and they light up in every panel; two of the buttons above set the points in motion. All "
    "of it is in this file."
)


def share_page(bundle: Bundle, most: int = MOST) -> bytes:
    """The file of a checked bundle, UTF-8, with at most ``most`` of the samples that its model keeps. Raises InputError
    for one dimension, where F and M are graphs and no clouds."""
    model = bundle.model()
    if model.d == 1:
        raise InputError("in one dimension F and M are graphs, not clouds: there is nothing to set in motion")
    found = Evaluation.of_kept(model)
    while found.done < min(most, found.total):
        found.advance(min(PIECE, most - found.done))
    clouds = found.result(most)
    message = blob.pack(clouds, blob.shown(clouds))
    look = {"id": identity(message), "label": f"The clouds of {bundle.name}", "selection": "", "push": 0}
    look |= {"way": "views", "scene": False, "sentences": [], "renderer": "auto", "colour": "origin"}
    script = resources.linked_script() + START
    return _page(bundle, clouds.n, _json(look), base64.b64encode(message).decode(), script).encode()


def _page(bundle: Bundle, n: int, look: str, points: str, script: str) -> str:
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{allowed}'; style-src 'unsafe-inline'; img-src data:"
    field = str(maybe_mapping(bundle.config, "field").get("name") or "a field")
    verdict = str(bundle.report.get("verdict") or "none")
    reason = typeset(str(bundle.report.get("verdict_reason") or ""))
    name = escape(bundle.name)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}: a polar factorization in motion</title>
<style>{STYLE}{resources.linked_style()}</style></head><body><main>
<h1>{name}</h1>
<p class="soft">A polar factorization F = ∇u ∘ M of the field "{escape(field)}", {n:,} of its samples.</p>
<p><strong>{escape(verdict)}</strong>: {escape(reason)}</p>
<div id="npf-view"></div>
<p class="soft">{ABOUT}</p>
<details><summary>Cite</summary><pre>{escape(bibtex(card.source_of(bundle.config)))}</pre></details>
</main>
<script type="application/json" id="npf-look">{look}</script>
<script type="application/octet-stream" id="npf-points">{points}</script>
<script type="module">{script}</script>
</body></html>
"""


def _json(told: Mapping[str, object]) -> str:
    """As JSON in which no tag can begin or end."""
    return json.dumps(told).replace("<", "\\u003c")

"""The frame around every page: the list of pages, titles, captions, links and the footer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from npf_engine.glossary import explained

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from npf_engine.runs.store import Run

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "assets"


@dataclass(frozen=True)
class Entry:
    """One page: its file, its name in the menu, its icon, the section it belongs to, the kinds of run that it shows."""

    file: str
    title: str
    icon: str
    section: str
    kinds: tuple[str, ...] = ()


PAGES: dict[str, Entry] = {
    "home": Entry("pages/home/page.py", "Home", ":material/home:", ""),
    "theory": Entry("pages/theory/page.py", "Theory", ":material/school:", ""),
    "glossary": Entry("pages/glossary/page.py", "Glossary", ":material/menu_book:", ""),
    "field": Entry("pages/field/page.py", "Field", ":material/terrain:", "Make"),
    "train": Entry("pages/train/page.py", "Train", ":material/model_training:", "Make", ("train",)),
    "factorization": Entry("pages/factorization/page.py", "Factorization", ":material/call_split:", "Explore"),
    "inverse": Entry("pages/inverse/page.py", "Inverse", ":material/undo:", "Explore"),
    "landscape": Entry(
        "pages/landscape/page.py", "Landscape", ":material/landscape:", "Explore", ("landscape", "experiment")
    ),
    "lab": Entry("pages/lab/page.py", "Monge lab", ":material/science:", "Explore", ("lab", "recolor")),
    "reproduce": Entry("pages/reproduce/page.py", "Reproduce", ":material/fact_check:", "Explore", ("reproduce",)),
    "models": Entry("pages/models/page.py", "Models", ":material/inventory_2:", "Explore"),
    "machines": Entry("pages/machines/page.py", "Machines", ":material/dns:", "Explore"),
}


ACCOUNT = Entry("pages/account/page.py", "Account", ":material/account_circle:", "")  # where people sign in

ABOUT = (
    "**Polar factorization explorer.** Factor a vector field into a convex potential and a measure-preserving map, "
    "F = ∇u ∘ M; look at both, go back from its values to positions, and take the model with you."
)


# The dark theme's main colour is light, so that it can be read on the page: what is written on it is dark there.
# On a narrow screen, where two columns stand below each other, the second of ``picture_second`` is above, but for one
# that says that there is no picture.
STYLE = """<style>
[data-testid^="stBaseButton-primary"] { color: light-dark(#ffffff, #0d1319); }
[data-testid^="stBaseButton-primary"] kbd { color: light-dark(#ffffff, #0d1319); opacity: 1; }
@media (max-width: 640px) {
  [class*="st-key-picture_second_"]:not(:has(.st-key-no_picture)) > [data-testid="stLayoutWrapper"]
    > [data-testid="stHorizontalBlock"] {
    flex-wrap: wrap-reverse;
  }
  .st-key-accuracy_wide, .st-key-models_wide, [class*="st-key-only_wide_"] { display: none; }
}
@media (min-width: 641px) {
  .st-key-accuracy_narrow, .st-key-models_narrow, [class*="st-key-only_narrow_"] { display: none; }
}
.npf-cards { display: grid; gap: 0.6rem; margin: 0 !important; padding: 0 !important; }
.npf-cards > div { border: 1px solid color-mix(in srgb, currentColor 22%, transparent); border-radius: 8px;
  padding: 0.5rem 0.7rem; }
.npf-cards dt { font-weight: 600; }
.npf-cards dd { margin: 0.15rem 0 0; }
.npf-cards .numbers { display: flex; flex-wrap: wrap; gap: 0.1rem 0.9rem; font-variant-numeric: tabular-nums; }
</style>"""


def sidebar() -> None:
    """What every page has in its sidebar, below the menu."""
    from ui import door, history, keyboard, plots

    st.html(STYLE)
    with st.sidebar:
        st.segmented_control(
            "Plots save as",
            ["png", "svg"],
            key=plots.FORMAT,
            default="png",
            required=True,
            persist_state="session",
            format_func=str.upper,
            help="What the camera in a plot's toolbar saves: PNG at twice the size on screen, or SVG.",
        )
        door.way_out()
        keyboard.listen()
        history.mend()


NO_PICTURE = "no_picture"  # key of a container that has the picture's place


def picture_second(key: str) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Two columns, settings and what they give a picture of; on a narrow screen the picture is above."""
    with st.container(key=f"picture_second_{key}"):
        return st.columns((1, 1), gap="large")


def title(text: str, question: str, symbols: Iterable[str] = ()) -> None:
    """The page's name and the one question that it answers; ``symbols`` of the glossary that stand on the page are
    explained in a tooltip."""
    st.title(text, anchor=False)
    st.markdown(f":gray[{question}]", help=explained(symbols) or None)


def caption(text: str) -> None:
    """Small text below a plot or a table: what to look for."""
    st.caption(text)


def link(page: str, label: str | None = None, query: Mapping[str, str] | None = None) -> None:
    """A link to a page by its name in PAGES, with query parameters."""
    entry = PAGES[page]
    st.page_link(entry.file, label=label or entry.title, icon=entry.icon, query_params=dict(query) if query else None)


def page_of(kind: str) -> str:
    """The page that shows runs of a kind; the list of all models for a kind that has none."""
    return next((name for name, entry in PAGES.items() if kind in entry.kinds), "models")


def page_for(kind: str, state: str) -> str:
    """The page for a run of a kind in a state: of a training that is done, what came of it."""
    page = page_of(kind)
    return "factorization" if page == "train" and state == "done" else page


def run_link(run: Run, label: str | None = None) -> None:
    """A link to the page of a run."""
    link(page_of(run.kind), label, {"run": run.id})


def go(page: str, query: Mapping[str, str] | None = None) -> None:
    """Leave for another page (ends the script run)."""
    st.switch_page(PAGES[page].file, query_params=dict(query) if query else None)


def footer() -> None:
    """One quiet line below a page."""
    st.space("medium")
    st.caption(
        "Brenier's theorem: for a field F of finite mean square under ρ, which has a density, there is exactly one ∇u "
        "with u convex and the law of F, so that u too is unique, up to a constant where Ω is connected. Where F is "
        "non-degenerate, that is where F♯ρ gives no mass to small sets, there is exactly one M that keeps ρ with "
        "F = ∇u ∘ M; a constant field determines no M, and some degenerate fields have none."
    )


def key_of(text: str) -> str:
    """``text`` as part of a widget's key or of a CSS class: lower-case letters, digits and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "x"


def ago(seconds: float) -> str:
    """A span of time that has passed, as people say it: just now, 5 min ago, 3 h ago, 2 days ago."""
    if seconds < 60:
        return "just now"
    for size, unit in ((60, "min"), (3600, "h"), (86400, "day")):
        count = int(seconds // size)
        if count < {"min": 60, "h": 24}.get(unit, 10**9):
            return f"{count} {unit}{'s' if unit == 'day' and count != 1 else ''} ago"
    return "long ago"


def duration(seconds: float | None) -> str:
    """A span of time as people say it: 8 s, 3 min 05 s, 2 h 10 min; a dash where it is not known."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    if whole < 1:
        return "under 1 s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole // 60 % 60:02d} min"

"""A tour of ninety seconds through the pages, with a model of the gallery: a card above each, a step in the link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from ui import frame, runs

STEP = "tour"  # query parameter: which step, from 1
TURN = "tour_turn"  # session: the step that was just gone to
SEEN = "tour_seen"  # session: the step that is shown, and how many were before it: the page is scrolled once for each
FIELD_OF_THE_TOUR = "jacksboro"


@dataclass(frozen=True)
class Step:
    """A stop: its page, what there is to see, the key of what is shown (of two, the one that this screen has), the rest
    of its link, which of the page's views, and whether a model is looked at there."""

    page: str
    title: str
    text: str
    at: tuple[str, ...]
    query: Mapping[str, str] = field(default_factory=dict)
    view: str = ""
    model: bool = False


STEPS = (
    Step(
        "home",
        "One field, two factors",
        "Press **Play** below the picture. A point starts at its place x; M moves it to another place, and there "
        "are as many points everywhere as before; ∇u then takes it to a value of F. That is F = ∇u ∘ M.",
        ("linked_home_scene",),
    ),
    Step(
        "field",
        "Any field will do",
        "A place on Earth, a formula, a file. This one is the slope of real terrain in Tennessee. The picture in the "
        "frame, **F♯ρ**, shows which slopes occur, and how often.",
        ("plot_field_values",),
        {"source": FIELD_OF_THE_TOUR},
    ),
    Step(
        "train",
        "Minutes on two cores",
        "One button trains u, M and the inverse. What it costs is said above it; on the way you see whether it goes "
        "well. We go on with a model that was trained so.",
        ("train",),
        {"source": FIELD_OF_THE_TOUR},
    ),
    Step(
        "factorization",
        "The factors side by side",
        "Each point has one colour in all panels. ∇u♯ρ must cover F♯ρ, without folds; Mθ♯ρ (M by a solver) and Mξ♯ρ "
        "(M as a network), further down, must fill the region evenly. "
        "**Draw around points** in one panel: they light up in all of them.",
        ("linked_clouds",),
        view="Clouds",
        model=True,
    ),
    Step(
        "factorization",
        "Can it be trusted?",
        "Every number stands between what the truth itself would score (floor) and what a method that learnt nothing "
        "scores (trivial). What is beyond chance must stay below what is good; the worst measure gives the verdict. "
        "*How each number is made*, below, has the equations.",
        ("accuracy_wide", "accuracy_narrow"),
        view="Accuracy",
        model=True,
    ),
    Step(
        "inverse",
        "From a value back to places",
        "F takes the same slope at many places. **Click a point** of this map, or type a slope above it: the next "
        "picture shows all places with its slope, and how often the model draws each.",
        ("plot_click_map",),
        view="Pre-images",
        model=True,
    ),
    Step(
        "models",
        "Take it with you",
        "This model is ticked. *Download* gives it as one file that runs without this program, *Other forms* a report "
        "and clouds that play, *Cite* what to cite. Your own field is next.",
        ("detail_links",),
        model=True,
    ),
)
# The card stays in sight while the page is scrolled to what it speaks of, which has a frame.
STYLE = """<style>
[data-testid="stLayoutWrapper"]:has(> .st-key-tour) {{ position: sticky; top: 3.4rem; z-index: 90; }}
.st-key-tour {{ background: light-dark(#ffffff, #12181f); box-shadow: 0 6px 16px -8px rgb(0 0 0 / 35%); }}
{at} {{ outline: 2px solid light-dark(#0b6e8f, #56b8d6); outline-offset: 6px; border-radius: 6px; }}
@media (max-width: 640px) {{ .st-key-tour [data-testid="stMarkdownContainer"] {{ font-size: 0.87rem; }} }}
</style>"""
SCROLL = st.components.v2.component("npf_tour", js=Path(__file__).with_suffix(".js").read_text("utf-8"))


def offered() -> bool:
    """Whether there is a model to show on the way."""
    return _model() is not None


def begin() -> None:
    """Go to the first step (ends the script run)."""
    _go(1)


def show(page: str) -> None:
    """The card of the link's step above the page it belongs to; nothing without one, or on another page."""
    number = _number(st.query_params.get(STEP))
    if number is None or STEPS[number - 1].page != page:
        return
    step = STEPS[number - 1]
    if st.session_state.pop(TURN, None) == number and step.view:
        st.session_state["view"] = step.view  # a page's tabs are bound to the link: they change it, and not it them
    if st.session_state.get(SEEN, (0, 0))[0] != number:
        st.session_state[SEEN] = number, st.session_state.get(SEEN, (0, 0))[1] + 1
    at = ", ".join(f".st-key-{key}" for key in step.at)
    st.html(STYLE.format(at=at))
    with st.container(border=True, gap="small", key="tour"):
        st.markdown(f"**:material/tour: {number} of {len(STEPS)}: {step.title}**")
        st.markdown(step.text)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            last = number == len(STEPS)
            if number > 1 and st.button("Back", icon=":material/arrow_back:", key="tour_back", shortcut="Alt+B"):
                _go(number - 1, page)
            label, icon = ("Pick a field of your own", "terrain") if last else ("Next", "arrow_forward")
            if st.button(label, icon=f":material/{icon}:", key="tour_next", type="primary", shortcut="Alt+N"):
                if last:
                    frame.go("field")
                _go(number + 1, page)
            if st.button("Leave", key="tour_leave", type="tertiary", shortcut="Esc"):
                st.query_params.pop(STEP, None)
                st.session_state.pop(SEEN, None)
                st.rerun()
    SCROLL(data={"at": at, "turn": st.session_state[SEEN][1]}, key="tour_scroll", height=1)


def _go(number: int, here: str = "") -> None:
    step, model = STEPS[number - 1], _model()
    told = {STEP: str(number), **step.query}
    st.session_state[TURN] = number
    if step.model and model is not None:
        told["run"] = model
    if step.page != here:
        frame.go(step.page, told)
    st.query_params[STEP] = str(number)
    st.rerun()


def _number(text: str | None) -> int | None:
    """A step of the link, if it is one."""
    known = {str(number): number for number in range(1, len(STEPS) + 1)}
    return known.get(text or "")


def _model() -> str | None:
    """The model that is shown: of the gallery, the tour's field first."""
    found = [run for run in runs.store().list() if run.source == "gallery"]
    found.sort(key=lambda run: run.name != FIELD_OF_THE_TOUR)
    return found[0].id if found else None

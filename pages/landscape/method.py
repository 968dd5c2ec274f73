"""Which sampler, and what its jumps are made of: a part of the form before a run on a potential."""

from __future__ import annotations

import streamlit as st

from npf_engine.glossary import typeset
from npf_engine.sampling import sampler
from npf_engine.studies.landscape.result import LAWS
from npf_engine.studies.landscape.spec import KNOWN, LEARNED, OWN, PRESETS, TARGET, LandscapeSpec
from pages.landscape import chains, ground
from pages.landscape.ground import Ground, place
from ui.form import Form
from ui.link import Link

SENTENCES = 2  # of what a sampler does, that stand on the page
BY_EITHER = ("lmc-npf-corrected", "lmc-npf")  # jump by a learned factorization or by a known one
SOLVING = "lmc-npf"  # solves for M in its jumps
CORRECTED = "lmc-npf-corrected"  # comes back by what has a density
FORM = Form(Link(lambda heads: LandscapeSpec()))


def jumps(spec: LandscapeSpec, picture: Ground | None) -> tuple[str, ...]:
    """The settings of the jumps that this sampler has on this potential."""
    if spec.method == CORRECTED and spec.factorization == LEARNED:
        return (*(("factorization",) if _known(spec, picture) else ()), "density")
    chosen = ("factorization",) if _known(spec, picture) and spec.method in BY_EITHER else ()
    return (*chosen, "start_at") if spec.method == SOLVING and spec.factorization == LEARNED else chosen


def _known(spec: LandscapeSpec, picture: Ground | None) -> bool:
    """Whether the factorization of its gradient is known in closed form; one that must be fetched has none."""
    return picture is not None and ground.find(place(spec)).known is not None


def method(spec: LandscapeSpec, picture: Ground | None) -> None:
    offered = [name for name, item in sampler.known().items() if not item.known_only or _known(spec, picture)]
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    st.session_state["method_choice"], st.session_state["size_choice"] = spec.method, spec.preset
    with left:
        st.selectbox(
            "Sampler",
            offered if spec.method in offered else [*offered, spec.method],
            key="method_choice",
            format_func=chains.title,
            on_change=_set,
            args=("method", "method_choice"),
        )
    with right:
        st.segmented_control(
            "Size",
            list(PRESETS),
            key="size_choice",
            required=True,
            format_func=str.capitalize,
            on_change=_set,
            args=("preset", "size_choice"),
            help="Particles and steps where those are left empty.",
        )
    told, _ = sampler.get(spec.method).texts(spec.factorization == KNOWN)
    about = typeset(told).split(". ")
    # the first sentences for everybody, what only its authors' peers ask behind a question mark
    st.caption(". ".join(about[:SENTENCES]).removesuffix(".") + ".", help=". ".join(about[SENTENCES:]) or None)
    if sampler.get(spec.method).own_law:
        st.session_state["law_choice"] = spec.law
        st.segmented_control(
            "Judge it by",
            [TARGET, OWN],
            key="law_choice",
            required=True,
            format_func=LAWS.__getitem__,
            on_change=_set,
            args=("law", "law_choice"),
            help="The law that the verdict is against.",
        )


def _set(key: str, widget: str) -> None:
    """Take the choice of a widget into the link."""
    # law and jumps were of another method
    other = {"law": TARGET, "factorization": LEARNED, "start_at": "v", "density": "mixture"} if key == "method" else {}
    FORM.change({key: st.session_state[widget]} | other)

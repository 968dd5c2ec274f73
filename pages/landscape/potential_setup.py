"""Before a run on a potential: which one, which sampler, with which steps; its critical points need no run at all."""

from __future__ import annotations

import dataclasses
from typing import Any

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields import catalog
from npf_engine.figures import landscapes as figures
from npf_engine.polar.landscape import LandscapeSpec
from npf_engine.polar.sampling import landscapes
from npf_engine.runs.leaves import leaves
from pages.field.pick import numbers
from pages.landscape import critical, ground
from pages.landscape.chains import METHODS
from ui import frame, speclink, states
from ui.plots import plot
from ui.runs import remember, store
from ui.speclink import Leaf

BUILT_IN, TERRAIN, FORMULA = "Built in", "Elevation", "Formula"
WAYS = {BUILT_IN: ":material/category:", TERRAIN: ":material/terrain:", FORMULA: ":material/function:"}
SAMPLE, CRITICAL = "Sample it", "Critical points"
EXAMPLE = "(x^2 + y - 11)^2 / 20 + sin(2*x)*y"
ABOUT = {
    "lmc": "Langevin steps alone: particles stay in the basins where they begin, for as long as the walls are high.",
    "lmc-npf": "Langevin steps and jumps through the convex u (Algorithm 2 of the paper): basins are left at once, but "
    "the law is the chain's own, not exp(-c g).",
    "lmc-npf-corrected": "The same jumps, accepted by Metropolis' rule with the networks frozen: the law is exp(-c g), "
    "however bad the networks.",
    "tempering": "Copies at higher temperatures that swap places: the classical remedy.",
    "nuts": "The No-U-Turn sampler of a library: long, well-chosen steps, but none over a high wall.",
}
GENERAL = (
    Leaf("particles", "Particles", "Independent chains that run together."),
    Leaf("steps", "Steps", "Of each particle. Plain LMC beside it gets as many gradients."),
    Leaf("inner", "N, steps between jumps", "Langevin steps on g between two jumps through u."),
    Leaf("tau", "Step size τ", "Only discretises: too large a step and the chain runs away. none: a good one."),
    Leaf("coefficient", "Coefficient c", "Inverse temperature: the law is exp(-c g). none: the landscape's own."),
    Leaf("start", "Start", "Where all particles begin, two numbers; empty for the landscape's own."),
    Leaf("seed", "Seed", "Fixes every random draw."),
)


def show() -> None:
    """The choice of a potential, and its two tabs."""
    try:
        spec = speclink.from_query(LandscapeSpec(), st.query_params)
        _choice(spec)
        key = place(spec)
        here = ground.at_hand(spec.landscape)
        picture = ground.ground(*key, coefficient(spec)) if here else None
    except InputError as error:
        states.problem(error)
        frame.link("landscape", "Start from the defaults")
        return
    speclink.told()
    labels = [SAMPLE, *([CRITICAL] if picture is not None else [])]
    for tab, label in zip(st.tabs(labels, key="view", bind="query-params"), labels, strict=True):
        if not tab.open:
            continue
        with tab, states.told():
            if label == CRITICAL and picture is not None:
                critical.show(key, picture, f"npf-{spec.landscape}")
            else:
                _sample(spec, picture)


def place(spec: LandscapeSpec) -> tuple[str, tuple[str, ...], tuple[float, ...], tuple[float, ...]]:
    """What names the landscape of a spec: name, expression, low, high."""
    return spec.landscape, spec.expression, spec.low, spec.high


def coefficient(spec: LandscapeSpec) -> float:
    """c of the spec, or the landscape's own."""
    return float(spec.coefficient or ground.find(*place(spec)).coefficient)


def link(spec: LandscapeSpec) -> dict[str, str]:
    """Query parameters of the form with this spec's settings."""
    return {key: text for key, text in speclink.to_query(spec, LandscapeSpec()).items() if key != "name"}


# choosing


def _way(spec: LandscapeSpec) -> str:
    if spec.landscape == "expression":
        return FORMULA
    return BUILT_IN if spec.landscape in landscapes.NAMES else TERRAIN


def _choice(spec: LandscapeSpec) -> None:
    way = st.segmented_control(
        "Potential", list(WAYS), default=_way(spec), key="way", required=True, format_func=lambda n: f"{WAYS[n]} {n}"
    )
    if way == FORMULA:
        _formula(spec)
    elif way == TERRAIN:
        _terrain(spec)
    else:
        _built_in(spec)


def _built_in(spec: LandscapeSpec) -> None:
    names = list(landscapes.NAMES)
    st.session_state["built_in"] = spec.landscape if spec.landscape in names else None
    st.selectbox(
        "Which",
        names,
        key="built_in",
        placeholder="Choose a potential",
        format_func=lambda name: ground.find(name).title,
        on_change=lambda: _choose(landscape=st.session_state["built_in"]),
    )


def _terrain(spec: LandscapeSpec) -> None:
    infos = {info.name: info for info in catalog.list_fields() if info.group == "terrain"}
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        st.session_state["terrain"] = spec.landscape if spec.landscape in infos else None
        st.selectbox(
            "Terrain",
            list(infos),
            key="terrain",
            placeholder="Choose a terrain",
            format_func=lambda name: infos[name].title,
            on_change=lambda: _choose(landscape=st.session_state["terrain"]),
            help="Its elevation is the potential: particles look for valleys.",
        )
    with right:
        other = spec.landscape if _way(spec) == TERRAIN and spec.landscape not in infos else ""
        st.session_state["place"] = other
        st.text_input(
            "or a place",
            key="place",
            placeholder="Chamonix",
            on_change=lambda: _choose(landscape=st.session_state["place"].strip() or LandscapeSpec().landscape),
            help="A region or a city; its elevation is fetched from the network when the run starts.",
        )


def _formula(spec: LandscapeSpec) -> None:
    typed = spec.landscape == "expression"
    with st.form("formula", border=False):
        text = st.text_input(
            "Potential g(x, y)",
            spec.expression[0] if typed and spec.expression else EXAMPLE,
            help="Variables x, y; + - * / ^, sin, cos, tan, exp, log, sqrt, abs, tanh, min, max and more.",
        )
        first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
        low = first.text_input("Box from", _corner(spec.low) if typed else "", placeholder="-5, -5")
        high = second.text_input("to", _corner(spec.high) if typed else "", placeholder="5, 5")
        if third.form_submit_button("Apply", icon=":material/check:", width="stretch"):
            with states.told():
                corners = numbers(low, "from"), numbers(high, "to")
                found = ground.find("expression", (text,), *corners)
                if found.d != 2:
                    raise InputError(f"the page shows potentials of two variables, and this one has {found.d}")
                _choose(landscape="expression", expression=(text,), low=corners[0], high=corners[1])
                st.rerun()


def _corner(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _choose(**values: Any) -> None:
    """Another potential: what belonged to the old one (box, formula, start, steps) is forgotten, the sampler stays."""
    try:
        old = speclink.from_query(LandscapeSpec(), st.query_params)
    except InputError:
        old = LandscapeSpec()
    kept = {key: getattr(old, key) for key in ("method", "particles", "seed")}
    st.query_params.clear()
    st.query_params.update(link(dataclasses.replace(LandscapeSpec(), **(kept | values))))


# sampling


def _sample(spec: LandscapeSpec, picture: figures.Ground | None) -> None:
    left, right = st.columns([1, 1], gap="large")
    with left:
        _method(spec)
        _settings(spec)
        name = st.text_input("Name", placeholder=spec.default_name, key="run_name", max_chars=80)
        if st.button("Run", type="primary", icon=":material/play_arrow:", width="stretch", key="run_it"):
            _submit(dataclasses.replace(spec, name=(name or "").strip()))
        st.caption("It runs in the background: the page can be closed, and the link brings it back.")
    with right:
        if picture is None:
            st.info(
                "The elevation of this place is fetched from the network when the run starts; it is shown then.",
                icon=":material/cloud_download:",
            )
            return
        start = spec.start or ground.find(*place(spec)).start
        figure = figures.contour(picture, "ground")
        if start:
            figures.start_mark(figure, start)
        caption = "The potential, low places dark. All particles begin at the cross."
        plot(figure, "ground", caption, {"x": picture.x, "y": picture.y, "g": picture.g}, f"npf-{spec.landscape}")


def _method(spec: LandscapeSpec) -> None:
    st.session_state["method_choice"] = spec.method
    st.selectbox(
        "Sampler", list(METHODS), key="method_choice", format_func=METHODS.__getitem__, on_change=_method_chosen
    )
    st.caption(ABOUT[spec.method])


def _method_chosen() -> None:
    method = st.session_state["method_choice"]
    if method == LandscapeSpec().method:
        st.query_params.pop("method", None)
    else:
        st.query_params["method"] = method


def _settings(spec: LandscapeSpec) -> None:
    known = leaves(spec)
    shown = [leaf for leaf in GENERAL if leaf.key in known]
    columns = st.columns(3)
    for number, leaf in enumerate(shown):
        with columns[number % 3]:
            leaf.show(spec, LandscapeSpec())
    if spec.tau and ground.at_hand(spec.landscape):
        warning = ground.step_warning(*place(spec), float(spec.tau), coefficient(spec), spec.start)
        if warning:
            st.warning(states.sentence(warning), icon=":material/warning:")


def _submit(spec: LandscapeSpec) -> None:
    with states.told():
        run = store().submit(spec)
        st.query_params.clear()
        remember(run.id)
        st.rerun()

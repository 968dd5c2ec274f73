"""Before a run on a potential: which one, which sampler, with which steps; its critical points need no run at all."""

from __future__ import annotations

import dataclasses

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields import catalog
from npf_engine.figures import critical
from npf_engine.numbers import numbers_in, typed
from npf_engine.runs.promise import promise
from npf_engine.sampling import landscapes, sampler
from npf_engine.settings.base import Spec
from npf_engine.studies import kinds
from npf_engine.studies.landscape.spec import PRESETS, LandscapeSpec
from pages.landscape import chains, ground, points
from pages.landscape.chains import PLAIN
from pages.landscape.ground import FORMULA, Ground, place
from pages.landscape.method import FORM, jumps, method
from ui import form, frame, states, where
from ui.plots import plot
from ui.runs import remember, store

BUILT_IN, TERRAIN, TYPED = "Built in", "Elevation", "Formula"
WAYS = {BUILT_IN: ":material/category:", TERRAIN: ":material/terrain:", TYPED: ":material/function:"}
SAMPLE, CRITICAL = "Sample it", "Critical points"
EXAMPLE = "(x^2 + y - 11)^2 / 20 + sin(2*x)*y"
NUMBERS = ("particles", "steps", "inner", "tau", "coefficient", "start", "seed")


def show() -> None:
    """The choice of a potential, and its two tabs."""
    try:
        spec = FORM.spec()
        _choice(spec)
        picture = ground.ground(place(spec)) if ground.at_hand(spec.name) else None
    except InputError as error:
        states.problem(error)
        frame.link("landscape", "Start from the defaults")
        return
    form.problem()
    labels = [SAMPLE, *([CRITICAL] if picture is not None else [])]
    for tab, label in zip(st.tabs(labels, key="view", bind="query-params"), labels, strict=True):
        if not tab.open:
            continue
        with tab, states.told():
            if label == CRITICAL and picture is not None:
                points.show(place(spec), picture, "npf-landscape")
            else:
                _sample(spec, picture)


def link(spec: LandscapeSpec) -> dict[str, str]:
    """Query parameters of the form with this spec's settings."""
    return FORM.link.write(spec)


# choosing


def _way(spec: LandscapeSpec) -> str:
    if spec.name == FORMULA:
        return TYPED
    return BUILT_IN if spec.name in _built_in_names(spec) else TERRAIN


def _built_in_names(spec: LandscapeSpec) -> list[str]:
    """Those of the list, and the mixture of as many dimensions as a link asks for."""
    more = [spec.name] if spec.name.strip().lower().startswith(landscapes.SPACE) else []
    return [*landscapes.NAMES, *more]


def _choice(spec: LandscapeSpec) -> None:
    left, right = st.columns([2, 3], vertical_alignment="top")
    with left:
        way = st.segmented_control(
            "Potential",
            list(WAYS),
            default=_way(spec),
            key="way",
            required=True,
            format_func=lambda n: f"{WAYS[n]} {n}",
        )
    with right:
        {TYPED: _formula, TERRAIN: _terrain, BUILT_IN: _built_in}[way or BUILT_IN](spec)


def _built_in(spec: LandscapeSpec) -> None:
    names = _built_in_names(spec)
    st.session_state["built_in"] = spec.name if spec.name in names else None
    st.selectbox(
        "Which",
        names,
        key="built_in",
        placeholder="Choose a potential",
        format_func=lambda name: landscapes.find(name).title,
        on_change=lambda: _choose(name=st.session_state["built_in"]),
    )


def _terrain(spec: LandscapeSpec) -> None:
    infos = {info.name: info for info in catalog.list_fields() if info.group == "terrain"}
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        st.session_state["terrain"] = spec.name if spec.name in infos else None
        st.selectbox(
            "Terrain",
            list(infos),
            key="terrain",
            placeholder="Choose a terrain",
            format_func=lambda name: infos[name].title,
            on_change=lambda: _choose(name=st.session_state["terrain"]),
            help="Its elevation is the potential: particles look for valleys.",
        )
    with right:
        st.session_state["place"] = spec.name if _way(spec) == TERRAIN and spec.name not in infos else ""
        st.text_input(
            "or a place",
            key="place",
            placeholder="Chamonix",
            max_chars=80,
            on_change=lambda: _choose(name=st.session_state["place"].strip() or LandscapeSpec().name),
            help="A region or a city; its elevation is fetched from the network when the run starts.",
        )


def _formula(spec: LandscapeSpec) -> None:
    typed = spec.name == FORMULA
    with st.form("formula", border=False):
        text = st.text_input(
            "Potential g(x, y)",
            spec.expression if typed and spec.expression else EXAMPLE,
            help="Variables x, y; + - * / ^, sin, cos, tan, exp, log, sqrt, abs, tanh, min, max and more.",
        )
        first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
        low = first.text_input("Box from", _corner(spec.low) if typed else "", placeholder="-5, -5")
        high = second.text_input("to", _corner(spec.high) if typed else "", placeholder="5, 5")
        if third.form_submit_button("Apply", icon=":material/check:", width="stretch"):
            with states.told():
                where = (FORMULA, text.strip(), numbers_in(low, "from"), numbers_in(high, "to"))
                ground.find(where)
                _choose(name=FORMULA, expression=where[1], low=where[2], high=where[3])
                st.rerun()


def _corner(values: tuple[float, ...]) -> str:
    return ", ".join(map(typed, values))


def _choose(**values: object) -> None:
    """Another potential: what belonged to the old one (box, formula, start, step size) is forgotten."""
    try:
        old = FORM.spec()
    except InputError:
        old = LandscapeSpec()
    kept = {key: getattr(old, key) for key in ("method", "particles", "steps", "inner", "preset", "seed")}
    if sampler.get(old.method).known_only:  # the other one's factorization may not be known
        del kept["method"]
    view = st.query_params.get("view")
    st.query_params.clear()
    st.query_params.update(link(dataclasses.replace(LandscapeSpec(), **(kept | values))))
    if view:
        st.query_params["view"] = view


# sampling


def _sample(spec: LandscapeSpec, picture: Ground | None) -> None:
    left, right = frame.picture_second("landscape")
    with left:
        method(spec, picture)
        FORM.widgets(spec, (*jumps(spec, picture), *NUMBERS))
        _cost(spec)
        if spec.tau and picture is not None:
            warning = ground.step_warning(place(spec), spec.tau, spec.coefficient, spec.start)
            if warning:
                st.warning(states.sentence(warning), icon=":material/warning:")
        _run(spec)
    with right:
        _map(spec, picture)


def _cost(spec: LandscapeSpec) -> None:
    particles, steps = (
        own or usual for own, usual in zip((spec.particles, spec.steps), PRESETS[spec.preset], strict=True)
    )
    found = promise(store(), chains.KIND, spec, lambda other: _gradients(other, spec.method))
    about = " How long that takes here is told once one like it has finished; on the way its bar tells it."
    if found is not None:
        about = f" About {frame.duration(found.seconds)} on this machine, {found.basis}."
    beside = ", and as many by plain LMC beside it" if _wants_plain(spec) else ""
    st.caption(f"{particles:,} particles, {steps:,} steps: {particles * steps:,} gradients of g{beside}.{about}")


def _wants_plain(spec: LandscapeSpec) -> bool:
    """Whether a press of Run samples by plain LMC too."""
    return spec.method != PLAIN and bool(st.session_state.get("run_plain", True)) and chains.beside(spec) is None


def _gradients(spec: Spec, method: str) -> float | None:
    """How many gradients a run of this method takes; None for another one."""
    if not isinstance(spec, LandscapeSpec) or spec.method != method:
        return None
    usual = PRESETS.get(spec.preset, PRESETS["quick"])
    return float((spec.particles or usual[0]) * (spec.steps or usual[1]))


def _run(spec: LandscapeSpec) -> None:
    name = st.text_input("Name", placeholder=kinds.of(spec).default_name(spec), key="run_name", max_chars=80)
    both = spec.method != PLAIN and st.checkbox(
        "Run plain LMC beside it",
        value=True,
        key="run_plain",
        help="From the same start with as many gradients: what the sampler must be better than. It takes seconds.",
    )
    if both and chains.beside(spec) is None:
        st.caption("One press queues two runs: plain LMC first, then this one. The page shows this one, which waits.")
    where.choose()
    if st.button("Run", type="primary", icon=":material/play_arrow:", width="stretch", key="run_it"):
        with states.told():
            submit(spec, name or "", both)
    st.caption("It runs in the background: the page can be closed, and the link brings it back.")


def submit(spec: LandscapeSpec, name: str, both: bool) -> None:
    """Put the run in the queue, plain LMC first where it is wanted and not there yet, and turn into its live view."""
    if both and chains.beside(spec) is None:
        where.store().submit(chains.plain(spec))
    run = where.store().submit(spec, name)
    st.query_params.clear()
    remember(run.id)
    st.rerun()


def _map(spec: LandscapeSpec, picture: Ground | None) -> None:
    if picture is None and spec.name in _built_in_names(spec):
        st.info("There is no picture of more than two dimensions.", icon=":material/info:")
        return
    if picture is None:
        st.info(
            "The elevation of this place is fetched from the network when the run starts; it is shown then.",
            icon=":material/cloud_download:",
        )
        return
    figure = picture.contour("ground")
    start = spec.start or ground.find(place(spec)).start
    if start:
        critical.add_start(figure, start)
    caption = "The potential, low places dark." + (" All particles begin at the cross." if start else "")
    plot(figure, "ground", caption, {"x": picture.x, "y": picture.y, "g": picture.g}, "npf-landscape")

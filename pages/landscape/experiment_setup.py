"""Before an experiment on the classifier: which one, how large, on which digits."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields import digits
from npf_engine.runs.promise import promise
from npf_engine.settings.base import Spec
from npf_engine.studies import kinds
from npf_engine.studies.classifier.presets import experiment_preset, with_values
from npf_engine.studies.classifier.spec import EXPERIMENTS, ExperimentSpec
from ui import form, frame, states, where
from ui.form import Form
from ui.link import Link
from ui.runs import remember, store

TITLES = {
    "5.3": "5.3: the loss gradient over all weights",
    "5.4": "5.4: the loss gradient along gradient descents",
    "5.5": "5.5: LMC-NPF against plain Langevin",
}
ABOUT = {
    "5.3": "Factorizes G = ∇loss over the cube [-1, 1]²²² of the weights of a small LeNet, and asks for weights where "
    "the gradient takes a given value: 0 gives critical points.",
    "5.4": "The same on the ways of particles that descend the loss: ρ is where training goes, not the whole cube.",
    "5.5": "Plain Langevin warms particles up; then LMC-NPF, which jumps between basins through u, and plain Langevin "
    "go on from the same particles with the same number of gradients. Restarts are the trivial answer.",
}
SIZES = {
    "quick": "Minutes on one processor core; shows the effect.",
    "paper": "The numbers of the paper's Figures 18 to 20; for an accelerator, or a night.",
}
GENERAL = ("seed", "minibatch", "device")
PARTICLES = ("particles.count", "particles.warmup")
SPECIAL = {
    "5.3": ("samples", "u.dual_steps", "inverse.steps"),
    "5.4": (*PARTICLES, "inverse.steps"),
    "5.5": (*PARTICLES, "particles.steps", "particles.inner", "particles.tau", "particles.coefficient"),
}
DESCENT = 0.3  # tau * c above it: descents of this network's loss were seen to run away


def _start(heads: Mapping[str, str]) -> ExperimentSpec:
    """The preset of a link."""
    return experiment_preset(heads.get("experiment", EXPERIMENTS[0]), heads.get("preset", "quick"), device="auto")


FORM = Form(Link(_start, ("experiment", "preset"), with_values, ("solver",)))


def show() -> None:
    """The form; submits a run and turns into its live view."""
    try:
        spec = FORM.spec()
    except InputError as error:
        states.problem(error)
        frame.link("landscape", "Start from the defaults", {"of": "Classifier"})
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        _choice(spec)
        st.caption(ABOUT[spec.experiment])
        st.caption(SIZES[spec.preset])
        form.problem()
        FORM.widgets(spec, (*SPECIAL[spec.experiment], *GENERAL))
        for warning in warnings(spec):
            st.warning(warning, icon=":material/warning:")
    with right:
        _data()
        name = st.text_input("Name", placeholder=kinds.of(spec).default_name(spec), key="run_name", max_chars=80)
        found = promise(store(), "experiment", spec, lambda other: _alike(other, spec))
        if found is not None:
            st.caption(f"About {frame.duration(found.seconds)} on this machine, {found.basis}.")
        where.choose()
        if st.button("Run", type="primary", icon=":material/play_arrow:", width="stretch", key="run_it"):
            _submit(spec, name or "")
        st.caption("It runs in the background: the page can be closed, and the link brings it back.")


def warnings(spec: ExperimentSpec) -> list[str]:
    """What will probably go wrong."""
    step = spec.particles.tau * spec.particles.coefficient
    found = []
    if spec.experiment == "5.5" and step > DESCENT:
        found.append(
            f"τ times c is {step:.3g}: above {DESCENT} the chain is likely to run away from every minimum. The presets "
            "use 0.1."
        )
    if spec.minibatch < 16:
        found.append(f"A minibatch of {spec.minibatch} images makes the gradient mostly noise; take 32 or more.")
    return found


def _choice(spec: ExperimentSpec) -> None:
    st.session_state["experiment_choice"], st.session_state["size_choice"] = spec.experiment, spec.preset
    st.selectbox("Experiment", EXPERIMENTS, key="experiment_choice", format_func=TITLES.__getitem__, on_change=_restart)
    st.segmented_control(
        "Size", list(SIZES), key="size_choice", required=True, format_func=str.capitalize, on_change=_restart
    )


def _restart() -> None:
    """Another experiment or size starts from its own preset."""
    kept = {"of": "Classifier"}
    kept |= {"experiment": st.session_state["experiment_choice"], "preset": st.session_state["size_choice"]}
    st.query_params.clear()
    st.query_params.update(kept)


def _data() -> None:
    with st.container(border=True, gap="small", key="data_card"), states.told():
        st.markdown("## :material/image: Digits")
        st.caption(states.plain(source()))


@st.cache_data(max_entries=2, ttl=300, show_spinner="Reading the digits ...")
def source() -> str:
    """The sentence that says which digits are used. Raises InputError for a folder that is not MNIST's."""
    return digits.load_digits().source


def _alike(spec: Spec, wanted: ExperimentSpec) -> float | None:
    """One size for all runs of the same experiment and preset."""
    same = isinstance(spec, ExperimentSpec) and (spec.experiment, spec.preset) == (wanted.experiment, wanted.preset)
    return 1.0 if same else None


def _submit(spec: ExperimentSpec, name: str) -> None:
    with states.told():
        source()  # a folder without MNIST's files is told here, not after a place in the queue
        run = where.store().submit(spec, name)
        st.query_params.clear()
        remember(run.id)
        st.rerun()

"""Field: which vector field shall be explored? The link carries it, with all of its options."""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields import catalog, titles
from npf_engine.fields.places.elevation_fetch import download
from npf_engine.fields.sources.place import must_be_fetched, place_of
from npf_engine.fields.spec import FieldSpec
from npf_engine.runs.estimate import estimate
from npf_engine.studies.factorization.spec import TrainingSpec
from pages.field import at_hand, building, choice, options, pick, preview
from ui import frame, states, uploading
from ui.link import FIELD
from ui.runs import store

SYMBOLS = ("F", "Omega", "rho", "law", "u", "grad_u", "M")  # of the glossary


# way -> the head of the card while nothing was chosen by it, and what to do
NOTHING = {
    pick.PLACE: ("A place", "No field yet: choose a place by its name or on the map."),
    pick.BUILT_IN: ("A built-in field", "No field yet: choose one from the list."),
    pick.UPLOAD: ("A file", "No field yet: choose a file."),
    pick.FORMULA: ("A formula", "No field yet: press Apply beside the formula."),
}
NOT_READ = "No field yet: say what is missing, choose another file, or repair this one and upload it again."


def main() -> None:
    frame.title("Field", "Which vector field shall be factorized, and is it fit for it?", SYMBOLS)
    refused = None
    try:
        spec = choice.current()
    except InputError as error:
        # The page still works: the sentence stands beside the field that the program begins with.
        refused, spec = f"{error}; shown is the built-in field", FieldSpec()
    problem = st.session_state.pop(choice.PROBLEM, None) or refused
    left, right = st.columns([3, 2], gap="large")
    with left:
        sound = pick.show(spec)
        place = place_of(spec)
        other = pick.chosen_way() != pick.mode_of(spec)  # the field of before is not meant
        if not other:
            options.show(spec, place is not None)
        if problem:
            states.problem(problem)
    with right:
        card = st.container(border=True, gap="small", key="field_card")
        with card:
            built_in = {info.name: info.title for info in catalog.built_in_fields()}
            title = place.title if place is not None else built_in.get(spec.source) or titles.source_title(spec)
            advice = NOT_READ
            if other:
                title, advice = NOTHING[pick.chosen_way()]
            st.markdown(f"## :material/terrain: {states.plain(title)}")
            if not sound:
                st.caption(advice)
    if sound:
        _field(spec, must_be_fetched(spec, place), card)


def _field(spec: FieldSpec, missing: bool, card: st.delta_generator.DeltaGenerator) -> None:
    slot = card.empty()  # the offer to fetch, and in its place what comes of it
    if missing and building.recent().get(spec) is None and not building.asked(spec):
        with slot.container():
            place = place_of(spec)
            much = "" if place is None else f" To fetch, once: {download(place.bounds).words}."
            st.markdown(f"Its elevation is not on this machine yet.{much}")
            seconds = estimate(store(), TrainingSpec(field=spec)).total
            st.caption(f"Once it is here, a quick training takes about {frame.duration(seconds)}.")
            st.button(
                "Fetch the elevation",
                type="primary",
                icon=":material/cloud_download:",
                on_click=building.ask,
                args=(spec,),
                key="fetch",
                width="stretch",
            )
        return
    try:
        cost = building.dear(spec)
    except InputError as error:
        states.problem(error)
        return
    if cost is not None and cost.large:
        with slot.container():
            st.markdown(f"This field is too large to be shown here: {cost.sentence}. A training can be made of it.")
            _use_button(spec)
        return
    if cost is not None:
        with slot.container():
            st.markdown(f"This field is a large one, and is not built before you ask for it: {cost.sentence}.")
            st.button(
                "Build it",
                type="primary",
                icon=":material/play_arrow:",
                on_click=building.agree,
                args=(spec,),
                key="build",
                width="stretch",
            )
        return
    if missing:
        slot.markdown("Its elevation is being fetched.")
    field = building.build(spec, missing, lambda: at_hand.instead(spec, lambda: pick.turn_to(pick.BUILT_IN)))
    slot.empty()
    if field is None:
        return
    with card:
        preview.facts(field)
        _use_button(spec)
    preview.show(field)


def _use_button(spec: FieldSpec) -> None:
    if st.button("Use this field", type="primary", icon=":material/arrow_forward:", key="use", width="stretch"):
        _use(spec)


def _use(spec: FieldSpec) -> None:
    with states.told():
        uploading.keep(spec.source)
        uploading.keep(spec.second)
        frame.go("train", FIELD.write(spec))


main()

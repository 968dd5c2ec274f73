"""Field: which vector field shall be explored? The link carries it, with all of its options."""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields import catalog, titles
from npf_engine.fields.field import Field
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
    left, right = frame.picture_second("field")
    with left:
        sound = pick.show(spec)
        place = place_of(spec)
        other = pick.chosen_way() != pick.mode_of(spec)  # the field of before is not meant
        if not other:
            options.show(spec, place is not None)
        if problem:
            states.problem(problem)
    missing = must_be_fetched(spec, place)
    pictured = sound and (not missing or building.recent().get(spec) is not None)
    # the card has the picture's place while there is none
    with left if pictured else right.container(key=frame.NO_PICTURE):
        card = _card(spec, "" if not other else pick.chosen_way(), sound)
        field = _field(spec, missing, card) if sound else None
    if field is not None:
        preview.show(field, right)


def _card(spec: FieldSpec, other_way: str, sound: bool) -> st.delta_generator.DeltaGenerator:
    """The card of the field, with its title, or with what is to be done while there is none."""
    card = st.container(border=True, gap="small", key="field_card")
    with card:
        place = place_of(spec)
        built_in = {info.name: info.title for info in catalog.built_in_fields()}
        title = place.title if place is not None else built_in.get(spec.source) or titles.source_title(spec)
        advice = NOT_READ
        if other_way:
            title, advice = NOTHING[other_way]
        st.markdown(f"## :material/terrain: {states.plain(title)}")
        if not sound:
            st.caption(advice)
    return card


def _field(spec: FieldSpec, missing: bool, card: st.delta_generator.DeltaGenerator) -> Field | None:
    """The field, with what it is on its card; None while there is none to be seen: the card, or what stands below it,
    says why, and what to do."""
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
        return None
    try:
        cost = building.dear(spec)
    except InputError as error:
        states.problem(error)
        return None
    if cost is not None and cost.large:
        with slot.container():
            st.markdown(f"This field is too large to be shown here: {cost.sentence}. A training can be made of it.")
            _use_button(spec)
        return None
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
        return None
    if missing:
        slot.markdown("Its elevation is being fetched.")
    field = building.build(spec, missing, lambda: at_hand.instead(spec, lambda: pick.turn_to(pick.BUILT_IN)))
    slot.empty()
    if field is not None:
        with card:
            preview.facts(field)
            _use_button(spec)
    return field


def _use_button(spec: FieldSpec) -> None:
    if st.button("Use this field", type="primary", icon=":material/arrow_forward:", key="use", width="stretch"):
        _use(spec)


def _use(spec: FieldSpec) -> None:
    with states.told():
        uploading.keep(spec.source)
        uploading.keep(spec.second)
        frame.go("train", FIELD.write(spec))


main()

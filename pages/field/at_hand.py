"""What can be had without a network: places whose elevation is here, rasters of a folder, terrain of the program."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from npf_engine.fields import catalog
from npf_engine.fields.places import find as places
from npf_engine.fields.places import kept, standin
from npf_engine.fields.sources.place import place_of
from npf_engine.fields.spec import FieldSpec
from pages.field import choice
from ui import states

MOST = 8  # of each kind that are offered


def kept_places(go: Callable[[places.Place, float], None]) -> None:
    """The places whose elevation is here already; nothing where there is none."""
    there = [item.place for item in kept.all_kept()]
    if not there:
        return
    st.caption("On this machine, to be had without a network:")
    with st.container(horizontal=True, gap="xsmall", key="kept_places"):
        for place in there:
            size = FieldSpec().size_km  # of a city's box, as it was fetched
            st.button(states.plain(place.title), key=f"kept_{place.name}", on_click=go, args=(place, size))


def instead(spec: FieldSpec, turn: Callable[[], None]) -> None:
    """Buttons to what is at hand where the elevation of ``spec`` could not be fetched; ``turn`` shows the page's list
    of built-in fields, in the callback of those that stand there."""
    built_in = [info for info in catalog.built_in_fields() if info.group == "raster folder"][:MOST]
    place = place_of(spec)
    other = standin.stand_in(place, spec.source)
    st.markdown("**At hand, without a network:**")
    with st.container(horizontal=True, gap="xsmall", key="at_hand"):
        for item in kept.nearest(place)[:MOST]:
            st.button(
                states.plain(item.title),
                key=f"instead_{item.name}",
                icon=":material/landscape:",
                on_click=choice.choose,
                args=(item.name,),
            )
        for info in built_in:
            _button(states.plain(info.title), f"instead_{info.name}", ":material/folder_open:", turn, info.name)
        _button("Jacksboro fault, real terrain", "instead_jacksboro", ":material/terrain:", turn, "jacksboro")
        values = {"noise_seed": other.seed, "relief": other.relief, "side_km": other.side_km}
        high = f"{other.relief:,.0f} m"
        label = f"A fractal of that relief, {high}" if other.known else f"A fractal of that size, relief {high} guessed"
        _button(label, "instead_fractal", ":material/grain:", turn, "fractal", **values)
    st.caption(
        f"The fractal is no picture of the place (its name gives the seed, {other.seed}): {other.told}. Elevation "
        "fetched elsewhere (*npf regions fetch NAME*) can be uploaded as a raster, or put into NPF_DEM_DIR."
    )


def _button(label: str, key: str, icon: str, turn: Callable[[], None], source: str, **values: object) -> None:
    def chosen() -> None:
        choice.choose(source, **values)
        turn()

    st.button(label, key=key, icon=icon, on_click=chosen)

"""What can be had without a network: places whose elevation is here, rasters of a folder, terrain of the program."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import streamlit as st

from npf_engine.fields import catalog
from npf_engine.fields.places import find as places
from npf_engine.fields.places import kept
from npf_engine.fields.sources.place import place_of
from npf_engine.fields.spec import FieldSpec
from pages.field import choice
from ui import states

MOST = 8  # of each kind that are offered
SEEDS = 10_000  # a name's fractal has one of so many seeds


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
    seed = seed_of(spec)
    st.markdown("**At hand, without a network:**")
    with st.container(horizontal=True, gap="xsmall", key="at_hand"):
        for item in kept.nearest(place_of(spec))[:MOST]:
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
        label = f"A fractal terrain of its own (seed {seed})"
        _button(label, "instead_fractal", ":material/grain:", turn, "fractal", noise_seed=seed)
    st.caption(
        "The fractal is no picture of the place: its name gives the seed, so that it is another one for each place. "
        "Elevation fetched elsewhere (*npf regions fetch NAME*) can be uploaded as a raster, or put into NPF_DEM_DIR."
    )


def seed_of(spec: FieldSpec) -> int:
    """The seed of the fractal terrain that stands in for a place: the same for the same place, everywhere."""
    return zlib.crc32(f"{spec.source.strip().lower()} {spec.bounds}".encode()) % SEEDS


def _button(label: str, key: str, icon: str, turn: Callable[[], None], source: str, **values: object) -> None:
    def chosen() -> None:
        choice.choose(source, **values)
        turn()

    st.button(label, key=key, icon=icon, on_click=chosen)

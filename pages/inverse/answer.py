"""What came of a search for one value of F, in words; of the place that was clicked first."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.measures.inverse_view import PreimageView
from npf_engine.numbers import number, percent
from npf_engine.numbers import place as spot
from npf_engine.polar import PolarFactorization
from npf_engine.polar.known_field import MAX_D
from pages.inverse.wording import judged_by, places
from ui import fieldtitle, states

SAME_PLACE = 0.01  # of Omega's half side: a pre-image so near to a clicked place is that place


def tell(view: PreimageView, model: PolarFactorization, clicked: np.ndarray | None) -> None:
    """What was found, in two or three sentences of numbers: first of the place that was clicked, where one was."""
    unit = f" {states.plain(model.units.value)}" if model.units.value else ""
    word = fieldtitle.word(model).one
    miss, length = float(view.error.mean()), float(np.linalg.norm(view.gradient))
    _of_the_click(view, model, clicked)
    st.markdown(
        f"**{len(view.x)}** draws in **{1000 * view.seconds:.0f} ms**: at the places drawn, F misses the {word}, of "
        f"length {number(length)}{unit}, by **{number(miss)}**{unit} on average, {number(miss / view.spread, 2)} of "
        f"F's spread{judged_by(view.known)}. {_found(view, word)}{thinned(view, model)}"
    )
    nowhere = view.exact is not None and not view.exact.occurs
    if nowhere:
        st.warning(_nearest(view, model), icon=":material/wrong_location:")
    elif not view.inside and view.exact is None:
        st.warning(
            f"No place in Ω has this {word}, as far as the model knows: its ∇u* lies outside. Shown "
            "are the draws at the nearest point of Ω.",
            icon=":material/wrong_location:",
        )


def share_at(view: PreimageView, model: PolarFactorization, clicked: np.ndarray | None) -> float | None:
    """The share of the draws that came by themselves to the place that was clicked, (d,); None where none was, or
    where it is not among the exact places."""
    if clicked is None or view.exact is None or not view.exact.occurs:
        return None
    gaps = np.linalg.norm((view.exact.places.numpy() - clicked) / np.asarray(model.scaling.scale), axis=1)
    rank = int(gaps.argmin())
    return float(view.exact.weights[rank]) if gaps[rank] < SAME_PLACE else None


def _of_the_click(view: PreimageView, model: PolarFactorization, clicked: np.ndarray | None) -> None:
    """Whether the inverse finds the place that was clicked."""
    if clicked is None or view.exact is None or not view.exact.occurs:
        return
    word, share = fieldtitle.word(model).one, share_at(view, model, clicked)
    if share:
        st.success(
            f"**The place clicked is found**: {percent(share, 0)} of the draws that came to a place by themselves came "
            "to this one.",
            icon=":material/my_location:",
        )
    else:
        why = f"it has this {word}, and no draw came to it by itself"
        if share is None:
            why = f"the search for all places with this {word} did not come to it"
        st.warning(f"**The place clicked is not found**: {why}.", icon=":material/location_off:")


def _found(view: PreimageView, word: str) -> str:
    if view.exact is None and view.known != "network":
        return f"Exact places are looked for in up to {MAX_D} dimensions."
    if view.exact is None:
        return "Exact places need F itself, which this model does not have."
    if not view.exact.occurs:
        return ""
    k = len(view.exact.places)
    drawn = int((view.exact.weights > 0).sum())
    where = places(view.exact, len(view.gradient))
    share = float(view.exact.found.double().mean())
    ends = "each draw" if share == 1 else f"{percent(share)} of the draws"
    moved = float((view.exact.restarted & view.exact.found).double().mean())
    again = f", {percent(moved, 0)} only at a second try, begun elsewhere" if moved >= 0.005 else ""
    missed = f"; {k - drawn} of these no draw came to by itself" if drawn < k else ""
    return (
        f"An exact search then goes on from each draw, downhill on what F still misses. F is exactly this {word} "
        f"{where}{missed}: {ends} led to one of them{again}."
    )


def thinned(view: PreimageView, model: PolarFactorization) -> str:
    """What exact means where the model keeps fewer nodes than the raster has."""
    own = model.thinned_from
    if own is None or model.lattice is None or view.known != "grid":
        return ""
    (rows, cols), (of_rows, of_cols) = model.lattice.shape, own
    return (
        f" F is here what lies between the {rows:,} x {cols:,} nodes that the model keeps of the raster's "
        f"{of_rows:,} x {of_cols:,}."
    )


def _nearest(view: PreimageView, model: PolarFactorization) -> str:
    assert view.exact is not None
    unit = f" {states.plain(model.units.value)}" if model.units.value else ""
    value = ", ".join(number(float(v), 4) for v in view.exact.nearest)
    found = zip(view.exact.nearest_place, model.low, model.high, strict=True)
    place = ", ".join(spot(float(v), high - low) for v, low, high in found)
    distance = float(np.linalg.norm(view.exact.nearest.numpy() - view.gradient))
    share = distance / view.spread
    return (
        f"No place in Ω was found where F is this {fieldtitle.word(model).one}. The nearest that was is ({value}), "
        f"{number(distance)}{unit} or {number(share, 2)} times F's spread away, at ({place})"
        + ("; the draws are the pre-images of the nearest point of Ω." if not view.inside else ".")
    )

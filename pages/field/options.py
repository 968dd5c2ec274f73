"""Options of the field: smoothing, reference measure, product. Only those that the field has."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields import analytic
from npf_engine.fields.places import elevation_fetch
from npf_engine.fields.sources.files import FolderRaster
from npf_engine.fields.sources.registry import source_of
from npf_engine.fields.spec import FieldSpec
from npf_engine.numbers import typed
from pages.field import choice, pick

RHO = {
    "box": "Uniform on the box",
    "disc": "Uniform on a disc",
    "gaussian": "Gaussian",
    "land": "Uniform on the land (level water left out)",
    "samples": "The law of the samples",
}
SLOPES = {"per-pixel": "metres per pixel", "per-metre": "metres per metre of the ground"}
MISSING = {"mask": "leave them out", "keep": "keep them"}
HEIGHTS = {
    "": "what the file says",
    "metre": "metres",
    "foot": "feet",
    "US survey foot": "US survey feet",
    "decimetre": "decimetres",
    "centimetre": "centimetres",
    "kilometre": "kilometres",
    "none": "no length",
}
VOIDS = {"fill": "fill them from their surroundings", "mask": "leave them out of Ω"}


def show(spec: FieldSpec, place: bool) -> None:
    """The folded options of ``spec``; a ``place`` has a product to fetch."""
    terrain = place or is_raster(spec)
    function = spec.source in analytic.INFO or source_of(spec).family == "formula"
    file = source_of(spec).family == "file" or isinstance(source_of(spec), FolderRaster)
    with st.expander("Options", icon=":material/tune:"):
        if terrain:
            _terrain(spec, place)
        elif function:
            _function(spec)
        if file:
            _guesses(spec, terrain)
        _number("split_seed", "Seed of the 85/15 split", spec.split_seed, 0, "Which samples are kept for testing.")


def is_raster(spec: FieldSpec) -> bool:
    """Whether the field is the slope of a grid of elevation."""
    source = source_of(spec)
    return source.terrain or (source.family == "file" and spec.rho != "samples")


def _terrain(spec: FieldSpec, place: bool) -> None:
    first, second = st.columns(2)
    with first:
        _number(
            "sigma",
            "Smoothing (pixels)",
            spec.sigma,
            0.0,
            "Standard deviation of the Gaussian filter; the paper has 20.",
        )
        _select("rho", "Reference measure ρ", spec.rho, {k: RHO[k] for k in ("box", "disc", "gaussian", "land")})
        _select("slope", "Unit of F", spec.slope, SLOPES)
    with second:
        _number(
            "max_samples", "Most samples", spec.max_samples, 1000, "A larger region is resampled to this many pixels."
        )
        _select("voids", "Pixels without elevation", spec.voids, VOIDS)
        if place:
            _select("product", "Elevation product", spec.product, {name: name for name in elevation_fetch.PRODUCTS})
        elif spec.source == "fractal":
            _number("noise_seed", "Seed of the terrain", spec.noise_seed, 0, "Another seed is another terrain.")


def _guesses(spec: FieldSpec, terrain: bool) -> None:
    """What a file does not say of itself, or says wrongly."""
    first, second = st.columns(2)
    with first:
        _select("missing", "Values like -9999, undeclared", spec.missing, MISSING)
        if terrain:
            _select("height_unit", "Heights are in", spec.height_unit, HEIGHTS)
    with second:
        if terrain:
            _text("crs", "Coordinate system", spec.crs, _crs, "as the file says; or EPSG:3857, none")
            _number("band", "Band", spec.band, 1, "Which band of the raster holds the heights.")


def _crs(key: str) -> None:
    choice.change(crs=st.session_state[f"option_{key}"].strip())


def _function(spec: FieldSpec) -> None:
    info = analytic.INFO.get(spec.source)
    first, second = st.columns(2)
    with first:
        rhos = info.rhos if info else ("box", "disc", "gaussian")
        _select("rho", "Reference measure ρ", spec.rho, {key: RHO[key] for key in rhos})
    with second:
        _number(
            "n_samples",
            "Samples",
            spec.n_samples,
            1000,
            "How many points of ρ are drawn; new ones can be had at any time.",
        )
    if info is not None and info.free:
        low, high = spec.low or info.low, spec.high or info.high
        _text("low", "Domain from", ", ".join(map(typed, low)), _bounds)
        more = "; another number of values changes the dimension" if info.any_d and spec.source != "linear" else ""
        _text("high", f"Domain to{more}", ", ".join(map(typed, high)), _bounds)
    if spec.source == "linear":
        rows = spec.matrix or tuple(map(tuple, analytic.matrix(spec).tolist()))
        write = typed if spec.matrix else "{:.4g}".format  # what was given keeps its digits
        shown = "; ".join(" ".join(map(write, row)) for row in rows)
        _text("matrix", "Matrix A, rows between semicolons", shown, _matrix)


def _number(key: str, label: str, value: float, least: float, about: str) -> None:
    st.session_state[f"option_{key}"] = value
    step = 1 if isinstance(value, int) else 1.0
    st.number_input(
        label, min_value=type(value)(least), step=step, key=f"option_{key}", help=about, on_change=_changed, args=(key,)
    )


def _select(key: str, label: str, value: str, names: dict[str, str]) -> None:
    options = list(dict.fromkeys([*names, value]))  # a link may hold what this field does not offer
    st.session_state[f"option_{key}"] = value
    st.selectbox(
        label,
        options,
        key=f"option_{key}",
        format_func=lambda name: names.get(name, name),
        on_change=_changed,
        args=(key,),
    )


def _text(key: str, label: str, value: str, read: Callable[[str], None], hint: str = "") -> None:
    st.session_state[f"option_{key}"] = value
    st.text_input(label, key=f"option_{key}", on_change=read, args=(key,), placeholder=hint or None)


def _changed(key: str) -> None:
    choice.change(**{key: st.session_state[f"option_{key}"]})


def _bounds(key: str) -> None:
    """Both corners are written together: one alone is no domain."""
    with _noted():
        values = {name: pick.numbers(st.session_state[f"option_{name}"], name) for name in ("low", "high")}
        if len(values["low"]) != len(values["high"]):  # a new dimension begins with the corner typed first
            other = "high" if key == "low" else "low"
            first = values[key]
            values[other] = tuple((values[other] * len(first))[: len(first)]) or tuple(-value for value in first)
        choice.change(**values)


def _matrix(key: str) -> None:
    with _noted():
        text = st.session_state[f"option_{key}"]
        rows = tuple(pick.numbers(row, f"row {k}") for k, row in enumerate(text.split(";"), start=1))
        choice.change(matrix=rows, low=(), high=())


class _noted:
    """Keep an InputError of a callback for the next run of the page, which can show it."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, InputError):
            st.session_state[choice.PROBLEM] = str(error)
            return True
        return False

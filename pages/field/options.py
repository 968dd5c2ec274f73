"""Options of the field: smoothing, reference measure, product. Only those that the field has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields import analytic
from npf_engine.fields.places import elevation_fetch
from npf_engine.fields.readers import raster_vectors
from npf_engine.fields.sources.files import FolderRaster
from npf_engine.fields.sources.gridded import file_of
from npf_engine.fields.sources.registry import source_of
from npf_engine.fields.spec import FieldSpec
from npf_engine.numbers import numbers_in, typed
from npf_engine.settings.setting import declared
from pages.field import choice, gridded
from ui.form import label_of

KNOWN = declared(FieldSpec)

GRID_SAMPLES = (
    "A grid with more points than this is thinned: one row and column in so many is read. Of a coarser grid samples "
    "are also taken between its points, where F is interpolated, up to 100,000 of them."
)
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


def show(spec: FieldSpec, place: bool) -> None:
    """The folded options of ``spec``; a ``place`` has a product to fetch."""
    terrain = place or is_raster(spec)
    function = spec.source in analytic.INFO or source_of(spec).family == "formula"
    grid = file_of(spec) is not None
    file = (not grid and source_of(spec).family == "file") or isinstance(source_of(spec), FolderRaster)
    with st.expander("Options", icon=":material/tune:"):
        if terrain:
            _terrain(spec, place)
        elif function:
            _function(spec)
        if grid:
            gridded.options(spec, _select)
            _number(spec, "smooth")
            _number(spec, "max_samples", 1000, GRID_SAMPLES)
        if file:
            _guesses(spec, terrain)
        if (file and not terrain) or grid or function:
            _text("unit", label_of(KNOWN["unit"]), spec.unit, _unit, "m/s" if function else "as the file says; or m/s")
        _number(spec, "split_seed")


def is_raster(spec: FieldSpec) -> bool:
    """Whether the field is the slope of a grid of elevation."""
    source = source_of(spec)
    if file_of(spec) is not None or raster_vectors.asked(spec):
        return False
    return source.terrain or (source.family == "file" and spec.rho != "samples")


def _terrain(spec: FieldSpec, place: bool) -> None:
    first, second = st.columns(2)
    fractal = spec.source == "fractal"
    with first:
        _number(spec, "sigma")
        _select(spec, "rho", ("box", "disc", "gaussian", "land"))
        _select(spec, "slope")
        if fractal:
            _number(spec, "relief", 1)
    with second:
        _number(spec, "max_samples", 1000)
        _select(spec, "voids")
        if place:
            _select(spec, "product", elevation_fetch.PRODUCTS)
            _select(spec, "water")
        elif fractal:
            _number(spec, "noise_seed")
            _number(spec, "side_km")


def _guesses(spec: FieldSpec, terrain: bool) -> None:
    """What a file does not say of itself, or says wrongly."""
    first, second = st.columns(2)
    with first:
        _select(spec, "missing")
        if raster_vectors.asked(spec):
            _select(spec, "along")
        if terrain:
            _select(spec, "height_unit", HEIGHTS, HEIGHTS)
    with second:
        if terrain:
            _text("crs", "Coordinate system", spec.crs, _crs, "as the file says; or EPSG:3857, none")
            if spec.source.lower().endswith(".png"):
                _select(spec, "encoding")
            else:
                _number(spec, "band")
            _number(spec, "pixel_size")


def _crs(key: str) -> None:
    choice.change(crs=st.session_state[f"option_{key}"].strip())


def _unit(key: str) -> None:
    choice.change(unit=st.session_state[f"option_{key}"].strip()[:40])


def _function(spec: FieldSpec) -> None:
    info = analytic.INFO.get(spec.source)
    first, second = st.columns(2)
    with first:
        _select(spec, "rho", info.rhos if info else ("box", "disc", "gaussian"))
    with second:
        _number(spec, "n_samples", 1000)
    if info is not None and info.free:
        low, high = spec.low or info.low, spec.high or info.high
        _text("low", "Domain from", ", ".join(map(typed, low)), _bounds)
        more = "; another number of values changes the dimension" if info.any_d and spec.source != "linear" else ""
        _text("high", f"Domain to{more}", ", ".join(map(typed, high)), _bounds)
    for key in info.uses if info is not None else ():
        _number(spec, key)
    if spec.source == "linear":
        rows = spec.matrix or tuple(map(tuple, analytic.matrix(spec).tolist()))
        write = typed if spec.matrix else "{:.4g}".format  # what was given keeps its digits
        shown = "; ".join(" ".join(map(write, row)) for row in rows)
        _text("matrix", "Matrix A, rows between semicolons", shown, _matrix)


def _number(spec: FieldSpec, key: str, least: int = 0, text: str = "") -> None:
    known, value = KNOWN[key], getattr(spec, key)
    least = max(least, int(known.setting.least or 0))
    st.session_state[f"option_{key}"] = value
    st.number_input(
        label_of(known),
        min_value=type(value)(least),
        step=type(value)(1),
        key=f"option_{key}",
        help=text or known.setting.help,
        on_change=_changed,
        args=(key,),
    )


def _select(spec: FieldSpec, key: str, names: Iterable[str] = (), words: Mapping[str, str] | None = None) -> None:
    """One of ``names`` (default: all that the setting may be), by what people call them."""
    known, value = KNOWN[key], getattr(spec, key)
    options = list(dict.fromkeys([*(names or known.names()), value]))  # a link may hold what this field does not offer
    st.session_state[f"option_{key}"] = value
    st.selectbox(
        label_of(known),
        options,
        key=f"option_{key}",
        help=known.setting.help,
        on_change=_changed,
        args=(key,),
        format_func=lambda name: (words or {}).get(name) or known.setting.called(name),
    )


def _text(key: str, label: str, value: str, read: Callable[[str], None], hint: str = "") -> None:
    st.session_state[f"option_{key}"] = value
    st.text_input(label, key=f"option_{key}", on_change=read, args=(key,), placeholder=hint or None)


def _changed(key: str) -> None:
    choice.change(**{key: st.session_state[f"option_{key}"]})


def _bounds(key: str) -> None:
    """Both corners are written together: one alone is no domain."""
    with _noted():
        values = {name: numbers_in(st.session_state[f"option_{name}"], name) for name in ("low", "high")}
        if len(values["low"]) != len(values["high"]):  # a new dimension begins with the corner typed first
            other = "high" if key == "low" else "low"
            first = values[key]
            values[other] = tuple((values[other] * len(first))[: len(first)]) or tuple(-value for value in first)
        choice.change(**values)


def _matrix(key: str) -> None:
    with _noted():
        text = st.session_state[f"option_{key}"]
        rows = tuple(numbers_in(row, f"row {k}") for k, row in enumerate(text.split(";"), start=1))
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

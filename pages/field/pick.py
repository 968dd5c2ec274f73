"""Four ways to a field: a place, the built-in list, a file, a formula."""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields import analytic, catalog, stored_files, uploads
from npf_engine.fields.places import cities
from npf_engine.fields.places import find as places
from npf_engine.fields.readers import raster_files
from npf_engine.fields.readers.file_reading import SUFFIXES
from npf_engine.fields.sources.place import place_of
from npf_engine.fields.sources.registry import source_of
from npf_engine.fields.spec import FieldSpec
from npf_engine.numbers import numbers_in, typed
from pages.field import at_hand, building, choice, columns, components, gridded, mesh, reading
from ui import states, uploading, worldmap

PLACE, BUILT_IN, UPLOAD, FORMULA = "Place", "Built in", "Upload", "Formula"
ICONS = {
    PLACE: ":material/travel_explore:",
    BUILT_IN: ":material/category:",
    UPLOAD: ":material/upload_file:",
    FORMULA: ":material/function:",
}
WAYS: dict[str, str] = {"place": PLACE, "built in": BUILT_IN, "file": UPLOAD, "formula": FORMULA}  # family -> way
MODE = "field_mode"
TYPED = "place_query"
NEW = "upload_new"  # session: a file that was uploaded and not looked at yet
SUGGESTIONS = 8
KINDS = {"raster": "a raster", "samples": "a table of samples", "grid": "a table of heights", "gridded": "gridded data"}


def show(spec: FieldSpec) -> bool:
    """The choice of a way, and the way; False where there is no field: nothing was chosen by this way yet, and the
    field of before is not meant, or a file's defects were told."""
    mode = st.segmented_control(
        "Take the field from",
        list(ICONS),
        default=mode_of(spec),
        key=MODE,
        required=True,
        format_func=lambda name: f"{ICONS[name]} {name}",
    )
    if mode == UPLOAD:
        return _upload(spec)
    {PLACE: _place, BUILT_IN: _built_in, FORMULA: _formula}[mode or BUILT_IN](spec)
    return mode == mode_of(spec)


def turn_to(way: str) -> None:
    """Choose a way, in a callback."""
    st.session_state[MODE] = way


def chosen_way() -> str:
    """The way that is chosen above."""
    return str(st.session_state.get(MODE) or "")


def mode_of(spec: FieldSpec) -> str:
    """The way by which a field was chosen."""
    return WAYS.get(source_of(spec).family, BUILT_IN)


def _place(spec: FieldSpec) -> None:
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        typed = st.text_input(
            "Search",
            key=TYPED,
            type="search",
            live="300ms",
            icon=":material/search:",
            placeholder="Chamonix, Zermatt, Paris TX, or 45.9, 6.9",
            help="A region, any city with 500 people or more, latitude and longitude, or west, south, east, north.",
        )
    with right:
        size = st.slider(
            "Side of the box around a city",
            2,
            100,
            int(min(100, max(2, spec.size_km))),
            key="size_km",
            format="%d km",
            on_change=_resize,
            help="Named regions have boxes of their own.",
        )
    with states.told():
        with st.spinner("Looking the place up ..."):  # the first time, an index of cities is built
            found = places.suggest(typed or "", SUGGESTIONS, float(size))
        if not found:
            near = [places.find_place(name, float(size)) for name in places.nearest_names(typed or "")]
            hint = " Did you mean one of these?" if near else " Type another name, or coordinates."
            st.caption(states.plain(f"No region or city begins with {typed!r}.{hint}"))
            found = list(dict.fromkeys(near))
        with st.container(horizontal=True, gap="xsmall", key="suggestions"):
            for place in found:
                st.button(
                    states.plain(place.title),
                    key=f"place_{place.source}_{place.name}",
                    icon=":material/landscape:" if place.source == "gazetteer" else ":material/location_city:",
                    on_click=_go,
                    args=(place, float(size)),
                )

    at_hand.kept_places(_go)
    box = place_of(spec)
    worldmap.pick(None if box is None else box.bounds, _cities(), float(size), _picked)


@st.cache_resource(show_spinner=False)
def _cities() -> list[worldmap.Label]:
    """The largest cities, for the map."""
    found = cities.load_index().largest(worldmap.LARGEST_CITIES)
    return [(city.name, round(city.longitude, 3), round(city.latitude, 3), city.population) for city in found]


def _picked(found: worldmap.Picked) -> None:
    """Another field from the map; what is no box for elevation is told and changes nothing."""
    try:
        if found.region is not None:
            choice.choose(found.region)
        elif found.at is not None:
            choice.choose("coordinates", bounds=places.box_around(*found.at, float(st.session_state["size_km"])))
        elif found.box is not None:
            choice.choose("coordinates", bounds=places.coordinates_place(found.box).bounds)
    except InputError as error:
        st.session_state[choice.PROBLEM] = str(error)


def _go(place: places.Place, size_km: float) -> None:
    if place.source == "coordinates":
        choice.choose("coordinates", bounds=place.bounds)
    else:
        choice.choose(place.name, size_km=size_km)
    building.ask(choice.current())


def _resize() -> None:
    choice.change(size_km=float(st.session_state["size_km"]))


def _built_in(spec: FieldSpec) -> None:
    infos = {info.name: info for info in catalog.built_in_fields()}
    st.selectbox(
        "Field",
        list(infos),
        index=list(infos).index(spec.source) if spec.source in infos else None,
        key="built_in",
        format_func=lambda name: f"{infos[name].title}  ·  {infos[name].group}",
        on_change=_built_in_chosen,
        placeholder="Choose a field",
    )
    if mode_of(spec) == BUILT_IN:
        gridded.show(spec)
    if spec.source in analytic.INFO:
        st.caption(states.plain(analytic.INFO[spec.source].formula))


def _built_in_chosen() -> None:
    name = st.session_state["built_in"]
    info = analytic.INFO.get(name)
    choice.choose(name, **({"rho": info.rho} if info else {}))


def _upload(spec: FieldSpec) -> bool:
    st.file_uploader(
        "Raster, table, mesh or gridded data",
        type=[suffix.rsplit(".", 1)[-1] for suffix in SUFFIXES],
        key="upload",
        on_change=_uploaded,
        help="Elevation (.tif, .hgt, zipped; tiles of heights as .png) becomes its gradient field. A table (.csv, "
        ".parquet, .npz) has the columns x1 ... xd and F1 ... Fd, or x1, x2, z on a grid. Winds and currents: .nc, "
        ".h5, .zarr.zip, .grib; meshes of VTK: .vti, .vtr, .vts, .vtu, .vtp.",
    )
    new = st.session_state.get(NEW)
    if new is None and mode_of(spec) != UPLOAD:
        return False
    seen = reading.look(stored_files.path_of(new or spec.source), spec)
    if seen is None:
        return False
    if new is not None:
        del st.session_state[NEW]
        choice.choose(new, rho="samples" if seen.kind == "samples" or seen.mesh is not None else "box")
        st.rerun()
    if seen.kind != "unreadable":
        what = "points" if seen.gridded else "pixels"
        rows = f"{seen.rows:,} {'points' if seen.mesh else 'rows'}"
        shape = f"{' x '.join(map(str, seen.shape))} {what}" if seen.shape else rows
        kind = "a mesh" if seen.mesh else KINDS.get(seen.kind, seen.kind)
        st.caption(states.plain(f"{seen.file}: {kind}, {shape}, {_size(seen.size_bytes)}"))
    if seen.gridded is not None:
        gridded.offer(seen.gridded, spec)
    if seen.mesh is not None:
        mesh.offer(seen.mesh, spec)
    if columns.guessed(seen, spec):
        st.info(
            "Which columns are positions and which are F is no more than a guess here: look at it, and press *Read it "
            "so*.",
            icon=":material/view_column:",
        )
    else:
        for defect in seen.defects:
            states.problem(defect)
    columns.offer(seen, spec)
    if raster_files.is_raster(stored_files.path_of(spec.source)) and seen.gridded is None:
        components.offer(seen, spec)
    _what_was_read(seen)
    return seen.ok


def _what_was_read(seen: uploads.UploadPreview) -> None:
    """The columns of a table, and its first rows."""
    if not seen.columns:
        return
    with st.expander("What was read", icon=":material/table_rows:"):
        st.dataframe(
            [
                {
                    "column": c.name,
                    "is": c.role,
                    "unit": c.unit,
                    "from": c.minimum,
                    "to": c.maximum,
                    "empty": c.missing,
                }
                for c in seen.columns
            ],
            hide_index=True,
        )
        if seen.head:  # a raster has no rows to show
            st.dataframe(
                [dict(zip([c.name for c in seen.columns], row, strict=False)) for row in seen.head], hide_index=True
            )


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"


def _uploaded() -> None:
    upload = st.session_state["upload"]
    if upload is None:
        return
    try:
        st.session_state[NEW] = uploading.stage(upload)
        st.session_state.pop(reading.STOPPED, None)
    except InputError as error:
        st.session_state[choice.PROBLEM] = f"{str(error).rstrip('.')}; choose another file."


def _formula(spec: FieldSpec) -> None:
    texts = spec.expression if spec.source == "expression" else ("sin(x) * cos(y) + x^2 / 4",)
    low = ", ".join(map(typed, spec.low)) if spec.source == "expression" else ""
    high = ", ".join(map(typed, spec.high)) if spec.source == "expression" else ""
    with st.form("formula", border=False):
        text = st.text_area(
            "Formula",
            "\n".join(texts),
            height=90,
            help="One line is a potential and F its gradient; d lines are the components of F. Variables x, y, z or "
            "x1 ... xd; + - * / ^ (3x is 3*x), sin, cos, tan, exp, log, sqrt, abs, tanh, min, max and more.",
        )
        first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
        low_text = first.text_input("Domain from", low, placeholder="-5, -5")
        high_text = second.text_input("to", high, placeholder="5, 5")
        if third.form_submit_button("Apply", icon=":material/check:", width="stretch"):
            _apply_formula(text, low_text, high_text)


def _apply_formula(text: str, low: str, high: str) -> None:
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    with states.told():
        if not lines:
            raise InputError("the formula is empty; type a potential or the components of F")
        choice.choose("expression", expression=lines, low=numbers_in(low, "from"), high=numbers_in(high, "to"))
        st.rerun()

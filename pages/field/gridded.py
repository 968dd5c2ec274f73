"""Gridded data on the Field page: which variables F is made of, and which time, level and member."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields.readers.gridded_axes import Choice
from npf_engine.fields.readers.gridded_look import GriddedLook
from npf_engine.fields.sources.gridded import file_of
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.limits import vector
from pages.field import choice, reading
from ui import states

TITLES = {"time": "Time", "level": "Level", "member": "Member"}
MOST_ON_SLIDER = 2000  # steps; of more, their number is typed
Select = Callable[[FieldSpec, str], None]


def show(spec: FieldSpec) -> None:
    """The choices that the field's file offers; nothing where it is of another kind."""
    path = file_of(spec)
    if path is None or not path.exists():
        return
    seen = reading.look(path, spec)
    if seen is not None and seen.gridded is not None:
        offer(seen.gridded, spec)


def offer(seen: GriddedLook, spec: FieldSpec) -> None:
    """Variables and steps of a file that was looked at."""
    _variables(seen, asked=bool(seen.defect) and not (spec.components or spec.scalar))
    kinds: set[str] = set()
    for step in seen.choices:
        if step.kind not in kinds:  # a setting a kind: of a second dimension of it the first step is taken
            kinds.add(step.kind)
            _step(step)


def _variables(seen: GriddedLook, asked: bool) -> None:
    """asked: whether nothing is F before the visitor says what."""
    options = [*map(", ".join, seen.boxes), *map(", ".join, seen.pairs), *(f"∇ {name}" for name in seen.scalars)]
    now = ", ".join(seen.variables) if len(seen.variables) > 1 else f"∇ {seen.variables[0]}"
    options = list(dict.fromkeys([*options, now]))
    if len(options) < 2:
        return
    st.session_state["gridded_variables"] = None if asked else now
    st.selectbox(
        "F is",
        options,
        index=None,
        placeholder="Choose two variables, or one for its gradient (∇)",
        key="gridded_variables",
        format_func=states.plain,
        on_change=_variables_chosen,
        help="Two variables as components (three in space), or the gradient (∇) of one.",
    )


def _variables_chosen() -> None:
    chosen = str(st.session_state["gridded_variables"])
    if chosen.startswith("∇ "):
        choice.change(components="", scalar=chosen[2:])
    elif chosen.count(", ") == 2:  # a box has no level to choose
        choice.change(components=chosen.replace(", ", ","), scalar="", level="")
    else:
        choice.change(components=chosen.replace(", ", ","), scalar="")


def _step(step: Choice) -> None:
    count = step.size
    if count < 2:
        return
    key = f"gridded_{step.kind}"
    title = TITLES[step.kind] + ("" if step.dimension.lower() == step.kind else f" ({states.plain(step.dimension)})")
    st.session_state[key] = step.index
    if count <= MOST_ON_SLIDER:
        st.select_slider(
            title,
            range(count),
            key=key,
            format_func=lambda k: f"{step.labels[k]} · {k + 1} of {count}",
            on_change=_step_chosen,
            args=(step.kind,),
        )
    else:
        st.number_input(title, 0, count - 1, step=1, key=key, on_change=_step_chosen, args=(step.kind,))
        st.caption(states.plain(step.label))


def _step_chosen(kind: str) -> None:
    index = int(st.session_state[f"gridded_{kind}"])
    choice.change(**{kind: f"#{index}" if index else ""})


def options(spec: FieldSpec, select: Select) -> None:
    """What a gridded file does not say, or says wrongly; the part of it to take."""
    first, second = st.columns(2)
    with first:
        select(spec, "along")
        select(spec, "missing")
    with second:
        select(spec, "axes")
        st.session_state["option_box"] = ", ".join(f"{edge:g}" for edge in spec.bounds or ())
        st.text_input(
            "Part: west, south, east, north",
            key="option_box",
            on_change=_bounds,
            placeholder="all of it; or -20, 35, 40, 70",
            help="In degrees; east may lie beyond 180.",
        )
    st.session_state["option_crs"] = spec.crs
    st.text_input(
        "Coordinate system of its x and y",
        key="option_crs",
        on_change=_crs,
        placeholder="as the file says; or EPSG:3857, none",
        help="For a grid on a map that does not say on which one.",
    )


def _crs() -> None:
    choice.change(crs=str(st.session_state["option_crs"]).strip())


def _bounds() -> None:
    text = str(st.session_state["option_box"]).strip()
    try:
        choice.change(bounds=tuple(vector("the part", text, 4)) if text else None)
    except InputError as error:
        st.session_state[choice.PROBLEM] = str(error)

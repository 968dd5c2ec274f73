"""Click a place or type a value of F, and see where F takes it."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from npf_engine.fields.field import Grid
from npf_engine.figures import inverse, preimages, shares
from npf_engine.figures.layout import Extent, subscript
from npf_engine.measures import views
from npf_engine.measures.inverse_view import PreimageView
from npf_engine.numbers import number, percent, typed
from npf_engine.polar import PolarFactorization
from npf_engine.runs.store import Run
from npf_engine.settings import limits, reading
from npf_engine.tasks import layout
from pages.inverse import answer, ways
from pages.inverse.wording import level_lines
from ui import coast, fieldtitle, modelviews, states
from ui.plots import plot

MAP_POINTS = 3000  # of the map that is clicked
DRAWS = (100, 500, 2000)
GRADIENT = "g"  # query parameter: the gradient asked for
CLICKED = "clicked_place"  # session: (run, gradient of the link, the place that was clicked for it)
LAST = "last_click"  # session: the click that was answered, since a selection stays on the plot
DIGITS = 9  # of a gradient in a link: all that single precision has, so that a clicked place is found again
MOST_FIELDS = 4  # components with a box of their own; more are typed in one line


def show(run: Run, model: PolarFactorization, name: str) -> None:
    """The map to click, the gradient, and its pre-images."""
    x, f = (values.numpy() for values in views.kept_samples(model, MAP_POINTS))
    grid = modelviews.relief(str(layout.home()), run.id) if model.d == 2 else None
    wanted = None
    with states.told():
        wanted = asked(model.d)
    gradient = f[0] if wanted is None else wanted
    clicked = None if wanted is None else _clicked(run)
    draws = _form(gradient, model)
    view = modelviews.preimages(str(layout.home()), run.id, tuple(map(float, gradient)), draws)
    answer.tell(view, model, clicked)
    if model.d == 1:
        _preimages(view, x, f, model, grid, clicked, name)
        _ladder(view, name)
        return
    left, right = st.columns(2, gap="medium")
    with left:
        _map(run, x, f, model, grid, name)
    with right:
        _preimages(view, x, f, model, grid, clicked, name)
    if model.d > 2:
        _ladder(view, name)
        return
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("## How the draws get there")
        ways.show(view, model, run.id, grid, name)
    with right:
        _ladder(view, name)


def asked(d: int) -> np.ndarray | None:
    """The gradient of the link, (d,), or None. Raises InputError for one that is none."""
    text = st.query_params.get(GRADIENT)
    if text is None:
        return None
    return parse(text, d)


def parse(text: str, d: int) -> np.ndarray:
    """d finite numbers between commas or spaces. Raises InputError."""
    return np.array(limits.vector("the gradient", text, d))


def _form(gradient: np.ndarray, model: PolarFactorization) -> int:
    """Boxes for the value, sent together; and how many draws, which counts at once."""
    unit = f" ({states.plain(model.units.value)})" if model.units.value else ""
    shown = tuple(float(f"{value:.{DIGITS}g}") for value in gradient)
    asked_for, how_many = st.columns([5, 2], vertical_alignment="bottom")
    with asked_for, st.form("gradient_form", border=False):
        narrow = model.d <= MOST_FIELDS
        columns = st.columns([2] * model.d + [1] if narrow else [6, 1], vertical_alignment="bottom")
        if narrow:
            boxes = [
                columns[k].number_input(
                    f"F{subscript(k + 1)}{unit}", value=shown[k], format="%.4g", step=None, key=f"g{k}_{shown}"
                )
                for k in range(model.d)
            ]
            text = " ".join(map(repr, boxes))
        else:
            line = ", ".join(map(typed, shown))
            text = columns[0].text_input(f"F{unit}, {model.d} numbers", line, key=f"g_{hash(shown)}")
        sent = columns[-1].form_submit_button("Find", icon=":material/search:", width="stretch")
    with how_many:
        chosen = st.segmented_control("Draws", DRAWS, default=500, key="draws", required=True)
    if sent:
        with states.told():
            values = parse(text, model.d)
            st.session_state.pop(CLICKED, None)
            _ask(values)
    return int(chosen or 500)


def _ask(gradient: np.ndarray) -> None:
    st.query_params[GRADIENT] = _text(gradient)
    st.rerun()


def _text(gradient: np.ndarray) -> str:
    return ", ".join(typed(float(f"{value:.{DIGITS}g}")) for value in gradient)


def _map(run: Run, x: np.ndarray, f: np.ndarray, model: PolarFactorization, grid: Grid | None, name: str) -> None:
    top = float(np.quantile(np.linalg.norm(f, axis=1), 0.99))
    figure = inverse.norm_points(
        x, f, Extent(model.units, model.low, model.high), top=top, grid=grid, revision="click_map"
    )
    _coasts(figure, model)
    event = plot(
        figure,
        "click_map",
        f"Click a point: its {fieldtitle.word(model).one} is looked for everywhere else. The colour is |F|.",
        {"x": x, "F": f},
        name,
        on_select="rerun",
        selection_mode="points",
    )
    points = event["selection"]["points"] if event else []
    index = next((int(point["point_index"]) for point in points if point.get("curve_number") == 0), None)
    if index != st.session_state.get(LAST):
        st.session_state[LAST] = index
        if index is not None and index < len(x):
            st.session_state[CLICKED] = run.id, _text(f[index]), x[index]
            _ask(f[index])


def _clicked(run: Run) -> np.ndarray | None:
    """The place whose gradient the link asks for, where a click on this run's map asked for it."""
    owner, gradient, place = st.session_state.get(CLICKED) or (None, None, None)
    return place if (owner, gradient) == (run.id, st.query_params.get(GRADIENT)) else None


def _preimages(
    view: PreimageView,
    x: np.ndarray,
    f: np.ndarray,
    model: PolarFactorization,
    grid: Grid | None,
    clicked: np.ndarray | None,
    name: str,
) -> None:
    places = None if view.exact is None else (view.exact.places.numpy(), view.exact.weights.numpy())
    if model.d == 1:
        place = None if clicked is None else float(clicked[0])
        figure = preimages.preimage_graph(
            view.x[:, 0], float(view.point[0]), place, x[:, 0], f[:, 0], float(view.gradient[0]), model.units, places
        )
    else:
        figure = preimages.preimage_map(
            view.x,
            view.point,
            Extent(model.units, model.low, model.high),
            grid=grid,
            backdrop=x,
            chosen=clicked,
            exact=preimages.Exact(view.levels, places),
        )
        _coasts(figure, model)
    table = {"x": view.x, "miss": view.error, "gradient": view.gradient[None]}
    if places is not None:
        table |= {"place": places[0], "share": places[1]}
    plot(figure, "preimages", _caption(view, model, grid), table, name)


def _coasts(figure: go.Figure, model: PolarFactorization) -> None:
    provenance = reading.maybe_mapping(model.info, "provenance")
    coast.add(figure, model.units, model.low, model.high, provenance)


def _caption(view: PreimageView, model: PolarFactorization, grid: Grid | None) -> str:
    """What the picture shows, and of this gradient what can be read from it."""
    word = fieldtitle.word(model).one
    where = f"the cross is ∇u*(v) of this {word} v, where M sends all its pre-images."
    if not view.inside:
        where = f"for the point of Ω nearest to ∇u*(v) of this {word} v, which lies outside."
    parts = [f"Dots are draws of Iψ{',' if view.inside else ''} {where}"]
    if model.d > 1:
        parts.append(states.plain(preimages.behind(grid, model.units)))
    if view.levels is not None:
        parts.append(level_lines(view.levels, word))
    if view.exact is not None and len(view.exact.places):
        alone = bool((view.exact.found & ~view.exact.restarted).any())
        which = "of those draws that came to one by themselves" if alone else "of the draws, all of them carried there"
        parts.append(f"Diamonds are the exact places, as large as their share {which}.")
        if (view.exact.weights < shares.NAMED).any():
            parts.append(f"Shares from {percent(shares.NAMED, 0)} on are written where there is room.")
    return " ".join(parts)


def _ladder(view: PreimageView, name: str) -> None:
    """Ours between the exact places, a look-up of samples and chance."""
    ours, nearest, chance = (number(view.ladder[key], 2) for key in ("ours", "nearest", "random"))
    better = "better" if view.ladder["ours"] < view.ladder["nearest"] else "worse"
    against = f"not told from the samples whose M is nearest ({ours} against {nearest}, within two standard errors)"
    if abs(view.ladder["ours"] - view.ladder["nearest"]) > view.doubt:
        against = f"{better} than the samples whose M is nearest ({ours} against {nearest})"
    caption = (
        f"What F misses on average, as a share of its spread. Our draws are {against}; a random place misses by "
        f"{chance}."
    )
    rungs = {"rung": np.array(list(view.ladder)), "miss": np.array(list(view.ladder.values()))}
    plot(preimages.miss_ladder(view.ladder), "miss_ladder", caption, rungs, name)

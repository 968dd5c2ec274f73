"""Click a place or type a gradient, and see where else F takes it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine import limits
from npf_engine.evaluation import views
from npf_engine.fields.field import Grid
from npf_engine.figures import inverse
from npf_engine.numbers import number
from npf_engine.polar import PolarFactorization
from npf_engine.runs import files
from npf_engine.runs.store import Run
from pages.factorization import data
from ui import states
from ui.plots import plot

MAP_POINTS = 3000  # of the map that is clicked
DRAWS = (100, 500, 2000)
GRADIENT = "g"  # query parameter: the gradient asked for
CLICKED = "clicked_place"  # session: (run, gradient of the link, the place that was clicked for it)
LAST = "last_click"  # session: the click that was answered, since a selection stays on the plot
MOST_FIELDS = 4  # components with a box of their own; more are typed in one line


def show(run: Run, model: PolarFactorization, name: str) -> None:
    """The map to click, the gradient, and its pre-images."""
    x, f = (values.numpy() for values in views.kept_samples(model, MAP_POINTS))
    grid = data.relief(str(files.home()), run.id) if model.d == 2 else None
    wanted = None
    with states.told():
        wanted = asked(model.d)
    gradient = f[0] if wanted is None else wanted
    clicked = _clicked(run) if wanted is not None else x[0]
    draws = _form(gradient, model)
    view = views.preimage_view(model, gradient, draws)
    _answer(view)
    if model.d == 1:
        _preimages(view, x, f, model, grid, clicked, name)
        return
    left, right = st.columns(2, gap="medium")
    with left:
        _map(run, x, f, model, grid, name)
    with right:
        _preimages(view, x, f, model, grid, clicked, name)


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
    unit = f" ({model.units.value})" if model.units.value else ""
    shown = tuple(float(f"{value:.6g}") for value in gradient)
    with st.form("gradient_form", border=False):
        narrow = model.d <= MOST_FIELDS
        columns = st.columns([2] * model.d + [1, 2] if narrow else [6, 1, 2], vertical_alignment="bottom")
        if narrow:
            boxes = [
                columns[k].number_input(
                    f"F{k + 1}{unit}", value=shown[k], format="%.4g", step=None, key=f"g{k}_{shown}"
                )
                for k in range(model.d)
            ]
            text = " ".join(map(repr, boxes))
        else:
            line = ", ".join(f"{value:.5g}" for value in shown)
            text = columns[0].text_input(f"Gradient{unit}, {model.d} numbers", line, key=f"g_{hash(shown)}")
        sent = columns[-2].form_submit_button("Find", icon=":material/search:", width="stretch")
        chosen = columns[-1].segmented_control("Draws", DRAWS, default=500, key="draws", required=True)
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
    return ", ".join(f"{value:.6g}" for value in gradient)


def _map(run: Run, x: np.ndarray, f: np.ndarray, model: PolarFactorization, grid: Grid | None, name: str) -> None:
    top = float(np.quantile(np.linalg.norm(f, axis=1), 0.99))
    figure = inverse.norm_points(x, f, model.units, model.low, model.high, top=top, grid=grid, revision="click_map")
    event = plot(
        figure,
        "click_map",
        "Click a point: its gradient is looked for everywhere else. The colour is |F|.",
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


def _answer(view: views.PreimageView) -> None:
    miss, trivial = float(view.error.mean()), view.trivial
    by = "" if view.exact else " (by F at the nearest sample)"
    st.markdown(
        f"**{len(view.x)}** pre-images in **{1000 * view.seconds:.0f} ms**. F there misses the gradient by "
        f"**{number(miss)}** on average{by}; at a random place it misses by **{number(trivial)}**."
    )
    if not view.inside:
        st.warning(
            "No place in Omega has this gradient, as far as the model knows: its ∇u* lies outside. Shown are the "
            "pre-images of "
            "the nearest point of Omega.",
            icon=":material/wrong_location:",
        )


def _preimages(
    view: views.PreimageView,
    x: np.ndarray,
    f: np.ndarray,
    model: PolarFactorization,
    grid: Grid | None,
    clicked: np.ndarray | None,
    name: str,
) -> None:
    if model.d == 1:
        place = None if clicked is None else float(clicked[0])
        figure = inverse.preimage_graph(
            view.x[:, 0], float(view.point[0]), place, x[:, 0], f[:, 0], float(view.gradient[0]), model.units
        )
        caption = "The pre-images must lie where the graph of F crosses the level, on every branch of it."
    else:
        figure = inverse.preimage_map(
            view.x, view.point, model.units, model.low, model.high, grid=grid, backdrop=x, chosen=clicked
        )
        caption = (
            "Where Iψ puts the gradient: each dot is a draw. They should gather in separate spots, one of them at "
            "the place "
            "clicked. The cross is ∇u* of the gradient, where M sends all of them."
        )
    plot(figure, "preimages", caption, {"x": view.x, "miss": view.error, "gradient": view.gradient[None]}, name)

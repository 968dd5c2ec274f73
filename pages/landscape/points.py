"""Where does the gradient take the value v? v = 0 asks for critical points; each comes with its Hessian's type."""

from __future__ import annotations

from collections import Counter

import numpy as np
import streamlit as st

from npf_engine.errors import InputError
from npf_engine.figures import critical
from npf_engine.figures.layout import subscript
from npf_engine.measures.critical_draws import NEAR, CriticalDraws, critical_draws
from npf_engine.numbers import number as number_text
from npf_engine.numbers import settled
from npf_engine.numbers import typed as typed_text
from npf_engine.settings import limits
from pages.landscape import ground
from pages.landscape.ground import Ground, Place
from ui import runs, states
from ui.plots import downloads, plot

VALUE = "v"  # query parameter: the value asked for
TYPES = {
    "minimum": "a mode of exp(-c g)",
    "saddle": "down in one direction, up in another",
    "maximum": "a peak",
    "degenerate": "flat in some direction: the Hessian does not tell",
}

BENT = {  # where the gradient is not 0
    "minimum": "g bends up in every direction",
    "saddle": "up in one direction, down in another",
    "maximum": "g bends down in every direction",
    "degenerate": TYPES["degenerate"],
}


def show(where: Place, picture: Ground, name: str, run_id: str | None = None) -> None:
    """The value, the points on the map, and their table; beside Newton's what I_psi of the run's networks draws."""
    v = (0.0, 0.0)
    with states.told():
        v = asked()
    _form(v)
    points = ground.critical_points(where, v)
    if not points:
        st.info("The gradient takes this value nowhere in the box.", icon=":material/search_off:")
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        figure = picture.contour("critical")
        drawn = _drawn(run_id, v, np.array([p.location for p in points], dtype=np.float64))
        if drawn is not None:
            critical.add_particles(figure, drawn.x, "draws of Iψ")
        critical.add_points(figure, [(p.location, p.kind) for p in points])
        plot(figure, "critical", _words(points, v) + ("" if drawn is None else _told(drawn, len(points))))
    with right:
        axes = picture.units.axes
        rows = [
            {
                axes[0]: p.location[0],
                axes[1]: p.location[1],
                "g": settled(p.value),
                "type": p.kind,
                "eigenvalues": ", ".join(number_text(value, 4) for value in p.eigenvalues),
                "miss": number_text(p.residual, 1, nothing=0),
            }
            for p in points
        ]
        number = st.column_config.NumberColumn
        st.dataframe(
            rows,
            hide_index=True,
            width="stretch",
            height="content" if len(rows) < 12 else 420,
            column_config={
                **{axis: number(format="%.4g", width="small") for axis in axes[:2]},
                "g": number(format="%.4g", width="small"),
                "type": st.column_config.TextColumn("type", width="small"),
                "eigenvalues": st.column_config.TextColumn("eigenvalues", help="Of the Hessian of g there."),
                "miss": st.column_config.TextColumn("|∇g − v|", width="small"),
            },
        )
        types = BENT if any(v) else TYPES
        st.caption(" · ".join(f"**{kind}**: {types[kind]}" for kind in dict.fromkeys(p.kind for p in points)))
        columns = {"x": "location", "g": "value", "type": "kind", "eigenvalue": "eigenvalues", "residual": "residual"}
        table = {column: np.array([getattr(p, part) for p in points]) for column, part in columns.items()}
        downloads(table, "critical_points", name)


def _drawn(run_id: str | None, v: tuple[float, float], points: np.ndarray) -> CriticalDraws | None:
    """Draws of the run's I_psi for this value; None for a run that left no networks."""
    if run_id is None:
        return None
    try:
        return _draws(run_id, runs.written(run_id), v, points)
    except InputError:
        return None


@st.cache_data(max_entries=16, show_spinner="Drawing pre-images ...")
def _draws(run_id: str, written: int, v: tuple[float, float], points: np.ndarray) -> CriticalDraws:
    return critical_draws(runs.load_model(run_id), v, points)


def _told(drawn: CriticalDraws, count: int) -> str:
    near, trivial = 100 * drawn.near, 100 * drawn.trivial
    return (
        f" Dots: {len(drawn.x)} draws of Iψ(∇u*(v)) of this run's networks; {near:.0f} % of them are within "
        f"{100 * NEAR:.0f} % of the box's diagonal of such a point (uniform places: {trivial:.0f} %), and "
        f"{drawn.found} of the {count} points have more than twice the draws near them that chance would bring."
    )


def asked() -> tuple[float, float]:
    """The value of the link, 0 without one. Raises InputError for one that is none."""
    text = st.query_params.get(VALUE)
    if text is None:
        return (0.0, 0.0)
    first, second = limits.vector("the value", text, 2)
    return (float(first), float(second))


def _form(v: tuple[float, float]) -> None:
    with st.form("value_form", border=False):
        columns = st.columns([2, 2, 1, 2], vertical_alignment="bottom")
        typed = [
            column.number_input(
                f"v{subscript(number)}",
                value=value,
                format="%.4g",
                step=None,
                key=f"v{number}_{v}",
                help="The value asked of ∇g, the gradient of g; 0 and 0 ask for critical points.",
            )
            for number, (column, value) in enumerate(zip(columns, v, strict=False), start=1)
        ]
        if columns[2].form_submit_button("Find", icon=":material/search:", width="stretch"):
            with states.told():
                if any(value is None for value in typed):
                    raise InputError("v needs two numbers; 0 and 0 ask for critical points")
                st.query_params[VALUE] = ", ".join(map(typed_text, typed))
                st.rerun()


def _words(points: list, v: tuple[float, float]) -> str:
    counts = Counter(point.kind for point in points)
    told = ", ".join(f"{count} {kind if count == 1 else plural(kind)}" for kind, count in counts.items())
    what = "Critical points"
    if any(v):
        what = f"Points where ∇g = ({typed_text(v[0])}, {typed_text(v[1])}), by the type of g's Hessian"
    return f"{what}: {told}. Newton's method from a grid of starts over the whole box; each point is one where it ends."


def plural(kind: str) -> str:
    """minima, saddles, maxima, degenerate ones."""
    return {"minimum": "minima", "saddle": "saddles", "maximum": "maxima"}.get(kind, "degenerate ones")

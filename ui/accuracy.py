"""The accuracy table: every value between its floor and its trivial answer."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from npf_engine import glossary
from npf_engine.errors import InputError
from npf_engine.figures import accuracy, print_views
from npf_engine.figures.layout import in_unit
from npf_engine.measures import words
from npf_engine.numbers import number, percent
from npf_engine.runs.store import Run
from npf_engine.settings import reading
from npf_engine.settings.reading import maybe_number
from npf_engine.studies import printed
from ui import cards, frame, paperfigure, runs, states
from ui.cards import Card
from ui.plots import plot

MISS = accuracy.MISS
SYMBOLS = ("S", "W", "TV", "hole", "grad_u", "law", "rho", "M_xi", "M_theta", "I")  # of the glossary
# column -> head, term of the glossary, width in pixels
HEADS = {
    "value": ("Value", "Value", 66),
    "floor": ("Floor", "Floor", 66),
    "trivial": ("Trivial", "Trivial answer", 66),
    "ratio": ("Ratio", "Ratio", 104),
    "beyond": ("Beyond chance", "Beyond chance", 102),
    "limit": ("Good up to", "Good up to", 80),
}


def show(run: Run, name: str) -> None:
    """Verdict, table, figure, and the numbers that are no divergence."""
    runs.verdict(run)
    table(run, name)


def table(run: Run, name: str) -> None:
    """The same without the verdict."""
    metrics = run.metrics or {}
    rows = accuracy.rows(metrics)
    if not rows:
        st.info("This model carries no accuracy table.", icon=":material/info:")
        return
    cells = [_cells(row) for row in rows]
    with st.container(key="accuracy_wide"):
        st.dataframe(cells, hide_index=True, width="stretch", column_config=_columns())
    with st.container(key="accuracy_narrow"):  # in its place on a narrow screen
        cards.show(_cards(cells))
    frame.caption(
        "S is the Sinkhorn divergence on unseen test samples, W the sliced Wasserstein distance, TV the mass that is "
        "in a wrong cell, hole the widest bare place (± of these two: the change with the half of the samples). A "
        "ratio (value over floor) of 1 is the noise of two independent draws of "
        "the same law: nothing can be told from it; one far below 1 is a cloud that is too narrow, as an average is "
        "(a miss below its floor is simply better). A "
        "value near its trivial answer (what a model that learnt nothing scores) is a failure. The verdict holds what "
        "is beyond chance against what is good, row by row."
    )
    explained({row["key"]: row for row in rows})
    _numbers(metrics, _unit(run))
    kept = {
        key: np.array([np.nan if row[key] is None else row[key] for row in rows], dtype=np.float64)
        for key in ("value", "floor", "ratio", "se", "trivial")
    }
    caption = printed.caption(print_views.LADDER, run.spec_json)
    arrays = {"measure": np.array([row["measure"] for row in rows]), **kept}
    plot(accuracy.ladder(metrics), "ladder", caption, arrays, name)
    paperfigure.offer(
        print_views.LADDER,
        name,
        lambda how: printed.ladder(metrics, how),
        caption,
        paperfigure.command(run),
        lambda: arrays,
    )


def explained(figures: Mapping[str, accuracy.Row | None]) -> None:
    """What each figure of the table is, and what it was computed from where the row of one model is given: the cells of
    a table have no tooltips."""
    with st.expander("How each number is made", icon=":material/functions:"):
        for key, row in figures.items():
            here: dict[str, float | None] = {}
            if row is not None:  # a miss is of single draws, not of clouds
                here = {"n": None if key == MISS else row["n"], "eps": row["eps"], "draws": row["draws"]}
            found = words.FIGURES[key]
            st.markdown(f"**{states.plain(found.symbol)}**: {states.plain(found.asks)}. {words.about(key, **here)}")


def _cells(row: Mapping[str, object]) -> dict[str, object]:
    value, floor, ratio, se, trivial, better, beyond, limit = (
        maybe_number(row, key) for key in ("value", "floor", "ratio", "se", "trivial", "better", "beyond", "limit")
    )
    return {
        "measure": row["measure"],
        "value": number(value),
        "floor": number(floor),
        "trivial": number(trivial),
        "ratio": number(ratio) + (f" ± {number(se, 2)}" if ratio is not None and se is not None else ""),
        "beyond": number(beyond),
        "limit": number(limit),
        "what": row["what"],
        "better": None if better is None else 100 * better,
        "n": row["n"],
    }


def _cards(cells: Sequence[Mapping[str, object]]) -> list[Card]:
    """The rows as cards: what is asked, and its numbers."""
    found = []
    for row in cells:
        numbers = [f"{name} {row[key]}" for key, (name, *_) in HEADS.items() if row[key] != number(None)]
        if isinstance(better := row["better"], float):
            numbers.append(f"way to the floor {better:.0f} %")
        if isinstance(n := row["n"], int | float):
            numbers.append(f"{n:,.0f} points")
        found.append(Card(str(row["measure"]), str(row["what"]), numbers))
    return found


def _columns() -> Mapping[str, ColumnConfig]:
    text, whole = st.column_config.TextColumn, st.column_config.NumberColumn
    return {
        "measure": text("Measure", help=glossary.explained(SYMBOLS), width=112),
        **{key: text(name, help=glossary.MEASURES[about], width=w) for key, (name, about, w) in HEADS.items()},
        "what": st.column_config.TextColumn("Is it true that ...", width=250),
        "better": st.column_config.ProgressColumn(
            "Way to the floor",
            min_value=0,
            max_value=100,
            format="%.0f %%",
            color="primary",
            width=112,
            help="0 % at the trivial answer, 100 % at the floor, on a logarithmic scale.",
        ),
        "n": whole("Points", format="%d", help="Of each cloud."),
    }


def _unit(run: Run) -> str:
    """That of F, behind a number."""
    with contextlib.suppress(InputError):
        return in_unit(states.plain(runs.load_model(run.id).units.value))
    return ""


def _numbers(metrics: Mapping[str, object], unit: str) -> None:
    rebuilt, cosine, distance, miss, dual = (
        reading.maybe_mapping(metrics, key)
        for key in ("reconstruction", "inverse_cosine", "inverse_l2", "inverse_miss", "test_dual")
    )
    with st.container(horizontal=True, gap="small", key="accuracy_numbers"):
        if (relative := maybe_number(rebuilt, "relative")) is not None:
            _card(
                "reconstruction",
                f"{100 * relative:.1f} %",
                f"mean |F − ∇u∘Mξ| is {number(maybe_number(rebuilt, 'l2'))}{unit}, so much of the mean |F|.",
            )
        if cosine:
            mean, std, trivial = (maybe_number(cosine, key) for key in ("mean", "std", "trivial"))
            _card(
                "inverse_cosine",
                f"{number(mean, 4)} ± {number(std, 2)}",
                f"One fixed direction reaches {number(trivial, 2)}.",
            )
        if distance:
            mean, std, trivial = (maybe_number(distance, key) for key in ("mean", "std", "trivial"))
            about = f"F's mean in place of all of them is {number(trivial)}{unit} off."
            _card("inverse_l2", f"{number(mean)} ± {number(std, 2)}{unit}", about)
        if maybe_number(miss, "mean") is not None:
            draws = maybe_number(miss, "n")
            _card(MISS, percent(reading.number(miss, "mean")), _miss(miss), "Miss of the inverse, of F's spread", draws)
        if dual:
            _card(
                "test_dual",
                f"{number(maybe_number(dual, 'value'), 5)}{unit}",
                f"Largest residual of its conjugates {number(maybe_number(dual, 'max_residual'), 2)}.",
            )


def _card(key: str, value: str, here: str, label: str = "", draws: float | None = None) -> None:
    """A number that is no divergence, with what it is and what this model's says besides."""
    st.metric(label or words.FIGURES[key].asks, value, border=True, help=f"{here}\n\n{words.about(key, draws=draws)}")


def _miss(miss: Mapping[str, object]) -> str:
    """What stands behind the mean miss, in words."""
    text = (
        f"At drawn pre-images x of v, F(x) misses v by that share of F's spread on average; the median is "
        f"{number(maybe_number(miss, 'median'), 2)}."
    )
    if (beyond := maybe_number(miss, "beyond_half")) is not None:
        text += f" {100 * beyond:.0f} % miss by more than half of |v|."
    if (worst := maybe_number(miss, "worst_decile")) is not None:
        text += f" At the worst tenth of places the median is beyond {number(worst, 2)}."
    if (found := maybe_number(reading.maybe_mapping(miss, "exact"), "found")) is not None:
        text += f" Carried on by F itself, {100 * found:.1f} % of the draws end within 0.01 of v."
    if (own := maybe_number(miss, "own_error")) is not None:
        text += f" F is known on samples only; ∇u∘Mξ in its place misses by {number(own, 2)} itself."
    return text

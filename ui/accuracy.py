"""The accuracy table: every value between its floor and its trivial answer."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from npf_engine import glossary
from npf_engine.errors import InputError
from npf_engine.figures import accuracy, print_views
from npf_engine.figures.layout import in_unit
from npf_engine.measures import accuracy_verdict as verdict
from npf_engine.numbers import number, percent
from npf_engine.runs.store import Run
from npf_engine.settings import reading
from npf_engine.settings.reading import maybe_number
from npf_engine.studies import printed
from ui import frame, paperfigure, runs, states
from ui.plots import plot

SYMBOLS = ("S", "W", "TV", "hole", "grad_u", "law", "rho", "M_xi", "M_theta", "I")  # of the glossary
# column -> head, term of the glossary, width in pixels: the first four are seen whole on a narrow screen
HEADS = {
    "value": ("Value", "Value", 72),
    "floor": ("Floor", "Floor", 72),
    "trivial": ("Trivial", "Trivial answer", 72),
    "ratio": ("Ratio", "Ratio", 110),
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
        st.html(_cards(cells))
    frame.caption(
        "S is the Sinkhorn divergence on unseen test samples, W the sliced Wasserstein distance, TV the mass that is "
        "in a wrong cell, hole the widest bare place (± of these two: the change with the half of the samples). A "
        "ratio (value over floor) of 1 is the noise of two independent draws of "
        "the same law: nothing can be told from it; one far below 1 is a cloud that is too narrow, as an average is "
        "(a miss below its floor is simply better). A "
        "value near its trivial answer (what a model that learnt nothing scores) is a failure." + _limits()
    )
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


def _limits() -> str:
    """Up to where the verdict calls each row good."""
    ratios = {"S(∇u♯ρ)": "pushforward", "S(M♯ρ)": "measure_preservation", "S(Iψ)": "inverse"}
    told = ", ".join(f"{name} {verdict.LIMITS[key][0]:g}" for name, key in ratios.items())
    return (
        f" Good is, beyond chance: ratios of {told}; W up to {verdict.SHARES['pushforward_sliced'][0]:g} % above its "
        f"floor; TV up to {verdict.MISPLACED[0]:g} % as √(value² − floor²), for chance adds in squares; hole up to "
        f"{verdict.WIDE[0]:g} % above its floor."
    )


def _cells(row: Mapping[str, object]) -> dict[str, object]:
    value, floor, ratio, se, trivial, better = (
        maybe_number(row, key) for key in ("value", "floor", "ratio", "se", "trivial", "better")
    )
    return {
        "measure": row["measure"],
        "value": number(value),
        "floor": number(floor),
        "trivial": number(trivial),
        "ratio": number(ratio) + (f" ± {number(se, 2)}" if ratio is not None and se is not None else ""),
        "what": row["what"],
        "better": None if better is None else 100 * better,
        "n": row["n"],
    }


def _cards(cells: Sequence[Mapping[str, object]]) -> str:
    """The rows as cards, a list of terms: what is asked, and its numbers."""
    cards = []
    for row in cells:
        numbers = [f"{name} {row[key]}" for key, (name, *_) in HEADS.items() if row[key] != number(None)]
        if isinstance(better := row["better"], float):
            numbers.append(f"way to the floor {better:.0f} %")
        if isinstance(n := row["n"], int | float):
            numbers.append(f"{n:,.0f} points")
        told = "".join(f"<span>{escape(text)}</span>" for text in numbers)
        cards.append(
            f"<div><dt>{escape(str(row['measure']))}</dt><dd>{escape(str(row['what']))}</dd>"
            f'<dd class="numbers">{told}</dd></div>'
        )
    return f'<dl class="npf-cards">{"".join(cards)}</dl>'


def _columns() -> Mapping[str, ColumnConfig]:
    text, whole = st.column_config.TextColumn, st.column_config.NumberColumn
    return {
        "measure": text("Measure", help=glossary.explained(SYMBOLS), width=112),
        **{key: text(name, help=glossary.MEASURES[about], width=w) for key, (name, about, w) in HEADS.items()},
        "what": st.column_config.TextColumn("Is it true that ...", width=330),
        "better": st.column_config.ProgressColumn(
            "Way to the floor",
            min_value=0,
            max_value=100,
            format="%.0f %%",
            color="primary",
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
    rebuilt, cosine, miss, dual = (
        reading.maybe_mapping(metrics, key) for key in ("reconstruction", "inverse_cosine", "inverse_miss", "test_dual")
    )
    with st.container(horizontal=True, gap="small", key="accuracy_numbers"):
        if (relative := maybe_number(rebuilt, "relative")) is not None:
            st.metric(
                "Reconstruction error, of mean |F|",
                f"{100 * relative:.1f} %",
                border=True,
                help=f"mean |F − ∇u∘Mξ| is {number(maybe_number(rebuilt, 'l2'))}{unit}, so much of the mean |F|.",
            )
        if cosine:
            mean, std, trivial = (maybe_number(cosine, key) for key in ("mean", "std", "trivial"))
            st.metric(
                "Cosine of the inverse, at most 1",
                f"{number(mean, 2)} ± {number(std, 2)}",
                border=True,
                help=f"F at a drawn pre-image against F asked for; one fixed direction reaches {number(trivial, 2)}.",
            )
        if maybe_number(miss, "mean") is not None:
            st.metric(
                "Miss of the inverse, of F's spread",
                percent(reading.number(miss, "mean")),
                border=True,
                help=_miss(miss),
            )
        if dual:
            st.metric(
                "Test dual",
                f"{number(maybe_number(dual, 'value'), 5)}{unit}",
                border=True,
                help="mean u(x) + u*(F(x)) on the test set, x scaled to [−1, 1], so that it is in F's unit; lower is "
                f"better: the finest measure of u among models of one field. Largest residual of its "
                f"conjugates {number(maybe_number(dual, 'max_residual'), 2)}.",
            )


def _miss(miss: Mapping[str, object]) -> str:
    """What stands behind the mean miss, in words."""
    text = (
        f"mean |F(x) − v| at drawn pre-images x of v, as a share of F's spread; the median is "
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

"""The accuracy table: every value between its floor and its trivial answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from npf_engine.figures import accuracy
from npf_engine.runs.store import Run
from ui import frame, runs
from ui.plots import plot


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
    st.dataframe([_cells(row) for row in rows], hide_index=True, width="stretch", column_config=_columns())
    frame.caption(
        "S is the Sinkhorn divergence on unseen test samples. A ratio of 1 is the noise of two independent draws of "
        "the same law: nothing can be told from it; one far below 1 is a cloud that is too narrow, as an average is. A "
        "value near its trivial answer (what a model that learnt nothing scores) is a failure."
    )
    _numbers(metrics)
    kept = {key: np.array([np.nan if row[key] is None else row[key] for row in rows], dtype=np.float64)
            for key in ("value", "floor", "ratio", "se", "trivial")}  # fmt: skip
    plot(
        accuracy.ladder(metrics),
        "ladder",
        "Each value, with its standard error, between its floor (grey, at 1) and its trivial answer (brown).",
        {"measure": np.array([row["measure"] for row in rows]), **kept},
        name,
    )


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    ratio = (
        "–" if row["ratio"] is None else f"{row['ratio']:.2f}" + ("" if row["se"] is None else f" ± {row['se']:.2f}")
    )
    return {
        "what": row["what"],
        "measure": row["measure"],
        "value": row["value"],
        "floor": row["floor"],
        "ratio": ratio,
        "trivial": row["trivial"],
        "better": None if row["better"] is None else 100 * row["better"],
        "n": row["n"],
    }


def _columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "what": st.column_config.TextColumn("Is it true that ...", width="medium"),
        "measure": st.column_config.TextColumn("Measure"),
        "value": number("Value", format="%.3g"),
        "floor": number("Floor", format="%.3g", help="The same between two independent draws of the reference."),
        "ratio": st.column_config.TextColumn("Value / floor", help="With its standard error; 1 is perfect."),
        "trivial": number("Trivial answer", format="%.3g", help="What a model that learnt nothing scores."),
        "better": st.column_config.ProgressColumn(
            "Way to the floor", min_value=0, max_value=100, format="%.0f %%", color="primary",
            help="0 % at the trivial answer, 100 % at the floor, on a logarithmic scale.",
        ),
        "n": number("Points", format="%d", help="Of each cloud."),
    }  # fmt: skip


def _numbers(metrics: dict[str, Any]) -> None:
    with st.container(horizontal=True, gap="small", key="accuracy_numbers"):
        rebuilt = metrics.get("reconstruction")
        if rebuilt and rebuilt.get("relative") is not None:
            st.metric(
                "Reconstruction",
                f"{100 * rebuilt['relative']:.1f} %",
                border=True,
                help=f"mean |F − ∇u∘Mξ| is {rebuilt['l2']:.3g}, so much of the mean |F|.",
            )
        cosine = metrics.get("inverse_cosine")
        if cosine:
            st.metric(
                "Cosine of the inverse",
                f"{cosine['mean']:.2f} ± {cosine['std']:.2f}",
                border=True,
                help=f"F at a drawn pre-image against F asked for; one fixed direction reaches "
                f"{cosine['trivial']:.2f}.",
            )
        dual = metrics.get("test_dual")
        if dual:
            st.metric(
                "Test dual",
                f"{dual['value']:.5g}",
                border=True,
                help="mean u(x) + u*(F(x)) on the test set, lower is better: the finest measure of u among models of "
                "one "
                f"field. Largest residual of its conjugates {dual['max_residual']:.1e}.",
            )

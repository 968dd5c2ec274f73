"""The board: clouds of all methods, curves, the table between floor and trivial answer, arrows, digits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from npf_engine.figures import colour, lab
from npf_engine.numbers import number as number_text
from npf_engine.studies.lab.result import LabResult
from npf_engine.transport.methods.registry import references
from pages.lab import bench_setup, titles
from ui import frame, states
from ui.plots import plot

Arrays = Mapping[str, np.ndarray]
MOST = 800  # points of each panel
SHEET = 48  # digits of each method
JUDGED = {"real digits": "Real digits", "gaussian (trivial)": "Gaussian map (trivial)"}


def images(report: LabResult, arrays: Arrays) -> dict[str, np.ndarray]:
    """Method -> its pushforward, in the order of the report."""
    names = {name: f"pushforward_{name}" for name in report.results}
    return {name: arrays[key] for name, key in names.items() if key in arrays}


def clouds(report: LabResult, arrays: Arrays, t: float, key: str, name: str) -> None:
    """Source, target and (1 - t) x + t T(x) of every method."""
    found = images(report, arrays)
    n = min([MOST, len(arrays["source"]), *(len(cloud) for cloud in found.values())])
    source, target = (bench_setup.plane(arrays[key][:MOST], report.task) for key in ("source", "target"))
    source = source[:n]
    d = source.shape[1]
    if d == 1 and not found:
        return
    shown = {method: bench_setup.plane(cloud[:n], report.task) for method, cloud in found.items()}
    figure = lab.pushforwards(source, target, shown, t)
    what = "T(x)" if t == 1 else f"{1 - t:.2g} x + {t:.2g} T(x)"
    caption = f"{what} for every method"
    if d == 1:
        caption += ": a Brenier map of the line never falls."
    else:
        caption += "; colours say where a point comes from."
        caption += " A good map lies as the target does, without torn colours." if t == 1 else ""
    if d > 2:
        caption += f" The first two of {d} coordinates."
    data = {"source": source, "target": target} | {
        method: lab.interpolated(source, cloud, t) for method, cloud in shown.items()
    }
    plot(figure, f"clouds_{key}", caption, data, name)


def convergence(report: LabResult, key: str, name: str) -> bool:
    """The measure over time, a line a method; whether there was anything to draw."""
    figure = lab.convergence(report.to_json())
    if figure is None:
        return False
    arrays = {}
    for method, row in report.results.items():
        for axis, told in (("seconds", row.curve.seconds), ("value", row.curve.value)):
            if told:
                arrays[f"{method} {axis}"] = np.array(told, dtype=np.float32)
    caption = (
        f"The measure on {_few(report)} points while each method learns (first seed), lower is better; the levels are "
        "of as many points. A dot: a method that is measured once, at its end. The table's values are of all points "
        "and seeds."
    )
    plot(figure, f"convergence_{key}", caption, arrays or None, name)
    return True


def _few(report: LabResult) -> int:
    return report.n if report.look is None else report.look.points


def many(report: LabResult) -> bool:
    """Whether there are several seeds."""
    return max((len(row.values) for row in report.results.values()), default=0) > 1


def spread(report: LabResult, name: str) -> None:
    """Every seed's value."""
    figure = lab.spread(report.to_json())
    if figure is not None:
        data = {
            method: np.array([np.nan if v is None else v for v in row.values], dtype=np.float32)
            for method, row in report.results.items()
        }
        plot(
            figure, "spread", "Every seed's value: dots close together mean a method that can be relied on.", data, name
        )


def numbers(report: LabResult) -> None:
    """What every value is held against."""
    label, about = titles.METRICS[report.metric]
    unit = " %" if report.metric == "l2_uvp" else ""
    floor = (
        ("0 %", f"{label} of the true map, which is known.")
        if report.floor is None
        else (number_text(report.floor), f"{label} of two draws of the target: no map can be told to do better.")
    )
    shown = [
        ("Floor", *floor),
        ("Trivial answer", number_text(report.trivial) + unit, f"{label} of only moving the mean."),
        ("Exact cost", number_text(report.exact_cost, 4), "Mean squared distance that a Brenier map moves points."),
        ("Test points", f"{report.n:,}", "Unseen by all methods."),
        ("Dimension", f"{report.d}", about),
    ]
    with st.container(horizontal=True, key="numbers"):
        for title, value, text in shown:
            st.metric(title, value, help=text, width="content", border=True)


def table(report: LabResult) -> None:
    """All methods, best first, then the references."""
    rows = _rows(report)
    several = many(report)
    judged = any(row.level for row in report.results.values())
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        placeholder="–",
        column_order=[
            "method",
            *(["verdict"] if judged else []),
            "value",
            *(["std"] if several else []),
            *(["gap", "gap_se"] if judged else []),
            "failed",
            "cost_ratio",
            "min_eigenvalue",
            "parameters",
            "seconds",
        ],
        column_config=_columns(report),
    )
    frame.caption(
        "A map that collapses has a small cost and a large distance to the target; a cost above the exact one wastes "
        "effort; a negative eigenvalue means that it is no Brenier map."
    )


def _rows(report: LabResult) -> list[dict[str, object]]:
    rows = list[dict[str, object]]()
    compared = references()
    for row in lab.table(report.to_json()):
        own = report.results[str(row["method"])]
        shown = row["value"] is not None
        rows.append(
            {
                **row,
                "method": titles.method(row["method"]),
                "failed": 100 * row["failed"],
                "gap": 100 * own.gap if shown and own.gap is not None else None,
                "gap_se": 100 * own.gap_se if shown and own.gap_se is not None else None,
                "verdict": "reference" if row["method"] in compared else own.level,
            }
        )
    return rows


def _columns(report: LabResult) -> Mapping[str, ColumnConfig]:
    """What each column is called and means."""
    label, about = titles.METRICS[report.metric]
    several, number = many(report), st.column_config.NumberColumn
    return {
        "method": st.column_config.TextColumn("Method", pinned=True),
        "verdict": st.column_config.TextColumn(
            "Verdict",
            help="Good: a gap within 10 %, few runs failed; not trustworthy: above 50 % by two standard errors. "
            "References are not judged.",
        ),
        "value": number(label, format="%.4g", help=about + (" Mean over the seeds." if several else "")),
        "std": number("± std", format="%.2g", help="Over the seeds."),
        "gap": number(
            "Gap (%)",
            format="%.1f",
            help="0: as good as the floor; 100: as only moving the mean. Below 0 by chance alone: "
            "nothing is better than the floor.",
        ),
        "gap_se": number(
            "± s.e.",
            format="%.1f",
            help="Standard error of the gap, over the seeds and the draws of the floor. Of one seed: as if "
            "its value varied as the floor does.",
        ),
        "failed": number(
            "Failed (%)",
            format="%.0f",
            help="Of the runs: not finite, no better than only moving the mean, or, as published, MMD² above 0.03.",
        ),
        "cost_ratio": number("Cost / exact", format="%.3f", help="Cost over that of the exact map; 1 is right."),
        "min_eigenvalue": number(
            "Least eigenvalue",
            format="%.3g",
            help="Of the Jacobian's symmetric part on a sample: not negative for a Brenier map.",
        ),
        "parameters": number("Parameters", format="localized"),
        "seconds": number("Seconds", format="%.2g", help="For each run."),
    }


def arrows(arrays: Arrays, method: str, name: str) -> None:
    """Where the map of one method takes points of two coordinates or more."""
    source = arrays["source"]
    image = arrays[f"pushforward_{method}"]
    figure = lab.displacements(source, image, method)
    caption = "From x to T(x): the lines of an optimal map hardly cross."
    if source.shape[1] > 2:
        caption += f" The first two of {source.shape[1]} coordinates, in which they may."
    data = {"x": source[: lab.ARROWS], "T": image[: lab.ARROWS]}
    plot(figure, "arrows", caption, data, name, height=560)


def digits(report: LabResult, arrays: Arrays, name: str) -> None:
    """A sheet of generated digits for each method, real ones first, and how many a classifier recognises."""
    rows = [
        {
            "who": JUDGED.get(who, titles.method(who)),
            "recognised": 100 * score.recognised,
            "entropy": score.entropy,
        }
        for who, score in (report.digits or {}).items()
    ]
    number = st.column_config.NumberColumn
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "who": "Digits of",
            "recognised": number("Recognised (%)", format="%.1f", help="Nine of ten nearest real digits agree."),
            "entropy": number("Entropy", format="%.2f", help="Of the predicted classes: ten equal ones have 2.30."),
        },
    )
    frame.caption("Between real digits, which are the most that can be had, and the Gaussian map, which is trivial.")
    sheets = {"Real digits": arrays["target"]} | {
        titles.method(method): cloud for method, cloud in images(report, arrays).items()
    }
    columns = st.columns(2, gap="medium")
    for place, (title, codes) in enumerate(sheets.items()):
        with columns[place % 2]:
            st.markdown(f"## {states.plain(title)}")
            pictures = bench_setup.digits(codes[:SHEET])
            plot(
                colour.digit_sheet(pictures),
                f"sheet_{place}",
                "As they come, none left out.",
                {"images": pictures},
                name,
            )

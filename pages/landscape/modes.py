"""What a sampler made of the modes: the numbers of a run, the share of each basin, and where its draws truly are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from npf_engine.figures import landscape as figures
from npf_engine.numbers import number, percent
from npf_engine.studies.landscape.result import KINDS, LAWS, LandscapeResult
from npf_engine.studies.landscape.spec import OWN, TARGET
from pages.landscape import chains
from ui import frame
from ui.plots import plot

MOST_MARKS = 40  # saddles and maxima that are marked
PLAIN_COLUMN = "From the same start with as many gradients."


def others(report: LandscapeResult) -> list[tuple[Sequence[float], str]]:
    """Saddles and maxima with their places, unless there are so many that they would hide the draws."""
    known = () if report.truth is None else report.truth.points
    found = [(point.location, point.kind) for point in known if point.kind in ("saddle", "maximum")]
    return list(found) if len(found) <= MOST_MARKS else []


def law(report: LandscapeResult) -> str:
    """What the law that a run is held against is called."""
    return LAWS[TARGET if report.held is None else report.held.law]


def targets(report: LandscapeResult) -> tuple[float, ...]:
    """The share of each basin by that law."""
    return () if report.held is None else report.held.weights


def weights(shown: Sequence[LandscapeResult], name: str) -> None:
    """The share of each mode beside what the law that was asked for gives its basin."""
    wanted = targets(shown[0])
    caption = (
        f"Share of the draws at each mode beside what {law(shown[0])} gives its basin: the full part of a bar is "
        "truly near the mode, the faint part is the rest of the basin."
    )
    held = tuple(replace(mode, target=share) for mode, share in zip(shown[0].modes, wanted, strict=True))
    told = [replace(shown[0], modes=held), *shown[1:]]
    bars = figures.weights(
        [item.to_json() | {"method": chains.title(item.method)} for item in told],
        height=320,
        law=law(shown[0]).replace("-", "−"),
    )
    arrays = {chains.title(item.method): np.array([mode.occupancy for mode in item.modes]) for item in shown}
    plot(bars, "weights", caption, arrays | {"target": np.array(wanted)}, name)


def where(shown: Sequence[LandscapeResult], name: str) -> None:
    """Where the draws truly are, beside where those of exp(-c g) and of the own law are."""
    truth = shown[0].truth
    laws = [(chains.title(item.method), item.near) for item in shown if item.near.modes is not None]
    if not laws or truth is None or truth.near.modes is None:
        return
    laws.append(("exp(−c g)", truth.near))
    if truth.own is not None:
        laws.append(("its own law", truth.own.near))
    rows = [(title, {key: share or 0.0 for key, share in law.to_json().items()}) for title, law in laws]
    figure = figures.where(rows, height=120 + 40 * len(rows))
    arrays = {f"near_{kind}": np.array([law.of(kind) for _, law in laws], dtype=np.float64) for kind in KINDS}
    caption = (
        "Where the draws truly are: near a mode (where its basin holds 99 % of its mass), near a saddle or a maximum, "
        "or elsewhere."
    )
    plot(figure, "where", caption, arrays, name)


def numbers(report: LandscapeResult, beside: LandscapeResult | None) -> None:
    """The figures of a run; under them what an energy distance is held against."""
    truth, held = report.truth, report.held
    near = [
        (
            f"Near {kind}",
            report.near.of(kind),
            percent,
            f"Of the draws; of those of {law(report)} {percent((held.near.of(kind) if held else None) or 0)}.",
        )
        for kind in KINDS
    ]
    error = None if held is None else held.largest_error
    energy = report.energy_distance if held is None else held.energy_distance
    shown: list[tuple[str, float | None, Callable[..., str], str]] = [
        *near,
        ("Largest error of a share", error, percent, f"Of a basin's, against {law(report)}."),
        ("Energy distance", energy, number, f"To exact samples of {law(report)}."),
        ("Accepted jumps", report.acceptance, percent, "Of the jumps that were tried."),
        *_mixing(report),
        ("Gradients of g", report.gradient_evaluations, "{:,.0f}".format, "The budget, one for all samplers."),
        ("Coefficient c", report.coefficient, number, "Inverse temperature."),
        ("Step size τ", report.tau, number, "Of the Langevin steps."),
    ]
    with st.container(horizontal=True, key="numbers"):
        for label, value, form, text in shown:
            if value is not None:
                st.metric(label, form(value), help=text, width="content", border=True)
    if truth is None or truth.energy_floor is None:
        return
    told = f"Energy distance: exact samples have {number(truth.energy_floor, 2)} among themselves, the floor"
    if held is not None and held.law == OWN:
        told = (
            f"All of it is against {LAWS[OWN]}, as was asked for. Energy distance: exact samples of exp(-c g) have "
            f"{number(truth.energy_floor, 2)} among themselves; the draws have "
            f"{number(report.energy_distance, 2)} to those"
        )
    elif truth.energy_trivial:
        told += f"; samples of the heaviest basin alone have {number(truth.energy_trivial, 2)}, the trivial answer"
    plain = None if beside is None or (held is not None and held.law == OWN) else beside.energy_distance
    st.caption(told + (f"; plain LMC has {number(plain, 2)}." if plain is not None else "."))


def _mixing(report: LandscapeResult) -> list[tuple[str, float | None, Callable[..., str], str]]:
    """R-hat and the effective sample size, of a method that keeps chains."""
    if report.mixing is None:
        return []
    chains_, frames = report.mixing.chains, report.mixing.frames
    blind = "Neither sees a mode that no chain has found."
    about = f"Ranks of {chains_:,} chains at {frames:,} moments, the worst coordinate; below 1.01 they agree. {blind}"
    worth = f"So many independent draws are these {chains_ * frames:,} worth, in the worst coordinate. {blind}"
    return [
        ("R̂", report.mixing.r_hat, "{:.3f}".format, about),
        ("Effective draws", report.mixing.ess, "{:,.0f}".format, worth),
    ]


def table(report: LandscapeResult, beside: LandscapeResult | None) -> None:
    """The share of each basin: the sampler's, the law's, plain LMC's."""
    known = () if beside is None else beside.modes
    plain: list[float | None] = [mode.occupancy for mode in known]
    plain = plain or [None] * len(report.modes)
    rows = [
        {
            "mode": title,
            "method": _percent(mode.occupancy),
            "target": _percent(mode.target),
            "lmc": _percent(other),
            "near": _percent(mode.near),
            "own": _percent(mode.own_law),
            "kind": mode.kind,
        }
        for title, mode, other in zip(chains.mode_names(report.modes), report.modes, plain, strict=True)
    ]
    column = st.column_config.NumberColumn
    heads = ("own", "target") if law(report) == LAWS[OWN] else ("target", "own")  # the law asked for comes first
    wanted = ("mode", "method", heads[0], "lmc", "near", heads[1], "kind")
    order = [key for key in wanted if any(row[key] is not None for row in rows)]
    target = "Law (%)" if heads[0] == "target" else "exp(−c g) (%)"
    tends = f"What {chains.title(report.method)} itself tends to."
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        placeholder="–",
        column_order=order,
        column_config={
            "mode": st.column_config.TextColumn("Mode", width=112),  # with its shares seen whole on a narrow screen
            "kind": st.column_config.TextColumn(
                "Kind",
                help="boundary: the box's edge stops the gradient flow there; degenerate: g is flat or has a kink.",
            ),
            "near": column("Near it (%)", format="%.1f", help="Draws truly near the mode, not only in its basin."),
            "method": column(
                "Here (%)",
                format="%.1f",
                width=72,
                help=f"Share of the draws of {chains.title(report.method)} from which the gradient flow leads to this "
                "mode, from however far.",
            ),
            "target": column(target, format="%.1f", width=72, help="What exp(-c g) gives this basin."),
            "own": column("Its own law (%)", format="%.1f", help=tends),
            "lmc": column("LMC (%)", format="%.1f", width=72, help="Of plain LMC. " + PLAIN_COLUMN),
        },
    )
    frame.caption(_explained(order, target))


def _explained(columns: Sequence[str], target: str) -> str:
    """What the columns of the table are, those that stand there."""
    words = {
        "method": "Here, of this run",
        "own": "Its own law, what the sampler itself tends to",
        "target": f"{target.removesuffix(' (%)')}, what exp(-c g) gives it",
        "lmc": "LMC, of plain Langevin",
    }
    told = f"Shares of each basin: {'; '.join(words[key] for key in columns if key in words)}."
    if "near" in columns:
        told += (
            " Near it: draws truly near the mode, not only in its basin; a sampler of exp(-c g) has 99 % or more of "
            "all its draws near modes."
        )
    if "lmc" in columns:
        told += " Plain Langevin from the same start shows what staying where one began would give."
    return told


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * float(share)

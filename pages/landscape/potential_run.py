"""A run on a potential: particles as they move, and what the sampler made of the modes."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from npf_engine.figures import curves, landscapes
from npf_engine.figures.landscapes import Frame, Ground
from npf_engine.runs.files import slug
from npf_engine.runs.store import Run
from pages.landscape import chains, critical, data, ground, player, potential_setup
from pages.landscape.chains import METHODS, Chain
from ui import frame, live, manage, progress, runs, states
from ui.plots import plot

QUESTION = "Does the sampler find every mode, and give each the weight that it has?"
RESULT, OVER_TIME, CRITICAL = "Result", "Over time", "Critical points"


def show(run_id: str) -> None:
    """The page of one run."""
    run = runs.store().get(run_id)
    status = runs.store().status(run_id)
    live.head(run, status, QUESTION)
    _actions(run, status)
    if run.error:
        states.problem(run.error)
    if run.state != "done":
        live.follow(run, status, _body)
        return
    runs.verdict(run)
    with states.told():
        _tabs(run, f"npf-{slug(run.name)}")
    manage.changes(run)
    live.log(run.id)


def _actions(run: Run, status: dict[str, Any]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="actions"):
        if run.state == "done":
            manage.download(run)
        live.controls(run, status)
        if st.button("Repeat with edits", icon=":material/edit:", key="repeat"):
            frame.go("landscape", potential_setup.link(run.spec))
        if st.button("New run", icon=":material/add:", key="new"):
            frame.go("landscape")


def _picture(run: Run) -> Ground:
    """The ground of the run; what was fetched for it is in the cache of elevations."""
    return ground.ground(*potential_setup.place(run.spec), potential_setup.coefficient(run.spec))


def _body(run: Run, status: dict[str, Any]) -> None:
    """Live traces: the particles of the newest snapshot, and how the basins fill."""
    picture = runs.store().snapshot(run.id)
    history = runs.store().history(run.id)
    left, right = st.columns(2, gap="medium")
    with left, states.told():
        if picture is not None and "x" in picture:
            x = np.asarray(picture["x"], dtype=np.float64)
            now = Frame(x, np.zeros((0, 0, 2)), np.zeros((0, 0), dtype=bool))
            figure = landscapes.moment(_picture(run), now, "live_particles", jumps=False)
            plot(figure, "live_particles", "The particles now. Watch whether they leave the basin they began in.")
        elif run.state in ("queued", "running", "paused"):
            st.info("The particles appear with the first steps of the chain.")
    with right:
        _live_shares(history)
    losses = curves.losses(history)
    if losses is not None:
        plot(losses, "losses", "Each network's loss should fall and flatten out.")
    live.log(run.id)


def _live_shares(history: curves.History) -> None:
    """How the basins fill, a panel a chain."""
    for stage in history:
        names = [name for name in history[stage] if name.startswith("share_")]
        if not names:
            continue
        told = {f"basin {int(name.removeprefix('share_')) + 1}": curves.told(history, name)[stage] for name in names}
        figure = landscapes.traces(told, "share of particles (%)", f"live_{stage}", percent=True)
        plot(figure, f"live_{stage}", f"{progress.title(stage)}: share of the particles in each basin so far.")


def _tabs(run: Run, name: str) -> None:
    picture = _picture(run)
    labels = [RESULT, OVER_TIME, CRITICAL]
    for tab, label in zip(st.tabs(labels, key="view", bind="query-params"), labels, strict=True):
        if not tab.open:
            continue
        with tab, states.told():
            if label == RESULT:
                _result(run, picture, name)
            elif label == OVER_TIME:
                found = chains.load(run)
                player.show(picture, found, name)
                _occupancies(run, found, name)
            else:
                critical.show(potential_setup.place(run.spec), picture, name)


def _result(run: Run, picture: Ground, name: str) -> None:
    report = runs.store().report(run.id) or {}
    _numbers(report)
    modes = report.get("modes") or []
    beside = _last_shares(run)
    number = st.column_config.NumberColumn
    rows = [
        {"mode": title, "kind": mode["kind"], "method": _percent(mode["occupancy"]), "target": _percent(mode["target"]),
         "own": _percent(mode.get("own_law")), "lmc": None if beside is None else _percent(beside[k])}
        for k, (title, mode) in enumerate(zip(chains.mode_names(modes), modes, strict=True))
    ]  # fmt: skip
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        placeholder="–",
        column_config={
            "mode": st.column_config.TextColumn("Mode at"),
            "kind": st.column_config.TextColumn("Kind", help="boundary: Omega's edge stops the gradient flow there."),
            "method": number(f"{METHODS[run.spec.method]} (%)", format="%.1f", help="Share of its particles."),
            "target": number("exp(-c g) (%)", format="%.1f", help="What the law gives this basin."),
            "own": number("Its own law (%)", format="%.1f", help="What LMC-NPF without correction tends to."),
            "lmc": number("Plain LMC (%)", format="%.1f", help="From the same start with equal gradients: trivial."),
        },
    )
    frame.caption(
        "A sampler that is right has the shares of exp(-c g). Plain Langevin from the same start is the trivial "
        "answer: where it stays in one basin, whoever leaves it does better."
    )
    particles = data.arrays(run, "particles.npz")
    left, right = st.columns(2, gap="medium")
    x = particles["x"]
    with left:
        last = Frame(x, np.zeros((0, 0, 2)), np.zeros((0, 0), dtype=bool))
        figure = landscapes.moment(picture, last, "last_particles", jumps=False)
        plot(figure, "last_particles", f"The {len(x):,} particles in the end.", {"x": x}, name)
    with right:
        places = [(mode["location"], mode["kind"]) for mode in modes]
        plot(landscapes.critical(picture, places, "modes"), "modes", "The modes of the table: where the flow ends.")


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * float(share)


def _last_shares(run: Run) -> np.ndarray | None:
    """Where plain LMC's particles are in the end, (modes,)."""
    found = chains.load(run)
    shares = found[-1].shares
    return shares[-1] if len(found) > 1 and shares is not None else None


def _numbers(report: dict[str, Any]) -> None:
    shown = [
        ("Gradients of g", report.get("gradient_evaluations"), "{:,.0f}", "The budget; plain LMC got as many."),
        ("Energy distance", report.get("energy_distance"), "{:.3g}", "To exact samples of exp(-c g); 0 is perfect."),
        ("Accepted jumps", report.get("acceptance"), "{:.1%}", "Of the corrected jumps through u."),
        ("Coefficient c", report.get("coefficient"), "{:.4g}", "Inverse temperature."),
        ("Step size τ", report.get("tau"), "{:.3g}", "Of the Langevin steps."),
    ]
    with st.container(horizontal=True, key="numbers"):
        for label, value, form, about in shown:
            if isinstance(value, int | float):
                st.metric(label, form.format(value), help=about, width="content", border=True)


def _occupancies(run: Run, found: list[Chain], name: str) -> None:
    """How the basins fill, the method beside plain LMC."""
    modes = (runs.store().report(run.id) or {}).get("modes") or []
    names, targets = chains.mode_names(modes), [float(mode["target"]) for mode in modes]
    for column, chain in zip(st.columns(len(found), gap="medium"), found, strict=True):
        if chain.shares is None:
            continue
        with column:
            figure = landscapes.occupancy(chain.steps, chain.shares, targets, names, f"occupancy_{chain.key}")
            caption = "Share of the particles in each basin; dashed is what exp(-c g) gives it."
            plot(figure, f"occupancy_{chain.key}", caption, {"step": chain.steps, "share": chain.shares}, name)

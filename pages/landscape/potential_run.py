"""A run on a potential: particles as they move, and what the sampler made of the modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from npf_engine.errors import InputError
from npf_engine.figures import critical, curves, paper
from npf_engine.figures import landscape as figures
from npf_engine.figures.layout import Extent
from npf_engine.glossary import typeset
from npf_engine.numbers import number, percent
from npf_engine.runs.store import Run
from npf_engine.sampling import sampler
from npf_engine.studies.landscape.verdict import WHY_EVERYWHERE
from npf_engine.tasks.layout import slug
from pages.landscape import chains, data, ground, player, points, potential_setup
from pages.landscape.chains import PLAIN, Chain
from pages.landscape.ground import Ground, place
from ui import frame, live, manage, paperfigure, progress, runpage, runs, states
from ui.plots import plot

QUESTION = "Does the sampler find every mode, and give each the weight that it has?"
RESULT, OVER_TIME, CRITICAL = "Result", "Over time", "Critical points"
OCCUPANCY = "occupancy_"  # the live numbers: share of the particles in a basin
MOST_MARKS = 40  # saddles and maxima that are marked
PLAIN_COLUMN = "From the same start with as many gradients."


def show(run_id: str) -> None:
    """The page of one run."""
    runpage.show(run_id, QUESTION, _actions, _tabs, _body, _rest)


def _actions(run: Run, status: dict[str, Any]) -> None:
    runpage.buttons(run, status, "landscape", lambda: potential_setup.link(run.spec), {})


# while it runs


def _body(run: Run, status: dict[str, Any]) -> None:
    """The particles of the newest snapshot, how the basins fill, the losses of the networks."""
    picture = runs.store().snapshot(run.id)
    history = runs.store().history(run.id)
    left, right = st.columns(2, gap="medium")
    with left, states.told():
        if not run.active:
            pass  # what it had is shown above
        elif picture is not None and "x" in picture:
            figure = critical.add_particles(ground.ground(place(run.spec)).contour("live"), picture["x"])
            step = int(picture["step"]) if "step" in picture else 0
            plot(figure, "live_particles", f"Particles at step {step:,}: do they leave the basin they began in?")
        else:
            st.info("The particles appear with the first steps of the chain; the networks are trained before.")
    with right:
        for stage in history:
            _filling(stage, history)
    losses = curves.losses(history)
    if losses is not None:
        plot(losses, "losses", "Each network's loss should fall and flatten out.")
    live.log(run.id)


def _filling(stage: str, history: curves.History) -> None:
    """How the basins fill in one stage of the run."""
    names = [name for name in history[stage] if name.startswith(OCCUPANCY)]
    told = {f"basin {int(name.removeprefix(OCCUPANCY)) + 1}": curves.told(history, name).get(stage) for name in names}
    there = {name: values for name, values in told.items() if values is not None}
    if there:
        figure = curves.by_name(there, "share of particles (%)", f"live_{stage}", percent=True)
        plot(figure, f"live_{stage}", f"{progress.title(stage)}: share of the particles in each basin.")


def _rest(run: Run) -> None:
    """What a run had that broke off: nothing of it is lost."""
    try:
        chain = chains.load(run)
    except InputError:
        return
    if chain is None or not ground.at_hand(run.spec.name):
        return
    st.markdown("#### Until it broke off")
    manage.download(run)
    with states.told():
        player.show(ground.ground(place(run.spec)), [chain], f"npf-{slug(run.name)}")


# when it is done


def _tabs(run: Run) -> None:
    name = f"npf-{slug(run.name)}"
    picture = ground.ground(place(run.spec))
    labels = [RESULT, OVER_TIME, CRITICAL]
    for tab, label in zip(st.tabs(labels, key="view", bind="query-params"), labels, strict=True):
        if not tab.open:
            continue
        with tab, states.told():
            if label == RESULT:
                _result(run, picture, name)
            elif label == OVER_TIME:
                _over_time(run, picture, name)
            else:
                points.show(place(run.spec), picture, name)


def _result(run: Run, picture: Ground, name: str) -> None:
    report = runs.store().report(run.id) or {}
    other = _plain(run)
    beside = runs.store().report(other.id) if other is not None and other.state == "done" else None
    _numbers(report, beside)
    _law(run, str(report.get("verdict_reason", "")))
    modes = report.get("modes") or []
    if modes:
        _table(run, modes, beside)
    else:
        st.info("In more than two dimensions the weights of the basins are not known.", icon=":material/info:")
    x = data.arrays(run, "particles.npz")["draws"]
    left, right = st.columns(2, gap="medium")
    with left:
        figure = critical.add_particles(picture.contour("draws"), x[:: max(1, len(x) // 3000)])
        others = _others(report)
        critical.add_points(figure, others)
        figures.add_modes(figure, modes)
        plot(
            figure,
            "draws",
            f"{min(len(x), 3000):,} of the sampler's {len(x):,} draws, the modes of the table"
            + (", saddles and maxima." if others else "."),
            {"x": x},
            name,
        )
        at = np.array([mode["location"][:2] for mode in modes], dtype=np.float64).reshape(-1, 2)
        where = Extent(picture.units, picture.low, picture.high)
        paperfigure.offer(
            "draws",
            name,
            lambda how: paper.landscape(paper.Relief(picture.x, picture.y, picture.g), x, at, where, how),
            f"Level lines of g, draws by {chains.title(run.spec.method)}, and the modes.",
        )
    with right:
        if modes:
            shown = [report, *([beside] if beside else [])]
            _where(shown, name)
            caption = (
                "Share of the draws at each mode beside what exp(-c g) gives its basin: the full part of a bar is "
                "truly near the mode, the faint part is the rest of the basin."
            )
            bars = figures.weights([item | {"method": chains.title(item["method"])} for item in shown], height=320)
            arrays = {item["method"]: np.array([mode["occupancy"] for mode in item["modes"]]) for item in shown}
            plot(bars, "weights", caption, arrays | {"target": np.array([mode["target"] for mode in modes])}, name)


def _law(run: Run, told: str) -> None:
    """What law the method has, where that needs a word and the verdict has not said it."""
    found = sampler.known().get(run.spec.method)
    about = typeset(found.law) if found is not None else ""
    if about and WHY_EVERYWHERE not in told:
        frame.caption(about)


def _others(report: dict[str, Any]) -> list[tuple[list[float], str]]:
    """Saddles and maxima with their places, unless there are so many that they would hide the draws."""
    found = (report.get("truth") or {}).get("critical_points") or []
    others = [(point["location"], point["kind"]) for point in found if point["kind"] in ("saddle", "maximum")]
    return others if len(others) <= MOST_MARKS else []


def _where(shown: list[dict[str, Any]], name: str) -> None:
    """Where the draws truly are, beside where those of exp(-c g) and of the own law are."""
    truth = shown[0]["truth"] or {}
    rows = [(chains.title(item["method"]), item) for item in shown if item.get("near_modes") is not None]
    if not rows or truth.get("near_modes") is None:
        return
    rows.append(("exp(−c g)", truth))
    if truth.get("own"):
        rows.append(("its own law", truth["own"]))
    figure = figures.where(rows, height=120 + 40 * len(rows))
    kinds = ("near_modes", "near_saddles", "near_maxima")
    arrays = {key: np.array([row[key] for _, row in rows]) for key in kinds}
    caption = (
        "Where the draws truly are: near a mode (where its basin holds 99 % of its mass), near a saddle or a maximum, "
        "or elsewhere."
    )
    plot(figure, "where", caption, arrays, name)


def _plain(run: Run) -> Run | None:
    """The run of plain LMC beside this one, with a way to it or to start it; None for plain LMC itself."""
    if run.spec.method == PLAIN:
        return None
    other = chains.beside(run.spec)
    if other is not None and other.state == "done":
        return other
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="plain"):
        if other is None:
            st.markdown("Plain LMC has not run from this start.", width="content")
            if st.button("Run plain LMC beside it", icon=":material/play_arrow:", key="run_plain"):
                with states.told():
                    potential_setup.submit(chains.plain(run.spec), "", False)
        else:
            st.markdown(f"Plain LMC beside it is {other.state}.", width="content")
            frame.run_link(other, "Look at it")
    return other


def _numbers(report: dict[str, Any], beside: dict[str, Any] | None) -> None:
    truth = report.get("truth") or {}
    near = [
        (
            f"Near {kind}",
            report.get(f"near_{kind}"),
            percent,
            f"Of the draws; of those of exp(-c g) {percent(truth.get(f'near_{kind}') or 0)}.",
        )
        for kind in ("modes", "saddles", "maxima")
    ]
    shown: list[tuple[str, Any, Callable[..., str], str]] = [
        *near,
        (
            "Largest error of a share",
            truth.get("largest_error"),
            percent,
            "Of a basin's, against exp(-c g).",
        ),
        ("Energy distance", report.get("energy_distance"), number, "To exact samples of exp(-c g)."),
        ("Accepted jumps", report.get("acceptance"), percent, "Of the jumps that were tried."),
        (
            "Gradients of g",
            report.get("gradient_evaluations"),
            "{:,.0f}".format,
            "The budget, one for all samplers.",
        ),
        ("Coefficient c", report.get("coefficient"), number, "Inverse temperature."),
        ("Step size τ", report.get("tau"), number, "Of the Langevin steps."),
    ]
    with st.container(horizontal=True, key="numbers"):
        for label, value, form, text in shown:
            if isinstance(value, int | float):
                st.metric(label, form(value), help=text, width="content", border=True)
    floor, trivial = (truth.get(f"energy_distance_of_{what}") for what in ("exact_samples", "one_basin"))
    plain = (beside or {}).get("energy_distance")
    if isinstance(floor, int | float):
        told = f"Energy distance: exact samples have {number(floor, 2)} among themselves, the floor"
        told += (
            f"; samples of the heaviest basin alone have {number(trivial, 2)}, the trivial answer" if trivial else ""
        )
        st.caption(told + (f"; plain LMC has {number(plain, 2)}." if plain is not None else "."))


def _table(run: Run, modes: list[dict[str, Any]], beside: dict[str, Any] | None) -> None:
    """The share of each basin: the sampler's, the law's, plain LMC's."""
    others = (beside or {}).get("modes") or [{}] * len(modes)
    rows = [
        {
            "mode": title,
            "kind": mode["kind"],
            "near": _percent(mode.get("near")),
            "method": _percent(mode["occupancy"]),
            "target": _percent(mode["target"]),
            "own": _percent(mode.get("own_law")),
            "lmc": _percent(other.get("occupancy")),
        }
        for title, mode, other in zip(chains.mode_names(modes), modes, others, strict=True)
    ]
    number = st.column_config.NumberColumn
    own = {"own": number("Its own law (%)", format="%.1f", help="What LMC-NPF without correction tends to.")}
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        placeholder="–",
        column_order=[key for key in rows[0] if any(row[key] is not None for row in rows)],
        column_config={
            "mode": st.column_config.TextColumn("Mode"),
            "kind": st.column_config.TextColumn(
                "Kind",
                help="boundary: the box's edge stops the gradient flow there; degenerate: g is flat or has a kink.",
            ),
            "near": number("Near it (%)", format="%.1f", help="Draws truly near the mode, not only in its basin."),
            "method": number(
                f"{chains.title(run.spec.method)}, in its basin (%)",
                format="%.1f",
                help="Share of its draws from which the gradient flow leads to this mode, from however far.",
            ),
            "target": number("exp(-c g) (%)", format="%.1f", help="What the law gives this basin."),
            **own,
            "lmc": number("Plain LMC (%)", format="%.1f", help=PLAIN_COLUMN),
        },
    )
    frame.caption(
        "A sampler of exp(-c g) has its shares, and 99 % or more of its draws near modes; plain Langevin from the same "
        "start shows what staying where one began would give."
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * float(share)


def _over_time(run: Run, picture: Ground, name: str) -> None:
    """Paths and occupancy over time, the method beside plain LMC."""
    chain = chains.load(run)
    if chain is None:
        st.info("This sampler keeps draws, not paths: see them under Result.", icon=":material/info:")
        return
    other = _plain(run)
    plain = chains.load(other) if other is not None and other.state == "done" else None
    shown = [chain, *([plain] if plain is not None else [])]
    player.show(picture, shown, name)
    modes = (runs.store().report(run.id) or {}).get("modes") or []
    for column, item in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
        with column:
            _occupancy(item, modes, name)


def _occupancy(chain: Chain, modes: list[dict[str, Any]], name: str) -> None:
    if not chain.shares.size:
        return
    targets = [float(mode["target"]) for mode in modes]
    figure = figures.occupancy(chain.steps, chain.shares, targets, height=330, names=chains.mode_names(modes))
    caption = "Share of the particles in each basin over time; dashed is what exp(-c g) gives it."
    plot(figure, f"occupancy_{chain.key}", caption, {"step": chain.steps, "share": chain.shares}, name)

"""A run on a potential: particles as they move, and what the sampler made of the modes."""

from __future__ import annotations

import contextlib

import numpy as np
import streamlit as st

from npf_engine.errors import InputError
from npf_engine.figures import critical, curves, print_views
from npf_engine.figures import landscape as figures
from npf_engine.glossary import typeset
from npf_engine.runs.reading import Status
from npf_engine.runs.store import Run
from npf_engine.sampling import sampler
from npf_engine.studies import printed
from npf_engine.studies.landscape.judging import unjudged
from npf_engine.studies.landscape.result import LandscapeResult
from npf_engine.studies.landscape.spec import KNOWN, LEARNED, OWN, LandscapeSpec
from npf_engine.tasks.layout import slug
from pages.landscape import chains, data, ground, modes, player, points, potential_setup
from pages.landscape.chains import PLAIN, Chain
from pages.landscape.ground import Ground, place
from pages.landscape.method import BY_EITHER
from ui import frame, live, manage, paperfigure, progress, runpage, runs, states
from ui.plots import plot, together

QUESTION = "Does the sampler find every mode, and give each the weight that it has?"
RESULT, OVER_TIME, CRITICAL = "Result", "Over time", "Critical points"
OCCUPANCY = "occupancy_"  # the live numbers: share of the particles in a basin


def show(run_id: str) -> None:
    """The page of one run."""
    runpage.show(run_id, QUESTION, _actions, _tabs, _body, _rest)


def _actions(run: Run, status: Status) -> None:
    runpage.buttons(run, status, "landscape", lambda: potential_setup.link(run.spec_of(LandscapeSpec)), {})


# while it runs


def _body(run: Run, status: Status) -> None:
    """The particles of the newest snapshot, how the basins fill, the losses of the networks."""
    picture = runs.store().snapshot(run.id)
    history = runs.store().history(run.id)
    left, right = st.columns(2, gap="medium")
    with left, states.told():
        if not run.active:
            pass  # what it had is shown above
        elif not ground.flat(place(run.spec_of(LandscapeSpec))):
            st.info("In more than two dimensions there is no picture of the particles.", icon=":material/info:")
        elif picture is not None and "x" in picture:
            figure = critical.add_particles(
                ground.ground(place(run.spec_of(LandscapeSpec))).contour("live"), picture["x"]
            )
            step = int(picture["step"]) if "step" in picture else 0
            plot(figure, "live_particles", f"Particles at step {step:,}: do they leave the basin they began in?")
        else:
            trained = "; the networks are trained before" if _learns(run.spec_of(LandscapeSpec)) else ""
            st.info(f"The particles appear with the first steps of the chain{trained}.")
    with right:
        for stage in history:
            _filling(stage, history)
    losses = curves.losses(history)
    if losses is not None:
        plot(losses, "losses", "Each network's loss should fall and flatten out.")
    live.log(run.id)


def _learns(spec: LandscapeSpec) -> bool:
    """Whether networks are trained before the chain."""
    return spec.method in BY_EITHER and spec.factorization == LEARNED


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
    where = place(run.spec_of(LandscapeSpec))
    if chain is None or not ground.at_hand(run.spec_of(LandscapeSpec).name) or not ground.flat(where):
        return
    st.markdown("## Until it broke off")
    manage.download(run)
    with states.told():
        player.show(ground.ground(place(run.spec_of(LandscapeSpec))), [chain], f"npf-{slug(run.name)}")


# when it is done


def _tabs(run: Run) -> None:
    name = f"npf-{slug(run.name)}"
    where = place(run.spec_of(LandscapeSpec))
    picture = ground.ground(where) if ground.flat(where) else None
    labels = [RESULT, OVER_TIME, *([] if picture is None else [CRITICAL])]
    for tab, label in zip(st.tabs(labels, key="view", bind="query-params"), labels, strict=True):
        if not tab.open:
            continue
        with tab, states.told():
            if label == RESULT:
                _result(run, picture, name)
            elif label == OVER_TIME:
                _over_time(run, picture, name)
            elif picture is not None:
                points.show(where, picture, name, run.id)


def _result(run: Run, picture: Ground | None, name: str) -> None:
    report = runs.store().answer(run.id, LandscapeResult)
    other = _plain(run)
    beside = _done(other)
    modes.numbers(report, beside)
    _law(report, run.spec_of(LandscapeSpec))
    if report.modes:
        modes.table(report, beside)
    else:
        st.info("In more than two dimensions the weights of the basins are not known.", icon=":material/info:")
    left, right = st.columns(2, gap="medium")
    with left:
        if picture is not None:
            _draws(run, report, picture, name)
    with right:
        if report.modes:
            shown = [report, *([beside] if beside is not None else [])]
            modes.where(shown, name)
            modes.weights(shown, name)


def _whose(report: LandscapeResult) -> str:
    """The law by its name, or by whose it is where plain LMC stands beside it."""
    return modes.law(report).replace("its own law", f"the own law of {chains.title(report.method)}")


def _done(other: Run | None) -> LandscapeResult | None:
    """What the run of plain LMC answered, where it is through and can be read: this run is shown without it too."""
    found = runs.store().outcome(other.id) if other is not None and other.state == "done" else None
    return found if isinstance(found, LandscapeResult) else None


def _chain_of(other: Run | None) -> Chain | None:
    """Its chain, on the same terms."""
    if other is None or other.state != "done":
        return None
    with contextlib.suppress(InputError):
        return chains.load(other)
    return None


def _draws(run: Run, report: LandscapeResult, picture: Ground, name: str) -> None:
    """The draws over g, with modes, saddles and maxima; and the same for a paper."""
    x = data.arrays(run, "particles.npz")["draws"]
    figure = critical.add_particles(picture.contour("draws"), x[:: max(1, len(x) // 3000)], "draws")
    others = modes.others(report)
    critical.add_points(figure, others)
    figures.add_modes(figure, [mode.to_json() for mode in report.modes])
    plot(
        figure,
        "draws",
        f"{min(len(x), 3000):,} of the sampler's {len(x):,} draws, the modes of the table"
        + (", saddles and maxima." if others else "."),
        {"x": x},
        name,
    )
    at = np.array([mode.location[:2] for mode in report.modes], dtype=np.float64).reshape(-1, 2)
    found = ground.find(place(run.spec_of(LandscapeSpec)))
    paperfigure.offer(
        print_views.DRAWS,
        name,
        lambda how: printed.draws(found, x, at, how),
        f"Level lines of g, draws by {chains.title(report.method)}, and the modes.",
        paperfigure.command(run),
        lambda: {"draw": x, "mode": at},
    )


def _law(report: LandscapeResult, spec: LandscapeSpec) -> None:
    """What law the method has, where that needs a word and the verdict has not said it."""
    if report.verdict is None and report.law == OWN:
        frame.caption(typeset(" ".join(unjudged(report))))
        return
    found = sampler.known().get(report.method)
    told = "" if report.verdict is None else report.verdict.reason
    if found is None or (found.warning and found.warning in told):
        return
    about = found.texts(spec.factorization == KNOWN)[1]
    if about:
        frame.caption(typeset(about))


def _plain(run: Run) -> Run | None:
    """The run of plain LMC beside this one, with a way to it or to start it; None for plain LMC itself."""
    if run.spec_of(LandscapeSpec).method == PLAIN:
        return None
    other = chains.beside(run.spec_of(LandscapeSpec))
    if other is not None and other.state == "done":
        return other
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="plain"):
        if other is None:
            st.markdown("Plain LMC has not run from this start.", width="content")
            if st.button("Run plain LMC beside it", icon=":material/play_arrow:", key="run_plain"):
                with states.told():
                    potential_setup.submit(chains.plain(run.spec_of(LandscapeSpec)), "", False)
        else:
            st.markdown(f"Plain LMC beside it is {other.state}.", width="content")
            frame.run_link(other, "Look at it")
    return other


def _over_time(run: Run, picture: Ground | None, name: str) -> None:
    """Paths and occupancy over time, the method beside plain LMC."""
    chain = chains.load(run)
    if chain is None:
        st.info("This sampler keeps draws, not paths: see them under Result.", icon=":material/info:")
        return
    plain = _chain_of(_plain(run))
    shown = [chain, *([plain] if plain is not None else [])]
    if picture is not None:
        player.show(picture, shown, name)
    report = runs.store().answer(run.id, LandscapeResult)
    for column, item in zip(together(len(shown)), shown, strict=True):
        with column:
            _occupancy(item, report, name)


def _occupancy(chain: Chain, report: LandscapeResult, name: str) -> None:
    """Dashed is the law that the run is held against, for plain LMC beside it too."""
    if not chain.shares.size:
        return
    names = chains.mode_names(report.modes)
    figure = figures.occupancy(chain.steps, chain.shares, modes.targets(report), height=330, names=names)
    caption = f"Share of the particles in each basin over time; dashed is what {_whose(report)} gives it."
    plot(figure, f"occupancy_{chain.key}", caption, {"step": chain.steps, "share": chain.shares}, name)

"""The curves that tell whether a training goes well: losses, conjugate convergence, S_eps against its floor."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from npf_engine import glossary
from npf_engine.figures import palette
from npf_engine.figures.landscape import MODE_COLOURS
from npf_engine.figures.layout import finish, float32, log_axis
from npf_engine.figures.training import wants_log

# What RunStore.history gives: stage -> {"step", "t", "worked", scalar: (k,) values, NaN where not told}
History = Mapping[str, Mapping[str, np.ndarray]]

# stage -> colour of the object that it makes; its title is the glossary's
COLOURS: dict[str, str] = {
    "u": "grad_u",
    "u: dual": "grad_u",
    "u: warm-up": "m",
    "v: conjugates": "m",
    "v": "m",
    "m": "m_network",
    "inverse": "inverse",
}


def title(stage: str) -> str:
    """A stage's name for a plot."""
    return glossary.plotted(glossary.STAGES[stage][0]) if stage in glossary.STAGES else stage


def told(history: History, name: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Stage -> (step, value) of scalar ``name`` where it was told, (k,) float32 each; stages without it left out."""
    found = {}
    for stage, values in history.items():
        if name not in values or "step" not in values:
            continue
        there = np.isfinite(values[name])
        if there.any():
            found[stage] = float32(values["step"][there]), float32(values[name][there])
    return found


def losses(history: History) -> go.Figure | None:
    """The loss of every stage so far, one panel a stage, two beside each other: a narrow screen has room for no more.
    None before any."""
    found = told(history, "loss")
    if not found:
        return None
    titles = [title(stage) for stage in found]
    down, across = -(-len(found) // 2), min(2, len(found))
    figure = make_subplots(
        rows=down, cols=across, subplot_titles=titles, horizontal_spacing=0.14, vertical_spacing=0.56 / down
    )
    for number, (stage, (step, value)) in enumerate(found.items()):
        panel = {"row": number // across + 1, "col": number % across + 1}
        figure.add_trace(_line(step, value, stage), **panel)
        figure.update_xaxes(title="step", nticks=4, **panel)
        if wants_log(value):
            figure.update_yaxes(type="log", dtick=1, exponentformat="power", **panel)
        else:
            alone = len(value) == 1 and value[0] != 0  # plotly would draw it between -1 and 1, as if it were 0
            span = {"range": sorted((0.0, 2.0 * float(value[0])))} if alone else {}
            figure.update_yaxes(nticks=5, **panel, **span)
    figure.update_yaxes(title="loss", col=1)
    return finish(figure, height=60 + 220 * down, revision="losses")


def convergence(history: History) -> go.Figure | None:
    """Share of points whose conjugate was found to the tolerance (%), by stage; None before any."""
    found = told(history, "converged")
    if not found:
        return None
    figure = go.Figure()
    for stage, (step, value) in found.items():
        figure.add_trace(_line(step / max(float(step[-1]), 1.0), 100 * value, stage, markers=len(step) < 20))
    finish(figure, height=230, revision="convergence", legend=len(found) > 1)
    figure.update_xaxes(title="share of the stage's steps done", range=[0, 1.02], tickformat=".0%")
    figure.update_yaxes(title="converged (%)", range=[0, 104])
    return figure


def divergence(history: History) -> go.Figure | None:
    """S_eps(grad u#rho, F#rho) over the training of u, with the floor, two draws of F#rho, below; None before any."""
    value = told(history, "sinkhorn")
    floor = told(history, "self_distance")
    if not value:
        return None
    figure = go.Figure()
    clock, level = joined(history, "sinkhorn")
    figure.add_trace(
        go.Scatter(
            x=clock,
            y=level,
            mode="lines+markers",
            name="S<sub>ε</sub>(∇u♯ρ, F♯ρ)",
            line={"color": palette.COLOURS["grad_u"], "width": 2},
            marker={"size": 6},
        )
    )
    if floor:
        last = float(next(reversed(floor.values()))[1][-1])
        figure.add_trace(
            go.Scatter(
                x=float32([0.0, max(float(clock[-1]), 1.0)]),
                y=float32([last, last]),
                mode="lines",
                name="floor: two draws of F♯ρ",
                line={"color": palette.COLOURS["floor"], "width": 2, "dash": "dash"},
            )
        )
    finish(figure, height=270, revision="divergence", legend=True)
    figure.update_xaxes(title="seconds since the first look", rangemode="tozero")
    figure.update_yaxes(title="S<sub>ε</sub>")
    if (level > 0).all():
        figure.update_yaxes(log_axis(level, *(values for _, values in floor.values())))
    return figure


def by_name(
    told: Mapping[str, tuple[np.ndarray, np.ndarray]], title: str, revision: str, percent: bool = False
) -> go.Figure:
    """Curves over steps, name -> (step, value) (k,) each; ``percent``: values are shares, the axis runs to 100."""
    figure = go.Figure(
        [
            go.Scatter(
                x=float32(step),
                y=float32(100 * value if percent else value),
                name=name,
                mode="lines+markers" if len(step) < 20 else "lines",
                line={"width": 2, "color": MODE_COLOURS[number % len(MODE_COLOURS)]},
            )
            for number, (name, (step, value)) in enumerate(told.items())
        ]
    )
    finish(figure, height=270, revision=revision, legend=True)
    figure.update_xaxes(title="step")
    figure.update_yaxes(title=title, **({"range": [-2, 102]} if percent else {}))
    return figure


def joined(history: History, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of work since the first value of scalar ``name``, and its values, of all stages in the order of time."""
    clocks, values = [np.zeros(0)], [np.zeros(0)]
    for stage in told(history, name):
        there = np.isfinite(history[stage][name])
        clocks.append(_seconds(history[stage])[there])
        values.append(history[stage][name][there])
    clock, level = np.concatenate(clocks), np.concatenate(values)
    order = np.argsort(clock, kind="stable")
    return float32(clock[order] - clock[order[0]]), float32(level[order])


def _seconds(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Seconds of work; by the wall clock where an older run did not tell them."""
    worked = columns.get("worked")
    return columns["t"] if worked is None or np.isnan(worked).any() else worked.astype(np.float64)


def _line(step: np.ndarray, value: np.ndarray, stage: str, markers: bool = False) -> go.Scatter:
    colour = palette.COLOURS[COLOURS.get(stage, "floor")]
    return go.Scatter(
        x=float32(step),
        y=float32(value),
        mode="lines+markers" if markers or len(step) < 3 else "lines",
        name=title(stage),
        line={"color": colour, "width": 2},
        marker={"size": 6},
    )

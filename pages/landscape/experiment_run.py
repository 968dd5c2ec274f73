"""An experiment on the classifier: its live traces, and what came of it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.figures import classifier, curves, histograms, reproduced
from npf_engine.numbers import number
from npf_engine.runs.reading import Status
from npf_engine.runs.store import Run
from npf_engine.studies.classifier.result import Cosine, ExperimentResult
from npf_engine.studies.classifier.spec import ExperimentSpec
from npf_engine.tasks.layout import slug
from pages.landscape import data, particle, tsne
from pages.landscape.experiment_setup import FORM
from ui import accuracy, frame, live, progress, runpage, runs, states
from ui.plots import plot

QUESTION = "Does the factorization of a loss gradient find weights that descent does not?"
RESULT, WEIGHTS, TSNE, ONE = "Result", "Histograms", "t-SNE", "One particle"
SAMPLED = (
    "Accuracy alone proves little: weights that were restarted find good places too. A sampler is worth something "
    "where it has good weights far from the warm-up, and more of them than restarts have."
)
GENERATED = (
    "Weights drawn where the gradient should be 0, beside weights that were drawn at random: |G| must be lower, down "
    "to the noise of a minibatch. Not every critical point is a good classifier."
)


def show(run_id: str) -> None:
    """The page of one experiment."""
    runpage.show(run_id, QUESTION, _actions, _tabs, _body)


def _actions(run: Run, status: Status) -> None:
    runpage.buttons(run, status, "landscape", lambda: link(run), {"of": "Classifier"})


def link(run: Run) -> dict[str, str]:
    """Query parameters of the form with this run's settings."""
    return {"of": "Classifier"} | FORM.link.write(run.spec_of(ExperimentSpec))


def _body(run: Run, status: Status) -> None:
    """Live traces: what the particles achieve, and the losses of the networks."""
    history = runs.store().history(run.id)
    shown = {"share_above_half": ("particles above 50 % accuracy (%)", True), "median_accuracy": ("median (%)", True)}
    left, right = st.columns(2, gap="medium")
    for column, (key, (title, percent)) in zip((left, right), shown.items(), strict=True):
        told = {progress.title(stage): values for stage, values in curves.told(history, key).items()}
        if told:
            with column:
                figure = curves.by_name(told, title, f"live_{key}", percent)
                plot(figure, f"live_{key}", "LMC-NPF should rise above plain LMC, and above restarts.")
    figure = curves.losses(history)
    if figure is not None:
        plot(figure, "losses", "Each network's loss should fall and flatten out.")
    elif run.state == "running":
        st.caption("Curves appear with the first steps.")
    live.log(run.id)


def _tabs(run: Run) -> None:
    name = f"npf-{slug(run.name)}"
    particles = data.arrays(run, "particles.npz")
    labels = [RESULT, WEIGHTS, TSNE, ONE]
    for tab, label in zip(st.tabs(labels, key="view", bind="query-params"), labels, strict=True):
        if not tab.open:
            continue
        with tab, states.told():
            if label == RESULT:
                _result(run, name)
            elif label == WEIGHTS:
                _histograms(particles, name)
            elif label == TSNE:
                tsne.show(run, particles, name)
            else:
                particle.show(run, particles, name)


def _result(run: Run, name: str) -> None:
    report = runs.store().answer(run.id, ExperimentResult)
    st.caption(states.plain(report.data))
    for warning in report.warnings:
        st.warning(states.sentence(warning), icon=":material/warning:")
    if "pushforward" in report.metrics:
        accuracy.table(run, name)
    _cosine(run, report.cosine, name)
    _distances(run, report, name)
    _table(report)
    _traces(run, name)


def _cosine(run: Run, item: Cosine | None, name: str) -> None:
    figures = data.arrays(run, "figures.npz")
    if "cosine" not in figures or item is None:
        return
    figure = histograms.cosine_histogram(figures["cosine"], trivial=item.trivial)
    plot(
        figure,
        "cosine",
        f"G at the generated weights against the gradient asked for: {item.mean:.2f} on average. The best constant "
        f"direction has {item.trivial:.2f}, and the minibatch's noise allows {item.ceiling:.2f}.",
        {key: figures[key] for key in ("cosine", "trivial_cosine", "ceiling_cosine") if key in figures},
        name,
    )


def _distances(run: Run, report: ExperimentResult, name: str) -> None:
    """Figures 13 and 15: how far the gradients at generated weights are from those asked for, and the noise."""
    figures, told = data.arrays(run, "figures.npz"), report.cloud("inverse_distance")
    if "distance_inverse" not in figures or not told:
        return
    laws = {"Iψ∘∇u*": figures["distance_inverse"], "another minibatch": figures["distance_floor"]}
    shown = {"distance to the gradient asked for": laws}
    if len(figures.get("stochasticity", ())):
        shown["S of two batches of gradients"] = {"at the same weights": figures["stochasticity"]}
    plot(
        reproduced.histograms(shown),
        "distances",
        f"Median distance {number(told.get('inverse'))}; another minibatch at the weights themselves has "
        f"{number(told.get('floor'))}, and gradients dealt out at random {number(told.get('trivial'))}. What two "
        "minibatches differ by is what no inverse can know.",
        {key: figures[key] for key in figures if key.startswith("distance_") or key == "stochasticity"},
        name,
    )


def _table(report: ExperimentResult) -> None:
    """What each cloud of weights achieves; the trivial answers last."""
    found = [(title, cloud) for key, title in data.CLOUDS.items() if (cloud := report.cloud(key))]
    if not found:
        return
    column = st.column_config.NumberColumn
    rows = [
        {
            "weights": title,
            "above": _percent(item.get("share_above_half")),
            "accuracy": _percent(item.get("median_accuracy")),
            "loss": item.get("median_loss"),
            "norm": item.get("median_norm"),
            "distance": item.get("distance_to_warmup"),
        }
        for title, item in found
    ]
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        placeholder="–",
        column_config={
            "weights": st.column_config.TextColumn("Weights", width="medium"),
            "above": column("Above 50 % (%)", format="%.0f", help="Share of weights with more than half right."),
            "accuracy": column("Median accuracy (%)", format="%.1f"),
            "loss": column("Median loss", format="%.3g"),
            "norm": column("Median |G|", format="%.3g", help="Of one minibatch's gradient."),
            "distance": column("Distance", format="%.3g", help="Median distance to the nearest warm-up particle."),
        },
    )
    frame.caption(SAMPLED if report.cloud("restart") else GENERATED)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _traces(run: Run, name: str) -> None:
    """Share of good particles along the two chains of 5.5."""
    figures = data.arrays(run, "figures.npz")
    told: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for chain in ("lmc-npf", "lmc"):
        steps, shares = figures.get(f"{chain}_steps"), figures.get(f"{chain}_scalar_share_above_half")
        if steps is not None and shares is not None:
            told[data.CLOUDS[chain]] = (steps, shares)
    if told:
        arrays = {
            f"{title} {what}": part[k] for title, part in told.items() for k, what in enumerate(("step", "share"))
        }
        figure = curves.by_name(told, "particles above 50 % accuracy (%)", "shares", percent=True)
        plot(figure, "shares", "From the same warm-up particles, with equal numbers of gradients.", arrays, name)


def _histograms(particles: data.Arrays, name: str) -> None:
    there = {
        cloud: {key: particles[f"{cloud}_{key}"] for key in classifier.CHARACTERS} for cloud in data.clouds(particles)
    }
    arrays = {f"{cloud}_{key}": values for cloud, part in there.items() for key, values in part.items()}
    plot(
        classifier.characteristics(there),
        "characters",
        "What the weights of each cloud achieve. At critical points the gradient that is left is the minibatch's "
        "noise; ln 10 = 2.3 is the loss of guessing.",
        arrays,
        name,
    )

"""Inverse: where does this gradient come from? The link carries the run, the view and the gradient."""

from __future__ import annotations

import streamlit as st

from npf_engine.figures import histograms, inverse
from npf_engine.polar import PolarFactorization
from npf_engine.runs import files
from npf_engine.runs.store import Run
from pages.factorization import data
from pages.inverse import preimages
from ui import frame, runs, states
from ui.plots import plot

PREIMAGES, RELOCATION, COSINE = "Pre-images", "Relocation", "Cosine"
POINTS, SEED = 4000, 0

SYMBOLS = ("F", "grad_u", "conjugate", "M", "M_theta", "I")  # of the glossary


def main() -> None:
    frame.title("Inverse", "M sends many places to one gradient: where does a gradient come from?", SYMBOLS)
    run = runs.pick_run()
    with states.told(stop=True):
        model = runs.load_model(run.id)
    name = f"npf-{files.slug(run.name)}"
    labels = [PREIMAGES, RELOCATION, *([COSINE] if model.function is not None and model.d > 1 else [])]
    for tab, label in zip(st.tabs(labels, key="view", bind="query-params"), labels, strict=True):
        if not tab.open:
            continue
        with tab, states.shown(run.name):
            if label == PREIMAGES:
                preimages.show(run, model, name)
            elif label == RELOCATION:
                _relocation(run, model, name)
            else:
                _cosine(run, name)
    frame.link("factorization", "Look at ∇u and M", {"run": run.id})


def _relocation(run: Run, model: PolarFactorization, name: str) -> None:
    """Figure 2: the original beside the relocated."""
    view = data.relocation(str(files.home()), run.id, POINTS, SEED)
    if model.d == 1:
        laws = {"rho": view.x[:, 0], "inverse": view.moved[:, 0]}
        figure = histograms.overlaid(laws, model.units.axes[0], bins=50)
        plot(figure, "relocation_law", "Relocated points must be spread as ρ is.", laws, name)
        return
    grid = data.relief(str(files.home()), run.id) if model.d == 2 else None
    halves = {
        "original": (view.x, "**Original.** Test points at their own places, coloured by |F|."),
        "relocated": (
            view.moved,
            "**Relocated.** The same gradients at a drawn pre-image of each. Both maps must show the same regions in "
            "the same "
            "colours: a wrong colour in a region is a gradient that does not occur there.",
        ),
    }
    for column, (key, (points, caption)) in zip(st.columns(2, gap="medium"), halves.items(), strict=True):
        with column:
            figure = inverse.norm_points(
                points,
                view.f,
                model.units,
                model.low,
                model.high,
                top=view.top,
                grid=grid,
                revision=f"relocation_{key}",
            )
            plot(figure, f"relocation_{key}", caption, {"x": points, "F": view.f}, name)
    if view.outside > 0.001:
        st.caption(f"{view.outside:.1%} of the gradients have a ∇u* outside Omega; they start from its edge.")


def _cosine(run: Run, name: str) -> None:
    view = data.relocation(str(files.home()), run.id, POINTS, SEED)
    if view.cosine is None:
        st.info("F is known on samples only: it cannot be evaluated at the pre-images.", icon=":material/info:")
        return
    trivial = ((run.metrics or {}).get("inverse_cosine") or {}).get("trivial")
    plot(
        histograms.cosine_histogram(view.cosine, trivial=trivial),
        "cosine",
        "F at a drawn pre-image against the F asked for: 1 is the right direction. A model that learnt nothing "
        "reaches the "
        "dashed line.",
        {"cosine": view.cosine},
        name,
    )


main()

"""Inverse: where does this value of F come from? The link carries the run, the view and the gradient."""

from __future__ import annotations

import streamlit as st

from npf_engine.figures import histograms
from npf_engine.runs.store import Run
from npf_engine.settings import reading
from npf_engine.tasks import layout
from pages.inverse import counts, preimages, relocation, selection, trust
from ui import frame, modelviews, runs, states
from ui.linked import chosen
from ui.plots import plot

PREIMAGES, TRUST, COUNTS, RELOCATION, COSINE = "Pre-images", "Trust", "Counts", "Relocation", "Cosine"
SELECTION = "Selection"  # there while samples are selected
POINTS, TRUST_POINTS, SEED = 4000, 1500, 0

SYMBOLS = ("F", "Omega", "rho", "grad_u", "conjugate", "M", "M_theta", "M_xi", "I")  # of the glossary


def main() -> None:
    frame.title("Inverse", "F takes one value at many places: where does a value occur?", SYMBOLS)
    run = runs.pick_run()
    with states.told(stop=True):
        model = runs.load_model(run.id)
        runs.tell_constant(model)
    name = f"npf-{layout.slug(run.name)}"
    found = chosen.of(run.id)
    if found is not None:
        selection.strip(run, found)
    of_selection = [SELECTION] if found is not None else []
    labels = [
        PREIMAGES,
        *of_selection,
        TRUST,
        COUNTS,
        RELOCATION,
        *([COSINE] if model.function is not None and model.d > 1 else []),
    ]
    # who comes with a selection and asks for no value asks for it
    first = SELECTION if found is not None and preimages.GRADIENT not in st.query_params else PREIMAGES
    for tab, label in zip(st.tabs(labels, default=first, key="view", bind="query-params"), labels, strict=True):
        if not tab.open:
            continue
        with tab, states.shown(run.name):
            if label == PREIMAGES:
                preimages.show(run, model, name)
            elif label == SELECTION and found is not None:
                selection.show(run, model, name, found)
            elif label == TRUST:
                trust.show(run, model, name, modelviews.trust(str(layout.home()), run.id, TRUST_POINTS, SEED))
            elif label == COUNTS:
                counts.show(run, model, name)
            elif label == RELOCATION:
                relocation.show(run, model, name, modelviews.relocation(str(layout.home()), run.id, POINTS, SEED))
            else:
                _cosine(run, name)
    frame.link("factorization", "Look at ∇u and M", {"run": run.id})


def _cosine(run: Run, name: str) -> None:
    view = modelviews.relocation(str(layout.home()), run.id, POINTS, SEED)
    if view.cosine is None:
        st.info("F is known on samples only: it cannot be evaluated at the pre-images.", icon=":material/info:")
        return
    trivial = reading.maybe_number(reading.maybe_mapping(run.metrics or {}, "inverse_cosine"), "trivial")
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

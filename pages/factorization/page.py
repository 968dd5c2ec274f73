"""Factorization: are ∇u and M what they should be? The link carries the run and the view."""

from __future__ import annotations

import streamlit as st

from npf_engine.fields import titles
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.tasks.layout import slug
from pages.factorization import clouds, embedded, exact, hodge, mesh, monge_ampere, potential
from ui import accuracy, frame, paperfigure, runs, states

SYMBOLS = ("F", "rho", "law", "u", "grad_u", "M", "M_theta", "M_xi", "I", "S")  # of the glossary
CLOUDS, ACCURACY, EXACT, MESH, MONGE, POTENTIAL, HODGE, TSNE = (
    "Clouds",
    "Accuracy",
    "Exact",
    "Mesh",
    "Monge–Ampère",
    "Potential",
    "Helmholtz–Hodge",
    "t-SNE",
)
VIEWS = (CLOUDS, ACCURACY, EXACT, MESH, MONGE, POTENTIAL, HODGE, TSNE)


def main() -> None:
    frame.title("Factorization", "F = ∇u ∘ M: does ∇u reproduce the law of F, and does M preserve ρ?", SYMBOLS)
    run = runs.pick_run()
    with states.told(stop=True):
        model = runs.load_model(run.id)
        runs.tell_constant(model)
    name = f"npf-{slug(run.name)}"
    tabs = st.tabs(VIEWS, key="view", bind="query-params")
    for tab, label in zip(tabs, VIEWS, strict=True):
        if not tab.open:
            continue
        with tab, states.shown(run.name):
            if label == CLOUDS:
                runs.verdict(run)
                clouds.show(run, name)
            elif label == ACCURACY:
                accuracy.show(run, name)
            elif label == EXACT:
                exact.show(model, run.id, name)
            elif label == MESH:
                mesh.show(model, run.id, name)
            elif label == MONGE:
                monge_ampere.show(run, model, name)
            elif label == POTENTIAL:
                potential.show(model, run.id, name)
            elif label == HODGE:
                hodge.show(model, run.id, name)
            else:
                embedded.show(run, name)
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        frame.link("inverse", "Go back from values to places", {"run": run.id})
        frame.link("models", "Download this model", {"run": run.id})
        paperfigure.cite(run, titles.source_title(run.spec_of(TrainingSpec).field))


main()

"""What the pages about a finished model ask for, kept in memory for the next visitor."""

from __future__ import annotations

import contextlib

import numpy as np
import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields import catalog
from npf_engine.fields.catalog import price
from npf_engine.fields.field import Grid
from npf_engine.measures import inverse_view, views
from npf_engine.studies.factorization.spec import TrainingSpec
from ui import runs


@st.cache_data(max_entries=6, show_spinner="Evaluating the model ...")
def clouds(home: str, run_id: str, n: int, seed: int) -> views.FactorizationView:
    """The clouds of Figure 1."""
    return views.factorization_view(runs.load_model(run_id), n, seed)


@st.cache_data(max_entries=6, show_spinner="Carrying values back ...")
def relocation(home: str, run_id: str, n: int, seed: int) -> inverse_view.RelocationView:
    """Figure 2."""
    return inverse_view.relocation_view(runs.load_model(run_id), n, seed)


@st.cache_data(max_entries=6, show_spinner="Going to values and back ...")
def trust(home: str, run_id: str, n: int, seed: int) -> inverse_view.TrustView:
    """How far going to a place's gradient and back leads astray."""
    return inverse_view.trust_view(runs.load_model(run_id), n, seed=seed)


@st.cache_data(max_entries=20, show_spinner="Looking for the value ...")
def preimages(home: str, run_id: str, gradient: tuple[float, ...], draws: int) -> inverse_view.PreimageView:
    """Where one gradient occurs."""
    return inverse_view.preimage_view(runs.load_model(run_id), np.array(gradient), draws)


@st.cache_resource(max_entries=6, show_spinner=False)
def relief(home: str, run_id: str) -> Grid | None:
    """The elevation below a terrain model: the run's own, or built again where that needs no network."""
    with contextlib.suppress(InputError):
        return runs.store().field(run_id).grid
    spec = runs.store().get(run_id).spec_of(TrainingSpec).field
    if not price(spec).small:
        return None
    known = any(i.name == spec.source and i.group == "terrain" for i in catalog.list_fields())
    with contextlib.suppress(InputError):
        return catalog.resolve(spec).grid if known else None
    return None

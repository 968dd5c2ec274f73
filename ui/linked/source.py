"""All samples of a finished run, for its linked views: from its folder, or built again where that needs no network."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import streamlit as st
import torch

from npf_engine.errors import InputError
from npf_engine.fields import catalog
from npf_engine.fields.catalog import price
from npf_engine.fields.field import Field
from npf_engine.figures import blob
from npf_engine.measures import embedded as embedding
from npf_engine.measures.embedding import Embedding
from npf_engine.measures.linked import Evaluation, LinkedClouds
from npf_engine.measures.views import Arrays
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.tasks import layout
from ui import runs


def evaluation(run_id: str) -> Evaluation:
    """The clouds of a run as far as they were computed; at least the first look. Raises InputError."""
    written = runs.store().bundle(run_id).stat().st_mtime_ns
    return _evaluation(str(layout.home()), run_id, written)


@st.cache_resource(max_entries=2, show_spinner="Evaluating the model ...")
def _evaluation(home: str, run_id: str, written: int) -> Evaluation:
    model = runs.load_model(run_id)
    field = samples(run_id)
    if field is None or field.d != model.d:
        found = Evaluation.of_kept(model)
    else:
        x, y = torch.cat([field.x_test, field.x_train]), torch.cat([field.y_test, field.y_train])
        found = Evaluation(model, x, y, len(field.x_test), field.grid)
    found.advance(found.quick)
    return found


def embeddings(run_id: str) -> dict[str, Embedding]:
    """The t-SNE that there may be of a run, by the key of their panel."""
    written = runs.store().bundle(run_id).stat().st_mtime_ns
    return _embeddings(str(layout.home()), run_id, written, evaluation(run_id))


@st.cache_resource(max_entries=4, show_spinner=False)
def _embeddings(home: str, run_id: str, written: int, _found: Evaluation) -> dict[str, Embedding]:
    return embedding.embeddings(_found)


def embedded(run_id: str) -> Arrays:
    """Those that were computed, of the first samples that ``evaluation`` has: panel -> places (k, 2)."""
    states = {key: job.state() for key, job in embeddings(run_id).items()}
    return {key: state.points for key, state in states.items() if state.points is not None}


SCENE_POINTS = 5000  # as many as move at 30 frames a second where a processor draws them


def scene(run_id: str) -> bytes:
    """A run's points for a scene in motion: some of those that its model keeps. For d of 2 and more."""
    written = runs.store().bundle(run_id).stat().st_mtime_ns
    return _scene(str(layout.home()), run_id, written)


@st.cache_resource(max_entries=4, show_spinner="Evaluating the model ...")
def _scene(home: str, run_id: str, written: int) -> bytes:
    found = Evaluation.of_kept(runs.load_model(run_id))
    found.advance(min(found.quick, SCENE_POINTS))
    clouds = found.result()
    return blob.pack(clouds, blob.shown(clouds))


def samples(run_id: str) -> Field | None:
    """The field that a run was trained on: the run's own, or built again; None where neither can be had here."""
    with contextlib.suppress(InputError):
        return runs.store().field(run_id)
    spec = runs.store().get(run_id).spec_of(TrainingSpec).field
    known = any(info.name == spec.source and info.group == "terrain" for info in catalog.list_fields())
    with contextlib.suppress(InputError):
        return catalog.resolve(spec) if known and price(spec).small else None
    return None


@st.cache_resource(max_entries=4, show_spinner=False)
def shown(
    home: str, run_id: str, n: int, axes: tuple[int, int], more: tuple[str, ...], _found: Evaluation, _embedded: Arrays
) -> tuple[LinkedClouds, bytes]:
    """The first n samples of a run, and the message that brings them to the browser; ``more``: what else it has, the
    misses of pre-images, which have been drawn, and the panels of ``_embedded``."""
    clouds = replace(_found.result(n), embedded=_embedded)
    return clouds, blob.pack(clouds, blob.shown(clouds), axes)

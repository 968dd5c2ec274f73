"""What the pages of a finished run ask for, kept in memory for the next look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st
import torch

from npf_engine.fields.classifier import Classifier
from npf_engine.fields.digits import load_digits
from npf_engine.runs import reading
from npf_engine.runs.store import Run
from ui import runs

Arrays = dict[str, np.ndarray]

# cloud of weights -> what it is, in a table
CLOUDS = {
    "warmup": "warm-up",
    "lmc-npf": "LMC-NPF",
    "lmc": "plain LMC",
    "restart": "restarts (trivial)",
    "flow": "ends of the descents",
    "generated": "Iψ(∇u*(0))",
    "uniform": "uniform on Ω (trivial)",
}


def arrays(run: Run, name: str) -> Arrays:
    """The arrays of a result file of a finished run. Raises InputError where it is not there."""
    path = runs.store().result(run.id, name)
    return _arrays(str(path), path.stat().st_mtime_ns)


@st.cache_data(max_entries=8, show_spinner="Reading the results ...")
def _arrays(path: str, written: int) -> Arrays:
    return reading.arrays(Path(path))


def clouds(particles: Arrays) -> dict[str, np.ndarray]:
    """Cloud -> weights (P, 222), of those that there are."""
    return {name: particles[name] for name in CLOUDS if name in particles}


@st.cache_resource(max_entries=2, show_spinner="Reading the digits ...")
def classifier() -> Classifier:
    """The classifier on the digits of this server. Raises InputError for a folder that is not MNIST's."""
    return Classifier(load_digits())


@st.cache_data(max_entries=32, show_spinner="Answering the test images ...")
def confusion(weights: np.ndarray) -> np.ndarray:
    """Counts (10, 10) of the test images by true digit and answer, for one weight vector (222,)."""
    return classifier().confusion(torch.from_numpy(np.array(weights, dtype=np.float32))).numpy()

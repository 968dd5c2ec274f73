"""The potential that a link or a run names, kept in memory with its picture and its critical points."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import streamlit as st
import torch

from npf_engine.errors import InputError
from npf_engine.fields import catalog
from npf_engine.fields.field import Units
from npf_engine.figures import landscape as figures
from npf_engine.sampling import exact, landscapes
from npf_engine.sampling.landscapes import Landscape
from npf_engine.studies.landscape import view
from npf_engine.studies.landscape.spec import LandscapeSpec

FORMULA = "expression"  # the name of a landscape that is given by its formula
Place = tuple[str, str, tuple[float, ...], tuple[float, ...]]  # name, formula, low and high of the box


@dataclass(frozen=True)
class Ground:
    """g on a grid x (k,), y (l,), g (k, l), with what its axes are."""

    x: np.ndarray
    y: np.ndarray
    g: np.ndarray
    units: Units
    low: tuple[float, ...]
    high: tuple[float, ...]

    def contour(self, revision: str) -> go.Figure:
        """A fresh picture to draw on; zoom stays for as long as ``revision`` does."""
        figure = figures.contour(self.x, self.y, self.g, self.units, self.low, self.high)
        return figure.update_layout(uirevision=revision)


def place(spec: LandscapeSpec) -> Place:
    """What names the landscape of a spec."""
    return spec.name, spec.expression, spec.low, spec.high


@st.cache_resource(max_entries=8, show_spinner="Reading the landscape ...")
def find(where: Place) -> Landscape:
    """The landscape. Raises InputError where there is none, or it is not in the plane."""
    name, expression, low, high = where
    found = LandscapeSpec(name=name, expression=expression, low=low, high=high).landscape()
    if found.d != 2:
        raise InputError(f"this page shows potentials of two variables, and this one has {found.d}")
    return found


def flat(where: Place) -> bool:
    """Whether it is in the plane, so that there is a picture of it; a place is, and is not fetched to tell. Raises
    InputError where there is none."""
    name, expression, low, high = where
    if not at_hand(name) and not name.strip().lower().startswith(landscapes.SPACE):
        return True
    return LandscapeSpec(name=name, expression=expression, low=low, high=high).landscape().d == 2


def at_hand(name: str) -> bool:
    """Whether the landscape needs no network: what must be fetched is fetched by the run, not by the page."""
    if name in landscapes.NAMES or name == FORMULA or Path(name).exists():
        return True
    return any(info.name == name and not info.needs_network for info in catalog.list_fields())


@st.cache_data(max_entries=8, show_spinner="Drawing the landscape ...")
def ground(where: Place) -> Ground:
    """Its relief, for figures. Raises InputError."""
    found = find(where)
    x, y, g = view.relief(found)
    return Ground(x, y, g, found.units or Units(("x", "y"), ("", ""), ""), found.low, found.high)


@st.cache_data(max_entries=16, show_spinner="Looking for the points ...")
def critical_points(where: Place, v: tuple[float, float]) -> list[exact.CriticalPoint]:
    """Points of the box where grad g = v, by Newton from a grid. Raises InputError."""
    return exact.critical_points(find(where), torch.tensor(v, dtype=torch.float64))


@st.cache_data(max_entries=64, show_spinner=False)
def step_warning(where: Place, tau: float, coefficient: float | None, start: tuple[float, ...]) -> str | None:
    """What is wrong with a step size, or None."""
    found = find(where)
    return view.step_warning(found, tau, coefficient or found.coefficient, start)

"""The potential that a link or a run names, kept in memory with its picture and its critical points."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import streamlit as st
import torch

from npf_engine.evaluation import landscape_view
from npf_engine.fields import catalog
from npf_engine.fields.field import Units
from npf_engine.figures.landscapes import Ground
from npf_engine.polar.sampling import exact, landscapes
from npf_engine.polar.sampling.landscapes import Landscape

Texts = tuple[str, ...]
Corner = tuple[float, ...]


@st.cache_resource(max_entries=8, show_spinner="Reading the landscape ...")
def find(name: str, expression: Texts = (), low: Corner = (), high: Corner = ()) -> Landscape:
    """The landscape. Raises InputError where there is none."""
    return landscapes.find(name, expression, low, high)


def at_hand(name: str) -> bool:
    """Whether the landscape needs no network: what must be fetched is fetched by the run, not by the page."""
    if name in landscapes.NAMES or name == "expression" or Path(name).exists():
        return True
    return any(info.name == name and not info.needs_network for info in catalog.list_fields())


@st.cache_data(max_entries=8, show_spinner="Drawing the landscape ...")
def ground(name: str, expression: Texts, low: Corner, high: Corner, coefficient: float) -> Ground:
    """Its relief, for figures. Raises InputError where there is none, or it is not of two dimensions."""
    found = find(name, expression, low, high)
    x, y, g = landscape_view.relief(found)
    terrain = name not in landscapes.NAMES and name != "expression"
    units = found.units or Units(("x", "y"), ("", ""), "")
    return Ground(x, y, g, units, found.low, found.high, coefficient, log=not terrain)


def recoloured(picture: Ground, coefficient: float) -> Ground:
    """The same relief with the colours of another coefficient."""
    return dataclasses.replace(picture, coefficient=coefficient)


@st.cache_data(max_entries=16, show_spinner="Looking for the points ...")
def critical_points(
    name: str, expression: Texts, low: Corner, high: Corner, v: tuple[float, ...]
) -> list[exact.CriticalPoint]:
    """Points of the box where grad g = v, by Newton from a grid. Raises InputError."""
    return exact.critical_points(find(name, expression, low, high), torch.tensor(v, dtype=torch.float64))


@st.cache_data(max_entries=64, show_spinner=False)
def step_warning(
    name: str, expression: Texts, low: Corner, high: Corner, tau: float, coefficient: float, start: Corner
) -> str | None:
    """What is wrong with a step size, or None."""
    return landscape_view.step_warning(find(name, expression, low, high), tau, coefficient, start)

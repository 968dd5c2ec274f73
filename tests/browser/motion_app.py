"""A page with nothing but one scene of synthetic data, for tests/browser/test_motion.py."""

from __future__ import annotations

import numpy as np
import streamlit as st
import torch

from npf_engine.fields import catalog
from npf_engine.fields.field import Scaling, Units
from npf_engine.fields.spec import FieldSpec
from npf_engine.figures.region import region
from npf_engine.measures.legendre import LegendreView
from npf_engine.measures.mesh import NETWORK, MeshView, deformation
from pages.factorization import legendre, mesh
from pages.field import region as regions
from pages.landscape import player
from pages.landscape.chains import Chain
from pages.landscape.ground import Ground
from ui import motion


@st.cache_resource
def particles(n: int, moments: int) -> bytes:
    """Two wells: one chain of which a third jumps across at every 20th moment, and one that stays where it began."""
    noise = np.random.default_rng(0)
    side = np.linspace(-2, 2, 61)
    well = (side[:, None] ** 2 - 1) ** 2 + 0.5 * side[None, :] ** 2
    ground = Ground(side, side, well, Units(("x", "y"), ("", ""), ""), (-2.0, -2.0), (2.0, 2.0))
    steps = (
        np.cumsum(noise.normal(0, 0.02, (moments, n, 2)), axis=0) / np.sqrt(1 + np.arange(moments) / 20)[:, None, None]
    )
    home = np.array([-1.0, 0.0]) + 0.2 * noise.normal(size=(n, 2))
    jumped = np.zeros((moments, n), dtype=bool)
    jumped[20::20] = noise.random((len(jumped[20::20]), n)) < 1 / 3
    across = np.where(jumped.cumsum(axis=0) % 2, -1.0, 1.0)[:, :, None] * [1.0, 0.0] + [0.0, 1.0]
    told = np.arange(moments) * 10
    chains = [
        Chain("lmc-npf", "LMC-NPF", told, (home + steps) * across, jumped, np.empty((0, 0))),
        Chain("lmc", "Plain LMC", told, home + steps, np.zeros_like(jumped), np.empty((0, 0))),
    ]
    return player.packed(ground, chains, "synthetic")


@st.cache_resource
def turned() -> bytes:
    """A quarter turn of a square of 2 by 2 km, and values twice as large."""
    turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    found = deformation(lambda x: x @ turn)
    return mesh.packed(MeshView(found, 2 * found.m, NETWORK, "box"), Scaling((5.0, 0.0), (1.0, 1.0)), "synthetic")


@st.cache_resource
def bowl() -> bytes:
    """u(x) = |x|^2, so that y = 2 x and u*(y) = |y|^2 / 4."""
    line = np.linspace(-1, 1, 21)
    x = np.stack(np.meshgrid(line, line), axis=2)
    u = (x**2).sum(axis=2)
    found = LegendreView(x, u, 2 * x, u, np.ones(u.shape, dtype=bool))
    return legendre.packed(found, Scaling((0.0, 0.0), (1.0, 1.0)), Units(("x", "y"), ("km", "km"), "m/s"), "synthetic")


@st.cache_resource
def terrain() -> bytes:
    """The embedded terrain with its slope."""
    field = catalog.resolve(FieldSpec())
    assert field.grid is not None
    x = field.scaling.to_user(field.x_train[:20_000].double()).numpy()
    return regions.packed(region(field.grid, field.units, x, field.y_train[:20_000].numpy()), "synthetic")


def scene(kind: str, n: int) -> None:
    """The scene that the link asks for."""
    if kind == "particles":
        motion.draw(kind, particles(n, 400), "scene")
    elif kind == "region":
        motion.draw(kind, terrain(), "scene")
    elif kind == "legendre":
        motion.draw(kind, bowl(), "scene")
    elif kind == "mesh":
        motion.draw(kind, turned(), "scene")


st.set_page_config(layout="wide")
scene(st.query_params.get("scene", "particles"), int(st.query_params.get("n", "5000")))

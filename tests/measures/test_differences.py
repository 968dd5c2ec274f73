"""Where two models differ, against maps that are known."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.fields.field import Units
from npf_engine.figures import differences as drawn
from npf_engine.measures import differences


def model(factor: float, shift: float = 0.0, d: int = 2, low: float = -2.0) -> types.SimpleNamespace:
    """grad u(x) = factor x, M_xi(x) = x + shift, on [low, 2] x [-1, 1]."""
    return types.SimpleNamespace(
        d=d,
        low=(low, -1.0),
        high=(2.0, 1.0),
        m=object(),
        units=Units(("x", "y"), ("km", "km"), "m/s"),
        scaling=types.SimpleNamespace(scale=(2.0, 1.0)),
        grad_u=lambda x: factor * x,
        M_network=lambda x: x + shift,
    )


def test_distances_are_those_of_the_maps() -> None:
    one, other = differences.lattice(model(1.0), 9), differences.lattice(model(3.0, shift=0.5), 9)
    assert one.maps["grad_u"].shape == (9, 9, 2) and one.x[[0, -1]].tolist() == [-2, 2]
    rows, columns = np.meshgrid(one.y, one.x, indexing="ij")
    assert np.allclose(differences.apart(one, other, "grad_u"), 2 * np.hypot(rows, columns))
    assert np.allclose(differences.apart(one, other, "m_network"), np.hypot(0.25, 0.5))  # in half boxes: 2 and 1 wide
    assert np.allclose(differences.apart(one, one, "grad_u"), 0)
    assert torch.get_default_dtype() == torch.float32


def test_what_cannot_be_compared_is_a_sentence() -> None:
    one = differences.lattice(model(1.0), 5)
    with pytest.raises(InputError, match="3 dimensions"):
        differences.lattice(model(1.0, d=3), 5)
    with pytest.raises(InputError, match="different regions"):
        differences.apart(one, differences.lattice(model(1.0, low=-1.0), 5), "grad_u")
    bare = model(1.0)
    bare.m = None
    with pytest.raises(InputError, match="no such map"):
        differences.apart(one, differences.lattice(bare, 5), "m_network")


def test_maps_have_one_range_of_colours_and_axes_that_move_together() -> None:
    found = differences.lattice(model(1.0), 9)
    layers = {f"run {k}": k * np.ones((9, 9)) for k in (1.0, 2.0, 3.0)}
    figure = drawn.maps(found.x, found.y, layers, found.units, "m/s")
    assert figure.layout.coloraxis.cmax == 3 and {trace.coloraxis for trace in figure.data} == {"coloraxis"}
    assert {axis.matches for axis in figure.select_xaxes()} == {"x"}
    assert {axis.matches for axis in figure.select_yaxes()} == {"y"}

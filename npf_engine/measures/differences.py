"""Where two models of one field in the plane differ: their maps on one lattice of Omega's box."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from npf_engine.errors import InputError
from npf_engine.fields.field import Units
from npf_engine.polar.factorization import PolarFactorization

SIDE = 64


@dataclass(frozen=True)
class Lattice:
    """x (cols,), y (rows,) in the user's units; maps, (rows, cols, 2) each: ``grad_u`` in F's unit, ``m_network`` (of
    M_xi, where it was trained) in half boxes of Omega."""

    x: np.ndarray
    y: np.ndarray
    maps: Mapping[str, np.ndarray]
    units: Units


def lattice(model: PolarFactorization, side: int = SIDE) -> Lattice:
    """The maps of a model in the plane. Raises InputError for another dimension."""
    if model.d != 2:
        raise InputError(f"maps are compared in the plane; this model has {model.d} dimensions")
    x, y = (torch.linspace(model.low[axis], model.high[axis], side, dtype=torch.float64) for axis in range(2))
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    points = torch.stack([columns.reshape(-1), rows.reshape(-1)], 1)
    maps = {"grad_u": model.grad_u(points)}
    if model.m is not None:
        maps["m_network"] = model.M_network(points) / torch.tensor(model.scaling.scale, dtype=torch.float64)
    arrays = {name: found.double().reshape(side, side, 2).numpy() for name, found in maps.items()}
    return Lattice(x.numpy(), y.numpy(), arrays, model.units)


def apart(one: Lattice, other: Lattice, name: str) -> np.ndarray:
    """The distance of two models' values of a map at each place, (rows, cols). Raises InputError where they lie on
    different boxes, or one has no such map."""
    if not (np.allclose(one.x, other.x) and np.allclose(one.y, other.y)):
        raise InputError("these models live on different regions; compare models of one field")
    if name not in one.maps or name not in other.maps:
        raise InputError("one of these models has no such map; compare another")
    return np.asarray(np.linalg.norm(one.maps[name] - other.maps[name], axis=2))

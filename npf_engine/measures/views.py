"""What the pages show of a model: clouds, projections and the potential, in the user's units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.fields.field import Units
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.transport.pairing import nearest

POSITIONS = ("rho", "m", "m_network", "inverse")  # clouds in Omega
VALUES = ("field", "grad_u", "reconstruction")  # clouds in the space of F
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Projection:
    """The first two principal axes of F#rho: mean (d,), directions (d, 2) of length one, share of the variance (2,)."""

    mean: np.ndarray
    directions: np.ndarray
    share: np.ndarray


@dataclass(frozen=True)
class FactorizationView:
    """The clouds of Figure 1: palette key -> (n, d) in the user's units. Row i of each comes from the same x_i.

    rho: x; field: F(x); grad_u: grad u(x); m: M_theta(x); m_network: M_xi(x); reconstruction: grad u(M_xi(x)), the
    last two only where M_xi was trained. ``projection`` is there for d > 3.
    """

    clouds: Arrays
    units: Units
    low: tuple[float, ...]
    high: tuple[float, ...]
    scale: tuple[float, ...]
    projection: Projection | None

    @property
    def d(self) -> int:
        """Dimension of Omega."""
        return int(self.clouds["rho"].shape[1])

    def beyond(self, key: str) -> float:
        """The share of a cloud of positions that lies outside of the box from ``low`` to ``high``."""
        cloud = self.clouds[key]
        return float(((cloud < self.low) | (cloud > self.high)).any(axis=1).mean())

    def planes(self, axes: tuple[int, int] = (0, 1)) -> Arrays:
        """``plane`` of every cloud."""
        return {key: self.plane(key, axes) for key in self.clouds}

    def plane(self, key: str, axes: tuple[int, int] = (0, 1)) -> np.ndarray:
        """One cloud on two axes (n, 2): coordinates ``axes``, or for d > 3 the two principal axes of F#rho.

        For d = 1: the place x and the value, which together are the graph of a function.
        """
        cloud = self.clouds[key]
        if self.projection is not None:
            return self._projected(key) @ self.projection.directions
        if self.d == 1:
            return np.hstack([self.clouds["rho"], cloud])
        return cloud[:, list(axes)]

    def _projected(self, key: str) -> np.ndarray:
        assert self.projection is not None
        cloud = self.clouds[key]
        if key in VALUES:
            return cloud - self.projection.mean
        centred = cloud - self.clouds["rho"].mean(axis=0)
        return centred if self.one_unit else centred / np.asarray(self.scale)

    @property
    def one_unit(self) -> bool:
        """Whether all positions have one unit; else they are projected after scaling each axis to [-1, 1]."""
        return len(set(self.units.position)) == 1


def surface(g: Callable[[Tensor], Tensor], rows: int, cols: int) -> np.ndarray:
    """A potential of model positions (n, 2) on rows x cols nodes of [-1, 1]^2, rows running south."""
    down, along = (torch.linspace(-1.0, 1.0, count, dtype=torch.float64) for count in (rows, cols))
    y, x = torch.meshgrid(down.flip(0), along, indexing="ij")
    return g(torch.stack([x.flatten(), y.flatten()], dim=1)).double().reshape(rows, cols).numpy()


def kept_samples(model: PolarFactorization, n: int) -> tuple[Tensor, Tensor]:
    """Up to n of the model's samples, unseen ones first: positions (n, d) in the user's units, float64, and values."""
    x = torch.cat([model.samples["x_test"], model.samples["x_train"]])[:n]
    y = torch.cat([model.samples["y_test"], model.samples["y_train"]])[:n]
    return model.scaling.to_user(x.double()), y.double()


def factorization_view(model: PolarFactorization, n: int = 3000, seed: int = 0) -> FactorizationView:
    """The clouds of Figure 1 at n samples chosen by ``seed`` among those the model keeps (unseen ones first)."""
    x, y = kept_samples(model, max(n, len(model.samples["x_test"])))
    pick = torch.randperm(len(x), generator=seeds.generator(seed, "views.points"))[:n]
    x, y = x[pick], y[pick]
    clouds = {"rho": x, "field": y, "grad_u": model.grad_u(x), "m": model.M(x, field_values=y)}
    if model.m is not None:
        clouds["m_network"] = model.M_network(x)
        clouds["reconstruction"] = model.grad_u(clouds["m_network"])
    arrays = {key: cloud.double().numpy() for key, cloud in clouds.items()}
    projection = principal_axes(arrays["field"]) if model.d > 3 else None
    return FactorizationView(arrays, model.units, model.low, model.high, model.scaling.scale, projection)


def mixing(view: FactorizationView, apart: float = 0.25) -> float:
    """The share of samples whose nearest neighbour in M_theta#rho comes from a place farther away than ``apart`` times
    the mean distance of two samples, positions scaled to [-1, 1]^d: 0 for an M that is continuous, about one half
    where two places of equal weight meet everywhere."""
    scale = np.asarray(view.scale)
    x, m = torch.from_numpy(view.clouds["rho"] / scale), torch.from_numpy(view.clouds["m"] / scale)
    beside = nearest(m, m, 2)[:, 1]
    order = torch.randperm(len(x), generator=seeds.generator(0, "views.mixing"))
    typical = float((x - x[order]).norm(dim=1).mean())
    return float(((x - x[beside]).norm(dim=1) > apart * typical).double().mean())


def rises(x: np.ndarray, f: np.ndarray) -> bool:
    """Whether values f (n,) never fall along x (n,), up to a millionth of their range."""
    along = f[np.argsort(x, kind="stable")].astype(np.float64)
    return bool((np.diff(along) >= -1e-6 * max(np.ptp(along), 1e-300)).all())


def principal_axes(y: np.ndarray) -> Projection:
    """The first two principal axes of a cloud (n, d), each turned so that its largest component is positive."""
    mean = y.mean(axis=0)
    covariance = np.cov((y - mean).T)
    variance, vectors = np.linalg.eigh(covariance)
    directions = vectors[:, ::-1][:, :2]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None, :], axis=0)
    total = max(float(variance.sum()), 1e-300)
    return Projection(mean, directions * np.sign(largest), variance[::-1][:2] / total)


def potential_view(
    model: PolarFactorization, axes: tuple[int, int] = (0, 1), side: int = 64
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """u on a lattice of Omega's box: x (side,), y (side,), u (side, side) with rows along y.

    For d > 2 a plane through the mean of rho along two ``axes``; for d = 1 y is empty and u is (side,).
    """
    centre = kept_samples(model, 1 << 30)[0].mean(dim=0)
    lines = [torch.linspace(model.low[axis], model.high[axis], side, dtype=torch.float64) for axis in axes[: model.d]]
    if model.d == 1:
        return lines[0].numpy(), np.zeros(0), model.potential(lines[0][:, None]).double().numpy()
    rows, columns = torch.meshgrid(lines[1], lines[0], indexing="ij")
    points = centre.repeat(side * side, 1)
    points[:, axes[0]], points[:, axes[1]] = columns.reshape(-1), rows.reshape(-1)
    u = model.potential(points).double().reshape(side, side)
    return lines[0].numpy(), lines[1].numpy(), u.numpy()

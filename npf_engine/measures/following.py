"""One point on its way through the factorization: x, then M(x), then grad u(M(x)), which is F(x)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npf_engine.measures.views import FactorizationView

LEARNT, SOLVED = ("rho", "m_network", "reconstruction"), ("rho", "m", "field")  # clouds of the three places
LOOP = 0.6  # of the half axes of the cloud of x: the loop that ``walk`` goes


@dataclass(frozen=True)
class Followed:
    """x, m = M(x), value = grad u(M(x)) and field = F(x), (d,) each, in the user's units; miss: |value - field| over
    the spread of F, mean |F - mean F|."""

    x: np.ndarray
    m: np.ndarray
    value: np.ndarray
    field: np.ndarray
    miss: float


def clouds(view: FactorizationView) -> tuple[str, str, str]:
    """Palette keys of x, M(x) and grad u(M(x)): M_xi where it was trained; else M_theta, for which the last is F."""
    return LEARNT if "m_network" in view.clouds else SOLVED


def follow(view: FactorizationView, index: int) -> Followed:
    """The way of sample ``index``. Raises IndexError for one that is not there."""
    x, m, value = (view.clouds[key][index] for key in clouds(view))
    field = view.clouds["field"]
    spread = float(np.linalg.norm(field - field.mean(axis=0), axis=1).mean()) or 1.0
    return Followed(x, m, value, field[index], float(np.linalg.norm(value - field[index])) / spread)


def walk(view: FactorizationView, stops: int = 48) -> np.ndarray:
    """Indices of the samples nearest to ``stops`` places of a loop through the region, on its first two axes, (k,)."""
    places = view.clouds["rho"][:, :2]
    low, high = np.quantile(places, [0.01, 0.99], axis=0)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-300)
    angle = np.linspace(0, 2 * np.pi, stops, endpoint=False)
    if places.shape[1] == 1:  # from one end to the other
        loop = np.linspace(-1, 1, stops)[:, None]
    else:
        loop = LOOP * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    away = np.linalg.norm(((places - middle) / half)[None] - loop[:, None], axis=2)
    nearest = away.argmin(axis=1)
    return nearest[np.concatenate([[True], nearest[1:] != nearest[:-1]])]

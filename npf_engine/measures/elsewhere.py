"""Where else the values of a selection occur: S is a set of samples, and F^-1(F(S)) = M^-1(M(S)) is drawn by I_psi."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from npf_engine import seeds
from npf_engine.measures.inverse_view import evaluator
from npf_engine.polar.factorization import PolarFactorization

MOST = 2000  # values that are asked for


@dataclass(frozen=True)
class ElsewhereView:
    """Of the selected samples, ``MOST`` at most: x (n, d) and f (n, d) = F(x), drawn (n, d) a pre-image drawn for each
    value, reached (n, d) = F(drawn), all in the user's units; miss: the mean of |reached - f| over F's spread, with F
    as ``known`` says ("function", "grid", "network")."""

    x: np.ndarray
    f: np.ndarray
    drawn: np.ndarray
    reached: np.ndarray
    miss: float
    known: str


def elsewhere(model: PolarFactorization, x: np.ndarray, f: np.ndarray, seed: int = 0) -> ElsewhereView:
    """One pre-image for the value of each of the samples x (m, d) with F(x) = f (m, d), of MOST of them by chance.

    Raises InputError when the model has no I_psi, or neither F nor M_xi is there to say what F is at a place.
    """
    evaluate, known, spread = evaluator(model)
    pick = torch.randperm(len(x), generator=seeds.generator(seed, "elsewhere.pick"))[:MOST].sort().values.numpy()
    x, f = np.asarray(x, dtype=np.float64)[pick], np.asarray(f, dtype=np.float64)[pick]
    drawn = model.invert_details(torch.from_numpy(f), 1, seed).x[:, 0].double()
    reached = evaluate(model.scaling.to_model(drawn)).double().numpy()
    miss = float(np.linalg.norm(reached - f, axis=1).mean()) / spread
    return ElsewhereView(x, f, drawn.numpy(), reached, miss, known)

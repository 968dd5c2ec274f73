"""The search for components and the start's numbers one by one, each by its formula."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as nnf

from npf_engine.networks.wide import START_BEND, WidePotential
from npf_engine.transport import mixture_start as module
from npf_engine.transport.mixture_start import Mixture, _cells, _fitted, _quiet_layers, mixture_of, start_at_mixture
from tests.transport.by_hand import ByHand

POINTS = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))


class Fits:
    """Fits of 1, 2, ... components whose criterion is as the test says, ten seconds each; of 20, 40 and 0 points."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, scores: list[float], sure: float = 1.0) -> None:
        self.asked, self.recorder = list[int](), ByHand()
        mine = self

        class Model:
            def __init__(self, k: int) -> None:
                self.k = k
                self.weights_ = np.full(k, 1 / k)
                self.means_ = np.arange(2.0 * k).reshape(k, 2) + 100 * k
                self.covariances_ = np.full((k, 2), 9.0)

            def bic(self, points: np.ndarray) -> float:
                return scores[self.k - 1] if self.k <= len(scores) else scores[-1] - self.k

            def predict(self, points: np.ndarray) -> np.ndarray:
                return np.array([0] * 20 + [self.k - 1] * 40)

            def predict_proba(self, points: np.ndarray) -> np.ndarray:
                return np.array([[sure - 0.1, 0.0, 1.0], [sure + 0.1, 0.0, 0.0]])

        def fitted(points: np.ndarray, first: np.ndarray, labels: np.ndarray) -> Model:
            mine.asked.append(len(np.unique(labels)))
            mine.recorder.now += 10.0
            return Model(mine.asked[-1])

        monkeypatch.setattr(module, "_fitted", fitted)

    def found(self, seconds: float = 1e9) -> Mixture | None:
        return mixture_of(POINTS, 50 + seconds, self.recorder)


def test_more_components_are_tried_until_two_bring_no_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = Fits(monkeypatch, [10.0, 5.0, 6.0, 4.0, 4.0, 6.0])
    found = fits.found()
    assert fits.asked == [1, 2, 3, 4, 5, 6] and found is not None
    # Of four components the two in the middle have no point: they are left out.
    torch.testing.assert_close(found.weights, torch.tensor([1 / 3, 2 / 3]).double())
    torch.testing.assert_close(found.means, torch.tensor([[400.0, 401.0], [406.0, 407.0]]).double())
    torch.testing.assert_close(found.spreads, torch.full((2, 2), 3.0).double())


def test_the_search_ends_with_the_time_and_with_a_dozen(monkeypatch: pytest.MonkeyPatch) -> None:
    falling = Fits(monkeypatch, [10.0, 5.0, 4.0])
    assert falling.found(15.0) is not None and falling.asked == [1, 2]
    more = Fits(monkeypatch, [10.0, 5.0, 4.0])
    assert more.found(20.0) is not None and more.asked == [1, 2, 3]
    endless = Fits(monkeypatch, [0.0])
    assert endless.found() is not None and endless.asked == list(range(1, 13))


def test_one_component_none_or_such_as_overlap_are_no_mixture(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Fits(monkeypatch, [1.0, 2.0, 3.0])
    assert one.found() is None and one.asked == [1, 2, 3]
    lost = Fits(monkeypatch, [math.inf, math.inf, 0.0])
    assert lost.found() is None and lost.asked == [1, 2]
    # The larger probability of a point's rows: one, and (sure + 0.1).
    assert Fits(monkeypatch, [9.0, 1.0, 2.0, 3.0], 0.85).found() is None
    assert Fits(monkeypatch, [9.0, 1.0, 2.0, 3.0], 0.87).found() is not None


@pytest.mark.parametrize("unit", [1.0, 1e-5])
def test_a_fit_begins_at_the_moments_of_the_labelled_parts(unit: float) -> None:
    g = np.random.default_rng(0)
    points = unit * np.concatenate([g.normal(size=(50, 2)), g.normal(size=(50, 2)) + 30])
    points[:, 1] = 4.0 * unit  # a coordinate that is constant
    first = np.concatenate([points[:10], points[50:51]])
    model = _fitted(points, first, np.array([3] * 10 + [7]))
    np.testing.assert_allclose(model.weights_init, [10 / 11, 1 / 11])
    np.testing.assert_allclose(model.means_init, [first[:10].mean(0), first[10]])
    wide = points[:, 0].var()
    variances = [[first[:10, 0].var(), 1e-6 * wide], [1e-3 * wide, 1e-6 * wide]]  # one part is a point
    np.testing.assert_allclose(1 / model.precisions_init, variances)
    assert model.means_.shape == (2, 2) and model.covariance_type == "diag"


MIXTURE = Mixture(
    torch.tensor([0.2, 0.5, 0.3]).double(),
    torch.tensor([[-9.0, 40.0], [0.0, 50.0], [12.0, 45.0]]).double(),
    torch.tensor([[0.5, 1.0], [1.0, 2.0], [0.2, 0.4]]).double(),
)


def cloud(n: int) -> Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(1)) * torch.tensor([1.0, 2.0])


def test_pieces_hold_what_the_quadratic_and_the_layers_leave() -> None:
    x, y = cloud(3000), cloud(900) * torch.tensor([3.0, 5.0])
    u = WidePotential(2, (6, 5), pieces=3, rank=2, seed=1).requires_grad_(False)
    quiet = WidePotential(2, (6, 5), pieces=3, rank=2, seed=1).requires_grad_(False)
    start_at_mixture(u, x, y, MIXTURE)  # just as many pieces as components
    tau = 0.005 * float(y.double().var(0).mean())
    slopes, bends, offsets = _cells(x.double(), MIXTURE, tau)
    weights = (0.2 * bends[0] + 0.5 * bends[1] + 0.3 * bends[2]).sqrt()
    weights = weights / (weights**2 * x.double().var(0)).mean().sqrt()
    torch.testing.assert_close(u.weights.double(), weights, rtol=1e-5, atol=0)
    least = torch.minimum(torch.minimum(bends[0], bends[1]), bends[2])
    torch.testing.assert_close(u.L.double(), torch.diag((0.5 * least).sqrt()), rtol=1e-5, atol=1e-7)
    size = u.piece_size
    torch.testing.assert_close(u.P.double() * size * weights, slopes, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(u.q.double() * size, offsets, rtol=1e-4, atol=1e-4)
    quiet.weights.copy_(weights)
    kept = _quiet_layers(quiet, x, least)
    own = nnf.softplus(u.bends.double()) * weights**2
    torch.testing.assert_close(own + 0.5 * least + kept, bends, rtol=1e-4, atol=1e-5)
    assert float(u.log_tau) == pytest.approx(math.log(tau / size), rel=1e-5)
    spare = WidePotential(2, (6,), pieces=5, seed=1).requires_grad_(False)
    start_at_mixture(spare, x, y, MIXTURE)
    torch.testing.assert_close(nnf.softplus(spare.bends[3:]), torch.full((2, 2), START_BEND))


def test_layers_that_are_quiet_already_stay_and_all_else_is_emptied() -> None:
    x = cloud(600)
    made: list[Any] = [
        WidePotential(2, (6, 5), pieces=3, rank=2, seed=1).double().requires_grad_(False) for _ in range(2)
    ]
    u, before = made
    own = _quiet_layers(u, x.double(), torch.tensor([1e6, 1e6]).double())
    for w, was in zip(u.w, before.w, strict=True):
        torch.testing.assert_close(w, was)
    torch.testing.assert_close(u.A, 0.1 * before.A)
    assert float(u.P.abs().max()) == float(u.q.abs().max()) == float(u.L.abs().max()) == 0
    assert float(nnf.softplus(u.bends).max()) < 1e-12
    bend = u.derivatives(x[:512].double())[2].diagonal(dim1=1, dim2=2).mean(0)
    torch.testing.assert_close(own, bend)
    small = WidePotential(2, (6, 5), pieces=3, rank=2, seed=1).double().requires_grad_(False)
    least = torch.tensor([0.05, 0.3]).double()
    kept = _quiet_layers(small, x.double(), least)
    share = min(1.0, float((0.1 * least / own).min()))
    assert 0 < share < 0.9
    torch.testing.assert_close(kept, share * own)
    for w, was in zip(small.w, before.w, strict=True):
        torch.testing.assert_close(nnf.softplus(w), share * nnf.softplus(was))


def test_a_cell_of_one_point_has_a_thousandth_of_the_spread() -> None:
    x = torch.tensor([[0.0, 0.0]] * 30 + [[10.0, 4.0]] * 30).double()
    two = Mixture(
        torch.tensor([0.5, 0.5]).double(),
        torch.tensor([[-50.0, 0.0], [50.0, 7.0]]).double(),
        torch.tensor([[0.5, 1.0], [1.0, 2.0]]).double(),
    )
    slopes, bends, _ = _cells(x, two, 1e-3)
    torch.testing.assert_close(bends, two.spreads / (1e-3 * x.std(0)))
    at = (two.means - slopes) / bends
    torch.testing.assert_close(at[at[:, 0].argsort()], x[29:31], atol=1e-6, rtol=0)

"""The exact factorization of samples: sorting, permutations, linear maps; the certificate's inequality."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from benchmarks.exact_models import Case, Known, cases, wrong_u
from npf_engine.errors import InputError
from npf_engine.measures.exact import _row, exact_view
from npf_engine.transport.pairing import optimal_assignment


@pytest.fixture(scope="module")
def linear() -> Case:
    return cases(0, ("linear, disc",))[0]


def test_the_floor_is_how_far_the_exact_answer_is_off() -> None:
    """x and y of one uniform law: the truth is the identity. The floor is 1.14 of the error in the mean of many seeds;
    divided by sqrt 2, as if the two answers had no sample in common, it would be .8 of it."""
    errors, floors = [], []
    for seed in range(8):
        xa, ya, yb = torch.rand(3, 300, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        exact, other = ya[optimal_assignment(xa, ya)], yb[optimal_assignment(xa, yb)]
        errors.append(float((exact - xa).square().sum(1).mean().sqrt()))
        floors.append(_row(exact, exact, other, exact, 1.0).floor / 100)
    assert 0.95 < sum(floors) / sum(errors) < 1.3


def test_it_is_a_factorization_of_the_samples(linear: Case) -> None:
    """F = grad u o M on every sample, M a permutation, and no swap of two values would raise the correlation."""
    view = exact_view(linear.model, 300)
    values = {tuple(x): tuple(u) for x, u in zip(view.x, view.exact_u, strict=True)}
    assert [values[tuple(m)] for m in view.exact_m] == [tuple(y) for y in view.field]
    assert sorted(map(tuple, view.exact_m)) == sorted(map(tuple, view.x))
    gain = view.x @ view.exact_u.T
    assert (np.diag(gain)[:, None] + np.diag(gain)[None, :] - gain - gain.T).min() > -1e-9


def test_the_truth_is_at_its_floor_and_a_wrong_u_above(linear: Case) -> None:
    view = exact_view(linear.model)
    assert view.u.ratio is not None and 0.6 < view.u.ratio < 1.15
    assert view.m.ratio is not None and 0.6 < view.m.ratio < 1.15
    wrong = wrong_u(linear, 0.2, "stretch")  # a fifth of the variance, 45 % of the spread
    assert wrong is not None
    off = exact_view(wrong.model)
    assert off.u.value == pytest.approx(math.hypot(100 * math.sqrt(0.2), view.u.value), rel=0.15)
    assert off.certificate is not None and off.certificate.bound > off.u.value


def test_the_certificate_bounds_the_error_of_a_linear_map(linear: Case) -> None:
    """u = <x, P x> / 2, the truth <x, Q x> / 2: L is P's largest eigenvalue, the gap E |P x - Q x|^2_{P^-1} / 2 and
    what the samples' own assignment lacks."""
    P, Q = torch.tensor([[3.0, 0.3], [0.3, 1.5]]), torch.tensor([[2.0, 0.3], [0.3, 1.0]])
    model = linear.model.__class__(**{**vars(linear.model), "u": Known(P, torch.zeros(2))})
    view = exact_view(model)
    assert view.certificate is not None
    assert view.certificate.smoothness == pytest.approx(float(torch.linalg.eigvalsh(P)[-1]), rel=1e-5)
    x = torch.from_numpy(view.x)
    off = x @ (P - Q).double().T
    gap = float((off * torch.linalg.solve(P.double(), off.T).T).sum(1).mean()) / 2
    assert gap < view.certificate.gap < 1.2 * gap
    spread = float((x @ Q.double().T).var(0, correction=0).sum().sqrt())
    assert 100 * float(off.square().sum(1).mean().sqrt()) / spread < view.certificate.bound


def test_it_tells_how_far_it_is_and_can_be_stopped(linear: Case) -> None:
    told: list[float] = []
    exact_view(linear.model, most=200, progress=lambda share, text: told.append(share))
    assert told == sorted(told) and len(told) == 3 and told[-1] < 1
    with pytest.raises(KeyboardInterrupt):
        exact_view(linear.model, most=200, progress=lambda share, text: _stop())


def _stop() -> None:
    raise KeyboardInterrupt


def test_too_few_samples_are_one_sentence(linear: Case) -> None:
    few = {key: value[:60] for key, value in linear.model.samples.items()}
    model = linear.model.__class__(**{**vars(linear.model), "samples": few})
    with pytest.raises(InputError, match="keeps 120 samples"):
        exact_view(model)

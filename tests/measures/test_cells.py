"""The semi-discrete factorization beside a known one: at its floor where u is the truth, above where it is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.exact_models import Case, cases, wrong_u
from npf_engine.errors import InputError
from npf_engine.measures.cells import SIDE, CellsView, cells_view


@pytest.fixture(scope="module", params=["disc", "box"])
def linear(request: pytest.FixtureRequest) -> tuple[Case, CellsView, list[float]]:
    case, seen = cases(0, (f"linear, {request.param}",))[0], []
    return case, cells_view(case.model, 250, progress=lambda share, text: seen.append(share)), seen


def test_the_truth_is_at_its_floor_and_a_wrong_u_above(linear: tuple[Case, CellsView, list[float]]) -> None:
    case, view, seen = linear
    assert view.u.ratio is not None and 0.8 < view.u.ratio < 1.35
    assert view.m.ratio is not None and 0.8 < view.m.ratio < 1.35
    assert view.targets == view.u.n == 250 and view.error <= 1e-8
    assert seen[0] >= 0 and seen[-1] <= 1 and max(seen) > 0.95
    wrong = wrong_u(case, 0.2, "stretch")
    assert wrong is not None
    off = cells_view(wrong.model, 250)
    assert off.u.value == pytest.approx(np.hypot(100 * np.sqrt(0.2), view.u.value), rel=0.15)
    assert off.u.floor == view.u.floor and off.m.floor == view.m.floor


def test_maps_and_outlines_are_those_of_the_region(linear: tuple[Case, CellsView, list[float]]) -> None:
    case, view, _ = linear
    inside = np.isfinite(view.exact).all(axis=2)
    share = np.pi / 4 if case.model.rho == "disc" else 1.0
    assert inside.mean() == pytest.approx(share, abs=0.01) and (np.isfinite(view.learned).all(axis=2) == inside).all()
    corners = view.corners[np.isfinite(view.corners).all(axis=1)]
    low, high = np.array(case.model.low), np.array(case.model.high)
    assert (corners >= low - 0.01).all() and (corners <= high + 0.01).all()
    values, moves = view.lengths()
    assert values.exact.shape == (SIDE, SIDE) and moves.difference.shape == (250,)
    at = np.stack(np.meshgrid(view.line[0], view.line[1]), axis=-1)  # rows along x2
    y = case.model.grad_u(torch.from_numpy(at[inside])).double().numpy()
    np.testing.assert_allclose(view.learned[inside], y, rtol=1e-4, atol=1e-4)


def test_what_has_no_such_answer_is_one_sentence(linear: tuple[Case, CellsView, list[float]]) -> None:
    model = linear[0].model
    for changed, says in (
        ({"rho": "gaussian"}, "here rho is Gaussian"),
        ({"rho": "land"}, "known by its samples alone"),
        ({"samples": {key: value[:60] for key, value in model.samples.items()}}, "keeps 120 samples"),
    ):
        with pytest.raises(InputError, match=says):
            cells_view(model.__class__(**{**vars(model), **changed}))
    flat = {key: value * torch.tensor([1.0, 0.0]) if key[0] == "y" else value for key, value in model.samples.items()}
    with pytest.raises(InputError, match="lie in a line"):
        cells_view(model.__class__(**{**vars(model), "samples": flat}), 250)

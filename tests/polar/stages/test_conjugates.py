"""M_theta of every sample: where each solve begins, what is told of them, and that the memo changes nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.polar.stages import conjugates
from npf_engine.settings.stages import ConjugateConfig
from tests.polar.stages.by_hand import Clock, job

U: Any = None


def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Chunks of 40 samples; of the k-th chunk all but k are solved, with k + 2 evaluations a point. What is asked."""
    asked = list[tuple[Any, ...]]()

    def conjugate(u: Any, y: Tensor, start: Tensor | None, method: str, tolerance: float) -> Any:
        k = len(asked)
        asked.append((y, start, method, tolerance))
        return SimpleNamespace(
            x=y / 10 - 4,
            residual=0.5 + torch.arange(len(y)) / 100 - k,
            converged=torch.arange(len(y)) >= k,
            evaluations=k + 2,
        )

    monkeypatch.setattr(conjugates, "conjugate", conjugate)
    monkeypatch.setattr(conjugates, "CHUNK", 40)
    return asked


def test_each_conjugate_begins_at_the_nearest_of_the_first_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, asked = Clock(), stand_in(monkeypatch)
    own, spec = job(recorder, **{"conjugate.method": "adam"})
    found = conjugates.solve_conjugates(own, U, spec.conjugate)
    y = torch.cat([own.y, own.field.y_test])
    assert torch.equal(found.train, own.y / 10 - 4) and torch.equal(found.test, own.field.y_test / 10 - 4)
    assert [len(row[0]) for row in asked] == [40, 40, 30] and {row[2:] for row in asked} == {("auto", 1e-5)}
    assert asked[0][1] is None
    for part, start, *_ in asked[1:]:
        order = (part[:, None] - y[None, :40]).norm(dim=2).argmin(dim=1)
        torch.testing.assert_close(start, y[:40][order] / 10 - 4)
    assert found.summary() == {
        "points": 110,
        "converged": pytest.approx((40 + 39 + 28) / 110),
        "max_residual": pytest.approx(0.5 + 0.39),
        "evaluations": pytest.approx((40 * 2 + 40 * 3 + 30 * 4) / 110),
    }
    assert [row[:3] for row in recorder.told] == [("v: conjugates", count, 110) for count in (40, 80, 110)]
    assert [row[3]["converged"] for row in recorder.told] == pytest.approx([1.0, 79 / 80, 107 / 110])
    assert found.seconds == 1.0
    asked.clear()
    many, spec = job(d=9)
    conjugates.solve_conjugates(many, U, spec.conjugate)
    assert len(asked) == 3 and all(row[1] is None for row in asked), "in high dimension nearest is far"
    assert conjugates.judging(ConjugateConfig(method="lbfgs")) == "lbfgs"


def test_kept_ones_are_the_same_and_those_of_other_samples_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, asked = Clock(), stand_in(monkeypatch)
    own, spec = job(recorder)
    found = conjugates.solve_conjugates(own, U, spec.conjugate)
    asked.clear()
    again = conjugates.solve_conjugates(job(Clock(recorder.memo))[0], U, spec.conjugate)
    assert not asked and torch.equal(again.train, found.train) and torch.equal(again.test, found.test)
    assert again.summary() == found.summary() and again.seconds == found.seconds
    for n, d in ((80, 2), (90, 3)):
        other = Clock(recorder.memo)
        assert len(conjugates.solve_conjugates(job(other, n=n, d=d)[0], U, spec.conjugate).train) == n
        assert asked and "does not fit" in other.told[0][0]
        asked.clear()

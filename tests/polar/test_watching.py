"""What is shown while u is trained is measured as the verdict is: as many points, and a floor of several draws."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from npf_engine.divergences import default_eps, sinkhorn_divergence
from npf_engine.fields.field import Units
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.polar import watching
from npf_engine.tasks.recorder import Recorder


class Kept(Recorder):
    """Keeps the last picture."""

    def snapshot(self, name: str, **arrays: np.ndarray) -> None:
        self.picture = arrays


def test_the_curve_and_its_floor_are_of_the_reports_points() -> None:
    torch.manual_seed(0)
    field: Any = SimpleNamespace(
        x_test=torch.rand(1200, 2) * 2 - 1, y_test=torch.randn(1200, 2), units=Units(("x", "y"), ("", ""), "m/pixel")
    )
    recorder, u = Kept(), QuadraticICNN(2, hidden=(4,))
    watch = watching.Watch(u, field, recorder, 0, points=300)
    assert len(watch.x) == len(watch.y) == 300 and watch.eps == pytest.approx(default_eps(watch.y))
    found = watch.look()
    assert found["self_distance"] == watch.self_distance
    image = u.gradient(watch.x).detach()
    assert found["sinkhorn"] == pytest.approx(sinkhorn_divergence(image, watch.y, watch.eps))
    single = [sinkhorn_divergence(torch.randn(300, 2), torch.randn(300, 2), watch.eps) for _ in range(20)]
    assert 0.5 * np.mean(single) < watch.self_distance < 2 * np.mean(single)
    assert len(recorder.picture["grad_u"]) == 300 and str(recorder.picture["unit"]) == "m/pixel"
    assert len(watching.Watch(u, field, recorder, 0).x) == 600, "half of the test samples, as in the report"

"""Mean and covariance of an image beside the target's."""

from __future__ import annotations

import pytest
import torch

from npf_engine.settings.dotted import with_dotted
from npf_engine.studies.lab.moments import Moments, moment_errors, points_for
from npf_engine.studies.lab.result import LabResult
from npf_engine.studies.lab.run import run_lab
from npf_engine.studies.lab.spec import LabSpec


def test_errors_of_moments_are_relative_to_the_targets_spread() -> None:
    y = torch.randn(400, 2, generator=torch.Generator().manual_seed(0)).double()
    y = (y - y.mean(0)) / y.std(0, correction=0)
    found = moment_errors(y + torch.tensor([0.02, 0.0]), y)
    assert found.mean == pytest.approx(100 * 0.02 / 2**0.5, rel=1e-6) and found.covariance == pytest.approx(0, abs=1e-9)
    assert moment_errors(1.1 * y, y).covariance == pytest.approx(21.0)
    assert Moments.of_json(found.to_json()) == found and Moments.of_json({}) is None


def test_many_points_tell_moments_and_not_more_than_can_be_held() -> None:
    assert [points_for(1024, 2), points_for(64, 2), points_for(4096, 128), points_for(10_000, 784)] == [
        262_144,
        16_384,
        8192,
        10_000,
    ]


def test_the_gaussian_divergence_keeps_the_moments_and_says_nothing_of_the_law() -> None:
    values = {"loss": "kl", "form": "published", "start": "identity", "steps": 200}
    methods = ("cmgn", "gaussian")
    spec = with_dotted(LabSpec(task="mixtures", methods=methods, seeds=1), {f"mgn.{k}": v for k, v in values.items()})
    report = LabResult.of_json(run_lab(spec).to_json())
    row = report.results["cmgn"]
    assert row.moments is not None and report.moments is not None and report.floor is not None
    assert row.moments.mean < 1.5 and row.moments.covariance < 3 and report.moments.mean < 0.5
    assert row.mean is not None and row.mean > 5 * report.floor, "the law is another"
    assert report.results["gaussian"].moments is None and report.results["gaussian"].fingerprint
    assert report.fingerprint is not None and len(report.fingerprint) == 64

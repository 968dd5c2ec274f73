"""Many networks as one program are those networks."""

from __future__ import annotations

import torch

from npf_engine.networks.classical_icnn import ClassicalICNN, Terms
from npf_engine.networks.ensemble import Ensemble


def test_an_ensemble_is_its_members() -> None:
    members = [ClassicalICNN(2, [5, 6], terms=Terms(linear=True, rank=2), seed=s) for s in range(3)]
    ensemble = Ensemble(members)
    x = torch.randn(3, 11, 2, generator=torch.Generator().manual_seed(0))
    out = ensemble.gradient(ensemble.theta, x)
    for index, member in enumerate(members):
        torch.testing.assert_close(out[index], member.gradient(x[index]))
        torch.testing.assert_close(ensemble.member(ensemble.theta, index).gradient(x[index]), member.gradient(x[index]))

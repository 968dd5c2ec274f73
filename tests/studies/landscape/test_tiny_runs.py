"""Runs with tiny networks of what the papers leave open: a flow as q, M_xi as the start of the solver, d above 3."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from npf_engine.sampling import learned, npf_networks
from npf_engine.sampling.flow import FlowProposal
from npf_engine.sampling.proposal import ProposalSettings
from npf_engine.studies.landscape.run import run_landscape
from npf_engine.studies.landscape.spec import LandscapeSpec
from tests.studies.landscape.test_run import SMALL

TINY = replace(
    SMALL,
    u=replace(SMALL.u, regression_steps=60, pairings=1),
    v=replace(SMALL.v, steps=30),
    samples=2000,
    refined=600,
    bridge_steps=150,
    map_steps=60,
)


def test_a_flow_brings_corrected_jumps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """From one well of the double well both are reached, each with half of the mass."""
    few = functools.partial(ProposalSettings, components=8, hidden=(32,), steps=40, batch=64)
    monkeypatch.setattr(learned, "ProposalSettings", few)
    asked = []
    density = FlowProposal.log_density

    def seen(self: FlowProposal, x: Tensor, y: Tensor) -> Tensor:
        asked.append(len(x))
        return density(self, x, y)

    monkeypatch.setattr(FlowProposal, "log_density", seen)
    spec = LandscapeSpec("double-well", "lmc-npf-corrected", particles=60, steps=80, density="flow")
    found = run_landscape(spec, networks=TINY)
    assert len(asked) > 40, "the jumps ask the flow, after the steps of its fit"
    assert found.gradient_evaluations <= 60 * 80 + 120 and 0.02 < (found.acceptance or 0) <= 1.0
    assert min(mode.occupancy for mode in found.modes) > 0.2


def test_in_four_dimensions_all_modes_are_reached_and_the_solver_begins_at_m(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the lightest mode, by lmc-npf; plain LMC stays there (test_mixtures.py)."""
    begun: list[Tensor] = []
    solve = npf_networks.conjugate

    def seen(u: Any, f: Tensor, first: Tensor, **rest: Any) -> Any:
        begun.append(first)
        return solve(u, f, first, **rest)

    monkeypatch.setattr(npf_networks, "conjugate", seen)
    m = _begins_with(monkeypatch)
    found = run_landscape(LandscapeSpec("mixture-4", "lmc-npf", 40, 150, start_at="m"), networks=TINY)
    assert found.gradient_evaluations == 40 * 150
    assert min(mode.occupancy for mode in found.modes) > 0.05
    assert begun and m and torch.equal(begun[0], m[0]), "what the solver began with is M_xi of the particles"


def _begins_with(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """What M_xi answers for particles that jump."""
    told: list[Tensor] = []
    asked = npf_networks.in_chunks

    def chunks(network: nn.Module, x: Tensor) -> Tensor:
        answer = asked(network, x)
        told.append(answer)
        return answer

    monkeypatch.setattr(npf_networks, "in_chunks", chunks)
    return told

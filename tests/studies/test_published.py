"""solver=published against the captions of the paper's Figures 17 to 20, whatever preset stands beside it."""

from __future__ import annotations

import pytest
import torch

from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.networks.sizes import count_parameters
from npf_engine.settings.dotted import dotted_values
from npf_engine.settings.stages import PotentialConfig
from npf_engine.studies.classifier.presets import experiment_preset
from npf_engine.studies.classifier.presets import with_values as experiment_with
from npf_engine.studies.factorization.spec import PRESETS, preset, with_values
from npf_engine.studies.reproduction.settings import FIGURES, TOPOGRAPHY


@pytest.mark.parametrize("name", PRESETS)
def test_a_published_training_has_figure_17_whatever_the_preset(name: str) -> None:
    found = dotted_values(with_values(preset(name), {"solver": "published"}))
    assert {key: found[key] for key in TOPOGRAPHY} == TOPOGRAPHY


@pytest.mark.parametrize("size", ["quick", "paper"])
@pytest.mark.parametrize("number", FIGURES)
def test_a_published_experiment_has_its_figure_whatever_the_size(number: str, size: str) -> None:
    found = dotted_values(experiment_with(experiment_preset(number, size), {"solver": "published"}))
    assert {key: found[key] for key in FIGURES[number]} == FIGURES[number]
    assert found == dotted_values(experiment_preset(number, size, solver="published"))
    if number == "5.4":
        assert found["particles.warmup_tau"] * found["particles.coefficient"] == pytest.approx(0.1)  # its gamma


def test_what_is_named_wins() -> None:
    found = dotted_values(with_values(preset("paper"), {"u.hidden": (8,), "solver": "published", "v.lr": 0.25}))
    assert (found["u.hidden"], found["v.lr"], found["u.dual_lr"]) == ((8,), 0.25, 0.001)
    again = experiment_with(experiment_preset("5.3"), {"u.dual_steps": 7, "solver": "published"})
    assert (again.u.dual_steps, again.u.hidden) == (7, (128, 128, 128, 128))


def test_the_published_network_has_as_many_numbers_as_the_authors_and_starts_at_the_identity() -> None:
    u = QuadraticICNN.from_settings(2, PotentialConfig(start="identity", activation="elu"), 0, published=True)
    assert count_parameters(u) == 14_158
    x = torch.rand(500, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    u.start_at_identity(x, 9.0)
    off = (u.gradient(x) - x).detach()
    # its layers' share is random, and of the scale; the identity is what is common to all seeds
    assert float(off.mean(0).norm()) < 0.25 * 9
    slope = (u.gradient(x) * x).detach().sum() / x.square().sum()
    assert 0.8 < float(slope) < 2.0

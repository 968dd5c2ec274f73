"""Mixtures in any dimension: their draws, their parts, and a run on one, judged without quadrature."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.sampling.landscapes import find
from npf_engine.sampling.langevin import Region
from npf_engine.sampling.mixtures import IN_THE_PLANE, in_space
from npf_engine.studies.landscape.run import run, run_landscape
from npf_engine.studies.landscape.spec import LandscapeSpec
from npf_engine.tasks.recorder import Recorder


def test_draws_have_the_weights_and_the_moments_of_their_parts() -> None:
    for mixture in (IN_THE_PLANE, in_space(5)):
        x = mixture.sample(10_000, torch.Generator().manual_seed(0))
        np.testing.assert_allclose(mixture.shares(x), mixture.weights, atol=0.015)
        one = mixture.sample(20_000, torch.Generator().manual_seed(1), 2)
        np.testing.assert_allclose(one.mean(0), mixture.means[2], atol=0.03)
        np.testing.assert_allclose(torch.cov(one.T), mixture.covariances[2], atol=0.02)
        assert (mixture.part(one) == 2).double().mean() > 0.99
        value, slope = mixture.potential()
        x = x[:50].requires_grad_()
        torch.testing.assert_close(slope(x), torch.autograd.grad(value(x).sum(), x)[0])


def test_its_name_says_the_dimension() -> None:
    ten = find("mixture-10")
    assert (ten.name, ten.d, ten.start) == ("mixture-10", 10, (3.0, 2.5) * 5) and ten.mixture == in_space(10)
    assert find("mixture").mixture is IN_THE_PLANE and find("himmelblau").mixture is None
    for name in ("mixture-2", "mixture-51", "mixture-x", "mixture-"):
        with pytest.raises(InputError, match="the mixture has 3 to 50 dimensions"):
            find(name)
    with pytest.raises(InputError, match="has 10 dimensions; lmc-preconditioned takes up to 3 here"):
        LandscapeSpec("mixture-10", "lmc-preconditioned").landscape()


def test_a_run_in_ten_dimensions_is_judged_by_the_known_weights() -> None:
    """Plain LMC stays where it begins, in the lightest mode."""
    found = run(LandscapeSpec("mixture-10", "lmc", 40, 200), Recorder(), None)
    assert [mode.target for mode in found.modes] == [0.4, 0.3, 0.2, 0.1] and found.modes[3].occupancy > 0.99
    assert found.truth is not None and found.truth.largest_error == pytest.approx(0.9, abs=0.01)
    assert found.verdict is not None and found.verdict.level == "not trustworthy" and "near" not in found.verdict.reason
    assert found.mixing is not None and found.mixing.chains == 40
    colder = run_landscape(LandscapeSpec("mixture-10", "lmc", 10, 20, coefficient=2.0))
    assert colder.truth is None and not colder.modes  # at another c the weights are others


def test_on_a_box_of_ones_own_the_weights_are_those_of_what_is_in_it() -> None:
    """Against the draws of the whole space that lie in the box, and far out where none does."""
    whole, box = in_space(3), Region((-6.0, -6.0, -3.2), (6.0, 3.0, 6.0))
    x = whole.sample(60_000, torch.Generator().manual_seed(0))
    kept = x[box.inside(x)]
    cut = whole.within(box)
    np.testing.assert_allclose(cut.weights, whole.shares(kept), atol=0.01)
    assert abs(cut.weights[0] - 0.4) > 0.02  # of a part that the box cuts
    drawn = cut.sample(40_000, torch.Generator().manual_seed(1))
    assert bool(box.inside(drawn).all())
    np.testing.assert_allclose(drawn.mean(0), kept.mean(0), atol=0.05)
    np.testing.assert_allclose(torch.cov(drawn.T), torch.cov(kept.T), atol=0.1)
    far = whole.within(Region((20.0,) * 3, (21.0,) * 3))
    draws = far.sample(100, torch.Generator().manual_seed(2))
    assert far.weights[3] == pytest.approx(1.0) and 20 <= float(draws.min()) < float(draws.max()) < 20.5
    with pytest.raises(ValueError, match="no products"):
        IN_THE_PLANE.within(Region((-1.0, -1.0), (1.0, 1.0)))


def test_a_run_on_a_box_of_its_own_is_judged_by_the_law_in_it() -> None:
    """Of the box's corner only the heaviest part has any mass: plain LMC is right there."""
    spec = LandscapeSpec("mixture-3", "lmc", 40, 400, low=(-6.0,) * 3, high=(-1.0,) * 3, start=(-3.0, -2.5, -3.0))
    found = run_landscape(spec)
    assert [mode.target for mode in found.modes] == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=1e-6)
    assert found.truth is not None and found.truth.largest_error == pytest.approx(0.0, abs=1e-6)
    assert found.energy_distance is not None and found.energy_distance < 0.1

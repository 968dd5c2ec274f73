"""A factorization in closed form: what it must satisfy, and the samplers that jump by it instead of by networks."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.sampling.chain import ChainState, Oracle
from npf_engine.sampling.exact import Truth
from npf_engine.sampling.known import FOLDS, Folds
from npf_engine.sampling.landscapes import find
from npf_engine.sampling.langevin import Langevin, LangevinSettings, Region
from npf_engine.sampling.npf import Known, LmcNpf, Preconditioned
from npf_engine.studies.landscape.run import run, run_landscape
from npf_engine.studies.landscape.spec import KNOWN, OWN, LandscapeSpec
from npf_engine.tasks.recorder import Recorder


def uniform(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.rand(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


def test_the_folds_are_the_polar_factorization_of_their_gradient() -> None:
    """grad g = grad u o M with the derivative of g itself, u convex, M preserving rho and inverted on every fold."""
    x = uniform(40_000, 2).requires_grad_()
    slope = torch.autograd.grad(FOLDS.potential(x).sum(), x)[0]
    x = x.detach()
    y = FOLDS.m(x)
    torch.testing.assert_close(FOLDS.value_and_gradient(y)[1], slope, atol=1e-10, rtol=0)
    torch.testing.assert_close(FOLDS.gradient(x), slope, atol=1e-10, rtol=0)
    torch.testing.assert_close(FOLDS.conjugate(slope), y, atol=1e-6, rtol=0)
    cells = ((y + 1) * 5).floor().long().clamp(0, 9)
    counts = torch.bincount(10 * cells[:, 0] + cells[:, 1], minlength=100).double()  # 400 in each cell
    assert abs(float(((counts - 400) ** 2 / 400).sum()) - 99) < 5 * math.sqrt(2 * 99)
    line = torch.linspace(-1.3, 1.3, 2001, dtype=torch.float64)[:, None].expand(-1, 2).contiguous()
    u, steep = FOLDS.value_and_gradient(line)
    assert bool((steep.diff(dim=0) >= -1e-12).all())
    torch.testing.assert_close(u.diff(), (steep[1:] + steep[:-1]).sum(1) / 2 * 0.0013, atol=1e-5, rtol=0)
    torch.testing.assert_close(FOLDS.follow(x, y), x)
    back = FOLDS.inverse(y, torch.Generator().manual_seed(1))
    torch.testing.assert_close(FOLDS.m(back), y)
    widths = torch.tensor(FOLDS.widths[0]).double()
    shares = torch.bincount(torch.searchsorted(widths.cumsum(0)[:-1] - 1, back[:, 0].contiguous()), minlength=5) / len(
        x
    )
    torch.testing.assert_close(shares.double(), widths / 2, atol=0.01, rtol=0)


def test_what_comes_back_from_a_blurred_y_has_the_density_that_is_told() -> None:
    """x ~ rho given y = M(x) + s z: the density is 1 over the box, and draws fill cells as it says."""
    folds, noise = Folds(((0.5, 0.8, 0.7),), (2.0,)), 0.3
    grid = torch.linspace(-1, 1, 4001, dtype=torch.float64)[:, None]
    middle = (grid[1:] + grid[:-1]) / 2
    for at in (-0.95, 0.2, 1.1):
        y = torch.full_like(middle, at)
        density = folds.log_blurred(middle, y, noise).exp()[:] * 2 / 4000
        assert float(density.sum()) == pytest.approx(1.0, abs=1e-4)
        draws = folds.blurred(torch.full((20_000, 1), at, dtype=torch.float64), noise, torch.Generator().manual_seed(2))
        found = np.histogram(draws.numpy(), bins=20, range=(-1, 1))[0] / 20_000
        np.testing.assert_allclose(found, density.reshape(20, 200).sum(1), atol=0.012)


def settings(inner: int = 5) -> LangevinSettings:
    return LangevinSettings(1e-4, 1.0, inner=inner)


def test_a_jump_by_a_known_factorization_is_the_papers_formula() -> None:
    """NPF 4.2: y = M(x), N steps on u, x' = M^{-1}(y'), with one gradient of g a particle; Langevin steps between."""
    x, region = uniform(50, 2), Region.cube(2)
    oracle = Oracle(FOLDS.gradient)
    kernel, state = LmcNpf(oracle, settings(), Known(FOLDS, u_tau=2e-3), region), ChainState.start(x, 3)
    kernel.step(state)
    chain, y = seeds.generator(3, "chain.steps"), FOLDS.m(x)
    for _ in range(5):
        z = torch.randn(y.shape, generator=chain, dtype=y.dtype)
        y = region.confine(y - 2e-3 * FOLDS.value_and_gradient(y)[1] + math.sqrt(4e-3) * z)
    torch.testing.assert_close(state.x, FOLDS.inverse(y, chain))
    assert oracle.evaluations == 50 and state.jumped is not None and bool(state.jumped.all())
    kernel.step(state)
    assert state.jumped is None and oracle.evaluations == 100 and kernel.networks.update() == {}


def test_steps_on_u_preconditioned_by_the_jacobian_are_langevin_steps_on_g() -> None:
    """Appendix B, exact within a fold: the same random numbers lead to the same places, jumps apart."""
    x, region = uniform(200, 2, 4), Region.cube(2)
    mine = Preconditioned(Oracle(FOLDS.gradient), settings(), Known(FOLDS, 2e-3), region)
    plain = Langevin(Oracle(FOLDS.gradient), settings(), region)
    first, second = ChainState.start(x, 6), ChainState.start(x, 6)
    first.step = second.step = 1
    for _ in range(4):
        mine.step(first)
        plain.step(second)
    torch.testing.assert_close(first.x, second.x)
    assert first.step == 5 and mine.oracle.evaluations == plain.oracle.evaluations == 800
    mine.step(first)
    assert first.jumped is not None
    kept = mine.state_dict()
    other = Preconditioned(Oracle(FOLDS.gradient), settings(), Known(FOLDS), region)
    other.load_state_dict(kept)
    assert other.oracle.evaluations == 1000 and other.shown() == {}


def test_the_folds_have_the_basins_of_their_rising_lines() -> None:
    truth = Truth(find("folds"), 1.0, side=201)
    places = {tuple(round(value, 3) for value in mode.location): mode.kind for mode in truth.modes}
    assert places == {(x, y): "minimum" for x in (-0.75, 0.0, 0.8) for y in (-0.625, 0.7)}
    assert sorted(p.kind for p in truth.critical) == ["maximum"] * 2 + ["minimum"] * 6 + ["saddle"] * 7
    lines = []
    for widths, height in zip(FOLDS.widths, FOLDS.heights, strict=True):
        grid = torch.linspace(-1, 1, 40_001, dtype=torch.float64)[:, None]
        one = Folds((widths,), (height,))
        mass, ends = torch.exp(-one.potential(grid)), np.cumsum(widths) - 1
        middles = [(ends[k - 1] + ends[k]) / 2 for k in range(1, len(widths), 2)]  # of falling folds: maxima
        parts = torch.bucketize(grid[:, 0].contiguous(), torch.tensor(middles).double())
        total = torch.zeros(len(middles) + 1).double().index_add_(0, parts, mass)
        lines.append(total / total.sum())
    expected = (lines[0][:, None] * lines[1]).flatten()
    places_in_order = [(x, y) for x in (-0.75, 0.0, 0.8) for y in (-0.625, 0.7)]
    found = {tuple(round(v, 3) for v in m.location): w for m, w in zip(truth.modes, truth.weights, strict=True)}
    np.testing.assert_allclose([found[place] for place in places_in_order], expected, atol=2e-3)


def test_without_any_training_the_corrected_sampler_has_the_law_and_the_other_its_own() -> None:
    spec = LandscapeSpec("folds", particles=100, steps=700, factorization=KNOWN, seed=1)
    found = run_landscape(spec)
    assert found.truth is not None and (found.truth.largest_error or 1) < 0.05 and (found.acceptance or 0) > 0.1
    assert found.gradient_evaluations <= 70_100 and found.fingerprint is None
    own = run(LandscapeSpec("folds", "lmc-preconditioned", 100, 300, law=OWN, inner=20), Recorder(), None)
    assert own.truth is not None and own.truth.own is not None and (own.truth.own.largest_error or 1) < 0.06
    assert own.verdict is not None and own.verdict.reason.startswith("against its own law")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"factorization": KNOWN}, "no factorization of himmelblau is known .* or set factorization to learned"),
        ({"method": "lmc-preconditioned"}, "no factorization of himmelblau is known in closed form; sample .* folds$"),
    ],
)
def test_a_factorization_that_is_not_known_is_refused(values: dict[str, str], says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        run(LandscapeSpec(**values), Recorder(), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="folds comes with its own region"):
        find("folds", low=(-1.0, -1.0), high=(1.0, 1.0))

"""Langevin, tempering, traces and the log density of NUTS, step by step: every number of one step is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.sampling.chain import ChainState, Oracle, Trace, run_chain, take_up
from npf_engine.sampling.corrected import Mala
from npf_engine.sampling.langevin import (
    Diverged,
    Langevin,
    LangevinSettings,
    Region,
    check_wild,
    langevin_move,
    lipschitz,
    step_size_warning,
)
from npf_engine.sampling.mixtures import gaussian_mixture
from npf_engine.sampling.nuts import PaidDensity
from npf_engine.sampling.tempering import Tempering
from npf_engine.tasks.recorder import Recorder

C = 2.0
CENTRE = torch.tensor([1.5, -0.5], dtype=torch.float64)
STIFF = torch.tensor([0.5, 3.0], dtype=torch.float64)
BOX = Region((0.0, -2.0), (4.0, 1.0))


def gaussian() -> Oracle:
    return Oracle(lambda x: STIFF * (x - CENTRE), lambda x: 0.5 * (STIFF * (x - CENTRE).square()).sum(1))


def noise(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def chain_noise(shape: tuple[int, ...], seed: int) -> Tensor:
    """What a chain that starts with ``seed`` draws first."""
    return torch.randn(shape, generator=seeds.generator(seed, "chain.steps"), dtype=torch.float64)


def test_a_langevin_step_by_its_formula_with_a_metric() -> None:
    x = 1 + noise((7, 2), 0)
    settings = LangevinSettings(0.02, C, metric=(4.0, 0.25))
    tau = torch.tensor([0.08, 0.005], dtype=torch.float64)
    move = langevin_move(ChainState.start(x, 5), STIFF * (x - CENTRE), settings)
    torch.testing.assert_close(move, x - tau * C * STIFF * (x - CENTRE) + (2 * tau).sqrt() * chain_noise((7, 2), 5))
    still = LangevinSettings(0.02, C, noise=False)
    torch.testing.assert_close(
        langevin_move(ChainState.start(x, 5), STIFF * (x - CENTRE), still), x - 0.02 * C * STIFF * (x - CENTRE)
    )
    kernel, state = Langevin(gaussian(), settings), ChainState.start(x, 5)
    kernel.step(state)
    torch.testing.assert_close(state.x, move)
    assert state.at is not None and state.gradient is not None
    assert torch.equal(state.at, x) and torch.equal(state.gradient, STIFF * (x - CENTRE))
    assert state.step == 1 and state.jumped is None and kernel.oracle.evaluations == 7
    assert settings.step_sizes(x.float()).dtype == torch.float32


def test_a_box_folds_by_reflection_or_clamps() -> None:
    x = torch.tensor([[-0.5, -2.5], [4.5, 1.25], [2.0, 0.0], [9.0, -9.0]], dtype=torch.float64)
    assert BOX.confine(x).tolist() == [[0.5, -1.5], [3.5, 0.75], [2.0, 0.0], [1.0, -1.0]]
    clamp = Region(BOX.low, BOX.high, "clamp")
    assert clamp.confine(x).tolist() == [[0.0, -2.0], [4.0, 1.0], [2.0, 0.0], [4.0, -2.0]]
    assert BOX.inside(x).tolist() == [False, False, True, False]
    assert BOX.inside(torch.tensor([[0.0, -2.0], [4.0, 1.0], [4.0, 1.1], [-0.1, 0.0]])).tolist() == [
        True,
        True,
        False,
        False,
    ]
    edge = torch.tensor([[-3.9, 0.0], [-4.1, 0.0], [7.9, 0.0], [8.1, 0.0], [1.0, 3.9], [1.0, -5.1], [math.nan, 0.0]])
    assert BOX.wild(edge).tolist() == [False, True, False, True, False, True, True]
    assert Region.cube(3).low == (-1.0,) * 3 and Region.cube(3, "clamp").boundary == "clamp"


def test_particles_run_wild_only_in_numbers() -> None:
    settings = LangevinSettings(0.5, 3.0)
    none = torch.zeros(100, dtype=torch.bool)
    check_wild(none, 3, settings)
    many = none.clone()
    many[:50] = True
    with pytest.raises(Diverged, match=r"at step 3 50 of 100 .* tau \* c = 1\.5"):
        check_wild(many, 3, settings)


def test_without_a_box_a_particle_may_go_far_and_not_to_infinity() -> None:
    kernel = Langevin(Oracle(lambda x: -1e3 * x), LangevinSettings(1.0, 1.0, noise=False))
    state = ChainState.start(torch.full((4, 1), 0.5, dtype=torch.float64), 0)
    with pytest.raises(Diverged):
        for _ in range(1000):
            kernel.step(state)
    assert state.step > 1


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_the_largest_curvature_is_that_of_the_worst_place(scale: float) -> None:
    """g = x_1^4 / 12 + 2 x_2^2 has the eigenvalues x_1^2 and 4."""

    def slope(x: Tensor) -> Tensor:
        return scale * torch.stack([x[:, 0] ** 3 / 3, 4 * x[:, 1]], 1)

    assert lipschitz(slope, torch.tensor([[1.0, 5.0], [3.0, -1.0]]), iterations=12) == pytest.approx(
        9 * scale, rel=1e-3
    )
    assert lipschitz(slope, torch.tensor([[1.0, 5.0]]), iterations=12) == pytest.approx(4 * scale, rel=1e-3)
    assert lipschitz(lambda x: 0 * x, torch.ones(3, 2)) == 0.0
    asked: list[int] = []
    lipschitz(lambda x: asked.append(len(x)) or x, torch.ones(3, 2), iterations=5)  # type: ignore[func-returns-value]
    assert asked == [3] * 6


def test_the_warning_of_a_step_that_is_too_large_names_a_good_one() -> None:
    settings = LangevinSettings(0.01, 5.0)
    assert step_size_warning(settings, 13.0) is None  # tau c L = 0.65
    visible = step_size_warning(settings, 20.0)
    assert visible is not None and "= 1 " in visible and "tau near 0.002" in visible and "wider" in visible
    broken = step_size_warning(settings, 40.0)
    assert broken is not None and "above 2" in broken and "tau near 0.001" in broken
    assert step_size_warning(settings, 0.0) is None


# -- tempering ---------------------------------------------------------------------------------------------------------


def test_a_swap_exchanges_whole_particles_with_the_metropolis_probability() -> None:
    kernel = Tempering(gaussian(), LangevinSettings(0.01, C), levels=3, ratio=0.4, swap_every=2)
    assert kernel.factors == pytest.approx([1.0, 0.4, 0.16])
    for step, pairs in ((0, [(0, 1)]), (2, [(1, 2)]), (4, [(0, 1)])):
        start = CENTRE + 2 * noise((3 * 500, 2), step + 1)
        kernel.begin(start.clone())
        value, gradient = kernel.value.clone(), kernel.gradient.clone()
        state = ChainState.start(start[:500], 9)
        state.step = step
        kernel._swap(state, 500)
        uniform = torch.rand(500, generator=seeds.generator(9, "chain.steps"), dtype=torch.float64)
        expected = [start[k * 500 : (k + 1) * 500].clone() for k in range(3)]
        energy = [value[k * 500 : (k + 1) * 500] for k in range(3)]
        for a, b in pairs:
            gap = C * (kernel.factors[a] - kernel.factors[b])
            good = (uniform < torch.exp(gap * (energy[a] - energy[b])))[:, None]
            assert 50 < int(good.sum()) < 450
            expected[a], expected[b] = (
                torch.where(good, expected[b], expected[a]),
                torch.where(good, expected[a], expected[b]),
            )
        assert kernel.x is not None
        torch.testing.assert_close(kernel.x, torch.cat(expected))
        torch.testing.assert_close(kernel.value, 0.5 * (STIFF * (kernel.x - CENTRE).square()).sum(1))
        torch.testing.assert_close(kernel.gradient, STIFF * (kernel.x - CENTRE))
        assert not torch.equal(gradient, kernel.gradient)
    assert kernel.tried == 1500 and kernel.acceptance == kernel.accepted / 1500 == kernel.shown()["acceptance"]


def test_every_level_keeps_its_own_law() -> None:
    levels, count = 3, 6000
    factor = torch.tensor([0.5**k for k in range(levels)], dtype=torch.float64)
    sizes = 1 / (C * factor[:, None] * STIFF).sqrt()
    start = torch.cat([CENTRE + size * noise((count, 2), 20 + k) for k, size in enumerate(sizes)])
    kernel = Tempering(gaussian(), LangevinSettings(0.2, C), levels=levels, ratio=0.5, swap_every=2)
    kernel.begin(start.clone())
    state = ChainState.start(start[:count], 3)
    for _ in range(6):
        kernel.step(state)
    assert kernel.x is not None and state.step == 6
    assert torch.equal(state.x, kernel.x[:count])
    assert kernel.oracle.evaluations == 7 * levels * count
    for k in range(levels):
        part = kernel.x[k * count : (k + 1) * count]
        assert float(((part.mean(0) - CENTRE) / sizes[k]).abs().max()) < 4.5 / math.sqrt(count)
        assert float(((part - CENTRE).square().mean(0) / sizes[k] ** 2 - 1).abs().max()) < 4.5 * math.sqrt(2 / count)
    moved = (kernel.x != start).any(1).reshape(levels, count).double().mean(1)
    assert float(moved.min()) > 0.9


def test_tempering_stays_in_its_box_and_its_steps_are_bounded_by_it() -> None:
    oracle = Oracle(lambda x: 0 * x, lambda x: 0 * x[:, 0])
    kernel = Tempering(oracle, LangevinSettings(100.0), BOX, levels=2, swap_every=1)
    state = ChainState.start(torch.tensor([[2.0, -0.5]]).double().repeat(3000, 1), 1)
    kernel.step(state)
    # tau is at most a tenth of the side squared over 2, whatever is asked: the first steps have that spread.
    torch.testing.assert_close(state.x.std(0), torch.tensor([0.4, 0.3]).double(), rtol=0.06, atol=0)
    for _ in range(60):
        kernel.step(state)
    assert bool(BOX.inside(state.x).all())
    assert float((state.x.mean(0) - torch.tensor([2.0, -0.5])).abs().max()) < 0.1
    value, gradient = kernel._evaluate(torch.tensor([[5.0, 0.0], [1.0, 0.0]]).double())
    assert value.tolist() == [math.inf, 0.0] and gradient.tolist() == [[0.0, 0.0], [0.0, 0.0]]


# -- traces, NUTS, known factorizations --------------------------------------------------------------------------------


def test_a_trace_keeps_every_nth_state_of_the_first_particles_and_who_jumped_since() -> None:
    trace = Trace(every=3, kept=2)
    state = ChainState.start(noise((4, 2), 0), 0)
    seen = []
    for step in range(8):
        state.step, state.x = step, torch.full((4, 2), float(step), dtype=torch.float64)
        state.jumped = torch.tensor([step == 1, step == 5, True, True]) if step != 2 else None
        seen.append(trace.see(state, lambda s: {"step": float(s.step)}))
    assert seen == [True, False, False, True, False, False, True, False]
    arrays = trace.arrays()
    assert arrays["steps"].tolist() == [0, 3, 6] and arrays["scalar_step"].tolist() == [0.0, 3.0, 6.0]
    assert arrays["x"][:, :, 0].tolist() == [[0.0, 0.0], [3.0, 3.0], [6.0, 6.0]]
    assert arrays["jumped"].tolist() == [[False, False], [True, False], [False, True]]
    again = Trace(every=3, kept=2)
    again.load_state_dict(trace.state_dict())
    assert all(np.array_equal(value, again.arrays()[name]) for name, value in arrays.items())


def test_a_chain_ends_at_its_steps_or_when_its_budget_is_spent() -> None:
    state = ChainState.start(noise((5, 2), 0), 0)
    run_chain(Langevin(gaussian(), LangevinSettings(0.01)), state, 12)
    assert state.step == 12
    kernel, state = Langevin(gaussian(), LangevinSettings(0.01)), ChainState.start(noise((5, 2), 0), 0)
    run_chain(kernel, state, 100, budget=23)
    assert kernel.oracle.evaluations == 25 and state.step == 5


def test_the_log_density_of_nuts_opens_the_box_and_has_its_slope() -> None:
    oracle = gaussian()
    density = PaidDensity(oracle, C, 100)
    z = np.array([0.7, -1.3])
    x = np.tanh(z)
    g = 0.5 * float((STIFF * (torch.from_numpy(x) - CENTRE).square()).sum())
    value, slope = density(z)
    assert value == pytest.approx(-C * g + float(np.log(1 - x**2).sum()))
    for k in range(2):
        step = np.eye(2)[k] * 1e-6
        assert slope[k] == pytest.approx((density(z + step)[0] - density(z - step)[0]) / 2e-6, rel=1e-5)
    assert oracle.evaluations == 5
    assert density.expand(z)["z"].tolist() == z.tolist() and float(density.expand(z)["paid"]) == 1.0
    far, away = density(np.array([300.0, -300.0]))
    assert math.isfinite(far) and np.isfinite(away).all()


def test_a_share_that_is_spent_asks_g_no_more_and_marks_what_follows() -> None:
    """Finite, with the gradient of what it says: the library, told -inf while it tunes, panics."""
    oracle = gaussian()
    density = PaidDensity(oracle, C, 1)
    z = np.array([0.7, -1.3])
    assert not density.spent
    density(z)
    assert density.spent and float(density.expand(z)["paid"]) == 0.0
    value, slope = density(z)
    assert oracle.evaluations == 1 and value == pytest.approx(-0.5 * (0.49 + 1.69))
    np.testing.assert_array_equal(slope, -z)


def test_a_mixture_is_minus_the_log_of_its_density_up_to_a_constant() -> None:
    weights, means = (0.7, 0.3), ((1.0, -2.0), (3.0, 0.5))
    covariances = (((0.5, 0.2), (0.2, 0.4)), ((0.1, 0.0), (0.0, 2.0)))
    value, slope = gaussian_mixture(weights, means, covariances)
    x = (2 * noise((6, 2), 1)).requires_grad_(True)
    density = sum(
        w * torch.distributions.MultivariateNormal(torch.tensor(m).double(), torch.tensor(S).double()).log_prob(x).exp()
        for w, m, S in zip(weights, means, covariances, strict=True)
    )
    apart = value(x) + density.log()  # type: ignore[union-attr]
    torch.testing.assert_close(apart, apart[:1].expand(6))
    torch.testing.assert_close(slope(x), torch.autograd.grad(value(x).sum(), x)[0])


def test_a_step_of_tempering_by_its_formula() -> None:
    """Level l of the law exp(-c r^l g) moves with tau / r^l, so that all go the same way in the mean."""
    x = CENTRE + 0.3 * noise((3 * 50, 2), 1)
    settings = LangevinSettings(1e-5, C, metric=(4.0, 0.25))
    kernel, state = Tempering(gaussian(), settings, levels=3, ratio=0.4, swap_every=2), ChainState.start(x[:50], 8)
    kernel.begin(x.clone())
    state.step = 1  # no swaps
    kernel.step(state)
    factor = torch.tensor([1.0, 0.4, 0.16], dtype=torch.float64).repeat_interleave(50)[:, None]
    tau = 1e-5 * torch.tensor([4.0, 0.25], dtype=torch.float64)
    moved = x - tau * C * STIFF * (x - CENTRE) + (2 * tau / factor).sqrt() * chain_noise((150, 2), 8)
    assert kernel.x is not None
    accepted = (kernel.x != x).any(1)
    assert int(accepted.sum()) > 145
    torch.testing.assert_close(kernel.x[accepted], moved[accepted])
    torch.testing.assert_close(kernel.value, 0.5 * (STIFF * (kernel.x - CENTRE).square()).sum(1))
    torch.testing.assert_close(kernel.gradient, STIFF * (kernel.x - CENTRE))
    assert state.step == 2 and kernel.tried == 0 and kernel.shown() == {"acceptance": 0.0}
    other = Tempering(gaussian(), settings, levels=3)
    other.load_state_dict(kernel.state_dict())
    assert torch.equal(other.x, kernel.x) and other.oracle.evaluations == kernel.oracle.evaluations == 300  # type: ignore[arg-type]


def test_levels_begin_where_the_particles_are_and_swap_at_every_fifth_step() -> None:
    kernel, state = Tempering(gaussian(), LangevinSettings(1e-4, C), levels=2), ChainState.start(noise((9, 2), 0), 1)
    tried = []
    for _ in range(11):
        kernel.step(state)
        tried.append(kernel.tried)
    # Of two levels there is one pair: even turns try it, odd ones none.
    assert tried == [9] * 10 + [18] and kernel.factors == [1.0, 0.35]
    bad = Tempering(Oracle(lambda x: torch.stack([x[:, 0], 0 / x[:, 1]], 1), lambda x: x[:, 0]), LangevinSettings(0.1))
    value, gradient = bad._evaluate(torch.tensor([[0.5, 0.0]]))
    assert value.tolist() == [math.inf] and gradient.tolist() == [[0.0, 0.0]]


def test_a_few_wild_particles_are_let_pass_and_one_more_is_not() -> None:
    settings = LangevinSettings(0.5, 3.0)
    for count, length in ((2, 100), (0, 10), (20, 1000)):
        wild = torch.zeros(length, dtype=torch.bool)
        wild[:count] = True
        check_wild(wild, 1, settings)
        wild[: count + 1] = True
        with pytest.raises(Diverged, match=f"{count + 1} of {length}"):
            check_wild(wild, 1, settings)


def test_how_far_a_particle_may_go_without_a_box() -> None:
    """A million times as far as the cloud was after its first step, in either direction; looked at each tenth step."""
    x = torch.tensor([[-3.0, 0.5], [0.25, 0.0]], dtype=torch.float64)
    kernel = Langevin(Oracle(lambda x: 0 * x), LangevinSettings(1e-3))
    kernel._settle(x, 1)
    for far, step, told in ((-2.9e6, 10, False), (-3.1e6, 10, True), (3.1e6, 10, True), (-3.1e6, 11, False)):
        cloud = torch.tensor([[0.0, far], [0.0, 0.0]], dtype=torch.float64)
        if told:
            with pytest.raises(Diverged, match="1 of 2"):
                kernel._settle(cloud, step)
        else:
            assert kernel._settle(cloud, step) is cloud
    near = Langevin(Oracle(lambda x: 0 * x), LangevinSettings(1e-3))
    near._settle(torch.tensor([[0.1], [math.nan], [math.inf]]), 1)
    assert near._reach == 1e6 and Langevin(Oracle(lambda x: x), LangevinSettings())._reach == 0.0
    other = Langevin(Oracle(lambda x: 0 * x), LangevinSettings(1e-3))
    other.load_state_dict(kernel.state_dict())
    assert other._reach == 3e6


def test_a_particle_with_one_coordinate_that_is_no_number_stays() -> None:
    kernel = Langevin(Oracle(lambda x: torch.stack([x[:, 0], 0 / x[:, 1]], 1)), LangevinSettings(0.1, noise=False))
    start = torch.tensor([[0.5, 1.0]], dtype=torch.float64).repeat(60, 1)
    start[0, 1] = 0.0
    state = ChainState.start(start, 0)
    kernel.step(state)
    assert state.x.tolist() == [[0.5, 0.0]] + [[0.45, 1.0]] * 59


def test_the_warnings_at_their_limits() -> None:
    for product, told in ((2.0, "above 2"), (1.99, "is large"), (0.71, "is large"), (0.69, None)):
        text = step_size_warning(LangevinSettings(0.25, 4.0), product)
        assert (text is None) if told is None else (text is not None and told in text and "tau near" in text)
    assert "tau near 0.05" in (step_size_warning(LangevinSettings(1.0, 4.0), 1.0) or "")
    with pytest.raises(InputError, match="tau must be a positive number, not 0"):
        LangevinSettings(tau=0)
    with pytest.raises(InputError, match="coefficient must be"):
        LangevinSettings(coefficient=math.inf)
    assert LangevinSettings(0.5, 0.5, 1).inner == 1


def test_the_differences_of_a_curvature_are_small_beside_the_place_and_not_beside_0() -> None:
    """At 1000 a step of 0.01 is taken: x^3 / 6 has the curvature 1000 there and 0 at the origin."""
    steps: list[float] = []

    def slope(x: Tensor) -> Tensor:
        steps.append(float(x[0, 0]) - 1000)
        return x**2 / 2

    assert lipschitz(slope, torch.tensor([[1000.0], [-2000.0]], dtype=torch.float64)) == pytest.approx(2000, rel=1e-4)
    assert abs(steps[1]) == pytest.approx(1e-5 * 2001, rel=1e-6)
    half = lipschitz(lambda x: torch.where(x > 0, torch.nan, 3 * x), torch.tensor([[-1.0], [1.0]]).double())
    assert half == pytest.approx(3.0)
    assert lipschitz(lambda x: torch.where(x > 0, torch.inf, x) * 0.25, torch.tensor([[-1.0], [1.0]])) < 0.3


def test_a_watched_chain_tells_of_the_latest_and_a_silent_one_begins_a_trace_of_its_own() -> None:
    told: list[tuple[str, int, int, dict[str, float]]] = []

    class Told(Recorder):
        def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
            told.append((stage, step, total, scalars))

    trace = Trace(every=2)
    state = run_chain(
        Langevin(gaussian(), LangevinSettings(0.01)),
        ChainState.start(noise((3, 2), 0), 0),
        4,
        Told(),
        stage="walk",
        trace=trace,
        watch=lambda s: {"at": 10.0 * s.step},
    )
    assert told == [("walk", 2, 4, {"at": 20.0}), ("walk", 4, 4, {"at": 40.0})]
    assert trace.steps == [0, 2, 4] and trace.scalars == {"at": [0.0, 20.0, 40.0]} and state.step == 4
    run_chain(Langevin(gaussian(), LangevinSettings(0.01)), state, 6, trace=trace)
    assert trace.steps == [0, 2, 4, 6], "what was begun is gone on with"
    spent = run_chain(Langevin(gaussian(), LangevinSettings(0.01)), ChainState.start(noise((3, 2), 0), 0), 9, budget=0)
    assert spent.step == 0


def test_the_potential_itself_is_asked_for_where_it_is_known() -> None:
    with pytest.raises(ValueError, match="the potential g itself"):
        Oracle(lambda x: x).both(torch.ones(2, 1))
    drawing = torch.Generator().manual_seed(0)
    oracle = Oracle(lambda x: x, generator=drawing)
    kept = {key: value.clone() if isinstance(value, Tensor) else value for key, value in oracle.state_dict().items()}
    first = torch.rand(1, generator=drawing)
    oracle.load_state_dict(kept)
    assert torch.equal(torch.rand(1, generator=drawing), first) and set(Oracle(lambda x: x).state_dict()) == {
        "evaluations"
    }


def test_the_acceptance_of_a_single_trial() -> None:
    kernel = Tempering(gaussian(), LangevinSettings(0.01))
    kernel.accepted = kernel.tried = 1.0
    assert kernel.acceptance == 1.0
    local = Mala(gaussian(), LangevinSettings(0.01))
    local.accepted = local.tried = 1.0
    assert local.shown() == {"local_acceptance": 1.0}


def test_what_was_kept_is_put_back_by_name_or_whole() -> None:
    """A part without a name is all that was kept; one that does not fit leaves every part as it was."""

    class Kept(Recorder):
        def __init__(self) -> None:
            self.state: dict[str, object] = {}

        def load(self, key: str) -> dict[str, object] | None:
            return self.state if key == "chain" else None

    def oracle(count: int) -> Oracle:
        made = Oracle(lambda x: x)
        made.evaluations = count
        return made

    recorder, whole, part = Kept(), oracle(1), oracle(2)
    recorder.state = {"evaluations": 7, "g": {"evaluations": 9}}
    assert take_up(recorder, "chain", [("", whole), ("g", part)]) and (whole.evaluations, part.evaluations) == (7, 9)
    assert not take_up(recorder, "other", [("", whole)])
    recorder.state = {"evaluations": 11}
    assert not take_up(recorder, "chain", [("", whole), ("g", part)])
    assert (whole.evaluations, part.evaluations) == (7, 9)

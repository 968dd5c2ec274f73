"""Every factor of the corrected sampler's acceptance, by the law: g and q are Gaussians that are neither centred nor
alike, M folds, u and r are far from flat, so that a jump without one of them is not exchangeable."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.sampling.chain import ChainState, Oracle
from npf_engine.sampling.corrected import Corrected, Frozen, Mala, mala_move
from npf_engine.sampling.langevin import LangevinSettings, Region
from npf_engine.sampling.proposal import Proposal, ProposalSettings

C = 2.0  # the coefficient of g: its law is exp(-c g)
CENTRE = torch.tensor([1.5, -0.5], dtype=torch.float64)
CURVATURE = torch.tensor([0.5, 3.0], dtype=torch.float64)
DRAWS = 40_000


@dataclass
class Lopsided:
    """q(x | y) = N(a y + b, s^2): of a mean and a width that are not those of the law."""

    slope: float
    offset: Tensor
    width: Tensor

    def sample(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """One draw a row."""
        return self.slope * y + self.offset + self.width * torch.randn(y.shape, generator=generator, dtype=y.dtype)

    def log_density(self, x: Tensor, y: Tensor) -> Tensor:
        """Up to its constant."""
        return -0.5 * ((x - self.slope * y - self.offset) / self.width).square().sum(1)


WIDE = Lopsided(0.4, torch.tensor([0.6, 0.3], dtype=torch.float64), torch.tensor([0.9, 0.8], dtype=torch.float64))


def folding(x: Tensor) -> Tensor:
    return torch.stack([(x[:, 0] - 1.0).abs(), 0.7 * x[:, 1] + 0.2], 1)


def bowl(y: Tensor) -> tuple[Tensor, Tensor]:
    """An uncentred u with its gradient."""
    middle = torch.tensor([0.8, 0.1], dtype=y.dtype)
    return 0.6 * (y - middle).square().sum(1), 1.2 * (y - middle)


def gaussian() -> Oracle:
    """g whose law at c = C is N(CENTRE, 1 / (C CURVATURE))."""
    return Oracle(lambda x: CURVATURE * (x - CENTRE), lambda x: 0.5 * (CURVATURE * (x - CENTRE).square()).sum(1))


def exact(n: int, seed: int) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return CENTRE + torch.randn(n, 2, generator=g, dtype=torch.float64) / (C * CURVATURE).sqrt()


FEATURES: list[Callable[[Tensor], Tensor]] = [
    lambda x: x[:, 0],
    lambda x: x[:, 1],
    lambda x: x[:, 0].square(),
    lambda x: x[:, 1].square(),
    lambda x: x[:, 0] * x[:, 1],
    lambda x: (x[:, 0] > 1.5).to(x),
    lambda x: x[:, 0].sin(),
]


def unbalance(before: Tensor, after: Tensor) -> float:
    """Largest |mean of a(x) b(x') - b(x) a(x')| in standard errors, b = 1 among them: detailed balance makes all 0."""
    worst = 0.0
    features = [*FEATURES, lambda x: torch.ones(len(x), dtype=x.dtype)]
    for i, a in enumerate(features):
        for b in features[:i]:
            odd = a(before) * b(after) - b(before) * a(after)
            worst = max(worst, abs(float(odd.mean())) / max(float(odd.std()), 1e-12) * math.sqrt(len(odd)))
    return worst


def jump(start: Tensor, **changes: object) -> tuple[Tensor, Corrected]:
    parts: dict[str, object] = {"u": bowl, "m": folding, "q": WIDE, "noise": 0.5, "u_tau": 0.15, "u_steps": 3}
    frozen = Frozen(**(parts | changes))  # type: ignore[arg-type]
    kernel, state = Corrected(gaussian(), LangevinSettings(0.05, C, inner=5), frozen), ChainState.start(start, 11)
    kernel.step(state)
    return state.x, kernel


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # u flat and r wide: what is left are the terms of g and q, an independence sampler.
        {
            "q": Lopsided(0.0, torch.tensor([1.0, -0.3]).double(), torch.tensor([1.4, 0.6]).double()),
            "noise": 50.0,
            "u": lambda y: (torch.zeros_like(y[:, 0]), torch.zeros_like(y)),
            "m": lambda x: x,
        },
        # q wider than the law: what counts are g, r and u.
        {"q": Lopsided(0.0, torch.zeros(2).double(), torch.full((2,), 2.5).double()), "noise": 1.0, "m": lambda x: x},
        {"noise": 0.9, "u_steps": 1, "u_tau": 0.6},
    ],
    ids=["all", "g and q", "g, r and u", "long steps of u"],
)
def test_a_jump_from_the_law_is_exchangeable(changes: dict[str, object]) -> None:
    start = exact(DRAWS, 1)
    after, kernel = jump(start, **changes)
    assert 0.02 < kernel.acceptance < 0.95
    assert float((after != start).any(1).double().mean()) == pytest.approx(kernel.acceptance)
    assert unbalance(start, after) < 4.5


class _Flat(Lopsided):
    """Draws as before, and hides its density."""

    def log_density(self, x: Tensor, y: Tensor) -> Tensor:
        """Nothing."""
        return torch.zeros(len(x), dtype=x.dtype)


def test_that_balance_needs_each_factor() -> None:
    """The test above can fail: without q's density, or with the wrong centre of u, r's M or r's width."""
    start = exact(DRAWS, 1)
    assert unbalance(start, jump(start, q=_Flat(WIDE.slope, WIDE.offset, WIDE.width))[0]) > 6

    class OtherU:
        calls = 0

        def __call__(self, y: Tensor) -> tuple[Tensor, Tensor]:
            self.calls += 1
            return bowl(y) if self.calls > 1 else (torch.zeros_like(y[:, 0]), torch.zeros_like(y))

    assert unbalance(start, jump(start, u=OtherU())[0]) > 6


def test_many_jumps_reach_the_law_from_elsewhere() -> None:
    state = ChainState.start(torch.zeros(4000, 2, dtype=torch.float64), 3)
    kernel = Corrected(gaussian(), LangevinSettings(0.05, C, inner=1), Frozen(bowl, folding, WIDE, 0.5, 0.15, 2))
    for _ in range(60):
        kernel.step(state)
    assert kernel.local.tried == 0 and state.step == 60
    variance = 1 / (C * CURVATURE)
    assert float(((state.x.mean(0) - CENTRE) / (variance / 4000).sqrt()).abs().max()) < 4.5
    assert float((state.x.var(0) / variance - 1).abs().max()) < 4.5 * math.sqrt(2 / 4000)


def test_jumps_come_every_inner_steps_and_the_others_are_local() -> None:
    state = ChainState.start(exact(50, 0), 0)
    kernel = Corrected(gaussian(), LangevinSettings(0.05, C, inner=4), Frozen(bowl, folding, WIDE, 0.5, 0.15, 2))
    jumps = []
    for _ in range(9):
        kernel.step(state)
        jumps.append(state.jumped is not None)
    assert jumps == [True, False, False, False, True, False, False, False, True]
    assert kernel.tried == 150 and kernel.local.tried == 300
    shown = kernel.shown()
    assert shown["acceptance"] == kernel.accepted / 150 and shown["local_acceptance"] == kernel.local.accepted / 300
    assert kernel.oracle.evaluations == 50 * (1 + 9)  # once at the start, then one gradient a step
    other = Corrected(gaussian(), kernel.settings, kernel.frozen)
    other.load_state_dict(kernel.state_dict())
    assert other.shown() == shown and other.oracle.evaluations == kernel.oracle.evaluations


def test_one_step_of_mala_is_exchangeable_with_a_step_for_each_axis() -> None:
    start = exact(DRAWS, 5)
    state = ChainState.start(start, 6)
    kernel = Mala(gaussian(), LangevinSettings(0.3, C, metric=(1.5, 0.3)))
    kernel.step(state)
    assert 0.3 < kernel.shown()["local_acceptance"] < 0.95
    assert unbalance(start, state.x) < 4.5
    torch.testing.assert_close(state.value, C * 0.5 * (CURVATURE * (state.x - CENTRE).square()).sum(1))
    torch.testing.assert_close(state.gradient, CURVATURE * (state.x - CENTRE))


def test_a_move_of_mala_accepts_with_the_ratio_of_the_laws() -> None:
    """One particle in one dimension: the log ratio by the formula of the Metropolis-adjusted Langevin algorithm."""
    tau, x = 0.05, torch.tensor([[0.7]], dtype=torch.float64)

    def energy(p: Tensor) -> tuple[Tensor, Tensor]:
        return C * p[:, 0] ** 4, 4 * p**3  # c g and grad g

    def log_q(to: Tensor, at: Tensor) -> Tensor:
        return -(to - at + tau * C * 4 * at**3).square().sum() / (4 * tau)

    state = ChainState.start(x, 4)
    noise = torch.randn(1, 1, generator=seeds.generator(4, "chain.steps"), dtype=torch.float64)
    there = x - tau * C * 4 * x**3 + math.sqrt(2 * tau) * noise
    ratio = float(C * (x[0, 0] ** 4 - there[0, 0] ** 4) + log_q(x, there) - log_q(there, x))
    for shift, expected in ((-1e-6, True), (1e-6, False)):
        state = ChainState.start(x, 4)
        state.uniform = lambda shift=shift: torch.tensor([math.exp(ratio + shift)], dtype=torch.float64)  # type: ignore[method-assign]
        value, gradient = energy(x)
        new, new_value, new_gradient, good = mala_move(energy, x, value, gradient, torch.tensor(tau).double(), C, state)
        assert bool(good) is expected
        torch.testing.assert_close(new, there if expected else x)
        torch.testing.assert_close(new_value, energy(new)[0])
        torch.testing.assert_close(new_gradient, energy(new)[1])


def test_beyond_omega_and_where_g_is_not_finite_the_energy_is_infinite() -> None:
    def hole(x: Tensor) -> Tensor:
        return torch.where(x[:, 0] < -0.5, torch.nan, x.square().sum(1))

    kernel = Mala(Oracle(lambda x: 2 * x, hole), LangevinSettings(0.1, 3.0), Region((-1.0, 0.0), (1.0, 2.0)))
    x = torch.tensor([[0.5, 1.0], [0.5, -0.1], [1.2, 1.0], [-0.7, 1.0]], dtype=torch.float64)
    value, gradient = kernel.evaluate(x)
    assert value.tolist() == [3 * 1.25, math.inf, math.inf, math.inf]
    assert gradient.tolist() == [[1.0, 2.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("d", [1, 2, 4])
@pytest.mark.parametrize("bounded", [True, False])
def test_the_proposal_s_density_is_that_of_its_draws(d: int, bounded: bool) -> None:
    """E over draws of q of p / q is 1 for any density p inside: q is neither missing a factor nor a width."""
    region = Region((-3.0,) * d, (4.0,) * d) if bounded else None
    q = Proposal(d, ProposalSettings(components=3, hidden=(8,), broad=0.3), region, seed=1).requires_grad_(False)
    g = torch.Generator().manual_seed(2)
    q.centres.copy_(0.5 + torch.randn(3, d, generator=g))
    q.widths.copy_(0.5 + torch.rand(3, d, generator=g))
    with torch.no_grad():
        q.body.layers[-1].weight.mul_(6.0)
    y = torch.tensor([[0.3, -0.7, 1.1, 0.2]])[:, :d].expand(60_000, d)
    draws = q.sample(y, torch.Generator().manual_seed(3))
    log_q = q.log_density(draws, y)
    for middle, width in ((0.0, 0.5), (0.8, 0.7)):
        log_p = -0.5 * ((draws - middle) / width).square().sum(1) - d * math.log(width * math.sqrt(2 * math.pi))
        weight = (log_p - log_q).exp()
        assert float(weight.mean()) == pytest.approx(1.0, abs=4.5 * float(weight.std()) / math.sqrt(60_000) + 2e-3)
        for feature, truth in ((draws[:, 0], middle), (draws[:, -1].square(), middle**2 + width**2)):
            part = weight * (feature - truth)
            assert abs(float(part.mean())) < 4.5 * float(part.std()) / math.sqrt(60_000) + 2e-3


def test_a_jump_by_its_formula_accepts_with_its_ratio() -> None:
    """Every number of one jump: y = M(x) + s z, two MALA steps on u, x' of q, and the ratio of the module's head."""
    x = torch.tensor([[1.9, -0.4]], dtype=torch.float64)
    frozen = Frozen(bowl, folding, WIDE, 0.5, 0.15, 2)
    g = seeds.generator(7, "chain.steps")

    def normal() -> Tensor:
        return torch.randn(1, 2, generator=g, dtype=torch.float64)

    y = folding(x) + 0.5 * normal()
    there = y
    for _ in range(2):  # accepted, whatever they are
        there = there - 0.15 * C * bowl(there)[1] + math.sqrt(0.3) * normal()
    x_new = WIDE.sample(there, g)

    def energy(p: Tensor) -> Tensor:
        return C * 0.5 * (CURVATURE * (p - CENTRE).square()).sum(1)

    def log_r(to: Tensor, at: Tensor) -> Tensor:
        return -(to - folding(at)).square().sum(1) / (2 * 0.25)

    ratio = float(
        energy(x)
        - energy(x_new)
        + C * (bowl(there)[0] - bowl(y)[0])
        + log_r(there, x_new)
        - log_r(y, x)
        + WIDE.log_density(x, y)
        - WIDE.log_density(x_new, there)
    )
    for shift, accepted in ((-1e-6, True), (1e-6, False)):
        kernel, state = Corrected(gaussian(), LangevinSettings(0.05, C, inner=5), frozen), ChainState.start(x, 7)
        uniforms = iter([0.0, 0.0, math.exp(ratio + shift)])
        state.uniform = lambda uniforms=uniforms: torch.tensor([next(uniforms)], dtype=torch.float64)  # type: ignore[method-assign]
        kernel.jump(state)
        assert bool(state.jumped) is accepted and kernel.acceptance == float(accepted) and kernel.tried == 1
        torch.testing.assert_close(state.x, x_new if accepted else x)
        torch.testing.assert_close(state.value, energy(state.x))
        torch.testing.assert_close(state.gradient, CURVATURE * (state.x - CENTRE))


def test_a_move_to_nowhere_is_never_accepted() -> None:
    """From infinite energy to infinite energy the ratio is not a number; to it, and with a random number of 0, it is
    minus infinity on both sides."""
    x = torch.tensor([[5.0], [0.5]], dtype=torch.float64)
    kernel = Mala(Oracle(lambda x: 0 * x, lambda x: 0 * x[:, 0]), LangevinSettings(1e4), Region((-1.0,), (1.0,)))
    state = ChainState.start(x, 0)
    state.uniform = lambda: torch.zeros(2, dtype=torch.float64)  # type: ignore[method-assign]
    kernel.step(state)
    assert torch.equal(state.x, x) and kernel.shown() == {"local_acceptance": 0.0}


def test_acceptances_before_anything_was_tried_are_0() -> None:
    kernel = Corrected(gaussian(), LangevinSettings(0.05, C), Frozen(bowl, folding, WIDE, 0.5, 0.15, 2))
    assert kernel.shown() == {"acceptance": 0.0, "local_acceptance": 0.0}


def test_a_gradient_with_one_component_that_is_no_number_is_outside() -> None:
    kernel = Mala(Oracle(lambda x: torch.stack([x[:, 0], 0 / x[:, 1]], 1), lambda x: x[:, 0]), LangevinSettings(0.1))
    value, gradient = kernel.evaluate(torch.tensor([[0.5, 0.0], [0.5, 1.0]], dtype=torch.float64))
    assert value.tolist() == [math.inf, 0.5] and gradient.tolist() == [[0.0, 0.0], [0.5, 0.0]]

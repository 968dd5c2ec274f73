"""The schemes of constrained drifting on affine maps and a quadratic energy, where every step has a closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.drift_config import DriftConfig, published
from npf_engine.transport.drifting import Draw, _inner_loss, _step, drift

HOME = torch.tensor([4.0, -1.0], dtype=torch.float64)
STIFF = 3.0
START = torch.tensor([[2.0, 0.5, -1.0], [0.7, 3.0, 0.2]], dtype=torch.float64)  # (seeds, slope and offsets)


class Affine:
    """T(x) = a x + b, theta = (a, b1, b2), each row a seed of its own."""

    theta = START

    def gradient(self, theta: Tensor, x: Tensor) -> Tensor:
        return theta[:, None, :1] * x + theta[:, None, 1:]


class Spring:
    """D(mu) = STIFF E|X - HOME|^2 / 2: v = -STIFF (x - HOME)."""

    asked = 0

    def velocity(self, x: Tensor) -> Tensor:
        self.asked += 1
        return -STIFF * (x - HOME)


def atoms(seed: int = 0) -> Draw:
    cloud = 1.5 + torch.randn(2, 400, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    def draw(n: int) -> Tensor:
        return cloud[:, :n]

    return draw


def run(config: DriftConfig, watch: Callable[[int, Tensor], None] | None = None) -> Tensor:
    return drift(Affine(), atoms(), Spring(), config, Recorder(), watch).theta  # type: ignore[arg-type]


def moved(theta: Tensor, share: float) -> Tensor:
    """The affine map that goes ``share`` of the way from T_theta to HOME."""
    return torch.cat([theta[:, :1] * (1 - share), theta[:, 1:] + share * (HOME - theta[:, 1:])], 1)


IDENTITY = torch.tensor([[1.0, 0.0, 0.0]] * 2, dtype=torch.float64)


@pytest.mark.parametrize("outer", [1, 2])
def test_an_implicit_step_is_the_proximal_point(outer: int) -> None:
    """argmin |T - T_k|^2 / (2 tau) + STIFF |T - HOME|^2 / 2 goes tau STIFF / (1 + tau STIFF) of the way; T_0 = id."""
    tau, expected = 0.2, IDENTITY
    for _ in range(outer):
        expected = moved(expected, tau * STIFF / (1 + tau * STIFF))
    found = run(DriftConfig("implicit", tau=tau, outer=outer, inner=500, rate=0.05, average=0.3, atoms=300))
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)


def test_the_summed_implicit_step_counts_every_atom() -> None:
    tau, n = 0.002, 300
    found = run(DriftConfig("implicit-summed", tau=tau, outer=1, inner=600, rate=0.05, average=0.3, atoms=n))
    expected = moved(IDENTITY, tau * n * STIFF / (1 + tau * n * STIFF))
    torch.testing.assert_close(found, expected, atol=3e-3, rtol=0)


@pytest.mark.parametrize("outer", [1, 2])
def test_an_explicit_step_goes_tau_along_the_velocity(outer: int) -> None:
    tau, expected = 0.1, IDENTITY
    for _ in range(outer):
        expected = moved(expected, tau * STIFF)
    found = run(DriftConfig("explicit", tau=tau, outer=outer, inner=500, rate=0.05, average=0.3, atoms=300))
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)


def test_a_natural_gradient_step_solves_the_explicit_problem_exactly() -> None:
    tau = 0.1
    found = run(DriftConfig("gauss-newton", tau=tau, outer=2, inner=6, atoms=50))
    torch.testing.assert_close(found, moved(moved(IDENTITY, tau * STIFF), tau * STIFF), atol=1e-5, rtol=0)
    warm = run(DriftConfig("gauss-newton", tau=tau, outer=1, inner=6, atoms=50, warm_up=1))
    implicit = run(DriftConfig("implicit", tau=tau, outer=1))
    torch.testing.assert_close(warm, moved(implicit, tau * STIFF), atol=1e-5, rtol=0)


def test_a_euclidean_step_is_the_summed_gradient_in_theta() -> None:
    rate, n = 1e-4, 200
    x = atoms()(n)
    theta = START.clone().requires_grad_()
    energy = STIFF * (Affine().gradient(theta, x) - HOME).square().sum() / 2
    (slope,) = torch.autograd.grad(energy, theta)
    found = run(DriftConfig("euclidean", rate=rate, steps=1, atoms=n))
    torch.testing.assert_close(found, START - rate * slope)
    adam = run(DriftConfig("adam", rate=rate, steps=1, atoms=n))
    torch.testing.assert_close(adam, START - rate * slope.sign(), atol=1e-8, rtol=0)


@pytest.mark.parametrize(("scheme", "times"), [("implicit", 1.0), ("implicit-summed", 40.0)])
def test_the_inner_loss_has_the_gradient_of_its_problem(scheme: str, times: float) -> None:
    x = atoms()(40)
    theta = START.clone().requires_grad_()
    start, image = 0.8 * x + 1, Affine().gradient(theta, x)
    config = DriftConfig(scheme, tau=0.7)
    problem = ((image - start).square().sum() / (2 * 0.7) + times * STIFF * (image - HOME).square().sum() / 2) / 40
    (wanted,) = torch.autograd.grad(problem, theta, retain_graph=True)
    (found,) = torch.autograd.grad(_inner_loss(config, Spring(), image, start), theta)
    torch.testing.assert_close(found, wanted)


def test_steps_are_counted_and_the_watch_sees_each() -> None:
    seen: list[int] = []
    config = DriftConfig("explicit", outer=2, inner=3, atoms=20)
    result = drift(Affine(), atoms(), Spring(), config, Recorder(), lambda k, theta: seen.append(k))  # type: ignore[arg-type]
    assert seen == [1, 2, 3, 4, 5, 6] and result.steps == config.gradient_steps == 6 and result.note == ""
    assert result.theta.shape == (2, 3) and not result.theta.requires_grad
    assert torch.equal(Affine.theta, START)
    assert DriftConfig("adam", steps=70).gradient_steps == 70
    assert DriftConfig("gauss-newton", outer=3, inner=5, warm_up=2).gradient_steps == 15 + 2 * 100
    ours = published("gauss-newton")
    assert (ours.inner, ours.atoms, ours.warm_up, ours.outer) == (6, 1500, 4, 10)
    assert published("adam") == DriftConfig("adam", rate=1e-2, steps=1000)
    assert published("euclidean") == DriftConfig("euclidean", rate=1e-3, steps=3000)
    assert published("implicit") == DriftConfig("implicit")
    with pytest.raises(ValueError, match="no scheme 'magic'"):
        DriftConfig("magic")


def test_the_average_is_that_of_the_last_inner_steps() -> None:
    path: list[Tensor] = []
    config = DriftConfig("explicit", outer=1, inner=8, rate=0.3, average=0.45, atoms=20)
    found = run(config, lambda k, theta: path.append(theta.clone()))
    torch.testing.assert_close(found, torch.stack(path[-math.ceil(0.45 * 8) :]).mean(0))


def test_a_member_whose_gradient_is_not_finite_stays_and_the_others_go_on() -> None:
    class Broken(Spring):
        def velocity(self, x: Tensor) -> Tensor:
            v = super().velocity(x)
            v[1] = torch.nan
            return v

    config = DriftConfig("adam", rate=0.1, steps=3, atoms=20)
    found = drift(Affine(), atoms(), Broken(), config, Recorder()).theta  # type: ignore[arg-type]
    assert torch.equal(found[1], START[1]) and float((found[0] - START[0]).abs().min()) > 0.1


def test_one_coordinate_that_is_not_finite_keeps_the_whole_member() -> None:
    theta = START.clone().requires_grad_()
    slopes = torch.tensor([[1.0, 2.0, -3.0], [math.nan, 1.0, 1.0]]).double()
    _step(torch.optim.SGD([theta], lr=0.1), theta, (theta * slopes).sum())
    torch.testing.assert_close(theta.detach()[0], START[0] - 0.1 * slopes[0])
    assert torch.equal(theta.detach()[1], START[1])


def test_the_time_allowed_ends_a_run_after_the_step_at_work() -> None:
    class Slow(Recorder):
        now = 50.0
        told: list[tuple[str, int, int]]

        def __init__(self) -> None:
            self.told = []

        def clock(self) -> float:
            return self.now

        def check(self) -> None:
            self.now += 1.0

        def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
            self.told.append((stage, step, total))

    recorder = Slow()
    config = DriftConfig("adam", steps=100, atoms=20)
    result = drift(Affine(), atoms(), Spring(), config, recorder, seconds=3.5)  # type: ignore[arg-type]
    assert result.steps == 4 and result.seconds == 4.0 and "4 steps" in result.note
    assert recorder.told == [("adam", 1, 4), ("adam", 2, 4), ("adam", 3, 4), ("adam", 4, 4)]
    shorter, rest = Slow(), Slow()
    drift(Affine(), atoms(), Spring(), config, shorter, seconds=3.4)  # type: ignore[arg-type]
    assert [total for _, _, total in shorter.told] == [3, 3, 3, 4]
    within = drift(Affine(), atoms(), Spring(), replace(config, steps=5), rest, seconds=5.0)  # type: ignore[arg-type]
    assert within.steps == 5 and within.note == "" and rest.told[-1] == ("adam", 5, 5)

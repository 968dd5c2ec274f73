"""Plain LMC and its loop: the exact law of the discrete chain, boxes, divergence in a sentence, resumes, counts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.errors import Cancelled, InputError
from npf_engine.fields.potentials import himmelblau, himmelblau_gradient
from npf_engine.sampling.chain import ChainState, Oracle, Trace, run_chain
from npf_engine.sampling.known import preconditioned_step
from npf_engine.sampling.langevin import Diverged, Langevin, LangevinSettings, Region, lipschitz, step_size_warning
from npf_engine.sampling.npf import LmcNpf
from npf_engine.sampling.npf_networks import NpfNetworks, NpfSettings
from npf_engine.tasks.recorder import Recorder

CURVATURE = torch.tensor([1.0, 4.0], dtype=torch.float64)


def _quadratic(x: Tensor) -> Tensor:
    return CURVATURE * x


class _Keeping(Recorder):
    """Checkpoints in memory at every step; cancels at a given look."""

    def __init__(self, cancel_at: int | None = None) -> None:
        self.states: dict[str, dict[str, Any]] = {}
        self.looks, self.cancel_at = 0, cancel_at

    def check(self) -> None:
        self.looks += 1
        if self.looks == self.cancel_at:
            raise Cancelled("stopped")

    def checkpoint_due(self) -> bool:
        return True

    def save(self, key: str, state: dict[str, Any]) -> None:
        self.states[key] = torch.load(_bytes(state), weights_only=True)

    def load(self, key: str) -> dict[str, Any] | None:
        return self.states.get(key)


def _bytes(state: dict[str, Any]) -> Any:
    import io

    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return buffer


def test_on_a_quadratic_the_chain_has_the_known_variance_of_its_discretisation() -> None:
    """Stationary variance of x <- (1 - tau c k) x + sqrt(2 tau) z: 1 / (c k (1 - tau c k / 2)), for each axis."""
    tau, c = 0.05, 2.0
    oracle = Oracle(_quadratic)
    state = ChainState.start(torch.zeros(20_000, 2, dtype=torch.float64), 0)
    run_chain(Langevin(oracle, LangevinSettings(tau, c)), state, 120)
    expected = 1 / (c * CURVATURE * (1 - tau * c * CURVATURE / 2))
    error = state.x.var(dim=0) / expected - 1
    assert float(error.abs().max()) < 5 * (2 / 20_000) ** 0.5
    assert oracle.evaluations == 120 * 20_000


def test_a_metric_changes_the_pace_of_an_axis_and_not_its_law() -> None:
    state = ChainState.start(torch.zeros(20_000, 2, dtype=torch.float64), 0)
    settings = LangevinSettings(0.02, 1.0, metric=(1.0, 0.25))
    run_chain(Langevin(Oracle(_quadratic), settings), state, 300)
    step = 0.02 * torch.tensor([1.0, 0.25], dtype=torch.float64)
    expected = 1 / (CURVATURE * (1 - step * CURVATURE / 2))
    assert float((state.x.var(dim=0) / expected - 1).abs().max()) < 0.05


def test_reflection_keeps_the_uniform_law_and_clamping_does_not() -> None:
    g = torch.Generator().manual_seed(0)
    x = torch.rand(20_000, 1, generator=g, dtype=torch.float64) * 2 - 1
    shares = {}
    for boundary in ("reflect", "clamp"):
        region = Region.cube(1, boundary)  # type: ignore[arg-type]
        state = ChainState.start(x, 1)
        run_chain(Langevin(Oracle(torch.zeros_like), LangevinSettings(0.02), region), state, 50)
        assert bool(region.inside(state.x).all())
        shares[boundary] = float((state.x.abs() > 0.9).double().mean())
    assert abs(shares["reflect"] - 0.1) < 0.01
    assert shares["clamp"] > 0.15


def test_reflection_folds_back_by_the_distance() -> None:
    region = Region((0.0,), (2.0,))
    x = torch.tensor([[-0.5], [2.5], [1.0], [4.5]], dtype=torch.float64)
    assert torch.allclose(region.confine(x)[:, 0], torch.tensor([0.5, 1.5, 1.0, 0.5], dtype=torch.float64))
    assert region.wild(x).tolist() == [False, False, False, True]


@pytest.mark.parametrize("region", [Region((-5.0, -5.0), (5.0, 5.0)), None])
def test_a_diverging_chain_is_told_in_a_sentence_and_its_trace_is_kept(region: Region | None) -> None:
    trace = Trace(every=1)
    state = ChainState.start(torch.full((50, 2), -4.0, dtype=torch.float64), 0)
    with pytest.raises(Diverged, match=r"tau \* c = 0\.1 is too large for this landscape, choose a smaller tau"):
        run_chain(Langevin(Oracle(himmelblau_gradient), LangevinSettings(0.1), region), state, 100, trace=trace)
    assert len(trace.steps) >= 1 and issubclass(Diverged, InputError)


def test_the_largest_curvature_and_the_warning_it_gives() -> None:
    """At (-3.779, -3.283) the Hessian of Himmelblau's function has the largest eigenvalue of all minima, 134."""
    point = torch.tensor([[-3.779310, -3.283186]], dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(lambda x: himmelblau(x[None])[0], point[0])
    assert lipschitz(himmelblau_gradient, point, iterations=20) == pytest.approx(
        float(torch.linalg.eigvalsh(hessian).max()), rel=1e-3
    )
    assert step_size_warning(LangevinSettings(1e-3), 134.0) is None
    assert "diverges" in (step_size_warning(LangevinSettings(0.1), 134.0) or "")
    assert "wider" in (step_size_warning(LangevinSettings(0.01), 134.0) or "")


def _networks(seed: int = 0) -> NpfNetworks:
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(400, 2, generator=g) * 2 - 1
    settings = NpfSettings((8, 8), (8,), (8,), batch=16, sampler_steps=4, region="box", replay=500)
    return NpfNetworks.fresh(x, 5 * x + torch.sin(4 * x), settings, seed)


def _npf_run(recorder: Recorder, steps: int = 25) -> tuple[ChainState, Trace]:
    noisy = torch.Generator().manual_seed(3)

    def gradient(x: Tensor) -> Tensor:
        return 5 * x + torch.sin(4 * x) + 0.1 * torch.randn(x.shape, generator=noisy, dtype=x.dtype)

    kernel = LmcNpf(
        Oracle(gradient, generator=noisy), LangevinSettings(0.01, 2.0, inner=5), _networks(), Region.cube(2)
    )
    state, trace = ChainState.start(torch.zeros(12, 2, dtype=torch.float64), 4), Trace(every=5)
    run_chain(kernel, state, steps, recorder, trace=trace)
    assert kernel.oracle.evaluations == 12 * steps
    return state, trace


def test_a_broken_lmc_npf_chain_goes_on_with_the_same_numbers() -> None:
    """Particles, networks, optimiser, memory, trace and a stochastic gradient's own draws."""
    whole, whole_trace = _npf_run(_Keeping())
    recorder = _Keeping(cancel_at=13)
    with pytest.raises(Cancelled):
        _npf_run(recorder)
    state, trace = _npf_run(recorder)
    assert torch.equal(state.x, whole.x)
    assert trace.steps == whole_trace.steps == [0, 5, 10, 15, 20, 25]
    assert torch.equal(torch.stack(trace.x), torch.stack(whole_trace.x))


def test_jumps_happen_every_n_steps_and_are_noted() -> None:
    """Algorithm 2: step k jumps when k mod N = 0."""
    _, trace = _npf_run(Recorder())
    assert [bool(row.all()) for row in trace.jumped] == [False, True, True, True, True, True]
    assert not bool(trace.jumped[0].any())


def test_a_particle_where_g_has_no_gradient_stays_and_the_others_go_on() -> None:
    def gradient(x: Tensor) -> Tensor:
        return torch.where((x == 0).all(dim=1, keepdim=True), torch.nan, 5 * x + torch.sin(4 * x))

    start = torch.full((100, 2), 0.3, dtype=torch.float64)
    start[0] = 0.0
    for kernel in (
        Langevin(Oracle(gradient), LangevinSettings(0.01, 2.0), Region.cube(2)),
        LmcNpf(Oracle(gradient), LangevinSettings(0.01, 2.0, inner=5), _networks(), Region.cube(2)),
    ):
        state = ChainState.start(start, 0)
        for _ in range(3):
            kernel.step(state)
        assert torch.equal(state.x[0], start[0])
        assert bool(torch.isfinite(state.x).all()) and not bool((state.x[1:] == start[1:]).any())


def test_a_langevin_step_seen_from_u_is_the_preconditioned_one_to_first_order() -> None:
    """Appendix B for F(x) = A x on a disc: M is a rotation R, J_M = R, and the first order is exact."""
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    stretch = torch.tensor([[2.0, 0.3], [0.3, 1.0]], dtype=torch.float64)
    g = torch.Generator().manual_seed(0)
    x, z = torch.randn(5, 2, generator=g, dtype=torch.float64), torch.randn(5, 2, generator=g, dtype=torch.float64)
    moved = x - 0.1 * x @ (stretch @ turn).T + 0.2**0.5 * z
    seen = preconditioned_step(x @ turn.T @ stretch.T, x @ turn.T, turn.expand(5, 2, 2), 0.1, z)
    torch.testing.assert_close(seen, moved @ turn.T)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"tau": 0.0}, "tau must be a positive number"),
        ({"coefficient": float("nan")}, "coefficient must be"),
        ({"inner": 0}, "inner, the Langevin steps between two jumps, must be 1 or more"),
    ],
)
def test_bad_settings_are_refused(values: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        LangevinSettings(**values)

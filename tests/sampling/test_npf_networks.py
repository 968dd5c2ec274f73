"""The networks of a chain: what each batch is of, what a bad one does, and when a chain updates them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.mlp import MLP
from npf_engine.sampling import npf_networks
from npf_engine.sampling.chain import ChainState, Oracle
from npf_engine.sampling.langevin import LangevinSettings, Region
from npf_engine.sampling.npf import LmcNpf
from npf_engine.sampling.npf_networks import NpfNetworks, NpfSettings
from npf_engine.sampling.replay import Ring

SIZES: dict[str, Any] = {"u_hidden": (6,), "v_hidden": (6,), "bridge_hidden": (6,), "sampler_steps": 4}


def fresh(seed: int = 3, **changes: Any) -> NpfNetworks:
    x = 2 * torch.rand(200, 2, generator=torch.Generator().manual_seed(0)) - 1
    return NpfNetworks.fresh(x, 5 * x + 40, NpfSettings(**(SIZES | {"batch": 16, "replay": 300} | changes)), seed)


def test_every_network_has_random_numbers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, int] = {}
    for name in ("QuadraticICNN", "MLP", "Bridge"):
        kind = getattr(npf_networks, name)

        def made(*rest: Any, name: str = name, kind: Any = kind, **more: Any) -> Any:
            asked[name] = more["seed"]
            return kind(*rest, **more)

        monkeypatch.setattr(npf_networks, name, made)
    nets = fresh(7)
    assert asked["QuadraticICNN"] == 7 and len({7, asked["MLP"], asked["Bridge"]}) == 3
    again = seeds.generator(7, "npf.updates")
    assert torch.equal(torch.rand(3, generator=nets.generator), torch.rand(3, generator=again))
    assert all(p.requires_grad for part in (nets.u, nets.v, nets.bridge) for p in part.parameters())
    assert [group["lr"] for group in nets.optimiser.param_groups] == nets.rates == [1e-4, 5e-4, 5e-4]
    constant = torch.cat([torch.ones(50, 1), torch.rand(50, 1)], 1)
    assert float(NpfNetworks.fresh(constant, constant, NpfSettings(**SIZES), 0).v.spread[0]) == pytest.approx(1e-12)


def both(focus: bool, m: bool, **changes: Any) -> tuple[NpfNetworks, Ring | None]:
    """Networks with a second memory far away from the first, and with M_xi."""
    nets = fresh()
    other = None
    if focus:
        other = Ring(50, 2, nets.u.like)
        x = 0.9 + 0.1 * torch.rand(50, 2, generator=torch.Generator().manual_seed(1))
        other.add(x, 5 * x + 40, nets.generator)
    regression = MLP(2, 2, (4,), seed=5) if m else None
    settings = NpfSettings(**(SIZES | {"batch": 16, "tolerance": 1e-5} | changes))
    return NpfNetworks(nets.u, nets.v, nets.bridge, nets.memory, settings, 11, regression, other), other


@pytest.mark.parametrize(("focus", "m"), [(False, True), (True, False), (True, True)])
def test_half_of_a_batch_is_of_the_second_memory_and_the_dual_sees_the_first_alone(focus: bool, m: bool) -> None:
    nets, other = both(focus, m)
    memories = [nets.memory] if other is None else [nets.memory, other]
    share = 16 // len(memories)
    g = seeds.generator(11, "npf.updates")
    picks = [memory.draw(share, g) for memory in memories]
    apart = nets.memory.draw(share, g)
    x = torch.cat([memory.x[pick] for memory, pick in zip(memories, picks, strict=True)])
    f = torch.cat([memory.f[pick] for memory, pick in zip(memories, picks, strict=True)])
    t, noise = torch.rand(16, 1, generator=g), torch.randn(16, 2, generator=g)
    xhat = nets.m_theta(f)
    u_loss = float(((nets.u(nets.memory.x[apart]).mean() - nets.u(xhat[:share]).mean()) / nets.u.scale).detach())
    losses: dict[str, float] = {
        "v_loss": float((nets.v(f) - xhat).square().sum(1).mean().detach()),
        "inverse_loss": float(nets.bridge.loss(x, nets.bridge.project(xhat), t, noise).detach()),
    }
    if nets.m is not None:
        losses["m_loss"] = float((nets.m(x) - xhat).square().sum(1).mean().detach())
    learnt: list[Tensor] = []
    nets._learn = learnt.append  # type: ignore[method-assign]
    dual = u_loss * float(nets.u.scale) + float((xhat * f)[:share].sum(1).mean())
    found = nets.update()
    assert found == {"dual": pytest.approx(dual, rel=1e-3), "converged": 1.0} | {
        name: pytest.approx(value, rel=1e-3) for name, value in losses.items()
    }
    assert float(learnt[0].detach()) == pytest.approx(u_loss + sum(losses.values()), rel=1e-3)
    for memory, pick, part in zip(memories, picks, xhat.split(share), strict=True):
        torch.testing.assert_close(memory.xhat[pick], part, atol=1e-3, rtol=1e-3)
    nets.remember(torch.full((3, 2), 0.5), torch.ones(3, 2))
    assert all(bool((memory.x == 0.5).all(1).any()) for memory in memories)
    assert set(nets.modules) == {"u", "v", "bridge"} | ({"m"} if m else set())


def test_a_conjugate_begins_where_it_ended_before(monkeypatch: pytest.MonkeyPatch) -> None:
    nets, _ = both(False, False)
    nets.memory.xhat[:] = 0.25
    nets.memory.xhat[::2] = torch.nan
    asked: list[tuple[Tensor, Tensor]] = []

    def conjugate(u: Any, f: Tensor, start: Tensor, **rest: Any) -> Any:
        asked.append((f, start))
        half = torch.arange(len(f)) % 2 == 0
        return SimpleNamespace(x=0 * f + 0.1, converged=half)

    monkeypatch.setattr(npf_networks, "conjugate", conjugate)
    g = seeds.generator(11, "npf.updates")
    pick = nets.memory.draw(16, g)
    guess = nets.v(nets.memory.f[pick]).detach()
    found = nets.update()
    expected = torch.where((pick % 2 == 0)[:, None], guess, torch.full((16, 2), 0.25))
    torch.testing.assert_close(asked[0][1], expected)
    assert found["converged"] == 0.5 and nets.updates == 1 and float(nets.memory.xhat[pick].max()) == pytest.approx(0.1)


@pytest.mark.parametrize("start", ["v", "m"])
def test_a_jumps_conjugate_begins_at_the_network_that_the_settings_name(
    start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nets, _ = both(False, True, start=start)
    begun: list[Tensor] = []

    def conjugate(u: Any, f: Tensor, first: Tensor, **rest: Any) -> Any:
        begun.append(first)
        return SimpleNamespace(x=first)

    monkeypatch.setattr(npf_networks, "conjugate", conjugate)
    x, f = nets.memory.x[:6], nets.memory.f[:6]
    assert nets.m is not None
    wanted = {"v": nets.v(f), "m": nets.m(x)}
    torch.testing.assert_close(nets.m_theta(f, x), wanted[start])
    assert (wanted["v"] - wanted["m"]).abs().max() > 1e-3
    nets.m_theta(f)  # where no x is known, V_phi knows more
    torch.testing.assert_close(begun[1], wanted["v"])


def test_a_batch_without_a_gradient_teaches_nothing_and_many_in_a_row_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npf_networks, "USELESS", 3)
    nets, _ = both(False, False)
    start = {k: v.clone() for k, v in nets.v.state_dict().items()}

    def now() -> dict[str, Tensor]:
        return {k: v.clone() for k, v in nets.v.state_dict().items()}

    def step(bad: bool) -> None:
        loss = nets.v(torch.ones(1, 2)).sum() + sum(p.sum() for p in nets.modules["u"].parameters())
        loss = loss + sum(p.sum() for p in nets.modules["bridge"].parameters())
        nets._learn(loss * (torch.nan if bad else 1.0))
        nets.updates += 1

    step(False)
    taught = now()
    assert any(not torch.equal(taught[k], start[k]) for k in start) and nets.useless == 0
    step(True)
    step(True)
    assert all(torch.equal(now()[k], taught[k]) for k in start) and nets.useless == 2
    step(False)
    assert nets.useless == 0
    for _ in range(3):
        step(True)
    assert nets.useless == 0 and all(torch.equal(now()[k], start[k]) for k in start), "back to what was kept"
    share = nets.setbacks.share
    assert share < 1 and [group["lr"] for group in nets.optimiser.param_groups] == [r * share for r in nets.rates]
    other, _ = both(False, False)
    other.load_state_dict(nets.state_dict())
    assert other.setbacks.share == share and other.updates == nets.updates
    old = {key: value for key, value in nets.state_dict().items() if key != "setbacks"}
    plain, _ = both(False, False)
    plain.load_state_dict(old)
    assert plain.setbacks.share == 1.0


class Still:
    """Networks that count what they are asked for."""

    def __init__(self, update_every: int, **more: Any) -> None:
        self.settings = NpfSettings(update_every=update_every, **more)
        self.remembered: list[tuple[Tensor, Tensor]] = []
        self.updated, self.loss = 0, {"dual": 1.0}

    def m_theta(self, f: Tensor, x: Tensor) -> Tensor:
        return f

    def grad_u(self, y: Tensor) -> Tensor:
        return 0 * y

    def inverse(self, y: Tensor, generator: torch.Generator) -> Tensor:
        return y + 1

    def remember(self, x: Tensor, f: Tensor) -> None:
        self.remembered.append((x, f))

    def update(self) -> None:
        self.updated += 1


@pytest.mark.parametrize(("every", "updates"), [(0, 0), (1, 7), (3, 3)])
def test_networks_are_updated_every_so_many_steps(every: int, updates: int) -> None:
    nets: Any = Still(every)
    kernel = LmcNpf(Oracle(lambda x: 0.5 * x), LangevinSettings(1e-6, 2.0, inner=4), nets)
    state = ChainState.start(torch.zeros(5, 2, dtype=torch.float64), 0)
    jumped = []
    for _ in range(7):
        kernel.step(state)
        jumped.append(state.jumped is not None)
    assert nets.updated == len(nets.remembered) == updates and state.step == 7
    assert jumped == [True, False, False, False, True, False, False] and kernel.shown() == {"dual": 1.0}
    own = kernel.u_settings()
    assert (own.tau, own.coefficient, own.inner) == (1e-6, 2.0, 4)
    other = LmcNpf(kernel.oracle, kernel.settings, Still(1, u_tau=0.5, u_coefficient=3.0)).u_settings()  # type: ignore[arg-type]
    assert (other.tau, other.coefficient) == (0.5, 3.0)


def test_a_draw_that_is_no_number_leaves_its_particle_and_a_box_confines_the_others() -> None:
    nets: Any = Still(0)
    nets.inverse = lambda y, generator: torch.tensor([[0.5, torch.nan], [0.25, 1.5], [0.1, 0.2]])
    nets.m_theta = lambda f, x: f if bool(torch.isfinite(f).all()) and float(f[2].abs().max()) == 0 else 1 / 0
    slope = Oracle(lambda x: torch.where(x[:, :1] < -0.5, torch.tensor([torch.nan, 1.0]).to(x), x))
    start = torch.tensor([[0.3, 0.3], [0.4, 0.4], [-0.9, 0.0]], dtype=torch.float64)
    for region, second in ((Region.cube(2), [0.25, 0.5]), (None, [0.25, 1.5])):
        kernel, state = LmcNpf(slope, LangevinSettings(1e-9, inner=1), nets, region), ChainState.start(start, 0)
        kernel.jump(state)
        assert state.jumped is not None and state.jumped.tolist() == [False, True, False]
        expected = torch.tensor([[0.3, 0.3], second, [-0.9, 0.0]], dtype=torch.float64)
        torch.testing.assert_close(state.x, expected)
        assert state.at is not None and torch.equal(state.at, start)

"""A factorization in the user's units: a quadratic u on a box whose axes are unlike, so that each answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.fields.field import Scaling, Units
from npf_engine.figures.export import columns, to_csv
from npf_engine.measures.views import factorization_view, principal_axes
from npf_engine.networks.bridge import Bridge
from npf_engine.networks.mlp import MLP
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.polar import factorization
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.sampling.chain import ChainState, Oracle
from npf_engine.sampling.langevin import LangevinSettings, Region
from npf_engine.sampling.npf import LmcNpf, langevin_on_u
from npf_engine.sampling.npf_networks import NpfNetworks, NpfSettings
from npf_engine.sampling.pretrain import CELLS, _cells, _draw, bottom_of

LOW, HIGH = (10.0, -3.0), (50.0, 2.0)
SCALING = Scaling((30.0, -0.5), (20.0, 2.5))
S, M = torch.tensor([[6.0, 1.0], [1.0, 3.0]]), torch.tensor([4.0, -2.0])
BEND = torch.tensor([[0.6, 0.1], [-0.2, 0.7]])


def quadratic(S: Tensor = S, m: Tensor = M) -> QuadraticICNN:
    """u with grad u = S x + m to 1e-3: the layers silenced."""
    u = QuadraticICNN(2, [4], seed=0, strong_convexity=1e-6).requires_grad_(False)
    u.start_at_gaussian(S, m, torch.eye(len(m)), 3.0)
    u.raw_w.fill_(-30.0)
    for p in (u.out.A, u.out.B, u.out.c, u.tail.c):
        p.zero_()
    for part in (u.out, u.tail):
        part.raw_delta.fill_(-30.0)
    return u


def field(x: Tensor) -> Tensor:
    """F in model positions: grad u(BEND x), so that M(x) = BEND x."""
    return x @ BEND.T.to(x) @ S.to(x) + M.to(x)


def model(function: bool = True) -> PolarFactorization:
    m = MLP(2, 2, (), seed=0).requires_grad_(False)
    m.layers[-1].weight.copy_(BEND)
    m.layers[-1].bias.zero_()
    x = torch.rand(60, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    half = {"x_test": x[:20], "x_train": x[20:]} | {"y_test": field(x[:20]), "y_train": field(x[20:])}
    return PolarFactorization(
        quadratic(),
        None,
        m,
        Bridge(2, (8,), fourier=1, seed=1).requires_grad_(False),
        SCALING,
        Units(("x", "y"), ("m", "kg"), ""),
        "box",
        LOW,
        HIGH,
        "f",
        {},
        half,
        {},
        field if function else None,
        sampler_steps=12,
    )


def places(n: int = 9) -> tuple[Tensor, Tensor]:
    """Positions in the user's units, and the same in the model's."""
    x_hat = 0.6 * (torch.rand(n, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 2 - 1)
    return x_hat * torch.tensor([20.0, 2.5]) + torch.tensor([30.0, -0.5]), x_hat


def user(x_hat: Tensor) -> Tensor:
    return x_hat.double() * torch.tensor([20.0, 2.5]).double() + torch.tensor([30.0, -0.5]).double()


def test_positions_are_the_user_s_and_values_those_of_f() -> None:
    x, x_hat = places()
    found = model()
    torch.testing.assert_close(found.grad_u(x).double(), x_hat @ S.double() + M, atol=2e-2, rtol=1e-3)
    y = x_hat @ S.double() + M
    torch.testing.assert_close(found.grad_u_conjugate(y).double(), x, atol=0.05, rtol=1e-3)
    flat = 0.5 * (x_hat @ S.double() * x_hat).sum(1) + x_hat @ M.double()
    u = found.potential(x).double()
    torch.testing.assert_close(u - u[0], flat - flat[0], atol=0.02, rtol=0.01)
    torch.testing.assert_close(found.M(x).double(), user(x_hat @ BEND.T.double()), atol=0.05, rtol=1e-3)
    torch.testing.assert_close(found.M(x, field(x_hat)), found.M(x), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(found.M_network(x).double(), user(x_hat @ BEND.T.double()), atol=1e-4, rtol=1e-5)
    assert found.d == 2
    with pytest.raises(ValueError, match="samples only"):
        model(False).M(x)
    with pytest.raises(ValueError, match="2 components"):
        found.grad_u_conjugate(torch.zeros(3, 5))


def test_draws_of_pre_images_have_their_shapes_and_seeds() -> None:
    found = model()
    x, x_hat = places(3)
    draws = found.preimages(x, 5, seed=2)
    assert draws.shape == (3, 5, 2) and found.preimages(x[0], 5, seed=2).shape == (5, 2)
    wanted = found.sample_inverse(x_hat.float().repeat_interleave(5, 0), 2)
    torch.testing.assert_close(draws, user(wanted).reshape(3, 5, 2), atol=1e-4, rtol=1e-5)
    y = field(0.5 * x_hat)
    details = found.invert_details(y, 4, 1)
    torch.testing.assert_close(details.point.double(), user(0.5 * x_hat @ BEND.T.double()), atol=0.05, rtol=1e-3)
    assert details.x.shape == (3, 4, 2) and details.outside.tolist() == [False] * 3
    torch.testing.assert_close(found.invert(y, 4, 1), details.x)
    assert found.invert(y[0], 4, 1).shape == (4, 2)
    far = found.invert_details(torch.tensor([[60.0, 0.0]]), 1, 0)
    assert far.outside.tolist() == [True] and far.residual.shape == (1,)


def test_a_stopped_model_says_what_it_lacks() -> None:
    found = model()
    found.bridge = found.m = None
    for ask in (lambda: found.M_network(places()[0]), lambda: found.sample_inverse(torch.zeros(1, 2), 0)):
        with pytest.raises(ValueError, match="training stopped before"):
            ask()


def test_the_view_has_every_cloud_row_by_row() -> None:
    view = factorization_view(model(), 30, seed=1)
    x_hat = (torch.from_numpy(view.clouds["rho"]) - torch.tensor([30.0, -0.5])) / torch.tensor([20.0, 2.5])
    moved = x_hat @ BEND.T.double()
    for key, wanted in {
        "field": moved @ S.double() + M,
        "grad_u": x_hat @ S.double() + M,
        "m": user(moved),
        "m_network": user(moved),
        "reconstruction": moved @ S.double() + M,
    }.items():
        np.testing.assert_allclose(view.clouds[key], wanted.numpy(), atol=0.05, rtol=2e-3, err_msg=key)
    assert view.planes((1, 0))["m"].tolist() == view.clouds["m"][:, [1, 0]].tolist()


def test_principal_axes_of_a_cloud_off_the_origin() -> None:
    g = np.random.default_rng(0)
    turn = np.linalg.qr(g.normal(size=(4, 4)))[0]
    y = 100 + (g.normal(size=(4000, 4)) * [1.0, 5.0, 0.2, 3.0]) @ turn.T
    found = principal_axes(y)
    np.testing.assert_allclose(found.mean, y.mean(0))
    np.testing.assert_allclose(np.abs((found.directions * turn[:, [1, 3]]).sum(0)), 1, atol=0.01)
    np.testing.assert_allclose(found.share, np.array([25, 9]) / 35.04, atol=0.03)
    assert (found.directions[np.abs(found.directions).argmax(0), [0, 1]] > 0).all()


def test_a_table_has_a_column_a_coordinate() -> None:
    data = {"a": np.arange(3.0), "b": np.arange(4).reshape(2, 2)}
    assert list(columns(data)) == ["a", "b1", "b2"] and columns(data)["b2"].tolist() == [1, 3]
    assert to_csv(data).decode().splitlines() == ["a,b1,b2", "0.0,0,1", "1.0,2,3", "2.0,,"]
    with pytest.raises(ValueError, match="3 dimensions"):
        columns({"c": np.zeros((2, 2, 2))})


# -- networks of a chain -----------------------------------------------------------------------------------------------


def test_steps_on_u_are_langevin_steps_that_leave_what_is_lost() -> None:
    settings = LangevinSettings(0.01, 2.0, inner=3)
    y = torch.tensor([[0.3, -0.2], [0.5, 0.9], [0.1, 0.1]], dtype=torch.float64)

    def slope(p: Tensor) -> Tensor:
        out = 3 * (p - 0.4)
        out[2] = torch.nan
        return out

    state, box, g = ChainState.start(y, 5), Region.cube(2), seeds.generator(5, "chain.steps")
    found = langevin_on_u(slope, y, state, settings, box)
    place = y.clone()
    for _ in range(3):
        noise = torch.randn(3, 2, generator=g, dtype=torch.float64)
        place = box.confine(place - 0.01 * 2.0 * 3 * (place - 0.4) + math.sqrt(0.02) * noise)
    torch.testing.assert_close(found[:2], place[:2])
    assert torch.equal(found[2], y[2])


def networks(seed: int = 0) -> NpfNetworks:
    g = torch.Generator().manual_seed(1)
    x = torch.rand(400, 2, generator=g) * 2 - 1
    settings = NpfSettings(
        u_hidden=(8, 8),
        v_hidden=(8,),
        bridge_hidden=(8,),
        batch=32,
        replay=500,
        u_rate=1e-9,
        v_rate=1e-9,
        bridge_rate=1e-9,
        m_rate=1e-9,
        tolerance=1e-5,
        u_tau=0.003,
        u_coefficient=7.0,
    )
    return NpfNetworks.fresh(x, 5 * x @ torch.diag(torch.tensor([2.0, 1.0])) + 40, settings, seed)


def test_the_losses_of_an_update_by_their_formulas() -> None:
    nets = networks()
    g = torch.Generator()
    g.set_state(nets.generator.get_state())
    pick, other = nets.memory.draw(32, g), nets.memory.draw(32, g)
    t, noise = torch.rand(32, 1, generator=g), torch.randn(32, 2, generator=g)
    x, f = nets.memory.x[pick], nets.memory.f[pick]
    xhat = nets.m_theta(f)
    dual = float(nets.u(nets.memory.x[other]).mean() + ((xhat * f).sum(1) - nets.u(xhat)).mean())
    v_loss = float((nets.v(f) - xhat).square().sum(1).mean())
    inverse = float(nets.bridge.loss(x, nets.bridge.project(xhat), t, noise))
    found = nets.update()
    assert found["dual"] == pytest.approx(dual, rel=1e-3) and found["converged"] == 1.0
    assert found["v_loss"] == pytest.approx(v_loss, rel=1e-3) and found["inverse_loss"] == pytest.approx(
        inverse, rel=1e-3
    )
    torch.testing.assert_close(nets.memory.xhat[pick], xhat, atol=1e-3, rtol=1e-3)
    assert nets.updates == 1 and int(nets.memory.xhat.isnan().any(1).sum()) == 500 - len(pick.unique())
    torch.testing.assert_close(nets.v.centre, nets.memory.f[:400].mean(0))
    torch.testing.assert_close(nets.v.spread, nets.memory.f[:400].std(0))
    spread = (nets.memory.f[:400] - nets.memory.f[:400].mean(0)).square().sum(1).mean().sqrt()
    assert float(nets.u.scale) == pytest.approx(float(spread))
    near = nets.u.gradient(nets.memory.x[:400]) - nets.memory.f[:400]
    assert float(near.norm(dim=1).mean()) < 0.3 * float(spread)


def test_a_chain_jumps_every_inner_steps_by_m_then_u_then_the_inverse() -> None:
    nets = networks()
    oracle = Oracle(lambda x: 5 * x * torch.tensor([2.0, 1.0]) + 40)
    kernel = LmcNpf(oracle, LangevinSettings(1e-4, 1.0, inner=3), nets, Region.cube(2))
    own = kernel.u_settings()
    assert (own.tau, own.coefficient, own.inner) == (0.003, 7.0, 3)
    x = torch.rand(20, 2, generator=torch.Generator().manual_seed(4)) * 2 - 1
    state = ChainState.start(x, 6)
    jumped = []
    for _ in range(4):
        before = nets.memory.place
        kernel.step(state)
        jumped.append(state.jumped is not None)
        assert nets.memory.place == (before + 20) % 500
    assert jumped == [True, False, False, True] and nets.updates == 4 and oracle.evaluations == 80
    fresh, again = networks(), ChainState.start(x, 6)
    y = langevin_on_u(fresh.u.gradient, fresh.m_theta(oracle.gradient(x)), again, own, Region.cube(2))
    moved = Region.cube(2).confine(fresh.inverse(y, again.generator))
    other = ChainState.start(x, 6)
    LmcNpf(oracle, LangevinSettings(1e-4, 1.0, inner=3), fresh, Region.cube(2)).jump(other)
    torch.testing.assert_close(other.x, moved, atol=1e-4, rtol=1e-4)


def test_the_bottom_of_u_and_how_far_its_law_reaches() -> None:
    found = model()
    found.u = quadratic(m=-S @ torch.tensor([0.3, -0.4]))
    bottom, radius = bottom_of(found, 100.0)
    torch.testing.assert_close(bottom, torch.tensor([0.3, -0.4]), atol=2e-3, rtol=0)
    least = float(torch.linalg.eigvalsh(S)[0])
    assert radius == pytest.approx(4.5 / math.sqrt(100 * least), rel=1e-2)
    assert bottom_of(found, 1e6)[1] == 0.1 and bottom_of(found, 1e-3)[1] == 0.8
    cells = _cells(torch.tensor([[-1.0, 1.0], [-1.0, 0.99], [0.0, -0.999]]))
    assert cells.tolist() == [[0, CELLS - 1], [CELLS // 2, 0]]
    sets = tuple((torch.zeros(n, 2), torch.zeros(n, 2)) for n in (5, 900))
    picks = _draw(sets, 400, torch.Generator().manual_seed(0))
    assert [len(p) for p in picks] == [200, 200] and int(picks[0].max()) == 4 and int(picks[1].max()) > 800


def test_grad_u_star_beyond_the_edge_by_more_than_a_fiftieth_is_outside() -> None:
    found = model()
    for far, outside in ((0.015, False), (0.025, True)):
        y = torch.tensor([[1 + far, 0.3]]) @ S + M
        details = found.invert_details(y, 3, 0)
        assert details.outside.tolist() == [outside], far
    found.bridge = None
    assert torch.equal(found._project(torch.full((1, 2), 7.0)), torch.full((1, 2), 7.0))


def test_a_solve_begins_at_v_where_there_is_one_and_no_start_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = model(), list[Tensor | None]()
    monkeypatch.setattr(factorization, "conjugate", lambda u, y, start, tolerance: asked.append(start))
    y = torch.ones(3, 2)
    found.solve(y)
    found.v = MLP(2, 2, (3,), seed=0)
    found.solve(y)
    found.solve(y, 5 * y)
    first, second, third = asked
    assert first is None and second is not None and third is not None
    assert torch.equal(second, found.v(y)) and torch.equal(third, 5 * y)


def test_draws_are_guided_where_there_is_an_m_that_knows_and_few_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = model(), list[tuple[int, float]]()

    def guide(
        m: MLP, drawn: Tensor, y: Tensor, confine: object, stay: object, steps: int, close: float
    ) -> tuple[Tensor, Tensor]:
        asked.append((steps, close))
        return drawn + 100, torch.zeros(len(drawn))

    monkeypatch.setattr(factorization, "guide", guide)
    y = torch.zeros(4, 2)
    plain = found.sample_inverse(y, 1)
    assert asked == [], "of no steps"
    found.samples["m_test"] = found.samples["x_test"]
    found.guide_steps = 7
    torch.testing.assert_close(found.sample_inverse(y, 1), plain + 100)
    monkeypatch.setattr(factorization, "GUIDE_MAX_D", 2)
    assert len(asked) == 1 and not torch.equal(found.sample_inverse(y, 1), plain)
    monkeypatch.setattr(factorization, "GUIDE_MAX_D", 1)
    assert torch.equal(found.sample_inverse(y, 1), plain)
    found.m = None
    monkeypatch.setattr(factorization, "GUIDE_MAX_D", 16)
    assert torch.equal(found.sample_inverse(y, 1), plain) and asked[0][0] == 7


@pytest.mark.parametrize(("off", "close"), [(0.06, 0.03), (0.0, 1e-3), (0.11, math.inf), (None, 1e-3)])
def test_draws_are_brought_as_near_as_half_of_what_m_is_off_by(off: float | None, close: float) -> None:
    """The median of |M_xi - M_theta| at the unseen samples, of which some are far off; one that knows less than the
    bridge brings nothing nearer."""
    found = model()
    assert found.m is not None
    found.rho = "gaussian"
    x = found.samples["x_test"]
    m = found.m(x) + (0.0 if off is None else off) * torch.tensor([[0.6, 0.8]])
    m[:4] += 3.0
    found.samples["m_test"] = m
    if off is None:
        found.samples |= {"x_test": x[:0], "m_test": m[:0]}
    stay, near = found._guidance
    assert near == pytest.approx(close, rel=1e-4)
    assert stay(torch.tensor([[9.0, 0.0]])).tolist() == pytest.approx([9 - math.sqrt(2) - 3])


def test_the_fingerprint_is_of_all_networks_and_their_weights() -> None:
    found = model()
    plain = found.fingerprint()
    assert plain == model().fingerprint() and len(plain) == 64
    found.v = MLP(2, 2, (3,), seed=0)
    other = found.fingerprint()
    with torch.no_grad():
        found.v.layers[0].weight[0, 0] += 1e-3
    assert len({plain, other, found.fingerprint()}) == 3
    assert found.to("cpu") is found and found.device == torch.device("cpu")

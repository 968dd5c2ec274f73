"""The bridge: exact steps, the region, seeds."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from npf_engine.networks.bridge import Bridge, bridge_times


def _with_end(point: Tensor, sigma: float) -> Bridge:
    """A bridge whose X_psi knows the end: the constant ``point``."""
    bridge = Bridge(2, [4], fourier=0, sigma=sigma, region="free")
    bridge._held = lambda t, from_y, x: point.expand(len(x), -1)  # type: ignore[method-assign]
    return bridge


def test_with_a_known_end_the_sample_is_that_end() -> None:
    end = torch.tensor([[0.3, -0.7]])
    out = _with_end(end, 0.5).sample(torch.zeros(50, 2), torch.Generator().manual_seed(0), 20)
    torch.testing.assert_close(out, end.expand(50, 2))


def test_halfway_the_exact_steps_have_the_brownian_bridges_law(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 0 to a known end e, X_1/2 ~ N(e / 2, sigma^2 / 4), whatever the grid."""
    import npf_engine.networks.bridge as module

    end, sigma = torch.tensor([[1.0, 2.0]]), 0.8
    for grid in ([0.0, 0.5], [0.0, 0.1, 0.2, 0.45, 0.5]):
        monkeypatch.setattr(module, "bridge_times", lambda steps, power, grid=grid: grid)
        out = _with_end(end, sigma).sample(torch.zeros(40_000, 2), torch.Generator().manual_seed(1), 0)
        torch.testing.assert_close(out.mean(0), end[0] / 2, atol=0.01, rtol=0)
        torch.testing.assert_close(out.var(0), torch.full((2,), sigma**2 / 4), atol=0.004, rtol=0)


def test_times_run_from_0_to_1_and_are_finer_near_1() -> None:
    times = bridge_times(50)
    steps = [b - a for a, b in pairwise(times)]
    assert times[0] == 0 and times[-1] == 1 and len(times) == 51
    assert all(step > 0 for step in steps) and steps[-1] < steps[0] / 20


@pytest.mark.parametrize("region", ["box", "disc"])
def test_samples_stay_in_omega(region: str) -> None:
    bridge = Bridge(2, [16], sigma=2.0, region=region, seed=3)
    out = bridge.sample(torch.zeros(500, 2), torch.Generator().manual_seed(0), 15)
    size = out.abs().amax() if region == "box" else out.norm(dim=1).amax()
    assert float(size) <= 1 + 1e-6


def test_the_sampler_asks_the_network_itself() -> None:
    """The first layer's split into constant parts changes nothing: _held is forward at one time for all."""
    bridge = Bridge(3, [16, 8], fourier=2, sigma=1.0, region="free").double()
    g = torch.Generator().manual_seed(0)
    y, x = torch.rand(9, 3, generator=g).double(), torch.rand(9, 3, generator=g).double()
    for t in (0.0, 0.37, 0.99):
        whole = bridge(torch.full((9, 1), t, dtype=torch.float64), y, x)
        torch.testing.assert_close(bridge._held(t, bridge._from_y(y), x), whole, atol=1e-12, rtol=0)


def test_a_seed_gives_the_same_samples_and_another_gives_others() -> None:
    bridge = Bridge(2, [16], sigma=1.0)
    y = torch.zeros(20, 2)
    first, same, other = (bridge.sample(y, torch.Generator().manual_seed(s), 10) for s in (1, 1, 2))
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(ValueError, match="box, disc or free"):
        Bridge(2, [4], region="ring")


def test_the_loss_is_taken_on_the_brownian_bridge_between_the_pair() -> None:
    """Algorithm 1: x_t = (1 - t) y + t x + sigma sqrt(t (1 - t)) z, and |X_psi(t, y, x_t) - x|^2."""
    sigma, seen = 0.3, []
    bridge = Bridge(2, [4], fourier=0, sigma=sigma, region="free").double()

    def forward(t: Tensor, y: Tensor, x_t: Tensor) -> Tensor:
        seen.append(x_t)
        return torch.zeros_like(x_t)

    bridge.forward = forward  # type: ignore[method-assign]
    x, y = torch.tensor([[3.0, 4.0]]).double(), torch.tensor([[-1.0, 2.0]]).double()
    t, z = torch.tensor([[0.2]]).double(), torch.tensor([[5.0, -10.0]]).double()
    assert float(bridge.loss(x, y, t, z)) == pytest.approx(25.0)
    wanted = [0.8 * -1 + 0.2 * 3 + 0.3 * 0.4 * 5, 0.8 * 2 + 0.2 * 4 - 0.3 * 0.4 * 10]
    assert seen[0].flatten().tolist() == pytest.approx(wanted)


def test_with_peers_the_target_is_their_mean_by_how_likely_each_is() -> None:
    """E[peer | x_t]: weights exp(-|x_t - (1 - t) y - t p|^2 / (2 sigma^2 t (1 - t))), the density of x_t from p."""
    sigma = 0.9
    bridge = Bridge(2, [4], fourier=0, sigma=sigma, region="free").double()
    bridge.forward = lambda t, y, x_t: 2 * x_t  # type: ignore[method-assign]
    g = torch.Generator().manual_seed(0)
    x, y, z = (torch.randn(5, 2, generator=g, dtype=torch.float64) for _ in range(3))
    peers = torch.cat([x[:, None], torch.randn(5, 3, 2, generator=g, dtype=torch.float64)], 1)
    t = torch.tensor([[0.05], [0.3], [0.5], [0.8], [0.97]]).double()
    total = 0.0
    for i in range(5):
        s = float(t[i])
        at = (1 - s) * y[i] + s * x[i] + sigma * (s * (1 - s)) ** 0.5 * z[i]
        law = [torch.distributions.Normal((1 - s) * y[i] + s * p, sigma * (s * (1 - s)) ** 0.5) for p in peers[i]]
        weights = torch.stack([part.log_prob(at).sum() for part in law]).exp()
        target = (weights[:, None] * peers[i]).sum(0) / weights.sum()
        total += float((2 * at - target).square().sum()) / 5
    assert float(bridge.loss(x, y, t, z, peers)) == pytest.approx(total)
    start = bridge.loss(x, y, torch.zeros(5, 1).double(), z, peers)  # y itself, from which all peers are as likely
    assert float(start) == pytest.approx(float((2 * y - peers.mean(1)).square().sum(1).mean()))


def test_the_network_adds_to_t_x_t_what_its_layers_say_of_all_three() -> None:
    bridge = Bridge(3, [16, 8], fourier=2, sigma=0.3).double()
    assert float(bridge.sigma) == pytest.approx(0.3)
    assert [layer.out_features for layer in bridge.layers if isinstance(layer, nn.Linear)] == [16, 8, 3]
    g = torch.Generator().manual_seed(0)
    t, y, x = (torch.rand(4, k, generator=g).double() for k in (1, 3, 3))
    seen = torch.cat([bridge.time(t), bridge.space(y), bridge.space(x)], 1)
    assert seen.shape[1] == bridge.layers[0].in_features == 13 + 2 * 15
    torch.testing.assert_close(bridge(t, y, x), t * x + bridge.layers(seen))


def test_points_outside_go_to_the_nearest_of_omega() -> None:
    x = torch.tensor([[0.3, -0.4], [3.0, -4.0], [0.0, 1.5]])
    for region, wanted in (
        ("box", [[0.3, -0.4], [1.0, -1.0], [0.0, 1.0]]),
        ("disc", [[0.3, -0.4], [0.6, -0.8], [0.0, 1.0]]),
        ("free", x.tolist()),
    ):
        torch.testing.assert_close(Bridge(2, [4], region=region).project(x), torch.tensor(wanted))


def test_times_by_their_formula_and_as_many_draws_as_steps_but_the_last() -> None:
    assert bridge_times(4) == pytest.approx([0, 1 - 0.75**2, 0.75, 1 - 0.25**2, 1])
    assert bridge_times(2, 3.0) == pytest.approx([0, 0.875, 1])
    used, other = (torch.Generator().manual_seed(4) for _ in range(2))
    bridge = Bridge(2, [4], sigma=0.5)
    whole = bridge.sample(torch.zeros(16, 2), used, 4)
    for _ in range(3):
        torch.randn(16, 2, generator=other)
    assert torch.equal(torch.randn(5, generator=used), torch.randn(5, generator=other))
    parts = bridge.sample(torch.zeros(16, 2), torch.Generator().manual_seed(4), 4, chunk=16)
    assert torch.equal(whole, parts) and bridge.sample(torch.zeros(0, 2), used, 4).shape == (0, 2)
    assert bridge.sample(torch.zeros(7, 2), used, 4, chunk=3).shape == (7, 2)

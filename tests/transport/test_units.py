"""Maps in the user's units: coordinates there and back, duals, colours, memories, schedules; each by its formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.fields.pictures import Picture
from npf_engine.networks.monotone import CMGN
from npf_engine.networks.wide import WidePotential
from npf_engine.sampling.replay import CELLS, Ring, Spread
from npf_engine.studies.recolor import transfer
from npf_engine.transport import fit_wide
from npf_engine.transport.clouds import Clouds, _hold_out, gaussian_fallback
from npf_engine.transport.coordinates import Coordinates
from npf_engine.transport.gaussian import gaussian_map, spread_of
from npf_engine.transport.map import MonotoneMap, PotentialMap
from npf_engine.transport.validation import follow

P = torch.tensor([[2.0, 0.5, 0.0], [0.0, 0.7, -0.2], [0.3, 0.0, 1.5]])
CENTRE, MEAN = torch.tensor([30.0, -2.0, 0.5]), torch.tensor([-7.0, 100.0, 3.0])


def points(n: int, seed: int = 0, d: int = 3) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def brenier() -> PotentialMap:
    u = WidePotential(3, (6, 5), pieces=3, seed=1).requires_grad_(False)
    return PotentialMap(u, Coordinates(CENTRE, P, 2.5, MEAN, 1.3))


def test_the_network_s_coordinates_and_back() -> None:
    at, x = brenier().at, CENTRE + points(8)
    torch.testing.assert_close(at.source(x), (x - CENTRE) @ P)
    y = 2.5 * points(8, 1) @ P.T + MEAN
    torch.testing.assert_close(at.target(y), points(8, 1), atol=1e-4, rtol=1e-4)
    wanted = ((x - CENTRE) * (y - MEAN)).sum(1)  # <x, y> is kept, up to the factor
    torch.testing.assert_close(2.5 * (at.source(x) * at.target(y)).sum(1), wanted, atol=1e-3, rtol=1e-4)


def test_a_brenier_map_is_the_gradient_of_its_potential_and_its_inverse_undoes_it() -> None:
    found, x = brenier(), CENTRE + points(6)
    inner = (x - CENTRE) @ P
    torch.testing.assert_close(found.potential(x), 2.5 * found.u(inner) + x @ MEAN, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(found.forward(x), 2.5 * found.u.gradient(inner) @ P.T + MEAN)
    eye = 0.02 * torch.eye(3)
    columns = [(found.forward(x + e) - found.forward(x - e)) / 0.04 for e in eye]
    torch.testing.assert_close(found.jacobian(x), torch.stack(columns, 2), atol=0.05, rtol=0.02)
    torch.testing.assert_close(found.jacobian(x), found.jacobian(x).mT)
    slopes = [(found.potential(x + e) - found.potential(x - e)) / 0.04 for e in eye]
    torch.testing.assert_close(found.forward(x), torch.stack(slopes, 1), atol=0.1, rtol=0.01)
    torch.testing.assert_close(found.inverse(found.forward(x)), x, atol=2e-3, rtol=0)


def test_clouds_are_split_and_know_their_moments() -> None:
    x, y = CENTRE + points(500), MEAN + points(400, 1) * torch.tensor([4.0, 1.0, 0.5])
    clouds = Clouds(x, y, 0)
    assert (len(clouds.x), len(clouds.x_check), len(clouds.y_check), clouds.d) == (450, 50, 40, 3)
    assert len({tuple(row) for row in torch.cat([clouds.x, clouds.x_check]).tolist()}) == 500
    torch.testing.assert_close(clouds.S, gaussian_map(clouds.x, clouds.y)[0])
    assert clouds.size == pytest.approx(float((clouds.x.var(0, correction=0).mean()).sqrt()), rel=1e-5)
    assert spread_of(torch.ones(5, 2)) == 1.0 and spread_of(torch.tensor([[0.0, 0.0], [2.0, 6.0]])) == pytest.approx(
        5**0.5
    )
    assert [len(part) for part in _hold_out(points(3), torch.Generator())] == [2, 1]
    plain, balanced = clouds.plain(), clouds.balanced()
    unit = plain.source(clouds.x)
    assert float(unit.square().mean()) == pytest.approx(1.0, rel=1e-4) and float(unit.mean(0).abs().max()) < 1e-5
    assert float(plain.target(clouds.y).square().mean().sqrt()) == pytest.approx(plain.spread, rel=1e-4)
    inside, image = balanced.source(clouds.x).double(), balanced.target(clouds.y).double()
    torch.testing.assert_close(inside.T @ inside / 450, image.T @ image / 360, atol=1e-3, rtol=1e-3)
    assert float(inside.square().mean()) == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gaussian_answer_and_its_dual_are_those_of_the_clouds(dtype: torch.dtype) -> None:
    x, y = (CENTRE + points(600)).to(dtype), (MEAN + points(600, 1) * torch.tensor([4.0, 1.0, 0.5])).to(dtype)
    clouds = Clouds(x, y, 0)
    linear, dual = gaussian_fallback(clouds)
    quadratic = WidePotential(3, (), pieces=0, share=0.0, strong_convexity=0.0).to(linear.at.P)  # |x|^2 / 2
    assert clouds.dual(PotentialMap(quadratic, linear.at)).value == pytest.approx(dual.value, rel=1e-4, abs=1e-3)
    home = clouds.at_home(linear)
    (x_kept, x_check), (y_kept, y_check) = (
        _hold_out(cloud, seeds.generator(0, f"held-out.{name}")) for name, cloud in (("source", x), ("target", y))
    )
    S, m = gaussian_map(x_kept, y_kept)
    torch.testing.assert_close(home.forward(x[:9]).double(), x[:9].double() @ S.T + m, atol=2e-3, rtol=1e-4)
    # u = <x, S x> / 2 + <m, x>, u* its conjugate: the dual on the samples held out, in their own coordinates.
    a, b = x_check.double(), y_check.double()
    value = (0.5 * (a @ S * a).sum(1) + a @ m).mean() + (0.5 * (b - m) @ torch.linalg.inv(S) * (b - m)).sum(1).mean()
    assert dual.value + clouds.shift() == pytest.approx(float(value), rel=2e-4, abs=0.05)


def test_a_monotone_map_in_the_source_s_units() -> None:
    u = CMGN(2, 5, 2, seed=1)
    u.scale.fill_(6.0)
    found = MonotoneMap(u, torch.tensor([10.0, -4.0]), 3.0)
    x = torch.tensor([10.0, -4.0]) + 3 * points(5, 0, 2)
    inner = (x - torch.tensor([10.0, -4.0])) / 3
    torch.testing.assert_close(found.forward(x), u.gradient(inner).detach())
    torch.testing.assert_close(found.potential(x), 3 * u(inner).detach())
    torch.testing.assert_close(found.jacobian(x), u.hessian(inner).detach() / 3)
    torch.testing.assert_close(found.inverse(found.forward(x)), x, atol=1e-2, rtol=0)
    assert found.parameters == sum(p.numel() for p in CMGN(2, 5, 2).parameters())


# -- colours -----------------------------------------------------------------------------------------------------------


def picture(h: int = 6, w: int = 9, seed: int = 0) -> Picture:
    return Picture(np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8), None)


def test_a_colour_map_is_applied_to_every_pixel_and_its_share_taken() -> None:
    source = picture()

    def turn(colours: Tensor) -> Tensor:
        return colours[:, [1, 2, 0]] * 0.5 + torch.tensor([0.1, 0.2, 0.3])

    mapped = transfer._apply(turn, source.rgb)
    truth = source.rgb[:, :, [1, 2, 0]] / 255 * 0.5 + np.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(mapped, truth, atol=1e-6)


def test_the_result_is_the_gaussian_map_of_the_sampled_colours() -> None:
    source, palette = picture(), picture(5, 5, 1)
    sides = {"source": source, "palette": palette}
    S, m = gaussian_map(*(transfer.sample_colours(of, 20_000, seeds.child(3, name)) for name, of in sides.items()))
    for strength in (1.0, 0.4):
        found = transfer.recolor(source, palette, "gaussian", strength=strength, seed=3)
        x = source.rgb / 255.0
        image = x @ S.numpy().T + m.numpy()
        wanted = np.clip(np.rint(255 * (x + strength * (image - x))), 0, 255)
        assert np.abs(found.picture.rgb.astype(int) - wanted).max() <= 1
    assert found.parameters == 9 and found.method == "gaussian"


def test_sampled_colours_are_those_of_the_picture_spread_over_a_level() -> None:
    one = Picture(np.full((2, 2, 3), 100, np.uint8), None)
    spread = 255 * transfer.sample_colours(one, 20_000, 0)
    assert float(spread.min()) >= 99.49 and float(spread.max()) <= 100.51
    assert float(spread.mean()) == pytest.approx(100.0, abs=0.02)
    assert float(spread.std()) == pytest.approx(1 / math.sqrt(12), rel=0.03)
    torch.testing.assert_close(transfer.sample_colours(one, 5, 0, spread=False), torch.full((5, 3), 100 / 255))


def test_the_guided_filter_by_its_windows() -> None:
    g = np.random.default_rng(0)
    shift, guide = g.normal(size=(9, 11, 3)), g.random((9, 11))
    found = transfer._guided(shift, guide, 1)
    # In the middle, five from every edge, no window is cut.
    i, j = 4, 5

    def window(a: np.ndarray, r: int, c: int) -> np.ndarray:
        return a[r - 1 : r + 2, c - 1 : c + 2]

    for channel in range(3):
        slopes, levels = [], []
        for r in range(i - 1, i + 2):
            for c in range(j - 1, j + 2):
                v, q = window(shift[:, :, channel], r, c), window(guide, r, c)
                slope = (np.mean(v * q) - v.mean() * q.mean()) / (q.var() + transfer.EDGE**2)
                slopes.append(slope)
                levels.append(v.mean() - slope * q.mean())
        assert found[i, j, channel] == pytest.approx(np.mean(slopes) * guide[i, j] + np.mean(levels), rel=1e-6)


def test_structure_is_a_correlation_of_differences() -> None:
    a, b = picture(seed=2), picture(seed=3)
    parts = [
        np.concatenate([np.diff(p.rgb.mean(2), axis=0).ravel(), np.diff(p.rgb.mean(2), axis=1).ravel()]) for p in (a, b)
    ]
    wanted = parts[0] @ parts[1] / math.sqrt((parts[0] @ parts[0]) * (parts[1] @ parts[1]))
    assert transfer.structure(a, b) == pytest.approx(float(wanted))
    flat = Picture(np.full((6, 9, 3), 7, np.uint8), None)
    assert math.isnan(transfer.structure(a, flat))


# -- memories and schedules --------------------------------------------------------------------------------------------


def test_a_ring_forgets_the_oldest_and_leaves_out_what_is_not_finite() -> None:
    ring, g = Ring(4, 1, torch.zeros(1)), torch.Generator().manual_seed(0)
    ring.add(torch.tensor([[1.0], [math.nan], [2.0]]), torch.tensor([[10.0], [0.0], [20.0]]), g)
    assert ring.filled == 2 and set(ring.draw(50, g).tolist()) == {0, 1}
    ring.xhat[:] = 5.0
    ring.add(torch.tensor([[3.0], [4.0], [5.0]]), torch.tensor([[30.0], [40.0], [50.0]]), g)
    assert ring.x[:, 0].tolist() == [5.0, 2.0, 3.0, 4.0] and ring.f[:, 0].tolist() == [50.0, 20.0, 30.0, 40.0]
    assert ring.xhat[:, 0].isnan().tolist() == [True, False, True, True] and (ring.filled, ring.place) == (4, 1)
    ring.add(torch.arange(7.0)[:, None], torch.arange(7.0)[:, None], g)
    assert sorted(ring.x[:, 0].tolist()) == [3.0, 4.0, 5.0, 6.0]


def test_a_spread_keeps_the_law_of_its_cells() -> None:
    g = torch.Generator().manual_seed(0)
    x = torch.rand(3000, 2, generator=g) * 2 - 1
    spread = Spread(x, 3 * x)
    torch.testing.assert_close(spread.f, 3 * spread.x)
    before = torch.bincount(spread.cells, minlength=CELLS**2)
    new = torch.rand(500, 2, generator=g) * 0.5
    spread.add(new, torch.full_like(new, 7.0), g)
    after = Spread._cell(spread.x)
    assert torch.equal(torch.bincount(after, minlength=CELLS**2), before)
    placed = (spread.f == 7.0).all(1)
    assert 50 < int(placed.sum()) <= 500 and spread.filled == 3000
    corner = Spread._cell(
        torch.tensor([[-1.0, -1.0], [1.0, 1.0], [-1.0, -1.0 + 2.1 / CELLS], [-1 + 2.1 / CELLS, -1.0]])
    )
    assert corner.tolist() == [0, CELLS**2 - 1, CELLS, 1]


def test_the_averages_decay_with_and_without_the_start() -> None:
    average, now = [torch.zeros(1)], [torch.ones(1)]
    follow(average, now, 0.9, 0)
    assert float(average[0]) == pytest.approx(0.9)
    follow(average, [torch.zeros(1)], 0.9, 1000)
    assert float(average[0]) == pytest.approx(0.81)
    kept = [torch.zeros(1)]
    follow(kept, now, 0.9)
    assert float(kept[0]) == pytest.approx(0.1)


def test_the_settings_for_a_time_a_number_and_a_dimension() -> None:
    long = fit_wide.choose(1e6, 10**6, 2)
    assert (long.hidden, long.rate) == ((128, 64), 0.1) and fit_wide.choose(0.1, 10**6, 2).hidden == (64, 32)
    assert fit_wide.choose(1e6, 10**6, 100).rate == pytest.approx(0.02)
    assert fit_wide.choose(1e6, 1600, 100).rate == pytest.approx(0.01)
    assert fit_wide.choose(1e6, 10, 100).rate == pytest.approx(0.002)

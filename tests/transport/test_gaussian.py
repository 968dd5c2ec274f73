"""The Gaussian map and its dual in closed form: axes in unlike units, directions that have no variance."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.transport import fit_brenier_map
from npf_engine.transport.clouds import Clouds, gaussian_fallback
from npf_engine.transport.gaussian import (
    covariance,
    gaussian_dual,
    gaussian_factor,
    gaussian_map,
    gaussian_map_of_moments,
    spread_of,
    square_of,
    undo_gaussian_map,
)

S = torch.tensor([[2.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 4.0]]).double()
M = torch.tensor([3.0, -1.0, 7.0]).double()


def test_the_dual_of_the_gaussian_map_is_its_potential_and_the_conjugate() -> None:
    g = torch.Generator().manual_seed(0)
    x, y = (5 + torch.randn(9, 3, generator=g) for _ in range(2))
    found = gaussian_dual(S, M, x, y)
    assert found is not None and found.dtype == torch.float64
    for i in range(9):
        a, b = x[i].double(), y[i].double()
        top = torch.linalg.solve(S, b - M)  # where <z, b> - g(z) is largest
        value = a @ S @ a / 2 + M @ a + top @ b - top @ S @ top / 2 - M @ top
        assert float(found[i]) == pytest.approx(float(value))
    image = x.double() @ S + M
    torch.testing.assert_close(gaussian_dual(S, M, x, image), (x.double() * image).sum(1))  # Fenchel and Young


def test_a_singular_map_has_no_dual() -> None:
    x, turn = torch.zeros(2, 2), torch.linalg.qr(torch.tensor([[1.0, 2.0], [0.5, -1.0]]).double())[0]
    for values, there in (([1.0, 0.0], False), ([0.0, 0.0], False), ([1.0, 1e-13], False), ([1.0, 1e-10], True)):
        turned = turn @ torch.diag(torch.tensor(values).double()) @ turn.T
        assert (gaussian_dual(turned, torch.zeros(2).double(), x, x) is not None) == there
    for size in (1e-9, 1e9):  # small is not singular, nor are axes in unlike units
        assert gaussian_dual(size * S, M, torch.zeros(2, 3), torch.zeros(2, 3)) is not None
    far = torch.diag(torch.tensor([1e12, 1e-12]).double())
    found = gaussian_dual(far, torch.zeros(2).double(), torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 3.0]]))
    assert found is not None and float(found) == pytest.approx(2e12 + 4.5e12)
    half = torch.diag(torch.tensor([1.0, 0.0]).double())
    assert gaussian_dual(half, torch.zeros(2).double(), x, x) is None


def test_undoing_the_map_on_axes_in_unlike_units_and_without_one_of_them() -> None:
    x = torch.randn(9, 3, generator=torch.Generator().manual_seed(3)).double()
    t = torch.tensor([1e8, 1.0, 1e-8]).double()
    far = S * t.outer(t)
    torch.testing.assert_close(undo_gaussian_map(far, M, (x / t) @ far + M) * t, x, rtol=1e-6, atol=1e-6)
    flat = torch.diag(torch.tensor([2.0, 0.0, 4.0]).double())
    back = undo_gaussian_map(flat, M, x @ flat + M)
    torch.testing.assert_close(back, x * torch.tensor([1.0, 0.0, 1.0]).double())


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e9])
def test_what_has_no_variance_gets_no_slope(unit: float) -> None:
    """On the plane in which x lies the map is that of the coordinates there."""
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)).double())[0]
    zero, eye = torch.zeros(3).double(), torch.eye(3).double()
    for spread, slopes in (([4.0, 0.25, 0.0], [0.5, 2.0, 0.0]), ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0])):
        C = unit * turn @ torch.diag(torch.tensor(spread).double()) @ turn.T
        S = gaussian_map_of_moments(zero, C, zero, eye)[0]
        truth = turn @ torch.diag(torch.tensor(slopes).double()) @ turn.T / unit**0.5
        torch.testing.assert_close(S, truth, rtol=1e-7, atol=1e-9 / unit**0.5)
        S = gaussian_map_of_moments(zero, eye, zero, C)[0]  # S S = C
        torch.testing.assert_close(S @ S, C, rtol=1e-7, atol=1e-7 * unit)


def rough(n: int, d: int, seed: int) -> Tensor:
    """Correlated samples that single precision does not hold."""
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=g, dtype=torch.float64) @ torch.randn(d, d, generator=g, dtype=torch.float64)


def miss(S: Tensor, truth: Tensor, x: Tensor) -> float:
    """The largest error on an axis of the image of x (n, d), of what the image has there."""
    centred = x - x.mean(0)
    return float(((centred @ (S - truth)).square().mean(0) / (centred @ truth).square().mean(0)).max().sqrt())


@pytest.mark.parametrize("r", [1e3, 1e5, 3e5, 1.1e6, 1e9, 1e12])
@pytest.mark.parametrize("d", [2, 5])
def test_a_map_does_not_know_the_units_of_the_axes(r: float, d: int) -> None:
    """x / t and t y have the map T S T; a S of their own maps S x exactly; diagonal covariances give the ratio."""
    x, y = rough(200, d, 4), rough(150, d, 5)
    S, m = gaussian_map(x, y)
    up = torch.logspace(0, math.log10(r), d, dtype=torch.float64)
    for t in (up, up.flip(0), up / r**0.5):
        found, offset = gaussian_map(x / t, y * t)
        torch.testing.assert_close(found / t.outer(t), S, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(offset / t, m, rtol=1e-9, atol=1e-11)
    for t, of_x in ((up**0.5, up), (up, up), (up.flip(0), up), (torch.ones(d).double(), up), (up, 1 / up)):
        H = S / S.diagonal().sqrt().outer(S.diagonal().sqrt())
        truth = H * t.outer(t)  # symmetric and positive, with slopes t^2
        near = x * of_x
        assert miss(gaussian_map(near, near @ truth)[0], truth, near) < 1e-6
    zero = torch.zeros(d).double()
    found, _ = gaussian_map_of_moments(zero, torch.diag(up**2), zero, torch.diag(up.flip(0) ** 2))
    torch.testing.assert_close(found, torch.diag(up.flip(0) / up), rtol=1e-12, atol=0)


@pytest.mark.parametrize("r", [1e3, 1e6, 1e8])
def test_axes_that_are_not_those_of_the_coordinates(r: float) -> None:
    """A turned and a sheared source keep their map, up to what double precision holds of them."""
    z, S = rough(300, 3, 6), square_of(torch.linalg.inv(rough(3, 3, 7)))
    sizes = torch.tensor([1.0, r**0.5, r]).double()
    turn = torch.linalg.qr(rough(3, 3, 8))[0]
    shear = torch.tensor([[1.0, 0.0, 0.0], [3.0, 1.0, 0.0], [-2.0, 0.5, 1.0]]).double()
    for x in (z * sizes @ turn, z * sizes @ shear, z * sizes @ shear.T):
        assert miss(gaussian_map(x, x @ S)[0], S, x) < 1e-6
    G = gaussian_factor(z * sizes @ turn, z / sizes @ turn)
    alone = gaussian_factor(z * sizes, z / sizes)  # Q^T diag(1 / sizes^2) Q
    torch.testing.assert_close(square_of(turn @ G)[0, 0], square_of(alone)[0, 0], rtol=1e-6, atol=0)


def test_a_source_that_double_precision_does_not_hold_is_refused() -> None:
    z = rough(300, 3, 6)
    turn = torch.linalg.qr(rough(3, 3, 8))[0]
    with pytest.raises(InputError, match=r"times less in one direction than along its axes.* rescale the axes"):
        gaussian_map(z * torch.tensor([1.0, 1.0, 1e12]).double() @ turn, rough(200, 3, 9))
    flat = torch.stack([z[:, 0], 2 * z[:, 0] + 1, 1e12 * z[:, 1]], 1)
    with pytest.raises(InputError, match="rescale the axes"):
        gaussian_map(flat, rough(200, 3, 9))


def test_columns_that_follow_from_others_are_flat_in_either_precision() -> None:
    z, y = rough(400, 2, 10), rough(400, 3, 11)
    for kind in (torch.float32, torch.float64):
        x = torch.stack([z[:, 0], z[:, 1], 0.3 * z[:, 0] - 0.7 * z[:, 1]], 1).to(kind)
        across = torch.tensor([0.3, -0.7, -1.0]).double()
        for cloud in (x, x.double()):  # numbers that were single precision are no better for being in double
            S, _ = gaussian_map(cloud, y)
            assert float((S @ across).norm()) < 1e-5 * float(S.norm())
    assert float(gaussian_map(torch.full((5, 2), 7.1), y[:, :2])[0].abs().max()) == 0
    few = rough(3, 6, 12)  # points span a plane
    S, m = gaussian_map(few, rough(4, 6, 13))
    assert int((torch.linalg.eigvalsh(S) > 1e-9 * float(S.norm())).sum()) == 2 and torch.isfinite(m).all()


def test_the_answer_of_a_fit_on_badly_scaled_clouds_its_dual_and_its_inverse() -> None:
    """x / t and t y have the map t T(t x), and the same dual; t x_k y_k is r times as large."""
    x, y = rough(600, 2, 14), rough(600, 2, 15) + 3
    home = gaussian_fallback(Clouds(x, y, 0))
    for r in (1e3, 1e6, 1e9, 1e12):
        one = torch.tensor([1.0, r], dtype=torch.float64)
        clouds = Clouds(x * one, y * one.flip(0), 0)
        assert not clouds.blurred() and clouds.unseen() == ""
        linear, dual = gaussian_fallback(clouds)
        linear = clouds.at_home(linear)
        truth = Clouds(x, y, 0).at_home(home[0]).forward(x)
        image = linear.forward(x * one)
        off = ((image / one.flip(0) - truth).square().mean(0) / truth.var(0)).sqrt()
        assert float(off.max()) < 1e-9
        assert dual.value == pytest.approx(r * home[1].value, rel=1e-9)
        torch.testing.assert_close(linear.inverse(image) / one, x, rtol=1e-9, atol=1e-9)


def test_what_single_precision_and_the_dual_cannot_see_is_said() -> None:
    x, y = rough(600, 2, 14), rough(600, 2, 15)
    turn = torch.tensor([[0.8, 0.6], [-0.6, 0.8]]).double()
    one = torch.tensor([1.0, 1e8], dtype=torch.float64)
    fit = fit_brenier_map(x * one @ turn, y, budget_seconds=5)
    assert fit.info["method"] == "gaussian" and "single precision" in fit.info["note"]
    level = torch.stack([y[:, 0], torch.full((600,), 0.1).double()], 1)  # an axis without variance is none to be off on
    assert not Clouds(x, level, 0).blurred() and not Clouds(level, y, 0).blurred()
    assert not Clouds(x * torch.tensor([1.0, 100.0]).double() @ turn, y, 0).blurred()
    said = Clouds(x * one, y * one, 0).unseen()
    assert said.startswith("axis 1 has ") and "rescale the axes" in said
    uneven = Clouds(x, y * one, 0).plain()
    assert uneven.spread * Clouds(x, y, 0).size == pytest.approx(float(Clouds(x, y, 0).y.std(0)[0]), rel=1e-2)


def test_a_direction_in_which_the_source_does_not_vary_is_left_alone() -> None:
    g = torch.Generator().manual_seed(2)
    x, y = torch.randn(500, 2, generator=g).double() * 1e-4, torch.randn(500, 2, generator=g).double()
    x[:, 1] = 7.0
    found, m = gaussian_map(x, y)
    assert float(found[1].abs().max()) < 1e-6 * float(found[0, 0])
    assert float(found[0, 0]) == pytest.approx(float(y[:, 0].std() / x[:, 0].std()), rel=1e-6)
    torch.testing.assert_close((x @ found + m).mean(0), y.mean(0))
    two = torch.tensor([[0.0, 0.0], [2.0, 4.0]])
    torch.testing.assert_close(covariance(two), torch.tensor([[1.0, 2.0], [2.0, 4.0]]).double())
    with pytest.raises(ValueError, match="at least two"):
        covariance(two[:1])
    assert spread_of(two) == pytest.approx(2.5**0.5) and spread_of(two[:1]) == 1.0

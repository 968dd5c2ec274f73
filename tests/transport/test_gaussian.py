"""The Gaussian map's dual and the roots it is made of, in closed form, with directions that have no variance."""

from __future__ import annotations

import pytest
import torch

from npf_engine.transport.gaussian import _roots, covariance, gaussian_dual, gaussian_map, spread_of

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
    x = torch.zeros(2, 2)
    for values, there in (([1.0, 0.0], False), ([0.0, 0.0], False), ([1.0, 1e-13], False), ([1.0, 1e-10], True)):
        found = gaussian_dual(torch.diag(torch.tensor(values).double()), torch.zeros(2).double(), x, x)
        assert (found is not None) == there
    tiny = gaussian_dual(1e-9 * S, M, torch.zeros(2, 3), torch.zeros(2, 3))
    assert tiny is not None  # small is not singular


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e9])
def test_roots_leave_out_what_has_no_variance(unit: float) -> None:
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)).double())[0]
    C = unit * turn @ torch.diag(torch.tensor([4.0, 0.25, 0.0]).double()) @ turn.T
    root, inverse = _roots(C)
    torch.testing.assert_close(root @ root, C)
    half = turn @ torch.diag(torch.tensor([0.5, 2.0, 0.0]).double()) @ turn.T / unit**0.5
    torch.testing.assert_close(inverse, half)
    nothing = torch.zeros(2, 2).double()
    assert all(torch.equal(part, nothing) for part in _roots(nothing))


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

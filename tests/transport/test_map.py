"""The five kinds of optimal map: what each answers, where it has no inverse or no plan, and how it was found."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from npf_engine.divergences import solve_entropic
from npf_engine.networks.classical_icnn import ClassicalICNN, Terms
from npf_engine.networks.monotone import CMGN
from npf_engine.transport.coordinates import Coordinates, Units
from npf_engine.transport.gaussian import gaussian_map
from npf_engine.transport.map import (
    REPLACED,
    SETTLED,
    SOLVED,
    STEPS,
    TIME,
    AffineMap,
    DiscreteMap,
    EntropicMap,
    MonotoneMap,
    PotentialMap,
    TransportMap,
)


def points(n: int, d: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


S, M = torch.tensor([[2.0, 0.5], [0.5, 1.0]]).double(), torch.tensor([3.0, -1.0]).double()


def kinds() -> dict[str, TransportMap]:
    """One map of each kind, from a cloud in the plane."""
    x, y = points(30), 4 + points(40, seed=1)
    u = ClassicalICNN(2, [8], terms=Terms(linear=True, rank=2), spread=2.0, strong_convexity=0.2, seed=1).double()
    at = Units((torch.tensor([1.0, -2.0]).double(), 0.5), (torch.tensor([7.0, 0.0]).double(), 3.0)).at
    return {
        "potential": PotentialMap(u, at),
        "affine": AffineMap.of(S, M),
        "discrete": DiscreteMap(y, torch.zeros(40).double()),
        "entropic": EntropicMap(solve_entropic(x - 4, y - 4, 0.8), torch.full((2,), 4.0).double()),
        "monotone": MonotoneMap(CMGN(2, 4, 1, seed=0).double(), x.mean(0), 2.0),
    }


@pytest.mark.parametrize("name", list(kinds()))
def test_every_kind_is_the_gradient_of_a_convex_function(name: str) -> None:
    found, x, step = kinds()[name], points(9, seed=3), 1e-5
    J = found.jacobian(x)
    torch.testing.assert_close(J, J.mT)
    assert float(torch.linalg.eigvalsh(J).min()) >= -1e-9
    for axis in range(2):
        nudge = step * torch.eye(2).double()[axis]
        slope = (found.forward(x + nudge) - found.forward(x - nudge)) / (2 * step)
        torch.testing.assert_close(J[:, :, axis], slope, rtol=1e-4, atol=1e-4)
    many = found.forward(points(60, seed=4))
    gaps = ((points(60, seed=4)[:, None] - points(60, seed=4)) * (many[:, None] - many)).sum(2)
    assert float(gaps.min()) >= -1e-9  # monotone
    assert (found.inverse is None) == (name in ("discrete", "entropic"))
    assert (found.plan is not None) == (name in ("discrete", "entropic"))
    if found.inverse is not None:
        torch.testing.assert_close(found.inverse(found.forward(x)), x, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["discrete", "entropic"])
def test_the_mean_of_a_plan_is_the_map(name: str) -> None:
    found, x, y = kinds()[name], points(9, seed=3), 4 + points(40, seed=1)
    assert found.plan is not None
    shares = found.plan(x, y)
    torch.testing.assert_close(shares.sum(1), torch.ones(9).double())
    torch.testing.assert_close(shares @ y, found.forward(x))


def test_an_entropic_plan_is_one_to_its_own_points() -> None:
    plan = kinds()["entropic"].plan
    with pytest.raises(ValueError, match="its own 40 points"):
        plan and plan(points(3), points(5))


def test_an_affine_map_is_its_matrix_and_where_it_is_singular_the_inverse_is_the_nearest() -> None:
    x = points(20) * torch.tensor([1.0, 30.0]) + 5
    found = AffineMap.of(S, M)
    torch.testing.assert_close(found.forward(x), x @ S + M)
    torch.testing.assert_close(found.potential(x), ((x @ S) * x).sum(1) / 2 + x @ M)
    assert found.report.parameters == 5 and found.report.ended == SOLVED and found.report.method == "gaussian"
    flat = AffineMap.of(torch.diag(torch.tensor([4.0, 0.0]).double()), M)
    back = flat.inverse(flat.forward(x))
    torch.testing.assert_close(flat.forward(back), flat.forward(x))
    fitted = AffineMap.of(*gaussian_map(x, points(50, seed=5) @ S))
    assert float((fitted.forward(x).T.cov() - (points(50, seed=5) @ S).T.cov()).norm()) < 0.3


def test_coordinates_lead_there_and_back() -> None:
    P = torch.tensor([[2.0, 0.3], [0.0, 1e-4]]).double()
    at, x = Coordinates(torch.tensor([5.0, -1.0]).double(), P, 2.5, M), points(7)
    torch.testing.assert_close(at.position(at.source(x)), x)
    torch.testing.assert_close(at.target(at.image(x)), x)
    unit = Units((torch.tensor([5.0, -1.0]), 4.0), (torch.tensor([0.0, 2.0]), 0.5)).at
    z = points(7).float()
    torch.testing.assert_close(unit.source(torch.tensor([5.0, -1.0]) + 4 * z), z)
    torch.testing.assert_close(unit.image(z), torch.tensor([0.0, 2.0]) + 0.5 * z)


def test_a_report_says_how_it_ended() -> None:
    u, at = ClassicalICNN(2, [3]), Units((torch.zeros(2), 1.0), (torch.zeros(2), 1.0)).at
    found = PotentialMap(u, at, {"method": "icnn", "seconds": 2.5, "steps": 40, "converged": 0.75, "note": "a word"})
    report = found.report
    assert (report.method, report.seconds, report.steps, report.error) == ("icnn", 2.5, 40, 0.25)
    assert (report.ended, report.note) == (TIME, "a word")
    assert report.parameters == sum(p.numel() for p in u.parameters())
    assert PotentialMap(u, at, {"ended_early": True}).report.ended == SETTLED
    assert AffineMap(at, {"note": "so that the Gaussian map is returned"}).report.ended == REPLACED
    assert MonotoneMap(CMGN(2, 4, 1), torch.zeros(2), 1.0).report.ended == STEPS

"""What conjugate asks its solvers and makes of their answers: methods, chunks, starts, tolerances, rescue."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.transport import conjugate as module
from npf_engine.transport.conjugate import NEWTON_MAX_D, _rescued, conjugate


class Scaled:
    scale = torch.tensor(4.0)

    def __init__(self, d: int) -> None:
        self.d = d

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """|x|^2: the quadratic start is y / 2."""
        return x.square().sum(1), 2 * x, 2 * torch.eye(self.d).expand(len(x), -1, -1).to(x)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Tensor, Tensor, float, int]]:
    """(solver, targets, starts, tolerance, iterations); each answers the start and a tenth, with residuals 0, 1, ..."""
    seen: list[tuple[str, Tensor, Tensor, float, int]] = []

    def solver(name: str) -> Any:
        def solve(u: Any, y: Tensor, start: Tensor, tol: float, iterations: int) -> tuple[Tensor, Tensor, int]:
            seen.append((name, y, start, tol, iterations))
            return start + 0.1, y[:, 0].clone(), 3 * len(y)

        return solve

    for name in ("newton", "lbfgs", "adam"):
        monkeypatch.setattr(module, f"_{name}", solver(name))
    monkeypatch.setattr(module, "_rescued", lambda u, y, start, tol, n, found: (*found[:2], found[2] + 1))
    return seen


def ys(n: int, d: int) -> Tensor:
    return torch.arange(float(n))[:, None].expand(n, d) * 1.0


@pytest.mark.parametrize(
    ("d", "method", "name", "work"),
    [
        (NEWTON_MAX_D, "auto", "newton", 33 / 10),  # rescued in each of three chunks
        (NEWTON_MAX_D + 1, "auto", "lbfgs", 3.0),
        (2, "newton", "newton", 3.0),
        (2, "lbfgs", "lbfgs", 3.0),
        (2, "adam", "adam", 3.0),
    ],
)
def test_points_are_solved_in_chunks_by_the_method_for_their_dimension(
    d: int, method: str, name: str, work: float, asked: list[tuple[str, Tensor, Tensor, float, int]]
) -> None:
    y = ys(10, d)
    found = conjugate(Scaled(d), y, method=method, tolerance=0.5, max_iterations=7, chunk=4)  # type: ignore[arg-type]
    assert [row[0] for row in asked] == [name] * 3 and [len(row[1]) for row in asked] == [4, 4, 2]
    assert torch.equal(torch.cat([row[1] for row in asked]), y)
    torch.testing.assert_close(torch.cat([row[2] for row in asked]), y / 2)
    assert {row[3:] for row in asked} == {(2.0, 7)}  # in units of the scale
    torch.testing.assert_close(found.x, y / 2 + 0.1)
    assert torch.equal(found.residual, y[:, 0]) and found.converged.tolist() == [True] * 3 + [False] * 7
    assert found.evaluations == pytest.approx(work)


def test_a_start_is_taken_and_what_is_not_known_of_it_is_0(
    asked: list[tuple[str, Tensor, Tensor, float, int]],
) -> None:
    start = torch.tensor([[1.0, math.nan], [math.inf, 4.0]])
    conjugate(Scaled(2), ys(2, 2), start)  # type: ignore[arg-type]
    assert asked[0][2].tolist() == [[1.0, 0.0], [0.0, 4.0]]
    assert conjugate(Scaled(2), ys(1, 2), method="lbfgs").evaluations == 3.0  # type: ignore[arg-type]
    empty = conjugate(Scaled(2), ys(0, 2))  # type: ignore[arg-type]
    assert (empty.x.shape, empty.residual.shape, empty.evaluations) == ((0, 2), (0,), 0.0)
    lost = ys(3, 2).clone()
    lost[1, 0] = math.nan
    with pytest.raises(ValueError, match="non-finite"):
        conjugate(Scaled(2), lost)  # type: ignore[arg-type]


def test_only_what_stalled_is_solved_again_and_only_what_is_better_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def lbfgs(u: Any, y: Tensor, start: Tensor, tol: float, iterations: int) -> tuple[Tensor, Tensor, int]:
        assert (tol, iterations) == (0.5, 7)
        seen.append((y, start))
        return torch.full_like(y, 9.0), torch.tensor([0.1, 3.0, 0.7, 2.0]), 20

    monkeypatch.setattr(module, "_lbfgs", lbfgs)
    y, start = ys(6, 1), -ys(6, 1)
    x, residual = torch.zeros(6, 1), torch.tensor([0.5, 2.0, 2.0, math.nan, 0.2, 2.0])
    found = _rescued(Scaled(1), y, start, 0.5, 7, (x, residual, 100))  # type: ignore[arg-type]
    assert seen[0][0][:, 0].tolist() == [1.0, 2.0, 3.0, 5.0] and torch.equal(seen[0][1], -seen[0][0])
    assert found[0][:, 0].tolist() == [0.0, 9.0, 0.0, 9.0, 0.0, 0.0]
    assert found[1].tolist() == pytest.approx([0.5, 0.1, 2.0, 0.7, 0.2, 2.0]) and found[2] == 120
    assert float(x.abs().max()) == 0 and math.isnan(float(residual[3]))  # what was given stays
    done = (x, torch.zeros(6), 100)
    assert _rescued(Scaled(1), y, start, 0.5, 7, done) is done and len(seen) == 1  # type: ignore[arg-type]

"""The lab's laws number by number as the papers print them, and the limits of what is a task."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields import catalog
from npf_engine.fields import digits as digit_images
from npf_engine.fields.clouds import Cloud
from npf_engine.studies.lab import laws, tasks
from npf_engine.studies.lab.laws import drawn_from, mixture, normal
from npf_engine.studies.lab.tasks import MAX_D, Task, _split, build_task, clouds_task

KEPT = [[-0.23857, 0.13382], [0.45655, -1.40523]]


def law(value: float) -> tasks.Sampler:
    return lambda n, generator: torch.full((n, 2), value)


def cloud(n: int, d: int = 2) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, Tensor, Tensor]]:
    """(means, covariances, weights) of every mixture that is asked for."""
    seen: list[tuple[Tensor, Tensor, Tensor]] = []
    for module in (tasks, laws):
        monkeypatch.setattr(module, "mixture", lambda *given: seen.append(given))  # type: ignore[arg-type]
    return seen


@pytest.mark.parametrize("name", ["drift-mixture", "four-to-normal"])
def test_the_four_modes_are_those_of_seed_003(name: str, parts: list[tuple[Tensor, Tensor, Tensor]]) -> None:
    task = build_task(name)
    (means, covariances, weights) = parts[0]
    torch.testing.assert_close(means, torch.tensor([[-2.0, -2.0], [-1.0, 2.0], [2.0, -3.0], [2.0, 2.0]]))
    truth = [[[0.10, 0.06], [0.06, 0.10]], [[0.1, 0.01], [0.01, 0.5]], [[0.10, 0.03], [0.03, 0.10]]]
    torch.testing.assert_close(covariances, torch.stack([*map(torch.tensor, truth), 0.1 * torch.eye(2)]))
    torch.testing.assert_close(weights, torch.tensor([0.3, 0.2, 0.3, 0.2]))
    assert task.d == 2 and task.target(5, torch.Generator()).shape == (5, 2)
    x = cloud(4)
    assert task.grad_V is not None and torch.equal(task.grad_V(x), x)


def test_two_components_to_three_are_those_of_seed_004(parts: list[tuple[Tensor, Tensor, Tensor]]) -> None:
    assert build_task("mixtures").d == 2
    for (means, covariances, weights), truth in zip(
        parts, ([[-2.0, 0.0], [2.0, 0.0]], [[-3.0, 1.0], [0.0, -1.0], [3.0, 1.0]]), strict=True
    ):
        k = len(truth)
        torch.testing.assert_close(means, torch.tensor(truth))
        torch.testing.assert_close(covariances, 0.3 * torch.eye(2).expand(k, 2, 2))
        torch.testing.assert_close(weights, torch.full((k,), 1 / k))


def test_seven_gaussians_have_the_covariances_1_to_7_and_equal_weights(
    parts: list[tuple[Tensor, Tensor, Tensor]],
) -> None:
    assert build_task("seven-gaussians", d=3).d == 3
    _, covariances, weights = parts[0]
    torch.testing.assert_close(covariances, torch.stack([k * torch.eye(3) for k in range(1, 8)]))
    torch.testing.assert_close(weights, torch.full((7,), 1 / 7))


@pytest.mark.parametrize(
    ("d", "source", "target"),
    [
        (1, ([0.0], [[1.0]]), ([1.0], [[4.0]])),
        (2, ([0.0, 0.0], [[1.0, 0.6], [0.6, 1.0]]), ([1.0, -0.5], [[1.5, -0.7], [-0.7, 0.6]])),
        (3, ([0.0] * 3, torch.eye(3).tolist()), ([0.0] * 3, [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]])),
    ],
)
def test_the_gaussians_of_each_dimension(
    d: int,
    source: tuple[list[float], list[list[float]]],
    target: tuple[list[float], list[list[float]]],
    parts: list[tuple[Tensor, Tensor, Tensor]],
) -> None:
    build_task("gaussian", d=d)
    for (means, covariances, weights), (mean, covariance) in zip(parts, (source, target), strict=True):
        torch.testing.assert_close(means, torch.tensor([mean]))
        torch.testing.assert_close(covariances, torch.tensor([covariance]))
        assert weights.tolist() == [1.0]


def test_the_convex_task_is_the_same_for_ever() -> None:
    """Figures of it are in the documentation: its map at two points, kept."""
    task = build_task("convex")
    assert task.true_map is not None and task.d == 2 and task.metric == "l2_uvp"
    found = task.true_map(torch.tensor([[0.0, 0.0], [1.0, -2.0]]))
    torch.testing.assert_close(found, torch.tensor(KEPT), atol=1e-4, rtol=1e-4)
    x, y = (draw(6, torch.Generator().manual_seed(1)) for draw in (task.source, task.target))
    torch.testing.assert_close(y, task.true_map(x))


def test_a_mixture_of_one_is_a_normal_of_its_root() -> None:
    mean, C = torch.tensor([[5.0, -1.0]]), torch.tensor([[4.0, 2.0], [2.0, 3.0]])
    x = mixture(mean, C[None], torch.ones(1))(4000, torch.Generator().manual_seed(2))
    torch.testing.assert_close(x.mean(0), mean[0], atol=0.1, rtol=0)
    torch.testing.assert_close(torch.cov(x.T), C, atol=0.25, rtol=0)
    assert normal(3)(2, torch.Generator()).shape == (2, 3)


def test_tests_are_drawn_from_their_own_laws_where_there_are_some() -> None:
    plain = Task("t", "T", 2, law(1.0), law(2.0))
    apart = Task("t", "T", 2, law(1.0), law(2.0), test_source=law(3.0), test_target=law(4.0))
    for task, values in ((plain, (1.0, 2.0)), (apart, (3.0, 4.0))):
        x, y = task.test(3, 0)
        assert (float(x[0, 0]), float(y[0, 0]), len(x), len(y)) == (*values, 3, 3)


def test_the_dimensions_that_a_task_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [build_task("gaussian", d=d).d for d in (None, 1, 2, MAX_D)] == [2, 1, 2, MAX_D]
    assert build_task("mixtures", d=2).d == 2
    for name, d in (("gaussian", 0), ("gaussian", MAX_D + 1), ("mixtures", 3), ("drift-mixture", 1)):
        with pytest.raises(InputError, match="dimension"):
            build_task(name, d=d)
    monkeypatch.setattr(tasks, "_digits", lambda: "digits")
    monkeypatch.setattr(tasks, "_field_task", lambda name: name)
    monkeypatch.setattr(tasks, "read_cloud", lambda path: Cloud(path.name, cloud(3).double().numpy() + len(path.name)))
    assert build_task("digits") == "digits" and build_task("field:doubling") == "doubling"
    assert build_task("/x/a.csv", "/y/bcd.csv").title == "a.csv to bcd.csv"


def test_clouds_between_which_there_is_a_map() -> None:
    good, wide = cloud(50), cloud(3, MAX_D)
    assert clouds_task(good[:2], good).cloud == 2 and clouds_task(good, good[:2]).cloud == 2
    assert clouds_task(wide, wide + 1).d == MAX_D
    hole = good.clone()
    hole[3, 1] = math.nan
    level = good.clone()
    level[:, 0] = 1.0
    assert clouds_task(level, good).d == 2 and clouds_task(torch.cat([good[:1], good]), good).d == 2
    for pair, says in (
        ((good[:1], good), "source has 1 point;"),
        ((good, good[:1]), "target has 1 point;"),
        ((hole, good), "source holds"),
        ((good, hole), "target holds"),
        ((good, cloud(50, 3)), "2 columns and target 3"),
        ((cloud(3, MAX_D + 1), cloud(4, MAX_D + 1)), "129 columns"),
        ((torch.ones(9, 2), good), "points of source"),
        ((good, torch.ones(9, 2)), "points of target"),
    ):
        with pytest.raises(InputError, match=says):
            clouds_task(*pair)


def test_identical_clouds_have_the_identity() -> None:
    good = cloud(50)
    same = clouds_task(good, good.clone())
    assert same.identical and same.metric == "l2_uvp" and same.true_map is not None
    assert torch.equal(same.true_map(good), good)
    for other in (good + 1, good[:49], torch.cat([good, good])):
        apart = clouds_task(good, other)
        assert not apart.identical and apart.metric == "s_eps" and apart.true_map is None
    assert clouds_task(good, torch.cat([good, good])).cloud == 42  # of 50, 8 are for the test


def test_fifteen_per_cent_are_kept_for_the_test_from_40_points_on() -> None:
    few = cloud(39)
    assert all(torch.equal(part, few) for part in _split(few))
    for n, kept in ((40, 6), (200, 30)):
        train, test = _split(cloud(n))
        assert (len(train), len(test)) == (n - kept, kept)
        assert len({tuple(row) for row in torch.cat([train, test]).tolist()}) == n
    g = torch.Generator().manual_seed(0)
    assert sorted(drawn_from(few)(39, g)[:, 0].tolist()) == sorted(few[:, 0].tolist())
    assert drawn_from(few)(40, g).shape == (40, 2)


def test_digits_and_fields_are_clouds_with_points_of_their_own_for_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.rand(60, 40, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(digit_images, "load_digit_images", lambda: SimpleNamespace(pixels=pixels, name="few"))
    digits = build_task("digits")
    assert (digits.d, digits.cloud, digits.metric) == (32, 51, "s_eps")
    g = torch.Generator().manual_seed(0)
    assert digits.source(7, g).shape == digits.target(7, g).shape == (7, 32)
    seen, kept = digits.target(51, g), digits.test(9, 0)[1]
    assert float(torch.cdist(seen, kept).min()) > 1e-3
    plain = build_task("digit-pixels")
    assert (plain.d, plain.cloud, plain.metric) == (40, 51, "s_eps")
    shown = plain.target(51, g)
    assert (
        plain.source(7, g).shape == (7, 40) and float(torch.cdist(shown.double(), pixels.double()).amin(1).max()) < 1e-6
    )
    assert float(torch.cdist(shown, plain.test(9, 0)[1]).min()) > 1e-3
    parts = {name: torch.full((5, 3), float(k)) for k, name in enumerate(("x_train", "y_train", "x_test", "y_test"))}
    field = SimpleNamespace(name="a field", d=3, **parts)
    monkeypatch.setattr(catalog, "resolve", lambda spec: field if spec.source == "doubling" else None)
    task = build_task("field:doubling")
    assert (task.d, task.cloud, task.title) == (3, 5, "rho to F#rho of a field")
    drawn = [task.source(2, g), task.target(2, g), *task.test(2, 0)]
    assert [float(each.mean()) for each in drawn] == [0.0, 1.0, 2.0, 3.0]

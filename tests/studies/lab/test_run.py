"""What the lab asks, measures and writes: limits of a spec, floors, trivial answers, rows of figures, by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine.divergences import default_eps, energy_mmd, sinkhorn_divergence
from npf_engine.errors import InputError
from npf_engine.studies.lab import run
from npf_engine.studies.lab.result import LabResult, MethodResult
from npf_engine.studies.lab.run import Bench, _exact_cost, _min_eigenvalue
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.lab.tasks import Task
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.fit_report import FitReport
from npf_engine.transport.map import Map
from npf_engine.transport.methods.method import AnyMethod, Budget
from tests.studies.lab.reports import report_of


def law(d: int, by: float, size: float = 1.0) -> Callable[[int, torch.Generator], Tensor]:
    return lambda n, generator: by + size * torch.randn(n, d, generator=generator)


def task(metric: str = "mmd", **more: Any) -> Task:
    return Task("t", "T", 2, law(2, 0.0), law(2, 3.0, 2.0), metric, **more)


def spec(**more: Any) -> LabSpec:
    return LabSpec(methods=("gaussian",), **({"points": 40, "first_seed": 2} | more))


def test_the_least_that_can_be_asked_for_is_taken() -> None:
    least = {"seeds": 1, "budget_seconds": 0.5, "budget_steps": 1, "points": 16}
    assert LabSpec(**least).points == 16  # type: ignore[arg-type]
    assert LabSpec.from_json(least).budget_steps == 1
    for wrong in ({"seeds": 0}, {"budget_seconds": 0.0}, {"budget_steps": 0}, {"points": 15}):
        with pytest.raises(InputError):
            LabSpec(**wrong)  # type: ignore[arg-type]


def test_a_run_is_called_after_its_clouds() -> None:
    assert spec(task="field:himmelblau").default_name == "himmelblau, 1 method"
    two = LabSpec(task="/data/a.csv", target="b.npz", methods=("gaussian", "exact"))
    assert two.default_name == "a to b, 2 methods"


@pytest.mark.parametrize(
    ("points", "cloud", "n"), [(40, None, 40), (None, None, 70), (40, 500, 40), (40, 30, 30), (40, 5, 16)]
)
def test_as_many_test_points_as_asked_for_and_no_more_than_there_are(
    points: int | None, cloud: int | None, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "POINTS", {"mmd": 70})
    bench = Bench(task(cloud=cloud), spec(points=points))
    assert (bench.n, len(bench.x), len(bench.y)) == (n, n, n)


@pytest.mark.parametrize(
    ("seeds", "first", "of"), [(1, 2, [2, 3, 4]), (5, 2, [2, 3, 4, 5, 6]), (30, 0, list(range(8)))]
)
def test_a_floor_is_the_mean_between_draws_that_are_no_ones_reference(
    seeds: int, first: int, of: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Numbered(Task):
        def test(self, n: int, seed: int) -> tuple[Tensor, Tensor]:
            return torch.zeros(n, 2), torch.full((n, 2), float(seed))

    pairs: list[tuple[int, int, int]] = []

    def distance(bench: Bench, image: Tensor, y: Tensor) -> float:
        pairs.append((len(y), int(image[0, 0]), int(y[0, 0])))
        return float(len(pairs) ** 2)

    monkeypatch.setattr(Bench, "_distance", distance)
    monkeypatch.setattr(run.seeds, "child", lambda seed, name: 1_000_000 + seed)
    bench = Bench(Numbered("t", "T", 2, law(2, 0.0), law(2, 0.0), "mmd"), spec(seeds=seeds, first_seed=first))
    apart = [(40, 1_000_000 + seed, seed) for seed in of]
    together = [(40, 1_000_000 + seed, first) for seed in range(first, first + 8)]
    assert pairs == [*apart, (40, first, first), *together, (40, first, first)]  # the last of each: the mean moved
    values = [float(k**2) for k in range(1, len(of) + 1)]
    assert bench.floor == pytest.approx(np.mean(values)) and bench.floor_std == pytest.approx(np.std(values, ddof=1))
    k = len(of) + 1
    assert bench.look_levels.points == 40 and bench.trivial == k**2 and bench.look_levels.trivial == (k + 9) ** 2
    assert bench.look_levels.floor == pytest.approx(np.mean([(k + j) ** 2 for j in range(1, 9)]))


def test_the_trivial_answer_moves_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LOOK_POINTS", 24)
    for metric in ("mmd", "s_eps"):
        bench = Bench(task(metric), spec())
        eps = default_eps(bench.y)
        assert bench.eps == (eps if metric == "s_eps" else None)

        def distance(a: Tensor, b: Tensor, own: str = metric, eps: float = eps) -> float:
            return energy_mmd(a, b) if own == "mmd" else sinkhorn_divergence(a, b, eps)

        moved = bench.x + (bench.y.mean(0) - bench.x.mean(0))
        assert bench.trivial == pytest.approx(distance(moved, bench.y), rel=1e-4) and bench.limit == bench.trivial
        few = bench.look_levels
        assert few.points == 24 and few.trivial == pytest.approx(distance(moved[:24], bench.y[:24]), rel=1e-4)
        assert bench.value(lambda x: x + 5, bench.x, bench.y) == pytest.approx(distance(bench.x + 5, bench.y), rel=1e-4)
    known = Bench(task("l2_uvp", true_map=lambda x: 3 * x + 1), spec())
    assert (known.floor, known.floor_std, known.look_levels.floor) == (None, None, None)
    off = known.value(lambda x: 3 * x + 2, known.x, known.y)
    assert off == pytest.approx(100 * 2 / float(9 * known.x.var(0, correction=0).sum()), rel=1e-4)
    assert known.exact_cost == pytest.approx(float((2 * known.x + 1).square().sum(1).mean()), rel=1e-5)
    assert Bench(task(), spec()).exact_cost == pytest.approx(_exact_cost(bench.x, bench.y))


def test_a_map_that_leaves_all_bounds_has_no_value() -> None:
    bench = Bench(task(), spec())

    def spoiled(value: float) -> Callable[[Tensor], Tensor]:
        return lambda x: torch.cat([x[1:], torch.tensor([[0.0, value]])])

    assert math.isfinite(bench.value(spoiled(1e11), bench.x, bench.y))
    for value in (2e12, -2e12, math.nan, math.inf):
        assert math.isnan(bench.value(spoiled(value), bench.x, bench.y))


def test_a_run_fails_above_the_tasks_own_threshold_or_the_trivial_answer() -> None:
    trivial = Bench(task(), spec()).trivial
    assert Bench(task(failed_above=trivial / 2), spec()).limit == trivial / 2
    assert Bench(task(failed_above=2 * trivial), spec()).limit == trivial
    assert Bench(task(identical=True), spec()).limit == math.inf


def test_the_cost_of_the_exact_transport_on_a_line() -> None:
    x, y = torch.tensor([[0.0], [10.0], [3.0]]), torch.tensor([[3.0], [1.0], [14.0]])  # 0-1, 3-3, 10-14
    assert _exact_cost(x, y) == pytest.approx((1 + 0 + 16) / 3)
    assert _exact_cost(x, x) == 0.0
    assert _exact_cost(x[:1], y) == pytest.approx((9 + 1 + 196) / 3)
    big = torch.randn(30, 2, generator=torch.Generator().manual_seed(0)), torch.randn(30, 2) + 1
    assert _exact_cost(1e-9 * big[0], 1e-9 * big[1]) == pytest.approx(1e-18 * _exact_cost(*big), rel=1e-4)


class ByHand(Recorder):
    def __init__(self) -> None:
        self.now, self.shots = 50.0, list[dict[str, Any]]()
        self.notes: list[str] = []

    def clock(self) -> float:
        return self.now

    def snapshot(self, name: str, **arrays: np.ndarray) -> None:
        self.shots.append(arrays)

    def note(self, text: str) -> None:
        self.notes.append(text)


@dataclass
class Moving:
    """x + by, with a Jacobian whose symmetric part has the eigenvalues -2 and 6."""

    by: float
    report: FitReport
    inverse: None = None
    plan: None = None

    def forward(self, x: Tensor) -> Tensor:
        return x + self.by

    def jacobian(self, x: Tensor) -> Tensor:
        return torch.tensor([[2.0, 7.0], [1.0, 2.0]]).expand(len(x), 2, 2)


def moving(by: float, seconds: float, note: str = "") -> Moving:
    return Moving(by, FitReport("moving", seconds, 11, note=note))


def test_a_row_has_the_figures_of_all_seeds_and_the_first_ones_pushforward(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = [moving(2.9, 4.0, "a word"), moving(3.0, 8.0), moving(math.inf, 6.0), moving(90.0, 2.0)]
    asked: list[tuple[Any, ...]] = []
    recorder = ByHand()

    def found(
        method: AnyMethod,
        of: Task,
        seeds: Any,
        budget: Budget,
        to: Recorder,
        see: Callable[[int, Map], None],
        groups: object,
    ) -> list[Moving]:
        asked.append((method.name, list(seeds), budget, to))
        for step, by in ((1, 1.0), (2, math.nan), (3, 3.0)):
            recorder.now += 0.5
            see(step, moving(by, 0.0).forward)
        return fits

    monkeypatch.setattr(run, "fits", found)
    bench = Bench(task(), spec(seeds=4, budget_steps=9, budget_seconds=2.5))
    bench.limit = 5.0
    row, image = bench.run("gaussian", recorder)
    assert asked == [("gaussian", [2, 3, 4, 5], Budget(2.5, 9), recorder)]
    values = [bench.value(fits[k].forward, *task().test(40, 2 + k)) for k in range(4)]
    assert math.isnan(values[2]) and values[3] > 5 > max(values[:2])
    known = [values[0], values[1], values[3]]
    assert list(row.values) == [values[0], values[1], None, values[3]]
    assert row.mean == pytest.approx(np.mean(known)) and row.std == pytest.approx(np.std(known))
    assert (row.failed_share, row.seconds, row.parameters) == (0.5, 5.0, 11)
    assert row.note == (
        "a word; 1 of 4 maps left the numbers that can be measured; 1 of 4 runs are no better than only moving the mean"
    )
    assert row.cost == pytest.approx(2 * 2.9**2, rel=1e-5) and row.look == bench.look(fits[0].forward)
    assert row.min_eigenvalue == pytest.approx(-2.0, abs=1e-6) and row.metric == "mmd"
    on_the_way = [bench.look(moving(by, 0.0).forward) for by in (1.0, 3.0)]
    assert row.curve.to_json() == {"seconds": [0.5, 1.5], "step": [1, 3], "value": on_the_way}
    assert len(recorder.shots) == 3 and str(recorder.shots[0]["method"]) == "gaussian"
    assert image is not None and torch.equal(image, bench.x + 2.9)


def test_a_first_map_that_is_lost_leaves_no_picture_and_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lost(Moving):
        def jacobian(self, x: Tensor) -> Tensor:
            return torch.tensor([[1.0, math.nan], [0.0, 1.0]]).expand(len(x), 2, 2)

    class Half(Moving):
        def forward(self, x: Tensor) -> Tensor:
            return torch.where(x > 0, x, math.inf)

    monkeypatch.setattr(run, "fits", lambda *given: [Lost(math.nan, FitReport())])
    row, image = Bench(task(), spec(seeds=1)).run("gaussian", ByHand())
    assert image is None
    for name in ("mean", "std", "cost", "look", "min_eigenvalue"):
        assert getattr(row, name) is None
    assert list(row.values) == [None] and row.failed_share == 1.0
    monkeypatch.setattr(run, "fits", lambda *given: [Half(0.0, FitReport())])
    assert Bench(task(), spec(seeds=1)).run("gaussian", ByHand())[1] is None


def test_a_method_that_cannot_has_a_row_of_nothing_and_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*given: Any) -> list[Moving]:
        raise ValueError("too few points")

    monkeypatch.setattr(run, "fits", cannot)
    recorder = ByHand()
    row, image = Bench(task(), spec(seeds=2)).run("exact", recorder)
    assert image is None and recorder.notes == ["exact: too few points"]
    assert row == MethodResult("mmd", None, 1.0, values=[None, None], note="too few points")
    assert row.curve.to_json() == {"seconds": [], "step": [], "value": []}


def test_the_smallest_eigenvalue_is_the_symmetric_parts() -> None:
    assert _min_eigenvalue(moving(0.0, 1.0), torch.zeros(3, 2)) == pytest.approx(-2.0, abs=1e-6)


def test_what_is_written_can_be_read_and_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "down"
    for value in (1.0, 2.0):
        report = report_of({"trivial": value})
        run._write(folder, report, {"x": np.full((2, 2), value)})
    assert LabResult.of_json(json.loads((folder / "lab.json").read_text())) == report and report.trivial == 2.0
    with np.load(folder / "lab.npz") as arrays:
        assert arrays["x"].dtype == np.float32 and float(arrays["x"].sum()) == 8.0
    assert sorted(path.name for path in folder.iterdir()) == ["lab.json", "lab.npz"]


@pytest.mark.parametrize("known", [True, False])
def test_a_report_names_its_task_and_keeps_the_clouds(
    known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = task("l2_uvp" if known else "mmd", true_map=(lambda x: 2 * x + 3) if known else None)
    monkeypatch.setattr(run, "build_task", lambda *given: own)
    monkeypatch.setattr(run, "SHOWN", 20)
    monkeypatch.setattr(run, "fits", lambda method, *given: [moving(math.nan if method.name == "exact" else 3.0, 1.0)])
    asked = LabSpec(task="a.csv", target="b.csv", methods=("gaussian", "exact"), seeds=1, points=40)
    report = run.run_lab(asked, None, tmp_path).to_json()
    assert report["task"] == "a.csv b.csv" and report["n"] == 40 and report["seeds"] == [0, 1]
    assert list(report["results"]) == ["gaussian", "exact"] and report == json.loads(
        (tmp_path / "lab.json").read_text()
    )
    x, y = own.test(40, 0)
    with np.load(tmp_path / "lab.npz") as arrays:
        assert set(arrays) == {"source", "target", "pushforward_gaussian"} | ({"truth"} if known else set())
        np.testing.assert_array_equal(arrays["source"], x[:20].numpy())
        np.testing.assert_array_equal(arrays["target"], y[:20].numpy())
        np.testing.assert_array_equal(arrays["pushforward_gaussian"], x[:20].numpy() + 3)
        if known:
            np.testing.assert_allclose(arrays["truth"], 2 * x[:20].numpy() + 3)
    named = LabSpec(task="gaussian", methods=("gaussian",), seeds=1, points=40)
    assert run.run_lab(named).task == "gaussian"

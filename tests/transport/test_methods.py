"""Ways to learn a map by name: the registry, what each is given and answers, and one that comes from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import discrete, fit, monotone_fit
from npf_engine.transport.fit_report import FitReport
from npf_engine.transport.gaussian import gaussian_map
from npf_engine.transport.map import AffineMap, Map
from npf_engine.transport.methods import registry
from npf_engine.transport.methods.method import (
    CONVEX,
    FAMILIES,
    REFERENCES,
    AnyMethod,
    Budget,
    Law,
    Method,
    Showing,
)
from tests.transport.by_hand import ByHand

ROOT = Path(__file__).resolve().parents[2]
BUILT_IN = {
    *("explicit", "implicit", "implicit-summed", "euclidean", "adam", "gauss-newton", "cmgn", "mmgn"),
    *("icnn", "icnn-linear", "icnn-fquad", "lse", "entropic", "exact", "gaussian", "fit"),
}


def halved(source: Law, target: Law, settings: float, budget: Budget, seed: int, recorder: Recorder) -> AffineMap:
    return AffineMap.of(settings * torch.eye(2).double(), torch.zeros(2))


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    registry.known()
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))


def test_the_contracts_methods_are_there_by_family_and_references_last() -> None:
    assert set(registry.names()) >= BUILT_IN
    assert tuple(registry.families())[:3] == FAMILIES[:3] and tuple(registry.families())[-1] == REFERENCES
    assert registry.references() == ("entropic", "exact", "gaussian"), "the flagship is there to win"
    assert registry.get("fit").family == CONVEX and registry.get("fit").learns
    for method in registry.known().values():
        assert method.title and method.about and (method.fit is None) != (method.together is None)
        assert method.learns != method.reference
    assert registry.title("lse") == "Log-sum-exp" and registry.title("of nobody") == "of nobody"
    with pytest.raises(InputError, match="there is no method 'magic'; the methods are explicit, implicit"):
        registry.get("magic")


@pytest.mark.usefixtures("alone")
def test_a_name_is_one_methods() -> None:
    mine = Method("mine", "Mine", "Of my own", "halves", 0.5, halved)
    registry.register(mine, mine)
    assert list(registry.families()) == [*FAMILIES[:3], "Of my own", REFERENCES]
    with pytest.raises(ValueError, match="a method 'mine' already"):
        registry.register(Method("mine", "Other", "Of my own", "doubles", 2.0, halved))
    found = registry.get("mine").learn(Law(draw), Law(draw), Budget(), 0, Recorder())
    torch.testing.assert_close(found.forward(torch.ones(1, 2)), torch.full((1, 2), 0.5))
    with pytest.raises(TypeError, match="neither"):
        Method("bare", "", "", "", None).learn(Law(draw), Law(draw), Budget(), 0, Recorder())


def draw(n: int, generator: torch.Generator) -> Tensor:
    return torch.randn(n, 3, generator=generator) * torch.tensor([1.0, 2.0, 0.5])


def other(n: int, generator: torch.Generator) -> Tensor:
    return 5 + 2 * draw(n, generator).flip(1)


def test_the_references_are_those_of_as_many_points_as_there_are() -> None:
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    for points in (None, 300):
        n = points or 20_000
        one, two = (seeds.generator(4, "lab.cloud") for _ in range(2))
        S, m = gaussian_map(draw(n, one), other(n, two))
        laws = Law(draw, points), Law(other, points)
        found = registry.get("gaussian").learn(*laws, Budget(), 4, ByHand())
        torch.testing.assert_close(found.forward(x), x @ S.float() + m.float())
        torch.testing.assert_close(found.jacobian(x), S.float().expand(4, 3, 3), rtol=1e-5, atol=1e-5)
        assert found.report.parameters == 9 and found.report.seconds == 0.0
    few = Law(draw, 30)
    x, y = discrete.two_samples(few, few, 800, 4)
    assert len(x) == 30 and torch.equal(x, y), "laws that are the same are drawn the same"


@pytest.mark.parametrize(("name", "points"), [("exact", 800), ("entropic", 1000)])
def test_a_discrete_method_takes_its_points_and_tells_its_seconds(
    name: str, points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, seen = ByHand(), list[int]()
    honest = getattr(discrete, f"{name}_map")

    def later(x: Tensor, y: Tensor, *share: float) -> Any:
        recorder.now += 2.5
        seen.extend((len(x), len(y)))
        return honest(x[:20], y[:20], *share)

    monkeypatch.setattr(discrete, f"{name}_map", later)
    found = registry.get(name).learn(Law(draw), Law(other), Budget(), 4, recorder)
    assert seen == [points, points] and found.report.seconds == 2.5 and found.report.method == name
    rows = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    seen.clear()
    registry.get(name).learn(Law(draw, 50, rows), Law(other), Budget(), 4, recorder)
    assert seen == [50, points]


def test_trained_methods_get_the_budget_the_seed_and_all_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    shown: list[int] = []

    def fitted(
        source: Any, target: Any, plan: Any = None, *, recorder: Recorder, watch: Any = None, **given: Any
    ) -> str:
        asked.append({"source": source, "target": target} | given | ({} if plan is None else {"plan": plan}))
        if watch:
            watch(2, lambda x: x)
        return "a map"

    def see(step: int, forward: Map) -> None:
        shown.append(step)

    monkeypatch.setattr(fit, "fit_brenier_map", fitted)
    monkeypatch.setattr(monotone_fit, "fit_monotone", fitted)
    rows = torch.zeros(5, 3)
    source, target = Law(draw), Law(other, 5, rows)
    for seconds in (None, 3.0):
        assert registry.get("fit").learn(source, target, Budget(seconds), 4, ByHand()) == "a map"  # type: ignore[comparison-overlap]
    assert asked == [{"source": draw, "target": rows, "seed": 4, "budget_seconds": seconds} for seconds in (20.0, 3.0)]
    asked.clear()
    for name in ("cmgn", "mmgn"):
        registry.get(name).learn(source, target, Budget(2.0, 9), 4, Showing(ByHand(), see))
        plan = monotone_fit.MonotonePlan(name, None, steps=9, seconds=2.0)
        assert asked.pop() == {"source": draw, "target": rows, "plan": plan, "seed": 4}
    registry.get("cmgn").learn(source, target, Budget(), 4, ByHand())
    assert shown == [2, 2], "a recorder that does not want to see the map is not shown it"


MINE = '''
"""A method of the lab from outside: the mean of the source to the mean of the target, the spread kept."""

from dataclasses import dataclass

import torch

from npf_engine.transport.fit_report import FitReport
from npf_engine.transport.methods.method import Method
from npf_engine.transport.methods.registry import register


@dataclass
class Shift:
    by: torch.Tensor
    report: FitReport
    inverse = None
    plan = None

    def forward(self, x):
        return x + self.by

    def jacobian(self, x):
        return torch.eye(x.shape[1]).expand(len(x), -1, -1)


def fit(source, target, settings, budget, seed, recorder):
    x, y = (law.fixed(settings, torch.Generator().manual_seed(seed)) for law in (source, target))
    return Shift(y.mean(0) - x.mean(0), FitReport("shift", parameters=x.shape[1]))


register(Method("shift", "Only the mean", "Of my own", "moves the mean and nothing else", 500, fit))
'''


def test_a_method_in_one_file_outside_the_package_is_on_the_command_line(tmp_path: Path) -> None:
    """And in the table of the lab and of colours, without a line of the project changed."""
    file = tmp_path / "shift_method.py"
    file.write_text(MINE)
    code = (
        "import json, sys\n"
        "from npf_engine.cli import main\n"
        "try:\n    main(['lab', '--help'])\nexcept SystemExit: pass\n"
        "main(['lab', 'mixtures', '--methods', 'shift,gaussian', '--points', '100', '--seeds', '1', "
        "'--json'])\n"
        "from npf_engine.figures.lab import convergence, table\n"
        "from npf_engine.figures.lab_styles import STYLES, style\n"
        "assert style('shift') not in STYLES.values()\n"
        "from npf_engine.studies.recolor.spec import methods\n"
        "assert 'shift' in methods()\n"
        "from pages.lab import titles\n"
        "assert titles.method('shift') == 'Only the mean'\n"
    )
    environment = os.environ | {"NPF_EXTENSIONS": str(file), "NPF_HOME": str(tmp_path / "home")}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    help_text, _, answer = found.stdout.partition("\n{")
    assert "lse, shift, entropic" in " ".join(help_text.split())
    report = json.loads("{" + answer)
    row = report["results"]["shift"]
    assert row["parameters"] == 2 and row["cost"] > 0 and row["min_eigenvalue"] == pytest.approx(1.0)
    assert row["verdict"] == "not trustworthy" and "Only the mean" in report["verdict_reason"]


def test_a_list_of_the_methods_needs_no_torch() -> None:
    code = "import sys\nfrom npf_engine.transport.methods import registry\nassert len(registry.names()) >= 16\n"
    code += "assert 'torch' not in sys.modules"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_a_report_without_words_is_a_solution() -> None:
    assert FitReport().ended == "solved" and isinstance(registry.get("exact"), Method)
    every: AnyMethod = registry.get("icnn")
    assert every.settings.network == "icnn" and every.settings.rate == 5e-3

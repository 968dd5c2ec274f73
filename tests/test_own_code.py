"""Code of one's own by its name: functions of numpy and torch, a network's loss, and a sentence for all else."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from npf_engine.cli import main
from npf_engine.errors import InputError
from npf_engine.library.callables import own_function
from npf_engine.library.own_code import load_function
from npf_engine.library.weights import loss_gradient
from tests.conftest import ROOT

FLOW = """
import numpy as np, torch
from beside import PITCH

def shear(x):
    return np.stack([x[:, 0] + PITCH * x[:, 1], x[:, 1] ** 3 + x[:, 1]], axis=1)

def torched(x):
    return torch.stack([x[:, 0] + 2.0 * x[:, 1], x[:, 1] ** 3 + x[:, 1]], 1)

def narrow(x): return x[:, :1]
def potential(x): return (x ** 2).sum(1)
def logarithm(x): return torch.log(torch.as_tensor(x)) if torch.is_tensor(x) else np.log(np.abs(x) * np.sign(x))
def raises(x): raise KeyError("no such key")
def random(x): return torch.rand_like(x) + x
class Box:
    @staticmethod
    def inner(x): return 2 * x
number = 3

def network():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1, bias=False))
    at = torch.linspace(-1, 1, 20)[:, None]
    return net, lambda module: ((module(at) - at**2) ** 2).mean()

def nothing(): return 5
"""
BOX = ("--low", "-1", "-1", "--high", "1", "1", "--set", "field.n_samples=500")


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "beside.py").write_text("PITCH = 2.0\n")
    (tmp_path / "flow.py").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    for name in ("flow", "beside", "npf_own_flow"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield tmp_path
    for name in ("flow", "beside", "npf_own_flow"):
        sys.modules.pop(name, None)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(list(words))
    return code, *capsys.readouterr()


@pytest.mark.parametrize("name", ["flow.py:shear", "flow:shear", "flow.py:torched", "{folder}/flow.py:shear"])
def test_a_function_is_previewed_by_its_name(flow: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, err = told(capsys, "preview", "--callable", name.format(folder=flow), *BOX, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["kind"] == "function" and found["d"] == 2 and found["region"] == {"low": [-1, -1], "high": [1, 1]}
    # x + 2 y has the variance 1/3 + 4/3, y^3 + y that of 1/7 + 2/5 + 1/3
    np.testing.assert_allclose(found["F"]["std"], [np.sqrt(5 / 3), np.sqrt(1 / 7 + 2 / 5 + 1 / 3)], rtol=0.1)
    assert str(flow) not in out and any("Python function" in text for text in found["warnings"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("flow.py:narrow", *BOX), r"answers with shape \(4, 1\)"),
        (("flow.py:potential", *BOX), "is it a potential"),
        (("flow.py:logarithm", *BOX), "is not a finite number"),
        (("flow.py:raises", *BOX), "KeyError"),
        (("flow.py:random", *BOX), "without randomness"),
        (("flow.py:number", *BOX), "not a function"),
        (("flow.py:shaer", *BOX), "did you mean shear"),
        (("flow.py:nothing", *BOX), "answers with int"),
        (("no.py:F", *BOX), "there is no file no.py"),
        (("no_such_module:F", *BOX), "cannot be imported"),
        (("flow.py", *BOX), "names no function"),
        (("flow.py:shear", "--low", "-1", "-1"), "high is missing"),
        (("flow.py:network", "--low", "-1", "-1", "--high", "1", "1"), "has 6 weights, but the box has 2 axes"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    flow: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    code, out, err = told(capsys, "preview", "--callable", *words)
    assert code == 2 and out == "" and "Traceback" not in err
    assert re.search(said, err.strip().splitlines()[-1])


def test_code_and_a_field_are_not_both_given(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "preview", "himmelblau", "--callable", "flow.py:shear", *BOX)[0] == 2
    code, _, err = told(capsys, "train", "himmelblau", "--callable", "flow.py:shear", *BOX)
    assert code == 2 and "in place of FIELD" in err
    code, _, err = told(capsys, "preview", "flow.py:shear")
    assert code == 2 and "--callable" in err


def test_a_spec_made_of_code_does_not_name_it(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, "train", "--callable", "flow.py:shear", *BOX, "--show-spec", "--json")
    assert code == 0, err
    spec = json.loads(out)
    assert spec["field"]["source"] == "own-function" and spec["field"]["low"] == [-1, -1] and spec["name"] == "flow"
    assert "flow.py" not in out


def test_attributes_and_factories(flow: Path) -> None:
    assert load_function("flow.py:Box.inner")(3) == 6  # type: ignore[operator]
    made = load_function("flow.py:network")
    assert made.d == 6  # type: ignore[attr-defined]


def test_the_gradient_of_a_loss_is_autograds(flow: Path) -> None:
    made = load_function("flow.py:network")
    net, loss = made.module, made.loss  # type: ignore[attr-defined]
    value = loss(net)
    wanted = torch.cat([g.reshape(-1) for g in torch.autograd.grad(value, list(net.parameters()))])
    at = torch.stack([made.start, made.start + 0.1])  # type: ignore[attr-defined]
    found = made(at)
    torch.testing.assert_close(found[0], wanted)
    torch.testing.assert_close(made.potential(at)[0], value)  # type: ignore[attr-defined]
    h = 1e-2
    step = h * torch.eye(6)
    slopes = (made.potential(at[1] + step) - made.potential(at[1] - step)) / (2 * h)  # type: ignore[attr-defined]
    torch.testing.assert_close(found[1], slopes, atol=2e-3, rtol=1e-2)


def test_a_loss_over_a_box_of_weights_is_a_field(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("preview", "--callable", "flow.py:network", "--low", "-1", "--high", "1", "--set", "field.n_samples=300")
    code, out, err = told(capsys, *words, "--json")
    assert code == 0, err
    assert json.loads(out)["d"] == 6 and json.loads(out)["region"]["low"] == [-1] * 6


def test_the_page_on_extending_has_a_loss_that_is_a_field(flow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    name, text = re.findall(r"```python\n# code: (\w+\.py)\n(.*?)```", page, re.DOTALL)[0]
    Path(name).write_text(text)
    words = ("--low", "-2", "--high", "2", "--set", "field.n_samples=300", "--json")
    code, out, err = told(capsys, "preview", "--callable", f"{name}:parabola", *words)
    assert code == 0, err
    assert json.loads(out)["d"] == 7


def test_modules_that_are_no_field() -> None:
    frozen = torch.nn.Linear(2, 2).requires_grad_(False)
    with pytest.raises(InputError, match="no weights that want a gradient"):
        loss_gradient(frozen, lambda m: m.weight.sum())
    with pytest.raises(InputError, match="at most 512"):
        loss_gradient(torch.nn.Linear(100, 100), lambda m: m.weight.sum())
    with pytest.raises(InputError, match="must be one number"):
        loss_gradient(torch.nn.Linear(2, 2), lambda m: m.weight)(torch.zeros(3, 6))


def _ends(x: object) -> object:
    sys.exit(3)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x * (1 + 1j), "complex128; let it return real numbers"),
        (lambda x: torch.as_tensor(x) * (1 + 1j), "complex128; let it return real numbers"),
        (lambda x: np.asarray(x) * (1 + 1j), "complex128; let it return real numbers"),
        (_ends, re.escape("F ends the program (sys.exit(3))")),
    ],
)
def test_a_function_without_real_numbers_is_refused_in_one_sentence(function: Callable[..., object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        own_function("F", function, torch.rand(4, 2, dtype=torch.float64))


def test_code_that_ends_the_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(InputError, match="cannot be imported: SystemExit: 3"):
        load_function(f"{tmp_path / 'ends.py'}:F")

"""ONNX and .pt2: every potential of the package, the constant of F, and what is refused."""

from __future__ import annotations

import dataclasses
import functools
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor
from torch.onnx._internal.exporter._registration import ONNXRegistry

from npf_engine.bundle import exchange
from npf_engine.errors import InputError
from npf_engine.library.model import of_engine
from npf_engine.networks.classical_icnn import ClassicalICNN
from npf_engine.networks.framed import FramedPotential
from npf_engine.networks.log_sum_exp import LogSumExpPotential
from npf_engine.networks.potential import Potential
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.polar import PolarFactorization
from npf_engine.polar.constant import WithConstant
from tests.tiny import tiny_bundle, tiny_run


@pytest.fixture(scope="module", autouse=True)
def one_table_of_operations() -> Iterator[None]:
    """torch makes its table of ONNX's operations anew for every file, a third of the time that a file takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib)))
        yield


@pytest.fixture(scope="module")
def with_shift() -> tuple[PolarFactorization, list[exchange.Exported]]:
    """The tiny model as if a constant had been taken off its field, and its exports as .pt2."""
    trained = tiny_run()[0]
    model = dataclasses.replace(trained, info=trained.info | {"shift": [1e8, -3.0]})
    return model, exchange.exports(model, "pt2")


def gradient_by_differences(u: Any, x: np.ndarray, step: float) -> np.ndarray:
    """(u(x + h e_k) - u(x - h e_k)) / 2h for each axis."""
    out = np.zeros_like(x)
    for k in range(x.shape[1]):
        h = np.zeros(x.shape[1])
        h[k] = step
        out[:, k] = (u(x + h) - u(x - h)) / (2 * step)
    return out


def answers(data: bytes, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


def test_a_bundle_exported_in_a_process_of_its_own_says_what_the_model_says(tmp_path: Path) -> None:
    model = tiny_run()[0]
    found, readme = unpacked(exchange.archive_of(tiny_bundle(tmp_path), "onnx", "himmelblau"))
    assert set(found) == {"u.onnx", "grad_u.onnx", "M_xi.onnx"}
    assert "component k of `grad_u` over s_k, s = (5, 5)" in readme
    differences = re.findall(r"\| (\S+) of its spread \(onnxruntime", readme)
    assert len(differences) == 3 and max(map(float, differences)) < 1e-9
    x = model.scaling.to_user(model.samples["x_train"][:7].double()).numpy()
    for name, wanted in (("u", model.potential), ("grad_u", model.grad_u), ("M_xi", model.M_network)):
        right = wanted(x).double().numpy()
        data = found[f"{name}.onnx"]
        assert answers(data, x) == pytest.approx(right, rel=1e-4, abs=1e-4 * abs(right).max())
        assert answers(data, x[:1]) == pytest.approx(answers(data, x)[:1])  # any number of rows
    # grad u is the gradient of u in model positions: by differences of the exported u itself, in double precision
    scale = np.asarray(model.scaling.scale)
    slope = gradient_by_differences(lambda at: answers(found["u.onnx"], at), x, 1e-5) * scale
    assert slope == pytest.approx(answers(found["grad_u.onnx"], x), rel=1e-6, abs=1e-6)


def unpacked(data: bytes) -> tuple[dict[str, bytes], str]:
    """The programs of an archive by the names of their files, and its README."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    readme = found.pop("README.md").decode()
    return found, readme


def test_pt2_holds_no_path_of_this_machine(with_shift: tuple[PolarFactorization, list[exchange.Exported]]) -> None:
    assert [item.name for item in with_shift[1]] == ["u", "grad_u", "M_xi"]
    for item in with_shift[1]:
        with zipfile.ZipFile(io.BytesIO(item.data)) as archive:
            content = b"".join(map(archive.read, archive.namelist()))
        assert b"exchange.py" not in content and b"site-packages" not in content, item.name


def test_a_constant_taken_off_the_field_is_in_the_exports_and_in_the_bundles_package(
    with_shift: tuple[PolarFactorization, list[exchange.Exported]],
) -> None:
    trained, (model, found) = tiny_run()[0], with_shift
    shift: list[float] = model.info["shift"]
    whole = WithConstant.of(model)
    x = model.scaling.to_user(model.samples["x_test"][:5].double())
    values = model.samples["y_test"][:5].double() + torch.tensor(shift, dtype=torch.float64)
    assert whole.grad_u(x).numpy() == pytest.approx((trained.grad_u(x).double() + torch.tensor(shift)).numpy())
    data = next(item.data for item in found if item.name == "grad_u")
    exported = torch.export.load(io.BytesIO(data)).module()(x)
    assert (exported - torch.tensor(shift)).numpy() == pytest.approx(trained.grad_u(x).numpy(), abs=2e-3)
    # M and the inverse are those of the networks: the constant is in the question
    assert torch.equal(whole.M(x, values), trained.M(x, model.samples["y_test"][:5].double()))
    assert torch.equal(whole.invert(values[0], 9, 1), trained.invert(model.samples["y_test"][0].double(), 9, 1))
    exact, plain = (m.invert_exact(v, 9, 1) for m, v in ((whole, values[0]), (trained, model.samples["y_test"][0])))
    assert torch.allclose(exact.x, plain.x, atol=1e-6) and torch.allclose(
        exact.nearest, plain.nearest + torch.tensor(shift, dtype=torch.float64), atol=1e-6
    )


def potential(name: str) -> Potential:
    samples = torch.randn(600, 2, generator=torch.Generator().manual_seed(0))
    made: dict[str, Callable[[], Potential]] = {
        "icnn": lambda: QuadraticICNN(2, hidden=(8, 8), seed=1),
        "wide": lambda: FramedPotential(2, hidden=(16, 8), pieces=8, seed=1),
        "classical": lambda: ClassicalICNN(2, hidden=(8, 8), seed=1),
        "log-sum-exp": lambda: LogSumExpPotential(samples[:20]),
    }
    u = made[name]()
    if name == "classical":
        return u  # without a quadratic of full rank it has no such start
    u.start_at_gaussian(torch.tensor([[2.0, 0.3], [0.3, 1.0]]), torch.tensor([0.5, -1.0]), samples)
    return u


# ONNX is written from what .pt2 is written from; the icnn is the network of the other tests of this file.
@pytest.mark.parametrize(
    ("name", "form"),
    [(name, "onnx") for name in ("wide", "classical", "log-sum-exp")]
    + [pytest.param(name, "pt2", marks=pytest.mark.long) for name in ("wide", "classical", "log-sum-exp")],
)
def test_every_convex_potential_can_be_exported(name: str, form: exchange.Format) -> None:
    model = dataclasses.replace(tiny_run()[0], u=potential(name), m=None)
    found = exchange.exports(model, form)
    assert [item.name for item in found] == ["u", "grad_u"]
    assert max(item.difference for item in found) <= exchange.ALLOWED


class Unknown(QuadraticICNN):
    """Computes through numpy, which no exporter follows."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(np.square(x.detach().numpy()).sum(1)) / 2


def test_what_the_exporter_does_not_know_is_one_sentence() -> None:
    model = dataclasses.replace(tiny_run()[0], u=Unknown(2, hidden=(8, 8), seed=1), m=None)
    with pytest.raises(InputError, match="u cannot be written as pt2: Unknown uses"):
        exchange.exports(model, "pt2")
    with pytest.raises(InputError, match="no form 'tar'"):
        exchange.exports(tiny_run()[0], "tar")  # type: ignore[arg-type]


def test_an_export_that_computes_something_else_is_not_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    right = exchange._pt2

    def wrong(program: torch.export.ExportedProgram, x: Tensor) -> tuple[bytes, np.ndarray, str]:
        data, found, by = right(program, x)
        return data, found * (1 + 1e-4), by

    monkeypatch.setattr(exchange, "_pt2", wrong)
    with pytest.raises(InputError, match="u as pt2 differs from the model by"):
        exchange.exports(tiny_run()[0], "pt2")


def test_the_library_takes_the_constant_off_once() -> None:
    """Asked for F + c, exact pre-images are those of F: invert_exact calls invert, and both know of the constant."""
    trained = tiny_run()[0]
    shift = torch.tensor([1e8, -3.0], dtype=torch.float64)
    model = dataclasses.replace(trained, info=trained.info | {"shift": shift.tolist()})
    ours, plain = of_engine(model, {}, None), of_engine(trained, {}, None)
    value = np.array([2.0, 1.0])
    exact = ours.invert_exact(value + shift.numpy(), 20, 1)
    assert torch.equal(exact.x, plain.invert_exact(value, 20, 1).x) and float(exact.error.max()) < 1e-3
    assert np.array_equal(ours.invert(value + shift.numpy(), 20, 1), plain.invert(value, 20, 1))
    x = np.array([[1.0, 2.0], [0.5, -3.0]])
    assert np.array_equal(ours.M(x), plain.M(x))
    assert ours.potential(x) - plain.potential(x) == pytest.approx(
        trained.scaling.to_model(torch.from_numpy(x)).numpy() @ shift.numpy(), rel=1e-6
    )


@pytest.mark.long  # ONNX is above, and .pt2 from a bundle in test_cli.py
def test_a_bundle_as_pt2_in_a_process_of_its_own(tmp_path: Path) -> None:
    found, readme = unpacked(exchange.archive_of(tiny_bundle(tmp_path), "pt2", "himmelblau"))
    assert set(found) == {"u.pt2", "grad_u.pt2", "M_xi.pt2"} and "s = (5, 5)" in readme

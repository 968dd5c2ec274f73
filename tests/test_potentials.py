"""Names of potentials: those of the package, those from outside, and what is said of others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from npf_engine import potentials
from npf_engine.bundle.check import check_bundle
from npf_engine.bundle.package import unpack_bundle
from npf_engine.bundle.portable import package_files
from npf_engine.errors import InputError
from npf_engine.fields.catalog import resolve
from npf_engine.measures.report import accuracy_report
from npf_engine.networks.framed import FramedPotential
from npf_engine.networks.potential import Potential, build_potential
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.polar import PolarFactorization
from npf_engine.polar.train import train
from npf_engine.potentials import potential_class, potential_names, register
from npf_engine.studies.factorization.bundling import write_bundle
from npf_engine.studies.factorization.spec import preset, with_values
from tests.tiny import tiny_spec

# Without the engine, and without the file outside.
WALL = """
import sys, importlib.abc
class Wall(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"npf_engine", "quartic_potential"}:
            raise ImportError("a bundle must not need " + name)
sys.meta_path.insert(0, Wall())
"""


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Potential]]:
    """A potential in one file outside of the package."""
    (tmp_path / "quartic_potential.py").write_text(QUARTIC)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(potentials, "_CLASSES", dict(potentials._CLASSES))
    monkeypatch.delitem(sys.modules, "quartic_potential", raising=False)
    import quartic_potential  # type: ignore[import-not-found]  # written above

    yield quartic_potential.Quartic


QUARTIC = '''"""u(x) = <x, x> / 2 + <a, x> + sum_k softplus(q_k) x_k^4 / 4."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from npf_engine.networks.potential import Potential, size_of_image


class Quartic(Potential, name="quartic"):
    """A diagonal u."""

    def __init__(self, d: int, *, hidden: object = (), seed: int = 0) -> None:
        super().__init__(d, seed=seed)
        self.q = nn.Parameter(torch.zeros(d))
        self.root = nn.Parameter(torch.eye(d))
        self.a = nn.Parameter(torch.zeros(d))

    @property
    def strong_convexity(self) -> float:
        """A little, for the answer's bound."""
        return 1e-3

    def start_at_gaussian(self, S: Tensor, m: Tensor, samples: Tensor, scale: float | None = None) -> None:
        """The quadratic part at S."""
        self.scale.fill_(size_of_image(S, samples) if scale is None else scale)
        values, vectors = torch.linalg.eigh(S.double())
        with torch.no_grad():
            self.root.copy_((vectors * values.clamp(min=1e-6).sqrt()) @ vectors.T)
            self.a.copy_(m)

    def _bend(self) -> Tensor:
        return nn.functional.softplus(self.q)

    def forward(self, x: Tensor) -> Tensor:
        """u(x) (n,)."""
        quadratic = (x @ self.root).square().sum(1) / 2 + 5e-4 * x.square().sum(1)
        return quadratic + x @ self.a + (self._bend() * x**4).sum(1) / 4

    def gradient(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d)."""
        return x @ self.root @ self.root.T + 1e-3 * x + self.a + self._bend() * x**3

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """And the Hessian."""
        H = self.root @ self.root.T + 1e-3 * torch.eye(self.d).to(x)
        return self(x), self.gradient(x), H + torch.diag_embed(3 * self._bend() * x**2)
'''


def test_the_package_names_its_own_without_importing_torch() -> None:
    code = "import sys; from npf_engine.potentials import potential_names as n; print(*n(), 'torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert said == ["icnn", "wide", "False"]
    assert potential_class("icnn") is QuadraticICNN and potential_class("wide") is FramedPotential


def test_a_name_that_is_none_is_a_sentence() -> None:
    with pytest.raises(InputError, match=r"there is no convex potential 'deep', only icnn, wide"):
        potential_class("deep")
    with pytest.raises(InputError, match="import the module"):
        build_potential(network="deep", d=2)


@pytest.mark.parametrize(("name", "say"), [("No Name", "small letters"), ("icnn", "choose another")])
def test_names_that_cannot_be_registered(name: str, say: str) -> None:
    with pytest.raises(ValueError, match=say):
        register(name, FramedPotential)


def test_a_potential_of_one_file_outside_is_trained_saved_and_bundled(outside: type[Potential], tmp_path: Path) -> None:
    assert "quartic" in potential_names()
    spec = tiny_spec(**{"u.network": "quartic"})
    field = resolve(spec.field)
    model = train(field, spec.stages).model
    assert type(model.u) is outside
    report = accuracy_report(model, field, spec.report, spec.seed).to_json() | {"seconds": {"u": 1.0, "total": 2.0}}
    path = write_bundle(model, report | {"device": "cpu", "threads": 1, "seed": 0}, spec, tmp_path / "npf-quartic.zip")
    check_bundle(path)
    again = PolarFactorization.load(path)
    x = field.x_test[:5]
    assert type(again.u) is outside and torch.equal(again.u.gradient(x), model.u.gradient(x))
    folder = unpack_bundle(path, tmp_path / "unpacked")
    code = WALL + (
        f"sys.path.insert(0, {str(folder)!r})\nimport torch\nfrom npf_model import PolarFactorization\n"
        f"m = PolarFactorization.load({str(folder)!r})\n"
        f"print(type(m.u).__name__, float(m.u.gradient(torch.tensor({x.tolist()})).double().sum()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    name, total = done.stdout.split()
    assert name == "Quartic" and float(total) == pytest.approx(float(model.u.gradient(x).double().sum()), rel=1e-6)


def test_a_potential_whose_source_is_not_to_be_had_is_not_bundled(
    outside: type[Potential], monkeypatch: pytest.MonkeyPatch
) -> None:
    package_files.cache_clear()
    monkeypatch.setattr(outside, "__module__", "__main__")
    with pytest.raises(InputError, match=r"put the class into a \.py file"):
        package_files("quartic")


def test_a_training_that_a_potential_does_not_take_is_a_sentence(outside: type[Potential]) -> None:
    assert with_values(preset("quick"), {"u.network": "quartic"}).u.network == "quartic"
    monkeypatched = type("OnlyDual", (outside,), {"methods": ("dual",)})
    register("only-dual", monkeypatched)
    with pytest.raises(
        InputError, match=r"u\.network only-dual needs u\.method dual and u\.start gaussian or identity"
    ):
        with_values(preset("quick"), {"u.network": "only-dual"})
    with pytest.raises(InputError, match=r"u\.network must be icnn"):
        with_values(preset("quick"), {"u.network": "quartic", "solver": "published"})

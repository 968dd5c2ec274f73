"""A source is one class: what is registered is listed, built, stored and found again like the built-in ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.fields import catalog, stored_files
from npf_engine.fields.field import Field
from npf_engine.fields.function_field import Formula, function_field, make_domain, model_functions
from npf_engine.fields.sources import registry
from npf_engine.fields.sources.files import FolderRaster, Raster, Table
from npf_engine.fields.sources.place import Coordinates, Place
from npf_engine.fields.sources.samples import Samples
from npf_engine.fields.sources.source import FieldInfo, Functions, Progress, Source
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.storage import load_field, save_field
from npf_engine.tasks import layout


def _flow(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([x[:, 1], -x[:, 0] - x[:, 1] ** 3], dim=1)


@dataclass(frozen=True)
class Pendulum(Source):
    """A source in one class, of nobody's package."""

    @classmethod
    def parse(cls, spec: FieldSpec) -> Self | None:
        return cls(spec) if spec.source == "pendulum" else None

    @property
    def title(self) -> str:
        return "A pendulum with friction"

    def build(self, progress: Progress | None = None) -> Field:
        domain = make_domain("pendulum", "box", (-2.0, -2.0), (2.0, 2.0))
        return function_field(Formula("pendulum", _flow), domain, self.spec, self.title, progress)

    @classmethod
    def listed(cls) -> list[FieldInfo]:
        return [FieldInfo("pendulum", "A pendulum with friction", "function", 2, None, "", False, "analytic")]

    def functions(self) -> Functions:
        return model_functions(Formula("pendulum", _flow), make_domain("pendulum", "box", (-2.0, -2.0), (2.0, 2.0)))


@pytest.fixture
def pendulum() -> Iterator[None]:
    registry.sources()
    registry.register(Pendulum)
    yield
    del registry._known["Pendulum"]


def test_a_registered_source_is_a_field_like_any_other(pendulum: None, tmp_path: Path):
    spec = FieldSpec(source="pendulum", n_samples=500)
    field = catalog.resolve(spec)
    assert "pendulum" in {info.name for info in catalog.list_fields()}
    assert field.provenance["spec"] == dataclasses.asdict(spec)
    again = load_field(save_field(field, tmp_path / "field.npz"))
    assert again.kind == "function"
    x = again.x_test[:5]
    assert torch.allclose(again.function(x), _flow(2 * x))


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("chamonix", Place),
        ("coordinates", Coordinates),
        ("own-samples", Samples),
        ("some/where.csv", Table),
        ("relief.tif", Raster),
        ("upload:" + "0" * 32 + "/a.npz", Table),
        ("upload:" + "0" * 32 + "/a.hgt.gz", Raster),
        ("upload:../../etc/passwd", Table),
    ],
)
def test_what_a_name_means(source: str, kind: type[Source]):
    assert type(registry.source_of(FieldSpec(source=source))) is kind


def test_a_raster_of_the_folder_is_one_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NPF_DEM_DIR", str(tmp_path))
    (tmp_path / "N43E007.hgt.zip").write_bytes(b"")
    assert type(registry.source_of(FieldSpec(source="n43e007"))) is FolderRaster


def test_an_upload_is_known_by_its_content_wherever_it_lies():
    source = stored_files.upload_name("ab" * 32, "a.csv")
    assert source == "upload:" + "ab" * 16 + "/a.csv"
    kept, staged = stored_files.upload_paths(source)
    staged.parent.mkdir(parents=True)
    staged.write_text("x1,F1\n")
    assert stored_files.path_of(source) == staged
    kept.parent.mkdir(parents=True)
    kept.write_text("x1,F1\n")
    assert stored_files.path_of(source) == kept
    assert kept.is_relative_to(layout.home())
    assert stored_files.title_of(source) == "a"
    assert [stored_files.title_of(f"x/{name}") for name in ("a.zarr.zip", "b.hgt.gz", "c.d.csv")] == ["a", "b", "c.d"]


@pytest.mark.parametrize("source", ["upload:" + "a" * 32 + "/x.csv", "upload:../../etc/passwd", "/nowhere/x.tif"])
def test_a_file_that_is_not_there_is_one_sentence(source: str):
    with pytest.raises(InputError, match=r"no longer here|no file"):
        catalog.resolve(FieldSpec(source=source))

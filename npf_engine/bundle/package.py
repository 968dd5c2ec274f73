"""The bundle npf-<name>.zip: a trained factorization that needs nothing of ours to be used.

model.safetensors, samples.safetensors, config.json    the model (polar/storage.py), its run's name and spec
README.md, report.json, CITATION.cff                   model card and accuracy table, what to cite
pictures.ipynb                                         the pages' pictures, drawn from the bundle
npf_model/, example.py, reference.npz                  use and check it with torch, numpy and safetensors only
command.txt, environment.json, checksums.sha256        how it came about, and that it arrived whole
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import io
import json
import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np

from npf_engine import __version__
from npf_engine.bundle import check, example, files
from npf_engine.bundle.archive import zipped
from npf_engine.bundle.card import model_card, source_of
from npf_engine.bundle.check import check_bundle
from npf_engine.bundle.portable import package_files
from npf_engine.citation import cff
from npf_engine.errors import InputError
from npf_engine.networks.sizes import kind_of_potential
from npf_engine.polar import PolarFactorization
from npf_engine.polar.constant import WithConstant
from npf_engine.settings import limits, reading
from npf_engine.tasks import layout

__all__ = ["Bundle", "check_bundle", "load_bundle", "read_bundle", "unpack_bundle", "write_bundle"]

KIND = "kind"  # key of a spec that names its kind of run
REFERENCE_POINTS = 64
REFERENCE_DRAWS = 32
REFERENCE_SEED = 0
LIBRARIES = ("torch", "numpy", "safetensors", "scipy", "POT", "geomloss", "torchsde")


@dataclass(frozen=True)
class Bundle:
    """A checked bundle: where it is (zip or folder), its settings (config.json) and its report (report.json)."""

    path: Path
    config: dict[str, object]
    report: dict[str, object]

    @property
    def name(self) -> str:
        """The run's name."""
        return str(self.config.get("name") or self.path.stem.removeprefix("npf-"))

    @property
    def settings(self) -> dict[str, object]:
        """The spec of its training, as JSON; a bundle is a trained model, whatever kind of run it comes from."""
        told = reading.maybe_mapping(self.config, "spec")
        return {key: told[key] for key in told if key != KIND}

    def model(self) -> PolarFactorization:
        """The trained factorization."""
        return PolarFactorization.load(self.path)


def write_bundle(
    model: PolarFactorization, report: dict[str, object], spec: dict[str, object], out_zip: Path | str, command: str
) -> Path:
    """Write the bundle of a trained model to ``out_zip``, all of it or nothing; returns the path.

    ``report`` is what ``train --json`` prints (its key "bundle" is left out: it is a path of this machine), ``spec``
    the settings as JSON, with "name" and the field's "source" among them, ``command`` what made it.
    Folders of this machine are taken out of the settings: a file that was trained on keeps its name only.
    Raises InputError where the file cannot be written.
    """
    out_zip = Path(out_zip)
    report = {key: value for key, value in report.items() if key != "bundle"}
    name, source = str(spec.get("name") or model.field_name), str(reading.mapping(spec, "field")["source"])
    content: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        for part in (files.MODEL, files.SAMPLES, files.CONFIG):
            content[part] = (Path(folder) / part).read_bytes()
    config = reading.as_mapping(files.CONFIG, json.loads(content[files.CONFIG])) | {"name": name, "spec": spec}
    config, report = _without_folders(config, source), _without_folders(report, source)
    content[files.REFERENCE] = reference(model)
    content[files.ENVIRONMENT] = _json(environment(report))
    layout.write_atomic(out_zip, _sealed(content, config, report, command))
    return out_zip


def _sealed(content: dict[str, bytes], config: dict[str, object], report: dict[str, object], command: str) -> bytes:
    """The zip of a bundle: what was measured and learned, beside the card and the programs as this version has them."""
    content = content | {
        files.CONFIG: _json(config),
        files.REPORT: _json(report),
        files.CARD: model_card(config, report, command).encode(),
        files.CITE: cff(f"{config['name']}: a polar factorization", source_of(config)).encode(),
        files.NOTEBOOK: Path(__file__).with_name(files.NOTEBOOK).read_bytes(),
        files.EXAMPLE: Path(example.__file__).read_bytes(),
        files.COMMAND: (command + "\n").encode(),
    }
    content |= package_files(kind_of_potential(reading.mapping(reading.mapping(config, "networks"), "u")))
    content[files.CHECKSUMS] = files.checksums(content).encode()
    return zipped(content)


def rewritten(path: Path, known: Callable[[dict[str, object]], dict[str, object]]) -> tuple[bytes, Bundle]:
    """A bundle that came from elsewhere, checked and sealed anew: its numbers, and nothing else of it.

    Its card and its programs are replaced by our own, so that what is handed on as ours is ours; of its settings stays
    what ``known`` makes of them. Raises InputError where it is not sound.
    """
    content = files.read_files(path)
    config, report = check.check_content(path.name, content)
    name = str(config.get("name") or path.stem.removeprefix("npf-"))[: limits.MAX_NAME]
    spec = known(Bundle(path, config, report).settings)
    config = _without_folders(config | {"name": name, "spec": spec}, "")
    kept = (files.MODEL, files.SAMPLES, files.REFERENCE, files.ENVIRONMENT)
    command = check.command_of(path.name, content)
    try:
        data = _sealed({file: content[file] for file in kept}, config, report, command)
    except (TypeError, ValueError, KeyError, AttributeError):  # what the card reads, and no schema knows
        raise InputError(
            f"the accuracy table of {path.name} cannot be told; the bundle was not written by this program"
        ) from None
    return data, Bundle(path, config, report)


def read_bundle(path: Path | str) -> Bundle:
    """Settings and report of the bundle ``path`` (zip or folder), with every check. Raises InputError."""
    path = Path(path)
    config, report = check.check_content(path.name, files.read_files(path))
    return Bundle(path, config, report)


def load_bundle(path: Path | str) -> PolarFactorization:
    """The model in the bundle ``path`` (zip or folder), with every check. Raises InputError."""
    return read_bundle(path).model()


def unpack_bundle(path: Path | str, folder: Path | str) -> Path:
    """Write the files of a checked bundle into ``folder`` (made where it is missing); returns it. Raises InputError."""
    folder = Path(folder)
    content = files.read_files(path)
    with layout.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        with layout.writing(folder):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        layout.write_atomic(folder / name, data)
    return folder


def reference(model: PolarFactorization) -> bytes:
    """reference.npz: positions x (k, d), values y (k, d) of F there, and the model's answers to them."""
    x = model.scaling.to_user(model.samples["x_test"][:REFERENCE_POINTS].double()).numpy()
    # The bundle's own package knows the exact bridge step only: Heun's would need torchsde.
    exact = WithConstant.of(dataclasses.replace(model, sampler="bridge"))
    y = (model.samples["y_test"][:REFERENCE_POINTS].double() + exact.shift).numpy()
    answers = example.answers(exact, x, y, REFERENCE_DRAWS, REFERENCE_SEED)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=x, y=y, n=REFERENCE_DRAWS, seed=REFERENCE_SEED, **answers)  # type: ignore[arg-type]
    return buffer.getvalue()


def environment(report: dict[str, object]) -> dict[str, object]:
    """The software and the kind of machine that wrote the bundle."""
    return {
        "npf_engine": __version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "device": report.get("device"),
        "threads": report.get("threads"),
        "packages": {name: _version(name) for name in LIBRARIES},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def file_name(text: str) -> str:
    """The last part of an absolute path (of any system); everything else as it is."""
    if Path(text).is_absolute() or PureWindowsPath(text).is_absolute():
        return PureWindowsPath(text).name or text
    return text


def _without_folders(record: dict[str, object], source: str) -> dict[str, object]:
    """JSON with absolute paths cut to file names, also where the path ``source`` stands inside a sentence."""
    return {key: _cut(value, source) for key, value in record.items()}


def _cut(data: object, source: str) -> object:
    if isinstance(data, str):
        return file_name(data.replace(source, file_name(source)) if source else data)
    if isinstance(data, dict):
        return {key: _cut(value, source) for key, value in data.items()}
    if isinstance(data, list):
        return [_cut(value, source) for value in data]
    return data


def _json(data: object) -> bytes:
    return layout.json_bytes(data) + b"\n"


def notebook_of(path: Path | str) -> bytes | None:
    """The notebook of a bundle's pictures; None in bundles from before there was one. Raises InputError."""
    return files.read_files(path).get(files.NOTEBOOK)

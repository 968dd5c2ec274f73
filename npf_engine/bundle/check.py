"""Is this file a sound bundle? Every defect is one sentence, and nothing of a bundle is run or unpickled.

The checks go from the outside in: the archive, the list of files and their checksums (bundle/files.py), the format
version, the settings, and last the tensors against the networks that the settings describe.
"""

from __future__ import annotations

import dataclasses
import io
import math
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load as load_tensors

from npf_engine.bundle import schema
from npf_engine.bundle.cleaning import is_number
from npf_engine.bundle.files import COMMAND, ENVIRONMENT, REFERENCE, REPORT, read_files
from npf_engine.errors import InputError
from npf_engine.fields.lattice import LATTICE, MOST_NODES, lattice_of
from npf_engine.fields.spec import FieldSpec
from npf_engine.networks.sizes import check_networks
from npf_engine.polar.storage import BUILDERS, BUNDLE, CONFIG, FORMAT, MODEL, SAMPLES, numbers_of
from npf_engine.settings import limits, reading
from npf_engine.settings.dotted import with_dotted
from npf_engine.tasks.archives import Bounds, check_members, said

MAX_HEADER = 2**20  # bytes of the list of tensors in a safetensors file
MAX_REFERENCE = 64 * 2**20  # of reference.npz, unpacked
INSIDE, NEAR = 1.01, 100.0  # |x| of samples in model positions: of a bounded Omega, and of any


def check_bundle(path: Path | str, name: str = "") -> None:
    """Raise InputError, one sentence, unless ``path`` (a zip or a folder) is a bundle that this version can use.

    ``name``: what the sentence calls it, where the file has another name than it came with.
    """
    name = name or Path(path).name
    check_content(name, read_files(path, name))


def check_content(name: str, content: dict[str, bytes]) -> tuple[dict[str, object], dict[str, object]]:
    """Settings and report of a bundle's files; raises InputError where they or the tensors are not sound."""
    config = schema.parse(f"{CONFIG} in {name}", content[CONFIG])
    report = schema.parse(f"{REPORT} in {name}", content[REPORT])
    environment = schema.parse(f"{ENVIRONMENT} in {name}", content[ENVIRONMENT])
    check_config(name, config)
    check_tensors(name, config, content)
    check_samples(name, config, content)
    if not isinstance(report.get("metrics"), dict):
        raise InputError(f"{REPORT} in {name} has no accuracy table; the bundle was not written by this program")
    schema.check(f"{REPORT} in {name}", schema.Report, report)
    schema.check(f"{ENVIRONMENT} in {name}", schema.Environment, environment)
    check_reference(name, reading.whole(config, "d"), content[REFERENCE])
    command_of(name, content)
    return config, report


def command_of(name: str, content: dict[str, bytes]) -> str:
    """The command that trained the bundle, one printable line. Raises InputError where it is none."""
    text = content[COMMAND][: 4 * limits.MAX_COMMAND].decode("utf-8", "replace").removesuffix("\n")
    limits.check_text(f"{COMMAND} in {name}", text, limits.MAX_COMMAND)
    return text


def check_reference(name: str, d: int, data: bytes) -> None:
    """Raise InputError unless reference.npz holds small finite arrays, x and y of d columns among them."""
    where = f"{REFERENCE} in {name}"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_members(where, archive.infolist(), len(data), Bounds(MAX_REFERENCE, BUNDLE.files, own=True))
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except InputError:
        raise
    except Exception:  # numpy and zipfile raise many kinds for a file that is none
        raise InputError(f"{where} cannot be read; the bundle is damaged, download it again") from None
    for key in ("x", "y"):
        if key not in arrays or arrays[key].ndim != 2 or arrays[key].shape[1] != d:
            raise InputError(f"{where} needs {key} of shape (n, {d}); the files do not belong together")
    for key, array in arrays.items():
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise InputError(f"{where}: {key[:60]!r} is not finite numbers; the bundle is damaged, download it again")


def check_config(name: str, config: dict[str, object]) -> None:
    """Raise InputError for another format version, or settings that no bundle has."""
    where = f"{CONFIG} in {name}"
    version = config.get("format")
    if version != FORMAT:
        advice = "update this program" if isinstance(version, int) and version > FORMAT else "train it again"
        told = limits.shown(version)
        raise InputError(f"{name} has bundle format {told} and this program reads format {FORMAT}; {advice}")
    d = config.get("d")
    if not isinstance(d, int) or isinstance(d, bool) or not 1 <= d <= limits.MAX_D:
        raise InputError(f"{where} gives d = {limits.shown(d)}; a field has 1 to {limits.MAX_D} dimensions")
    _check_vectors(where, config, d)
    _check_networks_named(where, config, d)
    schema.check(where, schema.Config, config)
    known = {item.name for item in dataclasses.fields(FieldSpec)}
    try:
        spec = reading.mapping(reading.mapping(config, "field"), "spec")
        with_dotted(FieldSpec(), {key: value for key, value in spec.items() if key in known})
    except InputError as error:
        raise InputError(f"{where}: field.spec: {error}") from None


def _check_vectors(where: str, config: dict[str, object], d: int) -> None:
    """The domain and the scaling: d finite numbers each, in order."""
    scaling = config.get("scaling")
    vectors = {
        "low": config.get("low"),
        "high": config.get("high"),
        "scaling.offset": scaling.get("offset") if isinstance(scaling, dict) else None,
        "scaling.scale": scaling.get("scale") if isinstance(scaling, dict) else None,
    }
    found: dict[str, list[float]] = {}
    for key, value in vectors.items():
        if not isinstance(value, list) or len(value) != d or not all(map(_is_finite, value)):
            raise InputError(f"{where} gives {key} = {limits.shown(value)}; it takes {d} finite numbers")
        if any(abs(item) > limits.LARGEST for item in value):
            raise InputError(f"{where} gives {key} a number beyond {limits.LARGEST:g}; no field has such positions")
        found[key] = value
    if not all(scale > 0 for scale in found["scaling.scale"]):
        raise InputError(f"{where} gives a scale that is not positive; the bundle is damaged")
    if not all(low < high for low, high in zip(found["low"], found["high"], strict=True)):
        raise InputError(f"{where} gives a domain that is none: low must be below high on every axis")


def _check_networks_named(where: str, config: dict[str, object], d: int) -> None:
    networks = config.get("networks")
    if not isinstance(networks, dict) or "u" not in networks or not set(networks) <= set(BUILDERS):
        raise InputError(f"{where} does not say which networks there are; the bundle is damaged")
    sizes = {"u": ("d",), "v": ("d_in", "d_out"), "m": ("d_in", "d_out"), "bridge": ("d",)}
    for network, arguments in networks.items():
        for key in sizes[network]:
            given = arguments.get(key) if isinstance(arguments, dict) else None
            if given != d:
                raise InputError(f"{where} gives {network} {key} = {limits.shown(given)}, but the field has d = {d}")


def _is_finite(value: object) -> bool:
    return is_number(value) and math.isfinite(value)


def check_tensors(name: str, config: dict[str, object], content: dict[str, bytes]) -> None:
    """Raise InputError unless model.safetensors holds just the tensors, in shape, of the networks in the settings."""
    found = _tensors(name, MODEL, content)
    expected: dict[str, tuple[int, ...]] = {}
    networks = reading.mapping(config, "networks")
    try:  # before anything is built: no network may be larger than its file
        check_networks(networks, numbers_of(found))
    except InputError as error:
        raise InputError(f"{CONFIG} in {name}: {error}") from None
    for network in networks:
        shapes = _shapes(name, network, reading.mapping(networks, network))
        expected |= {f"{network}.{key}": shape for key, shape in shapes.items()}
    for key in sorted(set(found) | set(expected)):
        if key not in found or key not in expected:
            say = f"lacks {key}" if key not in found else f"holds {key}, which the settings do not know"
            raise InputError(f"{MODEL} in {name} {say}; the files do not belong together")
        if tuple(found[key].shape) != expected[key]:
            raise InputError(
                f"{MODEL} in {name}: {key} has shape {tuple(found[key].shape)} where the settings need "
                f"{expected[key]}; the files do not belong together"
            )


def _shapes(name: str, network: str, arguments: dict[str, object]) -> dict[str, tuple[int, ...]]:
    """The shapes of a network's tensors, from the network itself: the file is as large, or it was refused."""
    try:
        return {key: tuple(value.shape) for key, value in BUILDERS[network](**arguments).state_dict().items()}
    except Exception as error:  # whatever a network's constructor makes of arguments that are none
        detail = limits.shown(str(error).partition("\n")[0])
        raise InputError(f"{CONFIG} in {name} describes a network {network} that cannot be built ({detail})") from None


def check_samples(name: str, config: dict[str, object], content: dict[str, bytes]) -> None:
    """Raise InputError unless samples.safetensors holds x, y and m, (n, d) each, for training and test."""
    found, d = _tensors(name, SAMPLES, content), reading.whole(config, "d")
    for part in ("train", "test"):
        shapes = {key: tuple(found[key].shape) if key in found else None for key in (f"{k}_{part}" for k in "xym")}
        first = shapes[f"x_{part}"]
        sound = first is not None and len(first) == 2 and first[0] > 0 and first[1] == d
        if not sound or any(shape != first for shape in shapes.values()):
            say = ", ".join(f"{key} {shape or 'absent'}" for key, shape in shapes.items())
            raise InputError(f"{SAMPLES} in {name} needs x, y and m of one shape (n, {d}), but has {say}")
        most = {"x": INSIDE if config["rho"] in ("box", "disc", "land") else NEAR, "y": limits.LARGEST, "m": 1e6}
        for key, bound in most.items():
            if float(found[f"{key}_{part}"].double().abs().max()) > bound:
                raise InputError(f"{SAMPLES} in {name}: {key}_{part} has samples outside of the field's domain")
    _check_lattice(name, config, found)


def _check_lattice(name: str, config: dict[str, object], found: dict[str, torch.Tensor]) -> None:
    """F on its grid, where the bundle has it: as large as this program keeps one, over a square of Omega's size."""
    where = f"{SAMPLES} in {name}"
    extra = set(found) - {f"{key}_{part}" for key in "xym" for part in ("train", "test")} - set(LATTICE)
    if extra:
        raise InputError(
            f"{where} holds {limits.shown(min(extra))}, which no bundle has; the files do not belong together"
        )
    try:
        lattice = lattice_of(found)
    except (ValueError, IndexError) as error:
        raise InputError(
            f"{where}: its grid cannot be read ({said(error)}); the files do not belong together"
        ) from None
    if lattice is None:
        return
    rows, cols = lattice.shape
    if config["d"] != 2 or rows * cols > MOST_NODES or not 0 < lattice.half <= NEAR:
        raise InputError(
            f"{where} has a grid of {rows} x {cols} nodes out to {lattice.half:g}; at most {MOST_NODES:,} belong to a "
            "field of two dimensions"
        )
    if float(lattice.values.double().abs().max()) > limits.LARGEST:
        raise InputError(f"{where}: its grid has values that no field has")


def _tensors(name: str, file: str, content: dict[str, bytes]) -> dict[str, torch.Tensor]:
    header = int.from_bytes(content[file][:8], "little")
    if header > MAX_HEADER:
        raise InputError(f"{file} in {name} cannot be read as safetensors: its list of tensors has {header} bytes")
    try:
        tensors = load_tensors(content[file])
    except Exception as error:  # safetensors raises its own error, and KeyError for types that torch lacks
        raise InputError(
            f"{file} in {name} cannot be read as safetensors ({limits.shown(str(error))}); download it again"
        ) from None
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{file} in {name}: {key} holds values that are not finite; train it again")
    return tensors

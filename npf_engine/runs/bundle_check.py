"""Is this file a sound bundle? Every defect is one sentence, and nothing of a bundle is run or unpickled.

The checks go from the outside in: the archive (names, sizes), the list of files, their checksums, the format
version, the settings, and last the tensors against the networks that the settings describe.
"""

from __future__ import annotations

import hashlib
import json
import math
import stat
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from safetensors.torch import load as load_tensors

from npf_engine.errors import InputError
from npf_engine.polar.storage import BUILDERS, CONFIG, FORMAT, MODEL, SAMPLES

REPORT = "report.json"
CARD = "README.md"
PORTABLE = "npf_model.py"
EXAMPLE = "example.py"
REFERENCE = "reference.npz"
COMMAND = "command.txt"
ENVIRONMENT = "environment.json"
CHECKSUMS = "checksums.sha256"
FILES = (CONFIG, MODEL, SAMPLES, REPORT, CARD, PORTABLE, EXAMPLE, REFERENCE, COMMAND, ENVIRONMENT)

MAX_FILES = 64
MAX_BYTES = 512 * 2**20  # of all files together, unpacked
MAX_RATIO = 400  # unpacked over packed; weights hardly shrink, JSON by 20
MAX_D = 4096


def read_files(path: Path | str) -> dict[str, bytes]:
    """Name -> content of every file of the bundle ``path`` (a zip or a folder), bounded and with checksums verified.

    Raises InputError: not there, not a zip, damaged, unsafe names, too large, a file missing or changed.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"there is no bundle {path}; give the npf-....zip that was downloaded, or its unpacked folder")
    content = _from_folder(path) if path.is_dir() else _from_zip(path)
    _check_complete(path.name, content)
    _check_sums(path.name, content)
    return content


def check_bundle(path: Path | str) -> None:
    """Raise InputError, one sentence, unless ``path`` (a zip or a folder) is a bundle that this version can use."""
    check_content(Path(path).name, read_files(path))


def check_content(name: str, content: dict[str, bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings and report of a bundle's files; raises InputError where they or the tensors are not sound."""
    config, report = parse_json(name, CONFIG, content), parse_json(name, REPORT, content)
    check_config(name, config)
    check_tensors(name, config, content)
    check_samples(name, config, content)
    if not isinstance(report.get("metrics"), dict):
        raise InputError(f"{REPORT} in {name} has no accuracy table; the bundle was not written by this program")
    return config, report


def parse_json(name: str, file: str, content: dict[str, bytes]) -> dict[str, Any]:
    """The JSON object in ``file`` of the bundle called ``name``. Raises InputError where it is none."""
    try:
        data = json.loads(content[file])
    except (ValueError, RecursionError):
        raise InputError(f"{file} in {name} is not JSON; the bundle is damaged, download it again") from None
    if not isinstance(data, dict):
        raise InputError(f"{file} in {name} holds no settings; the bundle was not written by this program")
    return data


def check_config(name: str, config: dict[str, Any]) -> None:
    """Raise InputError for another format version, or sizes that no bundle has."""
    version = config.get("format")
    if version != FORMAT:
        advice = "update this program" if isinstance(version, int) and version > FORMAT else "train it again"
        raise InputError(f"{name} has bundle format {version!r} and this program reads format {FORMAT}; {advice}")
    d = config.get("d")
    if not isinstance(d, int) or isinstance(d, bool) or not 1 <= d <= MAX_D:
        raise InputError(f"{CONFIG} in {name} gives d = {d!r}; a field has 1 to {MAX_D} dimensions")
    scaling = config.get("scaling")
    vectors = {
        "low": config.get("low"),
        "high": config.get("high"),
        "scaling.offset": scaling.get("offset") if isinstance(scaling, dict) else None,
        "scaling.scale": scaling.get("scale") if isinstance(scaling, dict) else None,
    }
    for key, value in vectors.items():
        if not isinstance(value, list) or len(value) != d or not all(map(_is_number, value)):
            raise InputError(f"{CONFIG} in {name} gives {key} = {str(value)[:60]}; it takes {d} finite numbers")
    if not all(scale > 0 for scale in vectors["scaling.scale"] or ()):
        raise InputError(f"{CONFIG} in {name} gives a scale that is not positive; the bundle is damaged")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def check_tensors(name: str, config: dict[str, Any], content: dict[str, bytes]) -> None:
    """Raise InputError unless model.safetensors holds just the tensors, in shape, of the networks in the settings."""
    found = _tensors(name, MODEL, content)
    expected: dict[str, tuple[int, ...]] = {}
    networks = config.get("networks")
    if not isinstance(networks, dict) or "u" not in networks or not set(networks) <= set(BUILDERS):
        raise InputError(f"{CONFIG} in {name} does not say which networks there are; the bundle is damaged")
    for network, arguments in networks.items():
        expected |= {f"{network}.{key}": shape for key, shape in _shapes(name, network, arguments, content).items()}
    for key in sorted(set(found) | set(expected)):
        if key not in found or key not in expected:
            say = f"lacks {key}" if key not in found else f"holds {key}, which the settings do not know"
            raise InputError(f"{MODEL} in {name} {say}; the files do not belong together")
        if tuple(found[key].shape) != expected[key]:
            raise InputError(
                f"{MODEL} in {name}: {key} has shape {tuple(found[key].shape)} where the settings need "
                f"{expected[key]}; the files do not belong together"
            )


def _shapes(name: str, network: str, arguments: Any, content: dict[str, bytes]) -> dict[str, tuple[int, ...]]:
    """The shapes of a network's tensors, from the network itself; refuses to build what the file cannot hold."""
    hidden = arguments.get("hidden") if isinstance(arguments, dict) else None
    sound = isinstance(hidden, list) and bool(hidden) and all(isinstance(w, int) and w > 0 for w in hidden)
    # Two bytes a number at least: so many weights between the layers must be in the file.
    if not sound or 2 * sum(a * b for a, b in pairwise([1, *(hidden or []), 1])) > len(content[MODEL]):
        raise InputError(
            f"{CONFIG} in {name} gives {network} the hidden layers {str(hidden)[:60]}, which {MODEL} cannot hold; "
            f"the files do not belong together"
        )
    try:
        return {key: tuple(value.shape) for key, value in BUILDERS[network](**arguments).state_dict().items()}
    except (TypeError, ValueError, KeyError, RuntimeError, MemoryError) as error:
        detail = str(error).partition("\n")[0][:120]
        raise InputError(f"{CONFIG} in {name} describes a network {network} that cannot be built ({detail})") from None


def check_samples(name: str, config: dict[str, Any], content: dict[str, bytes]) -> None:
    """Raise InputError unless samples.safetensors holds x, y and m, (n, d) each, for training and test."""
    found = _tensors(name, SAMPLES, content)
    for part in ("train", "test"):
        shapes = {key: tuple(found[key].shape) if key in found else None for key in (f"{k}_{part}" for k in "xym")}
        first = shapes[f"x_{part}"]
        sound = first is not None and len(first) == 2 and first[0] > 0 and first[1] == config["d"]
        if not sound or any(shape != first for shape in shapes.values()):
            say = ", ".join(f"{key} {shape or 'absent'}" for key, shape in shapes.items())
            raise InputError(f"{SAMPLES} in {name} needs x, y and m of one shape (n, {config['d']}), but has {say}")


def _tensors(name: str, file: str, content: dict[str, bytes]) -> dict[str, torch.Tensor]:
    try:
        tensors = load_tensors(content[file])
    except Exception as error:  # safetensors raises its own error, and KeyError for types that torch lacks
        raise InputError(f"{file} in {name} cannot be read as safetensors ({error}); download it again") from None
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{file} in {name}: {key} holds values that are not finite; train it again")
    return tensors


def _from_folder(folder: Path) -> dict[str, bytes]:
    """The known files of an unpacked bundle; others (a cache of Python's, say) are left alone."""
    content, total = {}, 0
    for name in (*FILES, CHECKSUMS):
        file = folder / name
        if file.is_file():
            total += file.stat().st_size
            if total > MAX_BYTES:
                raise InputError(_too_large(folder.name, total))
            content[name] = file.read_bytes()
    return content


def _from_zip(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(path, members)
            content = {member.filename: archive.read(member) for member in members if not member.is_dir()}
            return _without_top_folder(content)
    except InputError:
        raise
    except zipfile.BadZipFile as error:
        detail = "it is no zip file" if "not a zip" in str(error).lower() else f"it is damaged ({error})"
        raise InputError(f"{path.name} cannot be read as a bundle: {detail}; download it again") from None
    except (OSError, EOFError, RuntimeError, NotImplementedError, ValueError, zlib.error) as error:
        raise InputError(f"{path.name} cannot be unpacked ({error}); download it again") from None


def _without_top_folder(content: dict[str, bytes]) -> dict[str, bytes]:
    """The files of a bundle that was unpacked and zipped again, together with its folder, at the top; without what
    the Finder adds to every archive."""
    content = {name: data for name, data in content.items() if not _of_finder(name)}
    tops = {name.split("/", 1)[0] for name in content}
    if CONFIG in content or len(tops) != 1:
        return content
    return {name.split("/", 1)[-1]: data for name, data in content.items()}


def _of_finder(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return parts[0] == "__MACOSX" or parts[-1] == ".DS_Store"


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_FILES:
        raise InputError(f"{path.name} holds {len(members)} files; a bundle has at most {MAX_FILES}")
    seen: set[str] = set()
    for member in members:
        name = member.filename
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or "\\" in name or ":" in name or "\0" in name:
            raise InputError(f"{path.name} holds the name {name[:80]!r}, which leads out of its folder; do not use it")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise InputError(f"{path.name} holds a link ({name[:80]!r}); a bundle has plain files only")
        if name in seen:
            raise InputError(f"{path.name} holds {name[:80]!r} twice; download it again")
        seen.add(name)
    total = sum(member.file_size for member in members)
    packed = max(1, sum(member.compress_size for member in members))
    # The packed sizes are the archive's own words: they may not exceed what is there.
    packed = min(packed, max(1, path.stat().st_size))
    if total > MAX_BYTES or total > MAX_RATIO * packed + 2**20:
        raise InputError(_too_large(path.name, total))


def _too_large(name: str, total: int) -> str:
    return f"{name} would unpack to {total / 2**20:.0f} MB, which no bundle needs; it is refused"


def _check_complete(name: str, content: dict[str, bytes]) -> None:
    absent = [file for file in (*FILES, CHECKSUMS) if file not in content]
    if len(absent) > len(FILES) // 2:
        raise InputError(f"{name} is no bundle: it has no {', '.join(absent[:3])} ...; give the npf-....zip itself")
    if absent:
        raise InputError(f"{name} lacks {', '.join(absent)}; the bundle is incomplete, download it again")


def _check_sums(name: str, content: dict[str, bytes]) -> None:
    sums: dict[str, str] = {}
    for line in content[CHECKSUMS].decode("utf-8", "replace").splitlines():
        digest, _, file = line.strip().partition("  ")
        sums[file] = digest
    for file in FILES:
        if file not in sums:
            raise InputError(f"{CHECKSUMS} in {name} does not list {file}; the bundle is damaged, download it again")
        if hashlib.sha256(content[file]).hexdigest() != sums[file]:
            raise InputError(f"{file} in {name} is not what was written (its checksum differs); download it again")


def checksums(content: dict[str, bytes]) -> str:
    """The text of checksums.sha256, as ``sha256sum --check`` reads it."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(content.items()))

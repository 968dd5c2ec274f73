"""The files of a bundle, read from a zip or a folder: bounded, complete, and just as they were written.

Nothing is unpacked before the archive's own list of what is in it was looked at.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path, PurePosixPath

from npf_engine.bundle.portable import PACKAGE
from npf_engine.errors import InputError
from npf_engine.polar.storage import BUNDLE, CONFIG, MODEL, SAMPLES
from npf_engine.settings import limits
from npf_engine.tasks.archives import DAMAGE, check_members, said

REPORT = "report.json"
CARD = "README.md"
PORTABLE = f"{PACKAGE}/__init__.py"
EARLIER = "npf_model.py"  # in place of the package, in bundles of versions before
EXAMPLE = "example.py"
REFERENCE = "reference.npz"
COMMAND = "command.txt"
ENVIRONMENT = "environment.json"
CHECKSUMS = "checksums.sha256"
CITE = "CITATION.cff"
NOTEBOOK = "pictures.ipynb"
LATER = (CITE, NOTEBOOK)  # which bundles of versions before lack
FILES = (CONFIG, MODEL, SAMPLES, REPORT, CARD, EXAMPLE, REFERENCE, COMMAND, ENVIRONMENT)  # and the package, or EARLIER
# What hubs and Git put beside a model: left out, whatever it holds.
OF_HUBS = (".gitattributes", ".gitignore", ".git", ".cache", ".huggingface")
POINTER = b"version https://git-lfs"  # how a file begins that Git LFS has not fetched
_OF_PACKAGE = re.compile(rf"{PACKAGE}/(?:[a-z0-9_]+/){{0,4}}[a-z0-9_]+\.py")


def read_files(path: Path | str, name: str = "") -> dict[str, bytes]:
    """Name -> content of every file of the bundle ``path`` (a zip or a folder), bounded and with checksums verified.

    Raises InputError: not there, not a zip, damaged, unsafe names, too large, a file missing or changed. ``name``: as
    for ``check_bundle``.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"there is no bundle {path}; give the npf-....zip that was downloaded, or its unpacked folder")
    name = name or path.name
    content = _from_folder(path) if path.is_dir() else _from_zip(path, name)
    _check_complete(name, content)
    _check_sums(name, content)
    return content


def _from_folder(folder: Path) -> dict[str, bytes]:
    """The known files of an unpacked bundle; others (a cache of Python's, say) are left alone."""
    content, total = {}, 0
    names = [EARLIER, *(path.relative_to(folder).as_posix() for path in sorted((folder / PACKAGE).rglob("*.py")))]
    for name in (*FILES, *LATER, CHECKSUMS, *names[: BUNDLE.files]):
        file = folder / name
        if file.is_file():
            total += file.stat().st_size
            if total > BUNDLE.total:
                raise InputError(_too_large(folder.name, total))
            content[name] = file.read_bytes()
    return content


def _from_zip(path: Path, name: str) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            check_members(name, members, path.stat().st_size, BUNDLE)
            content = {member.filename: archive.read(member) for member in members if not member.is_dir()}
            return _without_top_folder(content)
    except InputError:
        raise
    except zipfile.BadZipFile as error:
        detail = "it is no zip file" if "not a zip" in str(error).lower() else f"it is damaged ({said(error)})"
        raise InputError(f"{name} cannot be read as a bundle: {detail}; download it again") from None
    except (OSError, EOFError, RuntimeError, NotImplementedError, ValueError, *DAMAGE) as error:
        raise InputError(f"{name} cannot be unpacked ({said(error)}); download it again") from None


def _without_top_folder(content: dict[str, bytes]) -> dict[str, bytes]:
    """The files of a bundle that was unpacked and zipped again, together with its folder, at the top; without what
    the Finder adds to every archive."""
    content = {name: data for name, data in content.items() if not _of_finder(name)}
    content = {name: data for name, data in content.items() if not set(PurePosixPath(name).parts[:2]) & set(OF_HUBS)}
    tops = {name.split("/", 1)[0] for name in content}
    if CONFIG in content or len(tops) != 1:
        return content
    return {name.split("/", 1)[-1]: data for name, data in content.items()}


def _of_finder(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and (parts[0] == "__MACOSX" or parts[-1] == ".DS_Store")


def _too_large(name: str, total: int) -> str:
    return f"{name} would unpack to {total / 2**20:.0f} MB, which no bundle needs; it is refused"


def _check_complete(name: str, content: dict[str, bytes]) -> None:
    absent = [file for file in (*FILES, CHECKSUMS) if file not in content]
    absent += [PORTABLE] if PORTABLE not in content and EARLIER not in content else []
    foreign = sorted(file for file in content if not _belongs(file))
    if len(absent) > len(FILES) // 2:
        raise InputError(f"{name} is no bundle: it has no {', '.join(absent[:3])} ...; give the npf-....zip itself")
    if absent:
        raise InputError(f"{name} lacks {', '.join(absent)}; the bundle is incomplete, download it again")
    if foreign:
        raise InputError(f"{name} holds {limits.shown(foreign[0])}, which belongs to no bundle; it is refused")


def _belongs(name: str) -> bool:
    return name in (*FILES, *LATER, CHECKSUMS, EARLIER) or _OF_PACKAGE.fullmatch(name) is not None


def _check_sums(name: str, content: dict[str, bytes]) -> None:
    sums: dict[str, str] = {}
    for line in content[CHECKSUMS].decode("utf-8", "replace").splitlines():
        digest, _, file = line.strip().partition("  ")
        sums[file] = digest
    for file in content.keys() - {CHECKSUMS}:
        if file not in sums:
            raise InputError(f"{CHECKSUMS} in {name} does not list {file}; the bundle is damaged, download it again")
        if content[file].startswith(POINTER):
            raise InputError(
                f"{file} in {name} is a pointer of Git LFS and not the file itself; run `git lfs pull` there"
            )
        if file == CARD:
            continue  # on a hub people write into it; nothing reads it, and an import gets our own
        if hashlib.sha256(content[file]).hexdigest() != sums[file]:
            raise InputError(f"{file} in {name} is not what was written (its checksum differs); download it again")


def checksums(content: dict[str, bytes]) -> str:
    """The text of checksums.sha256, as ``sha256sum --check`` reads it."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(content.items()))

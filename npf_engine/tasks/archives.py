"""Zip files from strangers: what they would unpack to is read from the directory, before a byte of it is unpacked.

``zipfile`` never reads more of a member than the directory says, so a bomb cannot hide behind a false size.
"""

from __future__ import annotations

import lzma
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from npf_engine.errors import InputError
from npf_engine.settings.limits import MAX_PART, MAX_UNPACKED_BYTES, shown, unprintable

ENCRYPTED = 0x1
PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of packing: others may ask for gigabytes to unpack
# what tells of the inside of a library: addresses, numbers of the system, objects, paths of the machine, traces
_INSIDE = re.compile(
    r"0x[0-9a-f]{4,}|errno|error message =|object at|<class |internal|Traceback|/(tmp|home|usr|proc)/", re.IGNORECASE
)
# what zipfile and its decompressors raise for a damaged member, besides BadZipFile and EOFError; the last for a name
# that the member itself has otherwise than the directory
DAMAGE = (
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    IndexError,
    OverflowError,
    UnicodeDecodeError,
)


@dataclass(frozen=True)
class Bounds:
    """What an archive may hold: so many files, of so many bytes together, unpacked, and so many times its own size;
    what is smaller than ``repetitive`` bytes may be any times.

    own: it was written by this program, so that its names stay in its folder and are there once, and its members are
    plain files, packed in a plain way.
    """

    total: int = MAX_UNPACKED_BYTES
    files: int = 4096
    ratio: int = 200  # grids of numbers stay far below
    repetitive: int = 50_000_000
    own: bool = False


def check_zip(path: Path, bounds: Bounds | None = None) -> list[zipfile.ZipInfo]:
    """The members of a zip file that may be unpacked safely.

    Raises InputError for what is no zip file, is encrypted, has too many members, or is a zip bomb.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, ValueError, EOFError, *DAMAGE) as error:
        raise InputError(f"{path.name} cannot be read as a zip archive ({said(error)}); write it again.") from error
    check_members(path.name, members, path.stat().st_size, bounds or Bounds())
    return members


def check_members(name: str, members: list[zipfile.ZipInfo], size: int, bounds: Bounds) -> None:
    """InputError, one sentence, unless the members of an archive of ``size`` bytes, called ``name``, are within the
    bounds."""
    if len(members) > bounds.files:
        raise InputError(f"{name} holds {len(members):,} files; at most {bounds.files:,} are read.")
    total = sum(member.file_size for member in members)
    # The packed sizes are the archive's own words: they may not exceed what is there.
    packed = max(1, min(size, sum(member.compress_size for member in members)))
    if total > bounds.total:
        raise InputError(
            f"{name} would unpack to {_mb(total)} from {_mb(packed)}; the limit is {_mb(bounds.total)} (a zip bomb?)."
        )
    if total > bounds.repetitive and total > bounds.ratio * packed:
        advice = "it is refused" if bounds.own else "write it without compression if it is none."
        raise InputError(
            f"{name} would unpack to {_mb(total)}, {total // packed:,} times its size, as a zip bomb does; {advice}"
        )
    for member in members:
        if not member.filename:
            raise InputError(f"{name} holds a file without a name; zip it again.")
        if member.flag_bits & ENCRYPTED:
            raise InputError(f"{brief(member.filename)} in {name} is encrypted; pack it without a password.")
    if bounds.own:
        _check_own(name, members)


def _check_own(archive: str, members: list[zipfile.ZipInfo]) -> None:
    """InputError for a member that no archive of this program's has."""
    seen: set[str] = set()
    for member in members:
        name, told = member.filename, shown(member.filename)
        check_name(archive, name)
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise InputError(f"{archive} holds a link ({told}) or a device; plain files alone are read")
        if name.casefold() in seen:
            raise InputError(f"{archive} holds {told} twice; download it again")
        if member.compress_type not in PLAIN:
            raise InputError(f"{archive} packs {told} in a way that this program never does; download it again")
        seen.add(name.casefold())


def check_name(archive: str, name: str) -> None:
    """InputError for the name of a file that would lead out of the folder it is written to, or is none."""
    pure, told = PurePosixPath(name), shown(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or ":" in name or "\0" in name:
        raise InputError(f"{archive} holds the name {told}, which leads out of its folder; do not use it")
    if not pure.parts or len(name) > MAX_PART or unprintable(name):
        raise InputError(f"{archive} holds a file with the name {told}, which is none; download it again")


def brief(name: str) -> str:
    """The name of a member, for a sentence: bounded, and nothing in it that cannot be printed."""
    return shown(name).strip("'\"")


def said(error: BaseException) -> str:
    """What an error of a library says, in a line that fits a sentence: it may quote the file at length, or speak of
    what concerns its authors alone, which is left out."""
    text = " ".join(str(error).split())[:200]
    return "its parts do not fit together" if not text or _INSIDE.search(text) else text


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"

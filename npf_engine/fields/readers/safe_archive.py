"""Zip files from strangers: what they would unpack to is read from the directory, before a byte of it is unpacked.

``zipfile`` never reads more of a member than the directory says, so a bomb cannot hide behind a false size.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.settings.limits import MAX_UNPACKED_BYTES, shown

MAX_MEMBERS = 4096
MAX_RATIO = 200  # unpacked over packed; grids of numbers stay far below
RATIO_FROM_BYTES = 50_000_000  # what is small may be as repetitive as it likes
_ENCRYPTED = 0x1
# what zipfile and its decompressors raise for a damaged member, besides BadZipFile and EOFError
DAMAGE = (zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, struct.error, IndexError, OverflowError)


def check_zip(
    path: Path, max_bytes: int = MAX_UNPACKED_BYTES, most_members: int = MAX_MEMBERS
) -> list[zipfile.ZipInfo]:
    """The members of a zip file that may be unpacked safely, in total at most ``max_bytes``.

    Raises InputError for what is no zip file, is encrypted, has too many members, or is a zip bomb.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, ValueError, EOFError, *DAMAGE) as error:
        raise InputError(f"{path.name} cannot be read as a zip archive ({said(error)}); write it again.") from error
    if len(members) > most_members:
        raise InputError(f"{path.name} holds {len(members):,} files; at most {most_members:,} are read.")
    total = sum(member.file_size for member in members)
    packed = max(path.stat().st_size, 1)
    if total > max_bytes:
        raise InputError(
            f"{path.name} would unpack from {_mb(packed)} to {_mb(total)}; the limit is {_mb(max_bytes)} (a zip bomb?)."
        )
    if total > RATIO_FROM_BYTES and total > MAX_RATIO * packed:
        raise InputError(
            f"{path.name} would unpack to {_mb(total)}, {total // packed:,} times its size, as a zip bomb does; "
            "write it without compression if it is none."
        )
    for member in members:
        if not member.filename:
            raise InputError(f"{path.name} holds a file without a name; zip it again.")
        if member.flag_bits & _ENCRYPTED:
            raise InputError(f"{brief(member.filename)} in {path.name} is encrypted; pack it without a password.")
    return members


def brief(name: str) -> str:
    """The name of a member, for a sentence: bounded, and nothing in it that cannot be printed."""
    return shown(name).strip("'\"")


def said(error: BaseException) -> str:
    """What an error of a library says, in a line that fits a sentence: it may quote the file at length."""
    return " ".join(str(error).split())[:200]


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"

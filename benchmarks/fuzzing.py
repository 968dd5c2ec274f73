"""Mutators for ``check_fuzz``: files of each format that a reader takes, damaged where its structure lies.

Damage that a checksum would catch at the door (zip, PNG) is made below the checksum, which is then written anew.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Mutator = Callable[[bytes, random.Random], bytes]

NUMBERS = (0, 1, 2, 3, 4, 7, 8, 16, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
WORDS = (
    b"nan",
    b"inf",
    b"-inf",
    b"1e309",
    b".1e309",
    b"1e-400",
    b"1_000",
    b"",
    b'"',
    b'""',
    b"'",
    b"\0",
    b"\xff\xfe",
    b"\r",
    b"\n\n",
    b";",
    b"\t",
    b"|",
    b"x1",
    b"F1",
    b"x1000000000",
    b"F0",
    b"z",
    b"0x10",
    b"1,5",
    "é".encode(),
    b"=1+1",
    b"9" * 400,
    b"\xef\xbb\xbf",
    b"None",
    b"True",
    b"1e5" * 30,
)
NAMES = (
    "",
    "/",
    "..",
    "../x1.npy",
    "x1.npy/",
    "x1",
    ".npy",
    "\0",
    "é.npy",
    "x" * 70_000,
    "F.npy",
    "z.npy",
    "a.tif",
    ".tif",
)


@dataclass(frozen=True)
class Target:
    """A reader under test: the file names it is given, files to start from, damage, and what reads (and may raise)."""

    name: str
    seeds: Callable[[], list[bytes]]
    mutators: tuple[Mutator, ...]
    read: Callable[[Path], object]


def damaged(target: Target, rng: random.Random) -> bytes:
    """A seed of the target with one to four pieces of damage."""
    data = rng.choice(target.seeds())
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        data = rng.choice(target.mutators)(data, rng)
    return data


def any_bytes(data: bytes, rng: random.Random) -> bytes:
    """Damage that knows nothing: bits, numbers, pieces cut, doubled, moved, or put in from elsewhere."""
    if not data:
        return rng.randbytes(8)
    out = bytearray(data)
    at = rng.choice((rng.randrange(len(out)), rng.randrange(min(len(out), 200)), rng.randrange(-min(len(out), 400), 0)))
    at %= len(out)
    end = min(len(out), at + rng.choice((1, 2, 4, 8, 64, 1000)))
    kind = rng.randrange(7)
    if kind == 0:
        out[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        order, size = rng.choice("<>"), rng.choice("BHIQ")
        value = rng.choice(NUMBERS) % (1 << 8 * struct.calcsize(size))
        out[at : at + struct.calcsize(size)] = struct.pack(order + size, value)
    elif kind == 2:
        del out[at:end]
    elif kind == 3:
        out[at:at] = out[at:end] * rng.choice((1, 2, 50))
    elif kind == 4:
        out[at:end] = rng.randbytes(end - at)
    elif kind == 5:
        out[at:at] = rng.choice(WORDS)
    else:
        del out[rng.choice((at, end)) :]
    return bytes(out)


def in_ifd(data: bytes, rng: random.Random) -> bytes:
    """One entry of a little-endian TIFF's directory: its tag, type, count or value."""
    if data[:4] != b"II*\0" or len(data) < 16:
        return any_bytes(data, rng)
    out = bytearray(data)
    at = struct.unpack_from("<I", out, 4)[0]
    if at + 2 > len(out):
        return any_bytes(data, rng)
    entry = at + 2 + 12 * rng.randrange(max(1, struct.unpack_from("<H", out, at)[0]))
    if entry + 12 > len(out):
        return any_bytes(data, rng)
    place, kind = rng.choice(((0, "<H"), (2, "<H"), (4, "<I"), (8, "<I"), (8, "<f")))
    value: Any = rng.choice(NUMBERS) if kind != "<f" else rng.choice((float("nan"), float("inf"), -1.0, 1e30))
    struct.pack_into(kind, out, entry + place, value if kind != "<H" else value & 0xFFFF)
    return bytes(out)


def in_text(data: bytes, rng: random.Random) -> bytes:
    """A cell, a line or the header of a text."""
    lines = data.split(b"\n")
    row = rng.choice((0, rng.randrange(len(lines))))
    cells = lines[row].split(b",")
    kind = rng.randrange(5)
    if kind < 3:
        cells[rng.randrange(len(cells))] = rng.choice(WORDS)
    elif kind == 3:
        cells += [rng.choice(WORDS)] * rng.choice((1, 2, 3000))
    else:
        rng.shuffle(cells)
    lines[row] = b",".join(cells)
    if rng.random() < 0.1:
        lines = lines[:1] + lines[1:] * 3
    return b"\n".join(lines)


def in_zip(inside: Mutator) -> Mutator:
    """A member's content by ``inside``, a name, or a header of a zip whose checksums fit again."""

    def mutate(data: bytes, rng: random.Random) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = [(m.filename, archive.read(m)) for m in archive.infolist()]
        except Exception:  # damaged before: any damage will do
            return any_bytes(data, rng)
        k = rng.randrange(len(members)) if members else 0
        if members and rng.random() < 0.8:
            members[k] = (members[k][0], inside(members[k][1], rng))
        elif members and rng.random() < 0.7:
            members[k] = (rng.choice(NAMES), members[k][1])
        else:
            members.append((rng.choice(NAMES), b"more"))
        out = io.BytesIO()
        method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
        try:
            with zipfile.ZipFile(out, "w", method) as archive:
                for name, content in members:
                    archive.writestr(zipfile.ZipInfo(name), content, method)
        except Exception:  # a name that cannot be written
            return any_bytes(data, rng)
        return out.getvalue()

    return mutate


def in_npy(data: bytes, rng: random.Random) -> bytes:
    """The header of an array: shape, type, order, or the numbers."""
    if rng.random() < 0.3 or data[:6] != b"\x93NUMPY":
        return any_bytes(data, rng)
    pairs = (
        (b"<f8", rng.choice((b"<f4", b">f8", b"|O", b"<M8[s]", b"<U9", b"|V8", b"<c16", b"<f16", b"(9,)<f8", b"<f2"))),
        (b"False", b"True"),
        (b"(", rng.choice((b"(-", b"(0,", b"((", b"(9" * 9, b"(1,"))),
        (b")", rng.choice((b"", b"))"))),
        (b"shape", b"shap"),
        (b"'", b'"'),
        (b",", rng.choice((b"", b"L,", b",99999999999999,"))),
    )
    old, new = rng.choice(pairs)
    return data.replace(old, new, 1)


def in_png(data: bytes, rng: random.Random) -> bytes:
    """A chunk of a PNG, its checksum written anew."""
    if not data.startswith(b"\x89PNG"):
        return any_bytes(data, rng)
    chunks, at = [], 8
    while at + 12 <= len(data):
        size = struct.unpack_from(">I", data, at)[0]
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    if not chunks:
        return any_bytes(data, rng)
    k = rng.randrange(len(chunks))
    kinds = (chunks[k][0], b"tRNS", b"PLTE", b"eXIf", b"acTL", b"fcTL", b"iCCP", b"zTXt", b"pHYs")
    chunks[k] = (rng.choice(kinds), any_bytes(chunks[k][1], rng))
    if rng.random() < 0.2:
        chunks.insert(k, rng.choice(chunks))
    body = b"".join(struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    return data[:8] + body

"""Which codecs a Zarr may name: those that turn numbers and texts into bytes and back, none that makes objects of them.

numcodecs knows "pickle", which runs whatever a file says; its name in the metadata is enough to have it used.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.tasks.archives import brief

METADATA = (".zarray", ".zmetadata", "zarr.json")
MOST_BYTES = 64 << 20  # of a file of metadata
CODECS = (
    "bytes",
    "endian",
    "transpose",
    "blosc",
    "gzip",
    "zlib",
    "zstd",
    "lz4",
    "lzma",
    "bz2",
    "crc32c",
    "crc32",
    "adler32",
    "fletcher32",
    "jenkins_lookup3",
    "sharding_indexed",
    "shuffle",
    "delta",
    "fixedscaleoffset",
    "quantize",
    "bitround",
    "packbits",
    "astype",
    "vlen-utf8",
    "vlen-bytes",
    "vlen-array",
    "zfpy",
    "pcodec",
    "scale_offset",
    "cast_value",
)
_PLACES = ("filters", "compressor", "compressors", "codecs", "index_codecs", "serializer")


def check_folder(path: Path) -> None:
    """Raises InputError for a group, or an array in it, that names another codec."""
    for name in METADATA:
        for file in (path / name, *path.glob(f"*/{name}")):
            if file.is_file():
                with open(file, "rb") as stream:
                    _check(path.name, stream.read(MOST_BYTES + 1))


def check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    """As ``check_folder``, of a zipped Zarr."""
    for member in archive.infolist():
        if Path(member.filename).name in METADATA:
            with archive.open(member) as stream:
                _check(path.name, stream.read(MOST_BYTES + 1))


def _check(file: str, content: bytes) -> None:
    if len(content) > MOST_BYTES:
        raise InputError(f"{file} has metadata of over {MOST_BYTES >> 20} MB; write it again without them.")
    try:
        told = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} has metadata that are no JSON; write it again.") from error
    for name in _named(told):
        if name.removeprefix("numcodecs.") not in CODECS:
            raise InputError(
                f"{file} is packed with {brief(name)!r}, which is not opened: it may run what a file says, or is not "
                "known; write it again with zlib, zstd or blosc."
            )


def _named(told: object) -> Iterator[str]:
    """The codecs in metadata, those inside shards too; what the attributes say is none."""
    if isinstance(told, list):
        for part in told:
            yield from _named(part)
    if isinstance(told, dict):
        for key, part in told.items():
            if key in _PLACES:
                for codec in part if isinstance(part, list) else [part]:
                    name = (codec.get("id") or codec.get("name")) if isinstance(codec, dict) else codec
                    if name is not None:
                        yield str(name)
            if key != "attributes" and not key.endswith(".zattrs"):
                yield from _named(part)

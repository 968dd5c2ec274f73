"""Hostile bundles: the gallery's fractal with one thing changed, its checksums right."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from benchmarks.faults.server import ROOT

GOOD = ROOT / "assets" / "gallery" / "npf-fractal.zip"
CHECKSUMS = "checksums.sha256"


def members() -> dict[str, bytes]:
    """The files of a good bundle."""
    with zipfile.ZipFile(GOOD) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: dict[str, bytes]) -> bytes:
    """A zip of the files with checksums of all."""
    sums = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items() if name != CHECKSUMS
    )
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (files | {CHECKSUMS: sums.encode()}).items():
            member = zipfile.ZipInfo(name or "x")
            member.filename = name  # an empty one is refused by ZipInfo, not by those who read it
            with archive.open(member, "w") as file:
                file.write(content)
    return made.getvalue()


def changed(member: str, change: Callable[[Any], None]) -> bytes:
    """The bundle with one JSON member changed."""
    files = members()
    told = json.loads(files[member])
    change(told)
    # 10^400 is a number in JSON, and the one way to write it is by hand
    text = json.dumps(told).replace('"1e400"', "1" + "0" * 400)
    return packed(files | {member: text.encode()})


def with_value(member: str, path: str, value: Any) -> bytes:
    """The bundle with one value of a JSON member replaced; ``path``: keys with dots between them."""

    def change(told: Any) -> None:
        *way, last = path.split(".")
        for key in way:
            told = told[int(key)] if isinstance(told, list) else told[key]
        told[last] = value

    return changed(member, change)


def with_file(name: str, content: bytes) -> bytes:
    """The bundle with one file more, or another in its place."""
    return packed(members() | {name: content})


def networks() -> dict[str, Any]:
    """The networks of the bundle, as its config names them."""
    return dict(json.loads(members()["config.json"])["networks"])

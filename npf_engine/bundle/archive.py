"""A run's result files as one zip, made when somebody asks for it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from npf_engine.tasks import layout

ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the same content gives the same zip
PATHS = ("bundle", "out")  # keys of a report that are paths of this machine


def zipped(content: dict[str, bytes]) -> bytes:
    """A zip of name -> bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            member = zipfile.ZipInfo(name, ZIP_DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, data)
    return buffer.getvalue()


def result_files(folder: Path, patterns: Sequence[str]) -> dict[str, Path]:
    """Name, with its folder below the run's, -> path of a run's result files; what it keeps for itself is none."""
    paths = [path for pattern in patterns for path in sorted(folder.glob(pattern)) if path.is_file()]
    found = {path.relative_to(folder).as_posix(): path for path in paths if not path.name.startswith(".")}
    return {name: path for name, path in found.items() if name not in layout.OWN}


def archive(folder: Path, patterns: Sequence[str]) -> bytes:
    """The zip of a finished run: its settings, its report and its result files."""
    report = layout.read_json(folder / layout.REPORT) or {}
    content = {
        layout.SPEC: (folder / layout.SPEC).read_bytes(),
        layout.REPORT: layout.json_bytes({key: value for key, value in report.items() if key not in PATHS}),
    }
    return zipped(content | {name: path.read_bytes() for name, path in result_files(folder, patterns).items()})

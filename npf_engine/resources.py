"""Data that the package brings, where it lies: beside the modules once installed, in ``assets`` in a checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def gallery() -> Path:
    """Folder of the bundles that come with the package (npf-NAME.zip). It may not be there, or be empty."""
    package = Path(str(files("npf_engine")))
    installed = package / "gallery"
    return installed if installed.is_dir() else package.parent / "assets" / "gallery"


def gallery_bundles() -> dict[str, Path]:
    """The bundles of the gallery by the name of what they were trained on (``jacksboro``)."""
    return {path.stem.removeprefix("npf-"): path for path in sorted(gallery().glob("npf-*.zip"))}

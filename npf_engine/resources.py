"""Data that the package brings: beside the modules once installed, in the checkout's own folders else."""

from __future__ import annotations

from collections.abc import Iterable
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


LINKED = (
    *("message", "store", "index", "frame", "stop", "paint", "picture", "motion"),
    *("hand", "parts", "marks", "terrain", "view", "main"),
)


def linked() -> Path:
    """Folder of the script and the style of the linked clouds, which pages and shared files alike draw with."""
    package = Path(str(files("npf_engine")))
    installed = package / "linked"
    return installed if installed.is_dir() else package.parent / "ui" / "linked"


def linked_script(names: Iterable[str] = LINKED) -> str:
    """Their JavaScript, one ES module: its files one after the other, or those of ``names``. It loads nothing."""
    return "\n".join((linked() / f"{name}.js").read_text(encoding="utf-8") for name in names)


def linked_style() -> str:
    """Their CSS."""
    return (linked() / "style.css").read_text(encoding="utf-8")

"""The type of a report on paper: its fonts, which of them has a letter, and where lines are broken."""

from __future__ import annotations

import functools
import shlex
import textwrap
from html import escape
from pathlib import Path

import matplotlib
from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from npf_engine.studies import printed
from npf_engine.studies.report_parts import COLOURS, legible

TEXT, BOLD, MONO = "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono"  # they have the signs of this mathematics
BODY, SMALL, CODE = 9.0, 8.0, 7.6  # points


def wrapped(text: str, columns: int) -> list[str]:
    """Lines of at most so many letters; a long command goes on as a shell takes it when it is copied."""
    lines: list[str] = []
    for line in text.expandtabs(4).splitlines():
        broken = textwrap.wrap(line, columns, subsequent_indent="  ", drop_whitespace=False, break_on_hyphens=False)
        lines += _continued(line, columns) or broken or [""]
    return lines


def _continued(line: str, columns: int) -> list[str]:
    """A command of a shell over several lines, with a backslash at the end of each but the last; empty for what is
    none, or has a word that is longer than a line."""
    try:
        words = [shlex.quote(word) for word in shlex.split(line)]
    except ValueError:
        return []
    if not line.startswith(printed.PYTHON) or " ".join(words) != line:
        return []
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 3 > columns:
            lines[-1] += " \\"
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}"
    return lines if max(map(len, lines)) <= columns else []


def escaped(text: str, font: str = TEXT) -> str:
    """Words between reportlab's marks."""
    return escape(drawable(text, font))


def drawable(text: str, font: str = TEXT) -> str:
    """Words with the number of each character that the font does not have, in its place."""
    has = pdfmetrics.getFont(font).face.charToGlyph
    return "".join(
        letter if ord(letter) in has or letter.isspace() else f"‹U+{ord(letter):04X}›" for letter in legible(text)
    )


def fitting(text: str, width: float) -> str:
    """The beginning of a line, as much as there is room for."""
    cut = text[:200]
    while wide(cut) > width:
        cut = cut[:-1]
    return cut if cut == text else f"{cut[:-1]}…"


def wide(text: str) -> float:
    """Points that small type takes."""
    return float(pdfmetrics.stringWidth(text, TEXT, SMALL))


def styled(name: str, size: float, font: str = TEXT, colour: str = "ink", **rest: object) -> ParagraphStyle:
    look = {"fontName": font, "fontSize": size, "leading": 1.4 * size, "textColor": HexColor(COLOURS[colour])}
    return ParagraphStyle(name, **look, bulletFontName=font, bulletFontSize=size, **rest)


@functools.cache
def make_known() -> None:
    """Make the fonts that matplotlib brings known to reportlab."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in (TEXT, BOLD, MONO):
        pdfmetrics.registerFont(TTFont(name, folder / f"{name}.ttf"))

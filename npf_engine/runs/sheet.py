"""A table of words and numbers as CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeGuard

from npf_engine.numbers import number

Cell = str | float | None
DIGITS = 4  # where people read it; CSV has all
MARKDOWN = "\\`*_[]<>|#~$"
LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",
}
MATHS = {
    "∇": r"\nabla ",
    "♯": r"_\sharp ",
    "ρ": r"\rho ",
    "∘": r"\circ ",
    "−": "-",
    "±": r"\pm ",
    "Δ": r"\Delta ",
    "ξ": r"\xi ",
    "θ": r"\theta ",
    "ψ": r"\psi ",
    "ε": r"\varepsilon ",
    "σ": r"\sigma ",
    "τ": r"\tau ",
    "★": r"\star ",
    "×": r"\times ",
}


@dataclass(frozen=True)
class Sheet:
    """A head and rows of as many cells; None: an empty cell."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def to_csv(self) -> bytes:
        """Numbers in full. A text that a spreadsheet would take for a formula begins with an apostrophe."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(map(plain, self.head))
        writer.writerows(
            [
                ["" if cell is None else cell if _is_number(cell) else plain(str(cell)) for cell in row]
                for row in self.rows
            ]
        )
        return text.getvalue().encode()

    def to_markdown(self) -> bytes:
        """A table of GitHub's Markdown, numbers to the right."""
        rule = [("---:" if right else "---") for right in self._right()]
        rows = [
            list(map(_markdown, self.head)),
            rule,
            *([_written(cell, _markdown) for cell in row] for row in self.rows),
        ]
        return "".join(f"| {' | '.join(row)} |\n" for row in rows).encode()

    def to_latex(self) -> bytes:
        """A tabular of the package booktabs."""
        align = "".join("r" if right else "l" for right in self._right())
        lines = [f"\\begin{{tabular}}{{{align}}}", r"\toprule", _line(map(latex, self.head)), r"\midrule"]
        lines += [_line(_written(cell, latex) for cell in row) for row in self.rows]
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""]).encode()

    def _right(self) -> list[bool]:
        columns = list(zip(*self.rows, strict=True)) or [()] * len(self.head)
        return [bool(column) and all(cell is None or _is_number(cell) for cell in column) for column in columns]


def plain(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip()[:1] in tuple("=+-@") else text


def latex(text: str) -> str:
    """A text as LaTeX sets it; the symbols of the glossary as mathematics."""
    words = []
    for word in text.split():
        maths = any(character in MATHS for character in word)
        made = "".join(MATHS.get(character) or LATEX.get(character, character) for character in word).rstrip()
        words.append(f"${made}$" if maths else made)
    return " ".join(words)


def _markdown(text: str) -> str:
    return "".join("\\" + character if character in MARKDOWN else character for character in " ".join(text.split()))


def _written(cell: Cell, escaped: Callable[[str], str]) -> str:
    if cell is None:
        return ""
    return number(cell, DIGITS).replace(",", "") if _is_number(cell) else escaped(str(cell))


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _is_number(cell: Cell) -> TypeGuard[float]:
    return isinstance(cell, int | float) and not isinstance(cell, bool)

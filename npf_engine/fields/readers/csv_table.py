"""CSV files: quickly by pyarrow where all is well, and cell by cell where it is not, to say which row and column.

Rows are counted from 1 below the header; lines from 1 at the top of the file.
"""

from __future__ import annotations

import codecs
import csv
import mmap
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers.columns import EXPECTED, Column
from npf_engine.settings.limits import check_cells

MISSING = ("", "NA", "N/A", "NaN", "nan", "NAN", "null", "NULL", "None")
HEAD_BYTES = 1 << 20
COMMENTS = ("#", "%", "//")
LONGEST_UNIT = 12
_DELIMITERS = (",", ";", "\t", "|")
_UNIT = re.compile(r"[\[(]?[A-Za-zµμ°%Ωω][A-Za-z0-9µμ°%Ω^*/·.⁻¹²³ -]*[\])]?")
_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_MINUS = ("\u2212", "\u2013", "\u2012", "\u2010", "\u2011", "\ufe63", "\uff0d")
_ENDS = re.compile(r"\r\n|\n|\r")
_BYTE_ENDS = re.compile(rb"\r\n|\n|\r")
_COMMENTED = re.compile(rb"[\r\n][ \t]*\"?[ \t]*(?:#|%|//)")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d*,\d{3}")
_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class CsvTable:
    """A CSV file whose header was read. ``names`` as they stand there."""

    path: Path
    names: tuple[str, ...]
    delimiter: str
    header_line: int  # from 0: of the header, or of the units below it
    decimal: str = "."
    thousands: bool = False  # every comma that was seen stands before exactly three digits

    @property
    def told(self) -> tuple[str, ...]:
        """What was done to its numbers."""
        return ("Commas in numbers were read as decimal points.",) if self.decimal == "," else ()

    @property
    def doubts(self) -> tuple[str, ...]:
        """What they may be instead."""
        if not self.thousands:
            return ()
        return (
            "Every number with a comma has exactly three digits after it: where commas mark thousands here, all these "
            "numbers are 1000 times too small; remove the commas then.",
        )

    def read(self, columns: Sequence[Column]) -> dict[str, np.ndarray]:
        """role -> (n,) float64, NaN where a cell is empty. InputError with row and column of one that is no number."""
        quick = None if self._has_comments() else self._quick(columns)
        if quick is not None:
            return quick
        return self._cell_by_cell(columns)

    def _has_comments(self) -> bool:
        """Whether a row is commented out: the quick reader would take it for data where its first cell is not used."""
        with open(self.path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            header = next(islice(_BYTE_ENDS.finditer(data), self.header_line, None), None)
            return header is not None and _COMMENTED.search(data, header.end() - 1) is not None

    def _quick(self, columns: Sequence[Column]) -> dict[str, np.ndarray] | None:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        places = {column.role: f"c{column.index}" for column in columns}
        parts: list[pa.RecordBatch] = []
        rows = 0
        try:
            with arrow_csv.open_csv(
                self.path,
                arrow_csv.ReadOptions(
                    use_threads=False,
                    block_size=1 << 22,
                    skip_rows=self.header_line + 1,
                    column_names=[f"c{k}" for k in range(len(self.names))],
                ),
                arrow_csv.ParseOptions(delimiter=self.delimiter),
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(places.values(), pa.float64()),
                    include_columns=list(places.values()),
                    null_values=list(MISSING),
                    strings_can_be_null=True,
                    decimal_point=self.decimal,
                ),
            ) as reader:
                for batch in reader:
                    rows += batch.num_rows
                    check_cells(self.path.name, rows, len(columns))
                    parts.append(batch)
        except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeError):
            return None  # the slow reader finds the place, or reads what this one is too strict for
        if not rows:
            return {role: np.empty(0) for role in places}
        table = pa.Table.from_batches(parts)
        return {
            role: np.array(table.column(place).to_numpy(zero_copy_only=False), dtype=np.float64)
            for role, place in places.items()
        }

    def _cell_by_cell(self, columns: Sequence[Column]) -> dict[str, np.ndarray]:
        file = self.path.name
        values = {column.role: array("d") for column in columns}
        for row, (line, cells) in enumerate(self._rows(), start=1):
            if len(cells) != len(self.names):
                raise InputError(
                    f"{file}: row {row} of the data (line {line}) has {len(cells)} cells, but the header names "
                    f"{len(self.names)} columns; complete or remove it."
                )
            check_cells(file, row, len(columns))
            for column in columns:
                values[column.role].append(self._number(cells[column.index], row, line, column))
        return {role: np.frombuffer(numbers, dtype=np.float64) for role, numbers in values.items()}

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of each row that is not blank."""
        reader = None
        try:
            with open(self.path, encoding="utf-8-sig", newline="") as stream:
                for _ in range(self.header_line + 1):
                    stream.readline()
                reader = csv.reader(stream, delimiter=self.delimiter)
                for cells in reader:
                    if cells and not (len(cells) == 1 and not cells[0].strip()) and not _is_comment(cells[0]):
                        yield self.header_line + 1 + reader.line_num, cells
        except UnicodeDecodeError as error:
            raise InputError(f"{self.path.name} is not UTF-8 text ({error.reason}); save it as UTF-8.") from error
        except csv.Error as error:
            line = self.header_line + 2 + (reader.line_num if reader else 0)
            raise InputError(f"{self.path.name}: line {line} cannot be read as CSV ({error}).") from error

    def _number(self, cell: str, row: int, line: int, column: Column) -> float:
        text = cell.strip()
        if text in MISSING:
            return float("nan")
        try:
            if self.decimal == ",":
                if "." in text:  # a mark of thousands, here: 1.234 is no number a little above 1
                    raise ValueError
                text = text.replace(",", ".")
            if "_" in text:  # Python would take 1_000 for a number
                raise ValueError
            return float(text)
        except ValueError:
            shown = repr(text if len(text) <= 24 else text[:21] + "...")
            comma = text.count(",") == 1 and text.replace(",", "").lstrip("+-").isdigit()
            hint = "write decimals with a point" if comma else "put a number there or remove the row"
            if self.decimal == "," and "." in text:
                hint = "decimals are commas in this file, so leave marks of thousands out"
            if text[:1] in _MINUS:
                hint = f"its minus sign is the character U+{ord(text[0]):04X}; write the plain hyphen - instead"
            raise InputError(
                f"{self.path.name}: row {row} of the data (line {line}), column {column.told}: "
                f"{shown} is not a number; {hint}."
            ) from None


def open_csv(path: Path) -> CsvTable:
    """Read the header, whatever stands before it (``sep=;``, comments) and a row of units after it.

    Raises InputError for what is no UTF-8 text or has no header line of names.
    """
    with open(path, "rb") as stream:
        head = stream.read(HEAD_BYTES)
    lines = _ENDS.split(_text(path, head))  # splitlines ends lines at form feeds too, which no reader of rows does
    declared, comments, first = _before_the_header(lines)
    if first is None:
        raise InputError(f"{path.name} holds nothing but white space; write a header {EXPECTED} and rows of numbers.")
    delimiter = declared or max(_DELIMITERS, key=lines[first].count)
    names = _cells(path, lines[first], delimiter, first)
    if all(_is_number(name) for name in names):
        above = _cells(path, lines[comments[-1]].lstrip(" #%/"), delimiter, comments[-1]) if comments else []
        if len(above) != len(names) or all(_is_number(name) for name in above):
            raise InputError(
                f"{path.name}: line {first + 1} has numbers where the header should be; name the columns {EXPECTED}."
            )
        names, first = above, comments[-1]  # the header is a comment, as NumPy writes it
    if _is_comment(lines[first]) and not comments:
        raise InputError(f"{path.name} holds nothing but comments; write a header {EXPECTED} and rows of numbers.")
    if len(names) == 1 and len(names[0].split()) > 1:
        raise InputError(
            f"{path.name}: the header {names[0][:40]!r} is a single column; separate columns by commas, "
            "semicolons or tabs."
        )
    last = first
    below = next((k for k in range(first + 1, len(lines)) if lines[k].strip() and not _is_comment(lines[k])), None)
    if below is not None:
        units = _cells(path, lines[below], delimiter, below)
        if _are_units(units, names):
            names = [f"{name} [{unit.strip(' []()')}]" for name, unit in zip(names, units, strict=True)]
            last = below
    decimal = "," if delimiter != "," and _decimal_commas(lines[last + 1 : last + 50], delimiter) else "."
    thousands = decimal == "," and _only_thousands(lines[last + 1 : -1 if len(head) == HEAD_BYTES else None], delimiter)
    return CsvTable(path, tuple(names), delimiter, last, decimal, thousands)


def _text(path: Path, head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{path.name} is UTF-16 text; save it as CSV in UTF-8.")
    if b"\0" in head:
        raise InputError(f"{path.name} is a binary file, not CSV text; export it as comma-separated UTF-8 text.")
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError as error:
        line = head[: error.start].count(b"\n") + 1
        raise InputError(f"{path.name}: line {line} is not UTF-8 text ({error.reason}); save it as UTF-8.") from error


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(COMMENTS)


def _before_the_header(lines: Sequence[str]) -> tuple[str | None, list[int], int | None]:
    """The delimiter that a line ``sep=;`` declares, the comment lines before the header, and the header's line. A
    comment is the header where nothing else is left."""
    declared, comments = None, []
    for k, line in enumerate(lines):
        plain = line.strip().strip('"')
        if not plain:
            continue
        if plain.lower().startswith("sep=") and len(plain) <= 5:
            declared = line.strip().strip('"')[4:] or "\t"
        elif _is_comment(line):
            comments.append(k)
        else:
            return declared, comments, k
    return declared, [], comments[-1] if comments else None


def _cells(path: Path, line: str, delimiter: str, number: int) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InputError(f"{path.name}: line {number + 1}, the header, cannot be read as CSV ({error}).") from error


def _are_units(cells: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the row below the header names units: no number in it, and nothing longer than a unit."""
    texts = [cell.strip() for cell in cells]
    if len(cells) != len(names) or any("[" in name or "(" in name for name in names):
        return False
    said = [text for text in texts if text not in MISSING and text != "-"]
    return bool(said) and all(
        not _is_number(text.replace(",", ".")) and len(text) <= LONGEST_UNIT and _UNIT.fullmatch(text) for text in said
    )


def _decimal_commas(lines: Sequence[str], delimiter: str) -> bool:
    cells = [cell.strip().strip('"') for line in lines if not _is_comment(line) for cell in line.split(delimiter)]
    return any(_COMMA.fullmatch(cell) for cell in cells) and not any(_POINT.fullmatch(cell) for cell in cells)


def _only_thousands(lines: Sequence[str], delimiter: str) -> bool:
    """Whether exactly three digits follow each comma: 1,234 may be a thousand, 1,23 may not."""
    cells = (cell.strip().strip('"') for line in lines if not _is_comment(line) for cell in line.split(delimiter))
    return all(_THOUSANDS.fullmatch(cell) for cell in cells if _COMMA.fullmatch(cell))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

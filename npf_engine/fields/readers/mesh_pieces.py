"""Whether the pieces of a VTK file bring all that it promises: where none does, VTK hands on memory as it found it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.numbers import percent
from npf_engine.settings.limits import check_cells
from npf_engine.tasks.archives import brief

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkXMLDataElement

Extent = tuple[int, int, int, int, int, int]  # first and last index of the points along x, y and z
PLACES = ("PointData", "CellData")


def check_pieces(path: Path) -> None:
    """InputError where cells of the file's extent lie in no piece, or a piece lacks an array that the first one has.

    VTK makes its arrays for the whole extent, and for the first piece's names, and fills in what the pieces hold: the
    rest is what was in memory before, other numbers at each reading.
    """
    from vtkmodules.vtkIOXMLParser import vtkXMLDataParser

    parser = vtkXMLDataParser()
    parser.SetFileName(str(path))
    root = parser.GetRootElement() if parser.Parse() else None
    if root is None or not root.GetNumberOfNestedElements():
        raise InputError(f"{path.name} cannot be read as a VTK file (its XML is damaged); export it again.")
    grid = root.GetNestedElement(0)
    pieces = [piece for piece in _nested(grid) if piece.GetName() == "Piece"]
    if grid.GetAttribute("WholeExtent") is not None:
        _check_extent(path.name, grid, pieces)
    for place in PLACES:
        first = _arrays(pieces[0], place) if pieces else []
        for number, piece in enumerate(pieces[1:], 2):
            missing = sorted(set(first) - set(_arrays(piece, place)))
            if missing and _holds_anything(piece):
                raise InputError(
                    f"{path.name}: piece {number} has no {brief(missing[0])}, which the first one has; export it again."
                )


def _nested(element: vtkXMLDataElement) -> list[vtkXMLDataElement]:
    return [element.GetNestedElement(k) for k in range(element.GetNumberOfNestedElements())]


def _arrays(piece: vtkXMLDataElement, place: str) -> list[str]:
    held = [part for part in _nested(piece) if part.GetName() == place]
    return [str(array.GetAttribute("Name")) for part in held for array in _nested(part)]


def _holds_anything(piece: vtkXMLDataElement) -> bool:
    """A piece may be empty, as those of a process that had nothing to write are."""
    counts = [piece.GetAttribute(name) for name in ("NumberOfPoints", "NumberOfCells")]
    if any(count is not None for count in counts):
        return any(str(count or "0").strip() not in ("0", "") for count in counts)
    extent = _numbers(piece.GetAttribute("Extent"))
    return extent is None or all(extent[2 * k] <= extent[2 * k + 1] for k in range(3))


def _check_extent(name: str, grid: vtkXMLDataElement, pieces: list[vtkXMLDataElement]) -> None:
    whole = _numbers(grid.GetAttribute("WholeExtent"))
    if whole is None:
        raise InputError(f"{name} does not say how many points it has (WholeExtent); export it again.")
    low, high = np.array(whole[::2]), np.array(whole[1::2])
    cells = np.maximum(high - low, 1)
    if (high < low).any():
        raise InputError(f"{name} has no points, or is damaged; export it again.")
    check_cells(name, int(np.prod(cells, dtype=object)), 6)
    covered = np.zeros(tuple(int(n) for n in cells), dtype=bool)
    for piece in pieces:
        extent = _numbers(piece.GetAttribute("Extent"))
        if extent is None:
            continue
        first, last = np.array(extent[::2]), np.array(extent[1::2])
        if (last < first).any():
            continue
        # of an axis with one layer of points the one layer of cells
        begin, end = first - low, np.where(high == low, first + 1, last) - low
        covered[tuple(slice(int(a), int(b)) for a, b in zip(begin.clip(0, cells), end.clip(0, cells), strict=True))] = (
            True
        )
    share = float(covered.mean())
    if share < 1:
        raise InputError(
            f"{name}: its pieces hold {percent(share)} of the extent that it promises; the rest is nowhere: export it "
            "again, all pieces in one file."
        )


def _numbers(said: str | None) -> Extent | None:
    """Six whole numbers, or None."""
    words = (said or "").split()
    if len(words) != 6:
        return None
    try:
        a, b, c, d, e, f = (int(word) for word in words)
    except ValueError:
        return None
    return (a, b, c, d, e, f) if max(abs(v) for v in (a, b, c, d, e, f)) < 2**31 else None

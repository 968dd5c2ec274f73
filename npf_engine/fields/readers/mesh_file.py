"""VTK's XML files opened through its own readers: .vti, .vtr, .vts, .vtu and .vtp, points and arrays as numpy.

For the locked child: VTK is C++ and reads what a stranger wrote. Nothing beside the file is opened.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers.mesh_pieces import check_pieces
from npf_engine.settings.limits import check_cells
from npf_engine.tasks.archives import brief

if TYPE_CHECKING:
    from vtkmodules.vtkCommonCore import vtkDataArray, vtkObject
    from vtkmodules.vtkCommonDataModel import vtkDataSet, vtkDataSetAttributes

Where = Literal["point", "cell"]
READERS = {
    ".vti": ("ImageData", "vtkXMLImageDataReader"),
    ".vtr": ("RectilinearGrid", "vtkXMLRectilinearGridReader"),
    ".vts": ("StructuredGrid", "vtkXMLStructuredGridReader"),
    ".vtu": ("UnstructuredGrid", "vtkXMLUnstructuredGridReader"),
    ".vtp": ("PolyData", "vtkXMLPolyDataReader"),
}
SUFFIXES = tuple(READERS)
HEAD_BYTES = 4096
GHOST = "vtkGhostType"
PLACES: tuple[Where, ...] = ("point", "cell")
AT = "positions of it"
SAME = 1e-6  # slopes of a position along itself, which are 1, are as near where its neighbours are seen
UNORDERED = ("vtkUnstructuredGrid", "vtkPolyData")  # no lattice orders their cells
_TYPE = re.compile(rb"<VTKFile\b[^>]*?\btype\s*=\s*[\"']([A-Za-z]+)[\"']")


@dataclass(frozen=True)
class MeshArray:
    """An array of numbers on the points or the cells: its name, its components, its unit or ""."""

    name: str
    where: Where
    components: int
    unit: str = ""

    @property
    def title(self) -> str:
        """Its name, and where it is known."""
        return f"{self.where}:{self.name}"


@dataclass(frozen=True)
class Mesh:
    """An open file. ``data`` is VTK's; ``surface``: whether its cells are of a lower dimension than its points."""

    file: str
    data: vtkDataSet
    arrays: tuple[MeshArray, ...]
    preferred: str  # the name of what the file calls its vectors, or ""
    cells_d: int

    def points(self, where: Where) -> np.ndarray:
        """(n, 3) float64: the points, or the middles of the cells."""
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkFiltersCore import vtkCellCenters

        if where == "point":
            return _points(self.data)
        centres = vtkCellCenters()  # which leaves hidden cells out where it knows of them
        centres.SetInputData(self._bare())
        centres.Update()
        return np.asarray(vtk_to_numpy(centres.GetOutput().GetPoints().GetData()), dtype=np.float64)

    def values(self, array: MeshArray) -> np.ndarray:
        """(n, components) float64, NaN on points and cells that are hidden, or copies of another part's."""
        found = self._numbers(array.where, array.name)
        ghosts = _attributes(self.data, array.where).GetArray(GHOST)
        if ghosts is not None:
            from vtkmodules.util.numpy_support import vtk_to_numpy

            found[np.asarray(vtk_to_numpy(ghosts)).ravel() != 0] = np.nan
        if array.where == "point":
            found[self._unused()] = np.nan
        return found

    def _unused(self) -> np.ndarray:
        """(n,) bool: points of cells that are all hidden, or copies of another part's: nobody wrote what is there."""
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkFiltersCore import vtkCellDataToPointData

        ghosts = self.data.GetCellData().GetArray(GHOST)
        if ghosts is None:
            return np.zeros(self.data.GetNumberOfPoints(), dtype=bool)
        seen = (np.asarray(vtk_to_numpy(ghosts)).ravel() == 0).astype(np.float64)
        bare = self._bare()
        for name, numbers in (("seen", seen), ("used", np.ones_like(seen))):
            _add(bare, "cell", name, numbers)
        means = vtkCellDataToPointData()  # whose mean of seen is 0 where no cell of a point is
        means.SetInputData(bare)
        means.Update()
        at = means.GetOutput().GetPointData()
        seen, used = (np.array(vtk_to_numpy(at.GetArray(name))) for name in ("seen", "used"))
        return np.asarray((used > 0) & ~(seen > 0))

    def _bare(self) -> vtkDataSet:
        """The points and cells without arrays, and so with nothing hidden."""
        bare = self.data.NewInstance()
        bare.CopyStructure(self.data)
        for where in PLACES:  # of a structured grid its ghosts are structure
            _attributes(bare, where).Initialize()
        return bare

    def gradient(self, array: MeshArray, marks: Sequence[float] = ()) -> np.ndarray:
        """(n, 3) float64: the gradient of a scalar, per unit of the positions, by VTK's filter.

        marks: values that stand for nothing known. They, and what is beside one, have no gradient (NaN). Raises
        InputError for a scalar of cells that no lattice orders: VTK takes plain means of them at the points.
        """
        point = array.where == "point"
        if not point and self.data.GetClassName() in UNORDERED:
            raise InputError(
                f"{self.file}: {brief(array.name)} is known on cells of a mesh without order, where its gradient "
                "cannot be had rightly; interpolate it to the points first (ParaView: Cell Data to Point Data)."
            )
        out = _slopes(self._in_doubles(array, marks), array.where, array.name)
        if out is None:
            raise InputError(f"{self.file}: the gradient of {brief(array.name)} cannot be had on this mesh.")
        values = self.values(array)
        out[(np.isnan(values) | np.isin(values, marks)).any(axis=1)] = np.nan
        out[self._without_neighbours(array.where)] = np.nan
        return out

    def _without_neighbours(self, where: Where) -> np.ndarray:
        """(n,) bool: points or cells whose neighbours along an axis are all hidden, and points of no cell: VTK calls
        slopes there 0, even those of positions."""
        places = self.points(where)
        loose = self.data.GetClassName() in UNORDERED
        if not loose and not any(_attributes(self.data, place).HasArray(GHOST) for place in PLACES):
            return np.zeros(len(places), dtype=bool)
        hidden = self.data.NewInstance()
        hidden.ShallowCopy(self.data)
        found = []
        for data in (hidden, self._bare()):
            _add(data, where, AT, places - places.mean(axis=0))
            slopes = _slopes(data, where, AT)
            found.append(np.zeros((len(places), 9)) if slopes is None else slopes)
        apart, size = (np.abs(slopes).max(axis=1) for slopes in (found[0] - found[1], found[0]))
        return np.asarray(~(apart <= SAME) | (size <= SAME))

    def _in_doubles(self, array: MeshArray, marks: Sequence[float]) -> vtkDataSet:
        """The data with the array in double precision, its middle taken off: slopes of it lose no digits."""
        values = self._numbers(array.where, array.name).ravel()
        values[np.isin(values, marks)] = np.nan
        if array.where == "point":
            values[self._unused()] = np.nan
        known = values[np.isfinite(values)]
        values = values - (float(known.mean()) if known.size else 0.0)
        copy = self.data.NewInstance()
        copy.ShallowCopy(self.data)
        _add(copy, array.where, array.name, values)
        return copy

    def _numbers(self, where: Where, name: str) -> np.ndarray:
        from vtkmodules.util.numpy_support import vtk_to_numpy

        found = np.array(vtk_to_numpy(_attributes(self.data, where).GetArray(name)), dtype=np.float64)
        return found.reshape(len(found), -1)


def _slopes(data: vtkDataSet, where: Where, name: str) -> np.ndarray | None:
    """(n, 3 k) float64: the gradients of an array of k components by VTK's filter; None where there are none."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonDataModel import vtkDataObject
    from vtkmodules.vtkFiltersGeneral import vtkGradientFilter

    of = vtkDataObject.FIELD_ASSOCIATION_POINTS if where == "point" else vtkDataObject.FIELD_ASSOCIATION_CELLS
    slopes = vtkGradientFilter()
    slopes.SetInputData(data)
    slopes.SetInputArrayToProcess(0, 0, 0, of, name)
    slopes.SetResultArrayName("slope of it")
    slopes.Update()
    found = _attributes(slopes.GetOutput(), where).GetArray("slope of it")
    return None if found is None else np.array(vtk_to_numpy(found), dtype=np.float64)


def _add(data: vtkDataSet, where: Where, name: str, values: np.ndarray) -> None:
    from vtkmodules.util.numpy_support import numpy_to_vtk

    made = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
    made.SetName(name)
    _attributes(data, where).AddArray(made)


def open_mesh(path: Path) -> Mesh:
    """The file, its arrays listed. Raises InputError for what is no VTK file of its suffix, damaged, or empty."""
    suffix = path.suffix.lower()
    kind, reader_name = READERS[suffix]
    with open(path, "rb") as stream:
        found = _TYPE.search(stream.read(HEAD_BYTES))
    if found is None:
        raise InputError(f"{path.name} cannot be read as a VTK file (it has no VTKFile element); export it again.")
    if found[1].decode() != kind:
        raise InputError(
            f"{path.name} holds {brief(found[1].decode())}, but {suffix} is for {kind}; give the file its right suffix."
        )
    try:
        from vtkmodules import vtkIOXML
    except ImportError as error:
        raise InputError(
            f"{path.name} is a VTK file, and VTK is not installed here: pip install '.[fields]' in the project's "
            "folder."
        ) from error
    check_pieces(path)
    reader = getattr(vtkIOXML, reader_name)()
    troubles: list[str] = []
    _listen(reader, troubles)
    reader.SetFileName(str(path))
    reader.Update()
    data = reader.GetOutput()
    if troubles or data is None:
        raise InputError(
            f"{path.name} cannot be read as a VTK file ({troubles[0] if troubles else 'no data'}); export it again."
        )
    if data.GetNumberOfPoints() < 1:
        raise InputError(f"{path.name} has no points, or is damaged; export it again.")
    check_cells(path.name, max(data.GetNumberOfPoints(), data.GetNumberOfCells()), 6)
    arrays = tuple(_arrays(data))
    vectors = data.GetPointData().GetVectors() or data.GetCellData().GetVectors()
    dimension = data.GetMaxSpatialDimension() if data.GetNumberOfCells() else 0
    return Mesh(path.name, data, arrays, "" if vectors is None else str(vectors.GetName()), dimension)


def _listen(reader: vtkObject, troubles: list[str]) -> None:
    """Keep what VTK would print."""
    from vtkmodules.vtkCommonCore import vtkCommand, vtkOutputWindow

    def heard(caller: object, event: str, text: str = "") -> None:
        words = " ".join(str(text).split())
        troubles.append(re.sub(r"^.*?\(0x[0-9a-f]+\): ?|ERROR: In [^:]*, line \d+ ?", "", words)[:160] or "damaged")

    heard.CallDataType = "string0"  # type: ignore[attr-defined]  # by which VTK knows to pass the text
    window = vtkOutputWindow.GetInstance()
    window.SetDisplayModeToNever()
    window.AddObserver(vtkCommand.ErrorEvent, heard)
    reader.AddObserver(vtkCommand.ErrorEvent, heard)


def _arrays(data: vtkDataSet) -> list[MeshArray]:
    out: list[MeshArray] = []
    for where in PLACES:
        attributes = _attributes(data, where)
        size = data.GetNumberOfPoints() if where == "point" else data.GetNumberOfCells()
        for k in range(attributes.GetNumberOfArrays()):
            array = attributes.GetArray(k)  # None for texts
            name = attributes.GetArrayName(k)
            if array is None or not name or name == GHOST or array.GetNumberOfTuples() != size:
                continue
            out.append(MeshArray(str(name), where, int(array.GetNumberOfComponents()), _unit(array)))
    return out


def _unit(array: vtkDataArray) -> str:
    key = array.UNITS_LABEL()
    information = array.GetInformation()
    if information is None or not information.Has(key):
        return ""
    return str(information.Get(key))  # type: ignore[call-overload]  # which VTK's stubs leave out for texts


def _attributes(data: vtkDataSet, where: Where) -> vtkDataSetAttributes:
    return data.GetPointData() if where == "point" else data.GetCellData()


def _points(data: vtkDataSet) -> np.ndarray:
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPointSet, vtkRectilinearGrid

    if isinstance(data, vtkImageData):
        counts, extent, spacing = data.GetDimensions(), data.GetExtent(), data.GetSpacing()
        turn = data.GetDirectionMatrix()
        direction = np.array([[turn.GetElement(i, j) for j in range(3)] for i in range(3)], dtype=np.float64)
        steps = [(np.arange(counts[k]) + extent[2 * k]) * spacing[k] for k in range(3)]
        return _lattice(*steps) @ direction.T + np.array(data.GetOrigin())
    if isinstance(data, vtkRectilinearGrid):
        axes = (data.GetXCoordinates(), data.GetYCoordinates(), data.GetZCoordinates())
        return _lattice(*(np.asarray(vtk_to_numpy(axis), dtype=np.float64) for axis in axes))
    assert isinstance(data, vtkPointSet)
    return np.array(vtk_to_numpy(data.GetPoints().GetData()), dtype=np.float64)


def _lattice(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(n, 3), x running fastest, as VTK counts points."""
    up, across, along = np.meshgrid(z, y, x, indexing="ij")
    return np.stack([along.ravel(), across.ravel(), up.ravel()], axis=1)

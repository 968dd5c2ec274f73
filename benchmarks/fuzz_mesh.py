"""Sound VTK files for the fuzzer, small and in every way in which their numbers may be written."""

from __future__ import annotations

import tempfile
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from benchmarks.fuzzing import Target, any_bytes, in_text
from npf_engine.fields import uploads
from npf_engine.fields.readers.mesh_file import SUFFIXES

SIDE = 4


def targets() -> list[Target]:
    """One for each kind of file."""
    return [Target(f"a{suffix}", partial(meshes, suffix), (in_text, any_bytes), read) for suffix in SUFFIXES]


def read(path: Path) -> None:
    """A look in the locked child, as a page takes it: VTK ends its process where a damaged header asks for too much."""
    seen = uploads.preview(path)
    assert seen.ok or seen.defects


@lru_cache
def meshes(suffix: str) -> list[bytes]:
    """A file of 64 points with a vector and a scalar, as text, as base64 and appended."""
    from vtkmodules import vtkIOXML
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkAppendFilter
    from vtkmodules.vtkFiltersGeneral import vtkImageDataToPointSet
    from vtkmodules.vtkFiltersGeometry import vtkGeometryFilter

    data = vtkImageData()
    data.SetDimensions(SIDE, SIDE, SIDE)
    numbers = np.random.default_rng(0).normal(size=(SIDE**3, 3))
    for name, values in (("velocity", numbers), ("p", numbers[:, 0].copy())):
        made = numpy_to_vtk(values, deep=True)
        made.SetName(name)
        data.GetPointData().AddArray(made)
    names = {".vti": "ImageData", ".vts": "StructuredGrid", ".vtu": "UnstructuredGrid", ".vtp": "PolyData"}
    filters = {".vts": vtkImageDataToPointSet, ".vtu": vtkAppendFilter, ".vtp": vtkGeometryFilter}
    if suffix == ".vtr":
        data = _rectilinear(data)
    elif suffix in filters:
        change = filters[suffix]()
        change.SetInputDataObject(0, data)
        change.Update()
        data = change.GetOutputDataObject(0)
    writer = getattr(vtkIOXML, f"vtkXML{names.get(suffix, 'RectilinearGrid')}Writer")()
    out = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        for mode in (writer.SetDataModeToAscii, writer.SetDataModeToBinary, writer.SetDataModeToAppended):
            mode()
            writer.SetFileName(str(path))
            writer.SetInputData(data)
            writer.Write()
            out.append(path.read_bytes())
    return out


def _rectilinear(image):  # type: ignore[no-untyped-def]  # of VTK's types, which are there only where VTK is
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkRectilinearGrid

    data = vtkRectilinearGrid()
    data.SetDimensions(image.GetDimensions())
    axis = numpy_to_vtk(np.arange(float(SIDE)), deep=True)
    data.SetXCoordinates(axis)
    data.SetYCoordinates(axis)
    data.SetZCoordinates(axis)
    data.GetPointData().ShallowCopy(image.GetPointData())
    return data

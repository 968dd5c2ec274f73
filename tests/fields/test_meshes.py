"""VTK files in two and three dimensions: vectors of points and cells, gradients of scalars, damage in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from vtkmodules import vtkIOXML
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import (
    VTK_HEXAHEDRON,
    vtkCellArray,
    vtkDataSet,
    vtkImageData,
    vtkPolyData,
    vtkRectilinearGrid,
    vtkStructuredGrid,
    vtkUnstructuredGrid,
)
from vtkmodules.vtkFiltersCore import vtkAppendFilter

from npf_engine.errors import InputError
from npf_engine.fields import uploads
from npf_engine.fields.catalog import resolve
from npf_engine.fields.field import Field
from npf_engine.fields.readers import file_reading, meshes
from npf_engine.fields.readers.mesh_file import Mesh, open_mesh
from npf_engine.fields.spec import FieldSpec

SHAPE = (9, 8, 7)
LOW, STEP = np.array([10.0, -2.0, 0.5]), np.array([0.25, 0.5, 1.0])


def lattice(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Points (n, 3), x running fastest."""
    axes = [LOW[k] + STEP[k] * np.arange(shape[k]) for k in range(3)]
    z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    return np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)


def flow(x: np.ndarray) -> np.ndarray:
    """A vector (n, 3) at points (n, 3), different in each component."""
    return np.stack([x[:, 1] * x[:, 2], x[:, 0] ** 2 - x[:, 2], x[:, 0] ** 2 + x[:, 0] * x[:, 1] * x[:, 2]], axis=1)


def pressure(x: np.ndarray) -> np.ndarray:
    """A scalar whose gradient is (2, -3, 0.5)."""
    return 2 * x[:, 0] - 3 * x[:, 1] + 0.5 * x[:, 2] + 1e6


def add(data: vtkDataSet, name: str, values: np.ndarray, cells: bool = False) -> None:
    made = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
    made.SetName(name)
    (data.GetCellData() if cells else data.GetPointData()).AddArray(made)


def image(shape: tuple[int, int, int] = SHAPE) -> vtkImageData:
    data = vtkImageData()
    data.SetDimensions(shape)
    data.SetOrigin(LOW)
    data.SetSpacing(STEP)
    return data


def rectilinear(shape: tuple[int, int, int] = SHAPE) -> vtkRectilinearGrid:
    data = vtkRectilinearGrid()
    data.SetDimensions(shape)
    axes = [numpy_to_vtk(LOW[k] + STEP[k] * np.arange(shape[k]), deep=True) for k in range(3)]
    data.SetXCoordinates(axes[0])
    data.SetYCoordinates(axes[1])
    data.SetZCoordinates(axes[2])
    return data


def points_of(x: np.ndarray) -> vtkPoints:
    points = vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(x), deep=True))
    return points


def structured(shape: tuple[int, int, int] = SHAPE) -> vtkStructuredGrid:
    data = vtkStructuredGrid()
    data.SetDimensions(shape)
    data.SetPoints(points_of(lattice(shape)))
    return data


def unstructured(shape: tuple[int, int, int] = SHAPE) -> vtkUnstructuredGrid:
    nx, ny, nz = shape
    data = vtkUnstructuredGrid()
    data.SetPoints(points_of(lattice(shape)))
    at = np.arange(nx * ny * nz).reshape(nz, ny, nx)
    corner = at[:-1, :-1, :-1].ravel()
    right, up = 1, nx
    square = np.stack([corner, corner + right, corner + right + up, corner + up], axis=1)
    cells = vtkCellArray()
    for row in np.concatenate([square, square + nx * ny], axis=1).tolist():
        cells.InsertNextCell(8, row)
    data.SetCells(VTK_HEXAHEDRON, cells)
    return data


def polygons(shape: tuple[int, int, int] = SHAPE) -> vtkPolyData:
    data = vtkPolyData()
    data.SetPoints(points_of(lattice(shape)))
    vertices = vtkCellArray()
    for k in range(len(lattice(shape))):
        vertices.InsertNextCell(1, [k])
    data.SetVerts(vertices)
    return data


KINDS: dict[str, tuple[Callable[..., vtkDataSet], type]] = {
    ".vti": (image, vtkIOXML.vtkXMLImageDataWriter),
    ".vtr": (rectilinear, vtkIOXML.vtkXMLRectilinearGridWriter),
    ".vts": (structured, vtkIOXML.vtkXMLStructuredGridWriter),
    ".vtu": (unstructured, vtkIOXML.vtkXMLUnstructuredGridWriter),
    ".vtp": (polygons, vtkIOXML.vtkXMLPolyDataWriter),
}


def write(data: vtkDataSet, path: Path, mode: str = "appended") -> Path:
    writer = KINDS[path.suffix][1]()
    writer.SetFileName(str(path))
    writer.SetInputData(data)
    {
        "ascii": writer.SetDataModeToAscii,
        "binary": writer.SetDataModeToBinary,
        "appended": writer.SetDataModeToAppended,
    }[mode]()
    assert writer.Write() == 1
    return path


def built(path: Path, **settings: object) -> Field:
    return resolve(FieldSpec(source=str(path), rho="samples", **settings))


def all_of(field: Field) -> tuple[np.ndarray, np.ndarray]:
    """x in the file's units and F, in double precision."""
    x = np.concatenate([field.scaling.to_user(part.double()).numpy() for part in (field.x_train, field.x_test)])
    f = np.concatenate([part.numpy().astype(float) for part in (field.y_train, field.y_test)])
    return x, f + np.array(field.shift or (0.0,) * field.d)


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("mode", ["ascii", "binary", "appended"])
def test_a_vector_of_points_in_three_dimensions(tmp_path: Path, suffix: str, mode: str) -> None:
    data = KINDS[suffix][0]()
    add(data, "velocity", flow(lattice()))
    add(data, "p", pressure(lattice()))
    path = write(data, tmp_path / f"flow{suffix}", mode)
    if mode == "appended":
        field = built(path)
        assert field.d == 3 and field.n == np.prod(SHAPE) and field.kind == "samples"
        x, f = all_of(field)
        assert any("point:p" in text for text in field.conversions)
    else:  # in this process: what a child costs is paid once a format
        table = meshes.read_mesh(path, FieldSpec())
        x, f = table.positions(), table.field_values()
    order, wanted = np.lexsort(x.round(4).T), lattice()
    np.testing.assert_allclose(x[order], wanted[np.lexsort(wanted.T)], atol=1e-6)
    np.testing.assert_allclose(f, flow(x), rtol=2e-6, atol=2e-5)
    told = field.warnings if mode == "appended" else table.notes
    assert any("finer mesh weighs more" in text for text in told) == (suffix != ".vti")


@pytest.mark.parametrize("suffix", [".vti", ".vtr", ".vts", ".vtu"])
def test_a_scalar_becomes_its_gradient_in_units_of_the_positions(tmp_path: Path, suffix: str) -> None:
    data = KINDS[suffix][0]()
    add(data, "p", pressure(lattice()).astype(np.float64))
    table = meshes.read_mesh(write(data, tmp_path / f"p{suffix}"), FieldSpec())
    np.testing.assert_allclose(table.field_values(), np.broadcast_to([2, -3, 0.5], (504, 3)), rtol=1e-6)
    assert any("F is the gradient of p" in text for text in table.conversions)


@pytest.mark.parametrize("mark", [-9999.0, 1e30])
def test_no_gradient_is_taken_through_a_mark_for_nothing_known(tmp_path: Path, mark: float) -> None:
    data, values = image(), pressure(lattice()) - 1e6
    values[::37] = mark
    add(data, "p", values)
    table = meshes.read_mesh(write(data, tmp_path / "a.vti"), FieldSpec())
    np.testing.assert_allclose(table.field_values(), np.broadcast_to([2, -3, 0.5], (table.rows, 3)), atol=1e-9)
    assert 100 < table.rows < len(values) - len(values[::37])
    assert any(f"p holds {mark:.7g} 14 times" in text for text in table.notes)
    kept = meshes.read_mesh(tmp_path / "a.vti", FieldSpec(missing="keep"))
    assert kept.rows == len(values)


def test_the_gradient_of_a_scalar_on_unordered_cells_is_refused(tmp_path: Path) -> None:
    data = unstructured()
    add(data, "q", pressure(lattice(tuple(n - 1 for n in SHAPE))), cells=True)
    with pytest.raises(InputError, match="interpolate it to the points first"):
        meshes.read_mesh(write(data, tmp_path / "a.vtu"), FieldSpec())


def test_a_gradient_of_a_quadratic_is_exact_inside(tmp_path: Path) -> None:
    data = image((21, 17, 1))
    x = lattice((21, 17, 1))
    add(data, "g", x[:, 0] ** 2 / 2 + x[:, 0] * x[:, 1])
    field = built(write(data, tmp_path / "g.vti"))
    assert field.d == 2 and field.units.axes == ("x1", "x2")
    x, f = all_of(field)
    inside = (x[:, 0] > 10.1) & (x[:, 0] < 14.9) & (x[:, 1] > -1.9) & (x[:, 1] < 5.9)
    np.testing.assert_allclose(f[inside], np.stack([x.sum(1), x[:, 0]], 1)[inside], rtol=1e-5)


@pytest.mark.parametrize("suffix", [".vti", ".vtr", ".vts", ".vtu"])
def test_a_vector_of_cells_stands_at_their_middles(tmp_path: Path, suffix: str) -> None:
    data = KINDS[suffix][0]()
    inner = tuple(n - 1 for n in SHAPE)
    middles = lattice(inner) + STEP / 2
    add(data, "U", flow(middles), cells=True)
    table = meshes.read_mesh(write(data, tmp_path / f"U{suffix}"), FieldSpec())
    np.testing.assert_allclose(table.positions(), middles, atol=1e-6)
    np.testing.assert_allclose(table.field_values(), flow(middles), rtol=1e-6)
    assert any("known on cells" in text for text in table.conversions)


@pytest.mark.parametrize(("axis", "left"), [(0, (1, 2)), (1, (0, 2)), (2, (0, 1))])
def test_one_extent_of_one_is_two_dimensions(tmp_path: Path, axis: int, left: tuple[int, int]) -> None:
    shape = tuple(1 if k == axis else n for k, n in enumerate(SHAPE))
    data = image(shape)
    x = lattice(shape)
    add(data, "velocity", flow(x))
    table = meshes.read_mesh(write(data, tmp_path / "flat.vti"), FieldSpec())
    assert table.layout.d == 2
    np.testing.assert_allclose(table.positions(), x[:, list(left)])
    np.testing.assert_allclose(table.field_values(), flow(x)[:, list(left)])
    assert any("was left out" in text for text in table.notes)
    assert any("positions are" in text for text in table.notes) == (axis != 2)


def test_components_of_a_flat_mesh_keep_their_names(tmp_path: Path) -> None:
    data = image((9, 1, 7))
    x = lattice((9, 1, 7))
    for name, column in zip(("U", "V", "W"), flow(x).T, strict=True):
        add(data, name, column)
    table = meshes.read_mesh(write(data, tmp_path / "flat.vti"), FieldSpec(components="U,V,W"))
    assert [column.name for column in table.layout.values] == ["U", "W"]
    np.testing.assert_allclose(table.field_values(), flow(x)[:, [0, 2]])


def test_two_components_are_a_vector_of_the_plane(tmp_path: Path) -> None:
    data = image((9, 8, 1))
    add(data, "uv", flow(lattice((9, 8, 1)))[:, :2])
    table = meshes.read_mesh(write(data, tmp_path / "uv.vti"), FieldSpec())
    np.testing.assert_allclose(table.field_values(), flow(lattice((9, 8, 1)))[:, :2])
    solid = image()
    add(solid, "uv", flow(lattice())[:, :2])
    with pytest.raises(InputError, match="has 2 components, but the mesh lies in 3 dimensions"):
        meshes.read_mesh(write(solid, tmp_path / "solid.vti"), FieldSpec())


def several(tmp_path: Path) -> Path:
    data = image()
    x = lattice()
    add(data, "velocity", flow(x))
    add(data, "vorticity", flow(x) ** 2)
    for name, column in zip(("u", "v", "w"), flow(x).T, strict=True):
        add(data, name, 2 * column)
    add(data, "cellwise", flow(lattice(tuple(n - 1 for n in SHAPE))), cells=True)
    return write(data, tmp_path / "several.vti")


def test_of_several_vectors_one_is_chosen(tmp_path: Path) -> None:
    path = several(tmp_path)
    with pytest.raises(InputError, match=r"choose one of them \(components=point:velocity\)"):
        meshes.read_mesh(path, FieldSpec())
    for name in ("vorticity", "point:vorticity"):
        table = meshes.read_mesh(path, FieldSpec(components=name))
        np.testing.assert_allclose(table.field_values(), flow(lattice()) ** 2)
    table = meshes.read_mesh(path, FieldSpec(components="u, v, w"))
    np.testing.assert_allclose(table.field_values(), 2 * flow(lattice()))
    assert meshes.read_mesh(path, FieldSpec(components="cell:cellwise")).rows == 8 * 7 * 6
    assert meshes.read_mesh(path, FieldSpec(scalar="u")).layout.d == 3
    look = meshes.look(path, FieldSpec())
    assert look.used == () and meshes.look(path, FieldSpec(scalar="u")).used == ("point:u",)
    assert look.vectors == ("point:velocity", "point:vorticity", "cell:cellwise")
    assert look.scalars == ("point:u", "point:v", "point:w")
    for spec, said in (
        (FieldSpec(components="nothing"), "has no array 'nothing'"),
        (FieldSpec(components="u"), "name it as scalar"),
        (FieldSpec(scalar="velocity"), "is no scalar"),
        (FieldSpec(components="u,velocity"), "one vector, or two or three scalars"),
    ):
        with pytest.raises(InputError, match=said):
            meshes.read_mesh(path, spec)
    seen = uploads.preview(path)
    assert not seen.ok and seen.mesh is not None and seen.mesh.vectors[0] == "point:velocity"


def test_the_files_own_vectors_come_first(tmp_path: Path) -> None:
    data = image()
    add(data, "vorticity", flow(lattice()) ** 2)
    add(data, "velocity", flow(lattice()))
    data.GetPointData().SetActiveVectors("velocity")
    table = meshes.read_mesh(write(data, tmp_path / "both.vti"), FieldSpec())
    np.testing.assert_allclose(table.field_values(), flow(lattice()))


def test_points_without_a_value_are_left_out(tmp_path: Path) -> None:
    data = image()
    values = flow(lattice())
    values[::5, 1] = np.nan
    add(data, "velocity", values)
    table = meshes.read_mesh(write(data, tmp_path / "holes.vti"), FieldSpec())
    assert table.rows == 504 - 101 and table.dropped == 101
    assert any("101 of 504 points (20.04 %) have no value" in text for text in table.notes)


@pytest.mark.parametrize("suffix", [".vti", ".vtr", ".vts", ".vtu"])
def test_points_of_hidden_cells_alone_are_not_known(tmp_path: Path, suffix: str) -> None:
    """The cells at x beyond the fifth point are hidden, and what nobody sees there is -777."""
    data = KINDS[suffix][0]()
    x = lattice()
    hidden = x[:, 0] > LOW[0] + 5.5 * STEP[0]
    add(data, "p", np.where(hidden, -777.0, pressure(x)))
    add(data, "velocity", np.where(hidden[:, None], -777.0, flow(x)))
    column = np.arange(data.GetNumberOfCells()) % (SHAPE[0] - 1)
    add(data, "vtkGhostType", np.where(column >= 5, 32, 0).astype(np.uint8), cells=True)
    path = write(data, tmp_path / f"a{suffix}")
    table = meshes.read_mesh(path, FieldSpec(components="velocity"))
    assert table.rows == int((~hidden).sum()) and table.values["F1"].min() > -700
    slopes = meshes.read_mesh(path, FieldSpec(scalar="p"))
    assert 0 < slopes.rows <= table.rows
    np.testing.assert_allclose(slopes.field_values(), np.tile([2, -3, 0.5], (slopes.rows, 1)), atol=1e-6)


def test_points_at_one_place_with_different_values_are_a_sentence_of_meshes(tmp_path: Path) -> None:
    data = unstructured()
    x = lattice()
    x[1] = x[0]
    data.SetPoints(points_of(x))
    add(data, "velocity", flow(lattice()))
    with pytest.raises(InputError, match=r"points 1 and 2 of the data .* merge them in ParaView"):
        built(write(data, tmp_path / "a.vtu"))


def test_a_turned_image_lies_where_its_file_says(tmp_path: Path) -> None:
    data = image()
    data.SetDirectionMatrix(0, -1, 0, 1, 0, 0, 0, 0, 1)
    add(data, "velocity", flow(lattice()))
    x = meshes.read_mesh(write(data, tmp_path / "turned.vti"), FieldSpec()).positions()
    np.testing.assert_allclose(x, [data.GetPoint(k) for k in range(504)], atol=1e-12)


def test_units_of_an_array_are_told(tmp_path: Path) -> None:
    data = image()
    add(data, "velocity", flow(lattice()))
    array = data.GetPointData().GetArray("velocity")
    array.GetInformation().Set(array.UNITS_LABEL(), "m/s")
    field = built(write(data, tmp_path / "units.vti"))
    assert field.units.value == "m/s" and field.provenance["columns"][3] == "velocity x"


def test_a_surface_in_space_is_told(tmp_path: Path) -> None:
    from vtkmodules.vtkFiltersSources import vtkSphereSource

    source = vtkSphereSource()
    source.SetThetaResolution(20)
    source.SetPhiResolution(20)
    source.Update()
    table = meshes.read_mesh(write(source.GetOutput(), tmp_path / "ball.vtp"), FieldSpec(components="Normals"))
    assert any("rho has no density" in text for text in table.notes)


def test_what_is_no_vtk_file_is_one_sentence(tmp_path: Path) -> None:
    data = image()
    add(data, "velocity", flow(lattice()))
    good = write(data, tmp_path / "good.vti", "appended").read_bytes()
    cases = {
        "text.vtu": b"x,y\n1,2\n",
        "other.vtu": good,
        "cut.vti": good[: len(good) // 2],
        "head.vti": good[:300],
        "noise.vti": good[:600] + bytes(range(256)) * 20 + good[5000:],
        "huge.vti": good.replace(b'WholeExtent="0 8 0 7 0 6"', b'WholeExtent="0 99999 0 99999 0 99999"').replace(
            b'Piece Extent="0 8 0 7 0 6"', b'Piece Extent="0 99999 0 99999 0 99999"'
        ),
        "entities.vtu": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
        b'<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
        b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>'
        b'<VTKFile type="UnstructuredGrid"><UnstructuredGrid>&d;</UnstructuredGrid></VTKFile>',
        "empty.vtp": b'<VTKFile type="PolyData"><PolyData></PolyData></VTKFile>',
    }
    for name, content in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        try:
            found = uploads.load_upload(path, FieldSpec(source=str(path)))
        except InputError as error:
            assert name in str(error) and len(str(error)) < 400 and "\n" not in str(error)
            assert name != "huge.vti" or "thin it out" in str(error)
        else:
            assert name in ("noise.vti",) and found.n > 0  # damage inside the numbers makes other numbers


def test_vtk_that_is_not_installed_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    data = image()
    add(data, "velocity", flow(lattice()))
    path = write(data, tmp_path / "good.vti")
    monkeypatch.setitem(sys.modules, "vtkmodules", None)
    with pytest.raises(InputError, match=r"pip install '\.\[fields\]'"):
        file_reading.read_upload(path, FieldSpec())


def ghosts(data: vtkDataSet, hidden: np.ndarray, cells: bool) -> None:
    """Hide points or cells, as ParaView marks them."""
    made = numpy_to_vtk((hidden.ravel() * (32 if cells else 2)).astype(np.uint8), deep=True)
    made.SetName("vtkGhostType")
    (data.GetCellData() if cells else data.GetPointData()).AddArray(made)


@pytest.mark.parametrize("kind", ["points", "cells", "loose"])
def test_slopes_beside_what_is_hidden_are_right_or_not_known(tmp_path: Path, kind: str) -> None:
    """h = 2 x + 3 y + z^2 at half of the points or cells of a lattice: slopes of one side, or none, and never 0."""
    cells, shape = kind == "cells", (16, 15, 14)
    x = lattice(shape)
    data = image(shape)
    if cells:
        x = Mesh("a.vti", data, (), "", 3).points("cell")
    hidden = np.random.default_rng(0).random(len(x)) < 0.5
    add(data, "h", np.where(hidden, -777.0, 2 * x[:, 0] + 3 * x[:, 1] + x[:, 2] ** 2), cells)
    ghosts(data, hidden, cells)
    path = tmp_path / "a.vti"
    if kind == "loose":  # VTK drops cells of hidden points, and leaves their other points without one
        append = vtkAppendFilter()
        append.AddInputData(data)
        append.Update()
        data, path = append.GetOutput(), tmp_path / "a.vtu"
    write(data, path)
    mesh = open_mesh(path)
    slopes = mesh.gradient(mesh.arrays[0])
    known = np.isfinite(slopes).all(axis=1)
    assert not known[hidden].any() and (kind == "loose" or known.mean() > 0.1)
    np.testing.assert_allclose(slopes[known, :2], np.broadcast_to([2.0, 3.0], (known.sum(), 2)), atol=1e-9)
    if not cells and kind != "loose":
        assert slopes[known, 2].min() > 0  # z > 0: its slope is 2 z, by one side or two

"""VTK files in pieces: what no piece holds is refused, for VTK would hand on memory as it found it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields.readers import meshes
from npf_engine.fields.spec import FieldSpec

NX, NY = 12, 4  # points along x and y
EMPTY = '<Piece Extent="0 -1 0 -1 0 -1"><PointData/><CellData/></Piece>'


def ascii_array(name: str, values: np.ndarray) -> str:
    return (
        f'<DataArray type="Float64" Name="{name}" NumberOfComponents="{values.shape[1]}" format="ascii">'
        f"{' '.join(f'{v:.17g}' for v in values.ravel())}</DataArray>"
    )


def piece(first: int, last: int, arrays: tuple[str, ...] = ("u",), kind: str = "Image") -> str:
    """Columns ``first`` to ``last`` of the lattice, F = (x y, x + y)."""
    y, x = (side.ravel() for side in np.meshgrid(np.arange(NY), np.arange(first, last + 1), indexing="ij"))
    f = np.stack([x * y, x + y], 1).astype(float)
    held = "".join(ascii_array(name, f) for name in arrays)
    axes = [np.arange(first, last + 1.0), np.arange(float(NY)), np.zeros(1)]
    places = "".join(ascii_array(name, axis[:, None]) for name, axis in zip("xyz", axes, strict=True))
    more = "" if kind == "Image" else f"<Coordinates>{places}</Coordinates>"
    return f'<Piece Extent="{first} {last} 0 {NY - 1} 0 0"><PointData>{held}</PointData>{more}</Piece>'


def written(path: Path, pieces: list[str]) -> Path:
    kind, more = ("ImageData", ' Origin="0 0 0" Spacing="1 1 1"') if path.suffix == ".vti" else ("RectilinearGrid", "")
    path.write_text(
        f'<VTKFile type="{kind}" version="0.1" byte_order="LittleEndian">'
        f'<{kind} WholeExtent="0 {NX - 1} 0 {NY - 1} 0 0"{more}>{"".join(pieces)}</{kind}></VTKFile>'
    )
    return path


@pytest.mark.parametrize("suffix", [".vti", ".vtr"])
def test_pieces_that_hold_all_are_one_field(tmp_path: Path, suffix: str) -> None:
    kind = "Image" if suffix == ".vti" else "Rectilinear"
    pieces = [piece(0, 5, kind=kind), EMPTY if kind == "Image" else "", piece(5, NX - 1, kind=kind)]
    table = meshes.read_mesh(written(tmp_path / f"a{suffix}", pieces), FieldSpec())
    x, f = table.positions(), table.field_values()
    assert len(x) == NX * NY and np.array_equal(f, np.stack([x[:, 0] * x[:, 1], x.sum(1)], 1))


@pytest.mark.parametrize(
    ("pieces", "share"),
    [([(0, 5)], "45.5 %"), ([(1, NX - 1)], "90.9 %"), ([(0, 4), (6, NX - 1)], "81.8 %"), ([], "0 %")],
)
def test_what_no_piece_holds_is_refused(tmp_path: Path, pieces: list[tuple[int, int]], share: str) -> None:
    for suffix, kind in ((".vti", "Image"), (".vtr", "Rectilinear")):
        path = written(tmp_path / f"a{suffix}", [piece(*ends, kind=kind) for ends in pieces])
        with pytest.raises(InputError, match=f"a{suffix}: its pieces hold {share} of the extent"):
            meshes.read_mesh(path, FieldSpec())


def test_an_array_that_a_later_piece_lacks_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.vti", [piece(0, 5, ("u", "w")), piece(5, NX - 1, ("u",))])
    with pytest.raises(InputError, match="piece 2 has no w, which the first one has"):
        meshes.read_mesh(path, FieldSpec())


def test_triangles_of_which_the_second_piece_lacks_the_array(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def part(arrays: tuple[str, ...]) -> str:
        places = np.concatenate([rng.random((30, 2)), np.zeros((30, 1))], 1)
        held = "".join(ascii_array(name, rng.random((30, 2))) for name in arrays)
        cells = "".join(
            f'<DataArray type="Int64" Name="{name}" format="ascii">{" ".join(map(str, values))}</DataArray>'
            for name, values in (("connectivity", range(30)), ("offsets", range(3, 31, 3)), ("types", [5] * 10))
        )
        return (
            f'<Piece NumberOfPoints="30" NumberOfCells="10"><PointData>{held}</PointData>'
            f"<Points>{ascii_array('p', places)}</Points><Cells>{cells}</Cells></Piece>"
        )

    for name, arrays in (("good", ("u",)), ("bad", ())):
        (tmp_path / f"{name}.vtu").write_text(
            '<VTKFile type="UnstructuredGrid" version="0.1" byte_order="LittleEndian">'
            f"<UnstructuredGrid>{part(('u',))}{part(arrays)}</UnstructuredGrid></VTKFile>"
        )
    assert meshes.read_mesh(tmp_path / "good.vtu", FieldSpec()).rows == 60
    with pytest.raises(InputError, match="piece 2 has no u"):
        meshes.read_mesh(tmp_path / "bad.vtu", FieldSpec())

"""What the guided fuzzer reads: each reader in this process, as the locked child calls it, with files to start from."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import fuzz_grid, fuzz_mesh, fuzz_seeds
from benchmarks.fuzzing import Target, any_bytes, in_ifd, in_npy, in_png, in_text, in_zip
from npf_engine.errors import InputError
from npf_engine.fields.readers import assigned, file_reading
from npf_engine.fields.readers.gridded import read_gridded
from npf_engine.fields.readers.mesh_file import SUFFIXES as MESHES
from npf_engine.fields.spec import FieldSpec

FORMULAS = (
    b"x^2 + sin(3*y) - 0.5*x*y",
    b"-y + x^2\nx - min(y, 2)",
    b"atan2(x1, x2) % pi + floor(x3)**2 / e",
    b"|x| + 3,5",
)
COLUMNS = (b"lon,lat,u,v\nlon, lat -> u, v", b'a b,"x, y",c,c,u\n#1, "x, y" -> #4, u', b"x,y,z\nx, y -> z")
LETTERS = b"xyze0123456789.^*/%+-(),pisncoatlgmdfrwh \n\xcf\x80\xe2\x88\x92#>"


@dataclass(frozen=True)
class Reader:
    """A target whose files are read here; libraries whose Python is followed beside ours; the order is that of risk."""

    target: Target
    libraries: tuple[str, ...] = ()
    longest: int = 0  # bytes; 0: twice the largest file to start from


def readers() -> dict[str, Reader]:
    """Every reader by the name of its files, those first in which more may be wrong."""
    grid = (any_bytes, any_bytes)
    found = [
        Reader(Target("a.csv", fuzz_seeds.csvs, (in_text, in_text, any_bytes), upload)),
        Reader(Target("b.nc", partial(fuzz_grid.netcdf, "NETCDF4"), grid, gridded), ("h5netcdf",)),
        Reader(Target("a.nc", partial(fuzz_grid.netcdf, "NETCDF3_CLASSIC"), grid, gridded), ("scipy.io",)),
        *(Reader(Target(f"a{s}", partial(fuzz_mesh.meshes, s), (in_text, any_bytes), upload)) for s in MESHES),
        Reader(Target("a.tif", fuzz_seeds.tifs, (any_bytes, in_ifd, in_ifd), upload)),
        Reader(
            Target("a.zarr.zip", fuzz_grid.zarrs, (in_zip(in_text), in_zip(any_bytes), any_bytes), gridded), ("zarr",)
        ),
        Reader(Target("npf-bundle.zip", _bundles, (_in_bundle,), bundle)),
        Reader(
            Target(
                "N45E006.hgt.zip",
                lambda: fuzz_seeds.zipped("N45E006.hgt", fuzz_seeds.tiles()),
                (any_bytes, in_zip(any_bytes)),
                upload,
            )
        ),
        Reader(Target("formula.txt", lambda: list(FORMULAS), (_letters, any_bytes), formula), longest=400),
        Reader(Target("photo.png", fuzz_seeds.photos, (any_bytes, in_png, in_ifd), picture)),
        Reader(Target("12-2138-1444.png", fuzz_seeds.tiles_of_colours, (any_bytes, in_png), upload)),
        Reader(Target("a.parquet", fuzz_seeds.parquets, (any_bytes,), upload)),
        Reader(Target("a.npz", fuzz_seeds.npzs, (in_zip(in_npy), any_bytes), upload)),
        Reader(
            Target(
                "a.tif.zip", lambda: fuzz_seeds.zipped("a.tif", fuzz_seeds.tifs()), (in_zip(in_ifd), any_bytes), upload
            )
        ),
        Reader(Target("points.csv", fuzz_seeds.csvs, (in_text, any_bytes), cloud)),
        Reader(Target("points.npz", fuzz_seeds.npzs, (in_zip(in_npy), any_bytes), cloud)),
        Reader(Target("columns.txt", lambda: list(COLUMNS), (in_text, any_bytes), columns), longest=400),
    ]
    return {reader.target.name: reader for reader in found}


def upload(path: Path) -> None:
    """What preview and field do with a table, a raster or a mesh."""
    spec = FieldSpec(source="fuzz", sigma=1.0)
    seen = file_reading.read_preview(path, spec)
    for defect in seen.defects:
        check_sentence(defect)
    try:
        file_reading.read_upload(path, spec)
    except InputError as error:
        check_sentence(str(error))
        raise
    assert seen.ok, f"the preview refused what the field takes: {seen.defects}"


def gridded(path: Path) -> None:
    """What preview and field do with gridded data."""
    spec = FieldSpec(source="fuzz")
    seen = file_reading.read_preview(path, spec)
    for defect in seen.defects:
        check_sentence(defect)
    if seen.defects:
        raise InputError(seen.defects[0])
    read_gridded(path, spec)


# What follows brings torch with it, which the readers above do without: their processes start in a second.


def bundle(path: Path) -> None:
    """What the Models page does with a bundle, up to its deletion."""
    from benchmarks import fuzz_bundle

    refused = fuzz_bundle.target(path)
    if refused:
        raise InputError(refused)


def _bundles() -> list[bytes]:
    """Of a model with few weights and samples: the gallery's are megabytes, of which a fuzzer holds some dozens."""
    from tests.tiny import tiny_bundle

    with tempfile.TemporaryDirectory() as folder:
        return [tiny_bundle(Path(folder)).read_bytes()]


def _in_bundle(data: bytes, rng: random.Random) -> bytes:
    from benchmarks import fuzz_bundle

    return fuzz_bundle.mutator(data, rng)


def picture(path: Path) -> None:
    """A picture decoded."""
    from npf_engine.fields import pictures

    pictures.decode(path, None)


def cloud(path: Path) -> None:
    """A cloud of points."""
    from npf_engine.fields import clouds

    clouds.read_points(path)


def formula(path: Path) -> None:
    """What is typed as an expression: parsed, evaluated, and differentiated."""
    import torch

    from npf_engine.fields.expression import dimension, parse

    texts = path.read_bytes().decode(errors="replace").split("\n")
    d = dimension(texts)
    if d > 16:
        raise InputError("Too many variables for a fuzzer.")
    x = torch.linspace(-2.0, 2.0, 4 * d).reshape(4, d)
    for text in texts:
        read = parse(text, d)
        assert read(x).shape == (4,)
        assert read.gradient(x).shape == (4, d)


def columns(path: Path) -> None:
    """How columns are assigned: the names of a table in the first line, and after it what is said of them."""
    first, _, said = path.read_bytes().decode(errors="replace").partition("\n")
    names = first.split(",")
    layout = assigned.assigned("a.csv", names, said)
    assert layout.d >= 1


def check_sentence(text: str) -> None:
    """AssertionError for a refusal that is no sentence: of several lines, endless, or with the inside of a library."""
    assert len(text) <= 2000 and "\n" not in text, f"a sentence that is none: {text[:300]!r}"
    for inside in (" object at 0x", "Traceback", "<class ", "[Errno", "errno = ", "error message = "):
        assert inside not in text, f"a sentence that shows the inside of a library ({inside}): {text[:300]!r}"


def _letters(data: bytes, rng: random.Random) -> bytes:
    """A letter of the language put in, taken out or changed."""
    at = rng.randrange(len(data) + 1)
    end = at + rng.choice((0, 0, 1, 3))
    return data[:at] + bytes(rng.choices(LETTERS, k=rng.choice((0, 1, 1, 2, 6)))) + data[end:]

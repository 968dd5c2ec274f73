"""Files of every kind, written for the tests of uploads, and what a refusal must say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from npf_engine.errors import InputError
from npf_engine.fields import uploads
from npf_engine.fields.spec import FieldSpec

N = 400
SPEC = FieldSpec(source="upload", sigma=2.0)


def sample_columns(d: int = 2, n: int = N, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 7, (n, d))
    f = x @ (np.eye(d) + 0.1 * rng.standard_normal((d, d)))
    return {f"x{k + 1}": x[:, k] for k in range(d)} | {f"F{k + 1}": f[:, k] for k in range(d)}


def write_csv(path: Path, columns: dict[str, np.ndarray], delimiter: str = ",", head: str = "") -> Path:
    rows = [delimiter.join(columns)] + [delimiter.join(map(repr, map(float, row))) for row in zip(*columns.values())]  # noqa: B905
    path.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def write(path: Path, columns: dict[str, np.ndarray]) -> Path:
    if path.suffix == ".csv":
        return write_csv(path, columns)
    if path.suffix == ".npz":
        np.savez(path, **columns)
    else:
        parquet.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path)
    return path


def refused(path: Path, *says: str, spec: FieldSpec = SPEC) -> str:
    """The one sentence that both the load and the preview give, which names the file and all of ``says``."""
    with pytest.raises(InputError) as caught:
        uploads.load_upload(path, spec)
    sentence = str(caught.value)
    for part in (path.name, *says):
        assert part in sentence, sentence
    assert "\n" not in sentence and sentence[-1] in ".?"
    shown = uploads.preview(path, spec)
    assert not shown.ok and sentence in shown.defects
    return sentence


def terrain(rows: int = 60, cols: int = 50) -> np.ndarray:
    r, c = np.mgrid[0:rows, 0:cols]
    return (300 + 2.5 * c - 1.5 * r + 40 * np.sin(c / 9) * np.cos(r / 7)).astype(np.float32)


def write_tif(path: Path, elevation: np.ndarray) -> Path:
    import rasterio
    from rasterio.transform import from_origin

    rows, cols = elevation.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=cols,
        height=rows,
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=from_origin(7.0, 46.0, 1 / 3600, 1 / 3600),
        nodata=-9999.0,
    ) as out:
        out.write(np.where(np.isnan(elevation), -9999.0, elevation).astype(np.float32), 1)
    return path

"""What stands far from 0 keeps its digits: a large constant is taken off in double precision."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from npf_engine.fields import catalog, uploads
from npf_engine.fields.shift import shift_of
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.storage import load_field, save_field
from npf_engine.fields.summary import moments
from tests.fields.test_ground_slopes import tif

pytestmark = pytest.mark.usefixtures("read_here")

ROWS, COLS = 60, 80
ROW, COL = np.mgrid[0:ROWS, 0:COLS].astype(float)
RAW = FieldSpec(source="it", sigma=0.0)


@pytest.mark.parametrize(("offset", "size"), [(-1_737_400.0, 0.02), (980_000.0, 0.8), (6_371_000.0, 0.8), (0.0, 5e-5)])
def test_a_relief_far_from_zero_has_its_slopes(tmp_path: Path, offset: float, size: float):
    relief = size * np.sin(COL / 9) * np.cos(ROW / 8)
    path = tif(tmp_path / "a.tif", offset + relief, "EPSG:32632", (500_000, 5e6), 30)
    field = uploads.load_upload(path, RAW)
    down, across = np.gradient(relief)
    truth = np.stack([across, -down], axis=-1)
    got = field.lattice.values.double().numpy()
    assert np.sqrt(np.mean((got - truth) ** 2) / np.mean(truth**2)) < 1e-6
    assert not [text for text in field.warnings if "level" in text]
    assert bool(offset) == bool([text for text in field.conversions if "double precision" in text])
    low, high = field.provenance["elevation_range"]
    assert (low, high) == pytest.approx(((offset + relief).min(), (offset + relief).max()), abs=1e-6)


def test_a_tiny_relief_is_land(tmp_path: Path):
    path = tif(tmp_path / "a.tif", 5e-5 * np.sin(COL / 9) * np.cos(ROW / 8), "EPSG:32632", (500_000, 5e6), 30)
    assert uploads.load_upload(path, dataclasses.replace(RAW, rho="land")).n > 0.99 * ROWS * COLS


def test_a_sea_far_from_zero_is_level(tmp_path: Path):
    z = 6_371_000 + np.where(COL < 40, 0.0, (COL - 40) * 0.5 + 0.01 * ROW)
    field = uploads.load_upload(tif(tmp_path / "a.tif", z, "EPSG:32632", (500_000, 5e6), 30), RAW)
    assert field.provenance["flat_share"] == pytest.approx(0.5, abs=0.03)


def test_a_grid_in_a_table_keeps_its_digits(tmp_path: Path):
    rows = [f"{c},{r},{6_371_000 + 0.3 * math.sin(c / 5) + 0.2 * r!r}" for c in range(20) for r in range(15)]
    (tmp_path / "a.csv").write_text("x1,x2,z\n" + "\n".join(rows) + "\n")
    values = moments(uploads.load_upload(tmp_path / "a.csv", RAW))
    assert values.mean[1] == pytest.approx(0.2, rel=1e-5) and values.std[1] < 1e-6


@pytest.fixture
def far(tmp_path: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).uniform(-1, 1, (600, 2))
    f = np.stack([1e8 + np.sin(3 * x[:, 0]), x[:, 1]], axis=1)
    lines = [",".join(map(repr, map(float, (*p, *v)))) for p, v in zip(x, f, strict=True)]
    (tmp_path / "far.csv").write_text("x1,x2,F1,F2\n" + "\n".join(lines) + "\n")
    return tmp_path / "far.csv", x, f


def test_values_far_from_zero_keep_what_they_vary_by(far: tuple[Path, np.ndarray, np.ndarray], tmp_path: Path):
    path, _, f = far
    field = uploads.load_upload(path, RAW)
    assert len(np.unique(field.y_train[:, 0].numpy())) == len(field.y_train)
    assert moments(field).mean == pytest.approx(tuple(f.mean(0)), abs=1e-7, rel=1e-15)
    assert moments(field).std == pytest.approx(tuple(f.std(0)), rel=1e-5)
    assert "grad u is less by it" in field.conversions[0]
    again = load_field(save_field(field, tmp_path / "field.npz"))
    assert again.shift == field.shift and again.conversions == field.conversions


def test_a_formula_far_from_zero_keeps_what_it_varies_by():
    spec = FieldSpec(source="expression", expression=("1e8 + sin(3*x)", "y"), n_samples=3000)
    field = catalog.resolve(spec)
    x = field.scaling.to_user(field.x_train.double()).numpy()
    np.testing.assert_allclose(
        field.y_train[:, 0].double().numpy() + field.shift[0] - 1e8, np.sin(3 * x[:, 0]), atol=1e-6
    )
    assert field.function is not None
    np.testing.assert_allclose(field.function(field.x_test).numpy(), field.y_test.numpy(), atol=1e-6)


def test_positions_far_from_zero_are_all_different(tmp_path: Path):
    """Metres of a map: 600 northings within 60 cm, of which float32 has four."""
    x = np.random.default_rng(1).uniform(-0.3, 0.3, (600, 2)) + np.array([500_000.0, 5_100_000.0])
    lines = [f"{a!r},{b!r},{a - 5e5!r},{b - 5.1e6!r}" for a, b in x.tolist()]
    (tmp_path / "a.csv").write_text("x1,x2,F1,F2\n" + "\n".join(lines) + "\n")
    field = uploads.load_upload(tmp_path / "a.csv", RAW)
    assert len(np.unique(field.x_train[:, 1].numpy())) == len(field.x_train)
    assert field.low == pytest.approx(tuple(x.min(0)), rel=1e-15)


def test_the_library_answers_in_the_values_that_it_was_given():
    """grad u has the constant again, and whoever asks where F takes a value asks for F itself."""
    import npf_engine as npf

    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, (400, 2))
    y = x * [1.0, 0.5] + np.array([1e8, 0.0])
    tiny = {
        "u.regression_steps": 40,
        "u.pairings": 1,
        "u.pair_size": 200,
        "u.dual_steps": 0,
        "u.polish_steps": 0,
        "v.steps": 20,
        "m.steps": 20,
        "inverse.steps": 20,
    }
    model = npf.factorize(x, y, settings=tiny)
    assert np.abs(model.grad_u(x)[:, 0] - 1e8).max() < 2
    places = model.invert(y[:3], 5)
    assert np.isfinite(places).all() and np.abs(places).max() < 4
    assert np.abs(model.M(x, y)).max() < 2


def test_what_varies_by_rounding_alone_is_constant_and_a_small_part_of_a_large_number_is_not():
    rng = np.random.default_rng(2)
    noise = 10.0 + 2e-15 * rng.integers(-1, 2, size=(500, 1))
    assert shift_of(np.hstack([noise, rng.normal(size=(500, 1))])) == ((), [])
    shift, told = shift_of(np.hstack([1e12 + rng.normal(size=(500, 1)), rng.normal(size=(500, 1))]))
    assert abs(shift[0] - 1e12) < 1.0 and shift[1] == 0.0 and len(told) == 1

"""Fields that change from sample to sample are told before they are trained, with what smooths them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.fields import catalog
from npf_engine.fields.gridded_field import gridded_field
from npf_engine.fields.readers.gridded import read_gridded
from npf_engine.fields.roughness import ROUGH, SMOOTH_TABLE, rough_warning, roughness
from npf_engine.fields.spec import FieldSpec


def test_noise_has_all_of_its_variance_between_neighbours_and_a_smooth_field_none() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (20_000, 2))
    smooth = np.stack([np.sin(3 * x[:, 0]), np.cos(2 * x[:, 1])], axis=1)
    noise = rng.normal(size=x.shape)
    assert roughness(x, smooth) < 1e-3 and roughness(x, noise) == pytest.approx(1.0, abs=0.03)
    half = smooth / smooth.std() + noise
    assert roughness(x, half) == pytest.approx(float(noise.var(axis=0).sum() / half.var(axis=0).sum()), abs=0.02)
    assert roughness(np.zeros((20_000, 500)), np.zeros((20_000, 500))) == 0.0  # at once
    assert roughness(x[:100], noise[:100]) == 0.0 and roughness(x, 0 * x) == 0.0
    assert rough_warning(x, smooth, SMOOTH_TABLE) == []
    for n in (1000, 3000, 12_000):  # in space the nearest of few samples are far
        x3 = rng.uniform(-1, 1, (n, 3))
        assert rough_warning(x3, np.cos(2 * x3), SMOOTH_TABLE) == []
    assert roughness(x3, rng.normal(size=x3.shape)) == pytest.approx(1.0, abs=0.05)
    assert "means over neighbouring rows do" in rough_warning(x, half, SMOOTH_TABLE)[0]


def test_a_rough_raster_is_told_what_smooths_it() -> None:
    """A quick training of jacksboro with sigma 2 has M at 4.3 floors, not trustworthy; with 20 it is good."""
    rough = catalog.resolve(FieldSpec(source="jacksboro", sigma=2.0))
    assert any("larger sigma" in text for text in rough.warnings)
    assert not any("rough" in text for text in catalog.resolve(FieldSpec(source="jacksboro")).warnings)


def test_a_real_ocean_is_rough_at_its_grid_and_usable_when_it_is_smoothed() -> None:
    """The gradient of NEMO's sea surface temperature: a quick training of it has M at 5.5 floors, not trustworthy; of
    the same smoothed by 1.5 steps of its grid it is usable (M at 3.0 floors), by 2 steps usable (2.0), and so is the
    North Atlantic of it alone (2.1)."""
    package = pytest.importorskip("iris_sample_data", reason="iris-sample-data is not installed (requirements-dev.txt)")
    path = Path(package.path) / "NEMO/nemo_1m_20150101-20150201_grid-T.nc"
    if not path.is_file():
        pytest.skip("this version of iris-sample-data has no NEMO")
    said = {}
    for smooth in (0.0, 2.0):
        spec = FieldSpec(source=str(path), smooth=smooth)
        field = gridded_field("nemo", read_gridded(path, spec), spec)
        x = np.concatenate([field.x_train, field.x_test])
        said[smooth] = roughness(x, np.concatenate([field.y_train, field.y_test])), " ".join(field.warnings)
    assert said[0.0][0] > 2 * ROUGH and "F is rough" in said[0.0][1] and "smooth = 2" in said[0.0][1]
    assert "1.0 % of the samples hold" in said[0.0][1]
    assert said[2.0][0] < ROUGH / 2 and "F is rough" not in said[2.0][1]

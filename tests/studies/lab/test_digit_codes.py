"""Digits from noise: the reader, the code space, and scores that tell real digits from noise."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.fields.digits import load_digit_images
from npf_engine.studies.lab.digit_codes import CodeSpace
from npf_engine.studies.lab.digit_judge import DigitJudge


def write_idx(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    head = np.array([2051, *images.shape], dtype=">u4").tobytes()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + images.tobytes()))
    (folder / "train-labels-idx1-ubyte").write_bytes(np.array([2049, len(labels)], ">u4").tobytes() + labels.tobytes())


def test_without_a_folder_scikit_learns_digits_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPF_MNIST_DIR", raising=False)
    digits = load_digit_images()
    assert digits.pixels.shape == (1797, 784) and set(digits.labels.tolist()) == set(range(10))
    assert float(digits.pixels.min()) >= 0 and float(digits.pixels.max()) <= 1


def test_idx_files_are_read_and_damaged_ones_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPF_MNIST_DIR", str(tmp_path))
    with pytest.raises(InputError, match="lacks train-images"):
        load_digit_images()
    images = np.random.default_rng(0).integers(0, 256, size=(5, 28, 28)).astype(np.uint8)
    write_idx(tmp_path, images, np.arange(5, dtype=np.uint8))
    digits = load_digit_images()
    assert np.array_equal((digits.pixels * 255).round().numpy(), images.reshape(5, 784)) and digits.name == "MNIST"
    write_idx(tmp_path, images, np.arange(4, dtype=np.uint8))
    with pytest.raises(InputError, match="5 images and 4 labels"):
        load_digit_images()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b not really")
    with pytest.raises(InputError, match="fetch it again"):
        load_digit_images()
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"short")
    with pytest.raises(InputError, match="is no IDX file"):
        load_digit_images()


def test_codes_are_orthonormal_and_lose_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPF_MNIST_DIR", raising=False)
    pixels = load_digit_images().pixels
    space = CodeSpace.of(pixels, 20)
    torch.testing.assert_close(space.axes @ space.axes.T, torch.eye(20), rtol=0, atol=1e-5)
    codes = space.encode(pixels)
    assert torch.equal(space.codes(codes), codes) and torch.equal(space.codes(pixels), codes)
    assert torch.equal(space.decode(2 * pixels), (2 * pixels).clamp(0, 1)), "images are their own decoding"
    kept = codes.square().sum() / (pixels - pixels.mean(0)).square().sum()
    assert float(kept) == pytest.approx(space.share, rel=1e-4)
    rebuilt = space.decode(codes)
    assert float(rebuilt.min()) >= 0 and float((rebuilt - pixels).square().sum()) <= 1.01 * float(
        (1 - kept) * (pixels - pixels.mean(0)).square().sum()
    )
    with pytest.raises(InputError, match="components"):
        CodeSpace.of(pixels, 0)


def test_the_scores_tell_real_digits_from_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPF_MNIST_DIR", raising=False)
    digits = load_digit_images()
    codes = CodeSpace.of(digits.pixels, 16).encode(digits.pixels)
    judge = DigitJudge(codes, digits.labels)
    assert judge.accuracy > 0.9
    order = torch.randperm(len(codes), generator=_seeded(1))[:250]
    real, gaussian = (
        judge.recognise(codes[order]),
        judge.recognise(judge.gaussian(torch.randn(250, 16, generator=_seeded(2)))),
    )
    assert real.recognised > 0.8 > gaussian.recognised
    assert 2.2 < real.entropy <= math.log(10) + 1e-9 and sum(real.counts) == 250
    assert judge.recognise(codes[:1].expand(250, 16)).entropy == pytest.approx(0.0)
    with pytest.raises(InputError, match="at least 300"):
        DigitJudge(codes[:100], digits.labels[:100])


def test_a_code_space_of_known_axes() -> None:
    """Pixels with the variances 9, 4, 1 and 0 along turned axes: codes are the projections, largest first."""
    g = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(4, 4, generator=g))[0]
    z = torch.randn(900, 4, generator=g)
    z = torch.linalg.qr(z - z.mean(0))[0] * 30 * torch.tensor([2.0, 3.0, 0.0, 1.0])  # uncorrelated
    pixels = 0.5 + z @ turn.T
    space = CodeSpace.of(pixels, 2)
    assert space.share == pytest.approx(13 / 14, rel=1e-4) and space.axes.shape == (2, 4)
    torch.testing.assert_close(space.mean, torch.full((4,), 0.5), atol=1e-4, rtol=0)
    torch.testing.assert_close(space.encode(pixels).abs(), z[:, [1, 0]].abs(), atol=1e-3, rtol=0)
    codes = torch.tensor([[0.01, -0.02], [50.0, 0.0]])
    plain = 0.5 + codes @ space.axes
    torch.testing.assert_close(space.decode(codes), plain.clamp(0, 1))
    assert float(plain.min()) < 0 and float(plain.max()) > 1
    assert CodeSpace.of(pixels, 4).share == pytest.approx(1.0) and CodeSpace.of(pixels[:3], 3).axes.shape == (3, 4)
    for images, components in ((pixels, 0), (pixels, 5), (pixels[:3], 4)):
        with pytest.raises(InputError, match="components must lie"):
            CodeSpace.of(images, components)


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)

"""Digits from noise: the reader, the code space, and scores that tell real digits from noise."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.evaluation.digits import DigitJudge
from npf_engine.fields.digits import load_digit_images
from npf_engine.transport.digits import CodeSpace, fit_digits


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
    real = judge.scores(lambda n, seed: codes[torch.randperm(len(codes), generator=_seeded(seed))[:n]], n=250)
    assert real["recognised"]["value"] > 0.8 > real["recognised"]["gaussian"]
    assert real["pushforward"]["ratio"] < 1.3 and real["pushforward"]["trivial"] > real["pushforward"]["self_distance"]
    assert 2.2 < real["entropy"]["value"] <= math.log(10) + 1e-9
    one = judge.scores(lambda n, seed: codes[:1].expand(n, 16), n=250)
    assert one["entropy"]["value"] == pytest.approx(0.0) and one["pushforward"]["ratio"] > 3
    with pytest.raises(InputError, match="at least 300"):
        DigitJudge(codes[:100], digits.labels[:100])


@pytest.mark.parametrize("method", ["cmgn", "mmgn", "gaussian"])
def test_maps_make_images_that_repeat_with_the_seed(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPF_MNIST_DIR", raising=False)
    pixels = load_digit_images().pixels[:600]
    made = fit_digits(pixels, method, components=8, steps=3, loss="kl")
    images = made.images(30, 1)
    assert images.shape == (30, 784) and float(images.min()) >= 0 and float(images.max()) <= 1
    assert torch.equal(images, made.images(30, 1)) and not torch.equal(images, made.images(30, 2))
    # The start is the Gaussian map, so that the codes have the digits' mean and spread from the first step.
    codes, real = made.codes(4000, 3), made.space.encode(pixels)
    assert float((codes.mean(0) - real.mean(0)).abs().max()) < 0.3 * float(real.std(0).max())
    torch.testing.assert_close(codes.std(0), real.std(0), rtol=0.25, atol=0.1)
    with pytest.raises(InputError, match="icnn, cmgn"):
        fit_digits(pixels, "vae")


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)

"""Digits from noise: the reader, the code space, and scores that tell real digits from noise."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.fields.digits import load_digit_images
from npf_engine.studies.lab import noise_to_digits as transport_digits
from npf_engine.studies.lab.digit_judge import DigitJudge
from npf_engine.studies.lab.noise_to_digits import CodeSpace, fit_digits
from npf_engine.transport.gaussian import gaussian_map


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


def test_the_icnns_digits_are_a_fit_of_the_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[tuple[int, ...], int, float | None]] = []

    def fitted(source: Any, target: torch.Tensor, *, seed: int, budget_seconds: float | None) -> Any:
        asked.append((tuple(target.shape), seed, budget_seconds))
        return SimpleNamespace(forward=lambda x: 2 * x, u=torch.nn.Linear(3, 2), info={"seconds": 1.5})

    monkeypatch.setattr(transport_digits, "fit_brenier_map", fitted)
    pixels = torch.rand(40, 5, generator=_seeded(1))
    made = fit_digits(pixels, "icnn", components=3, seed=4, budget_seconds=7.0)
    assert asked == [((40, 3), 4, 7.0)] and made.info == {"seconds": 1.5, "parameters": 8}
    torch.testing.assert_close(made.codes(6, 2), 2 * torch.randn(6, 3, generator=_seeded(2)))
    torch.testing.assert_close(made.images(6, 2), made.space.decode(made.codes(6, 2)))
    gaussian = fit_digits(pixels, "gaussian", components=3, seed=4)
    S, m = gaussian_map(torch.randn(20_000, 3, generator=_seeded(4)), gaussian.space.encode(pixels))
    x = torch.randn(6, 3, generator=_seeded(2))
    torch.testing.assert_close(gaussian.codes(6, 2), (x.double() @ S + m).float())
    assert gaussian.info == {"method": "gaussian", "parameters": 3}


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)

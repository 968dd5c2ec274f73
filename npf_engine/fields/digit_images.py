"""Images of handwritten digits as a cloud of points: MNIST from the folder NPF_MNIST_DIR, else scikit-learn's own."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from npf_engine.errors import InputError

SIDE = 28
HEADERS = {"train-images-idx3-ubyte": (2051, SIDE, SIDE), "train-labels-idx1-ubyte": (2049,)}


@dataclass(frozen=True)
class DigitImages:
    """pixels (n, 784) float32 in [0, 1], labels (n,) int64, and where they are from."""

    pixels: Tensor
    labels: Tensor
    name: str


def load_digit_images() -> DigitImages:
    """The 60,000 training images of MNIST where NPF_MNIST_DIR names a folder with its files (gzipped or not); else the
    1797 of scikit-learn, 8 x 8 enlarged to 28 x 28, which need no network. Raises InputError for files that are not
    MNIST's."""
    folder = os.environ.get("NPF_MNIST_DIR")
    if not folder:
        from sklearn.datasets import load_digits

        data = load_digits()
        small = torch.from_numpy(data.images).float()[:, None] / 16
        pixels = torch.nn.functional.interpolate(small, size=(SIDE, SIDE), mode="bilinear")[:, 0].flatten(1)
        return DigitImages(pixels, torch.from_numpy(data.target).long(), "scikit-learn's digits")
    images, labels = (_read_idx(Path(folder), name, head) for name, head in HEADERS.items())
    if len(images) != len(labels):
        raise InputError(f"{folder} has {len(images)} images but {len(labels)} labels; fetch MNIST's files again")
    return DigitImages(
        torch.from_numpy(images.copy()).float().flatten(1) / 255, torch.from_numpy(labels.astype(np.int64)), "MNIST"
    )


def _read_idx(folder: Path, name: str, head: tuple[int, ...]) -> np.ndarray:
    """The array of an IDX file: big-endian magic number and sizes, then bytes."""
    path = next((p for p in (folder / f"{name}.gz", folder / name) if p.is_file()), None)
    if path is None:
        raise InputError(f"{folder} has no {name}(.gz); NPF_MNIST_DIR must name a folder with MNIST's files")
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise InputError(f"{path} cannot be unpacked ({error}); fetch it again") from None
    sizes = np.frombuffer(data[: 4 * (len(head) + 1)], dtype=">u4") if len(data) >= 4 * (len(head) + 1) else [0]
    fits = len(sizes) > 1 and int(sizes[0]) == head[0] and tuple(int(s) for s in sizes[2:]) == head[1:]
    body = np.frombuffer(data, dtype=np.uint8, offset=min(len(data), 4 * (len(head) + 1)))
    if not fits or body.size != int(np.prod([int(s) for s in sizes[1:]])):
        raise InputError(f"{path} is not MNIST's {name}; fetch it again")
    return body.reshape([int(s) for s in sizes[1:]])

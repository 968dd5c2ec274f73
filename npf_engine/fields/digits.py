"""Images of digits, for the classifier and as a cloud: MNIST's IDX files from a folder or fetched, or scikit-learn's.

A folder is named by NPF_MNIST_DIR and holds the four files of MNIST, gzipped or not. Without one the embedded set is
used, 1797 images of 8 x 8 pixels enlarged to 28 x 28; ``Digits.source`` is the sentence that says which it is.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.cachedir import cache_folder
from npf_engine.fields.field import split_indices
from npf_engine.tasks.archives import said
from npf_engine.tasks.files import replacing

Progress = Callable[[float, float, str], None]

SIDE, CLASSES = 28, 10
FOLDER = "NPF_MNIST_DIR"
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
FILES = {  # name: md5 of the gzipped file as published
    "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
}
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049
MAX_BYTES = 200_000_000  # unpacked: four times MNIST's largest file
TIMEOUT = 30.0


@dataclass(frozen=True)
class Digits:
    """images (n, 28, 28) float32 in [0, 1] and labels (n,) int64, for training and for testing; source: a sentence."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    name: str  # mnist | digits
    source: str


@dataclass(frozen=True)
class DigitImages:
    """Images as points: pixels (n, 784) float32 in [0, 1], labels (n,) int64, and what they are called."""

    pixels: Tensor
    labels: Tensor
    name: str


def load_digits(folder: str | Path | None = None) -> Digits:
    """MNIST from ``folder`` (default: NPF_MNIST_DIR), or the embedded digits where neither is given.

    Raises InputError for a folder without the four files, and for files that are not what they are named.
    """
    root = _folder(folder)
    if root is None:
        return embedded_digits()
    images, labels, test_images, test_labels = _read_files(root, tuple(FILES))
    named = "NPF_MNIST_DIR" if folder is None else root.name  # a sentence has no path of a machine in it
    source = f"MNIST from {named}: {len(images):,} images to learn from, {len(test_images):,} to test."
    return Digits(images, labels, test_images, test_labels, "mnist", source)


def load_digit_images() -> DigitImages:
    """MNIST's training images where NPF_MNIST_DIR names a folder with them, else all of the embedded ones, as a cloud.

    Raises InputError as ``load_digits`` does.
    """
    root = _folder(None)
    if root is None:
        images, labels = _scikit_digits()
        return DigitImages(images.flatten(1), labels, "scikit-learn's digits")
    images, labels = _read_files(root, tuple(FILES)[:2])
    return DigitImages(images.flatten(1), labels, "MNIST")


def embedded_digits() -> Digits:
    """scikit-learn's digits, split 85/15."""
    images, labels = _scikit_digits()
    train, test = split_indices(len(labels), seed=0)
    source = (
        f"The embedded digits of scikit-learn, 8 x 8 pixels enlarged to 28 x 28: {len(train):,} images to learn from, "
        f"{len(test):,} to test; set {FOLDER} to a folder of MNIST's files for MNIST."
    )
    return Digits(images[train], labels[train], images[test], labels[test], "digits", source)


def _scikit_digits() -> tuple[Tensor, Tensor]:
    """1797 images of 8 x 8 in 0..16, enlarged to (n, 28, 28) in [0, 1] by bilinear interpolation, and labels."""
    from sklearn.datasets import load_digits as scikit_digits

    data = scikit_digits()
    small = torch.from_numpy(data.images).float()[:, None] / 16
    images = torch.nn.functional.interpolate(small, size=(SIDE, SIDE), mode="bilinear", align_corners=False)[:, 0]
    return images, torch.from_numpy(data.target).long()


def _folder(folder: str | Path | None) -> Path | None:
    given = folder or os.environ.get(FOLDER)
    if not given:
        return None
    root = Path(given).expanduser()
    if not root.is_dir():
        raise InputError(f"There is no folder {root} of MNIST files; mend {FOLDER}, or unset it for embedded digits.")
    return root


def _read_files(root: Path, names: tuple[str, ...]) -> list[Tensor]:
    """Images (n, 28, 28) float32 in [0, 1] and labels (n,) int64 in turn, of as many images as labels."""
    found = {name: _find(root, name) for name in names}
    absent = [name for name, path in found.items() if path is None]
    if absent:
        raise InputError(
            f"The folder {root} lacks {', '.join(absent)} (gzipped or not); put MNIST's four IDX files there or unset "
            f"{FOLDER} for the embedded digits."
        )
    parts = [_read(path) for path in found.values() if path is not None]
    for name, images, labels in zip(names[::2], parts[::2], parts[1::2], strict=True):
        if len(images) != len(labels):
            raise InputError(
                f"The {name.partition('-')[0]} files in {root} hold {len(images)} images and {len(labels)} labels; "
                "both must come from the same data set."
            )
    tensors = [torch.from_numpy(part) for part in parts]
    return [part.float() / 255 if part.ndim == 3 else part.long() for part in tensors]


def fetch_mnist(progress: Progress | None = None, mirror: str = MIRROR, folder: Path | None = None) -> Path:
    """Fetch MNIST's four files (11 MB) into ``folder`` (default: the cache) and return it; those there are kept.

    ``progress(bytes, total, text)`` may raise to stop; nothing half fetched is left. Raises InputError without a
    network and for files that differ from the published ones.
    """
    tell = progress or (lambda done, total, text: None)
    root = folder or cache_folder("mnist")
    root.mkdir(parents=True, exist_ok=True)
    for name, digest in FILES.items():
        path = root / f"{name}.gz"
        if not path.is_file() or _md5(path) != digest:
            _fetch(f"{mirror}{name}.gz", path, digest, tell)
    return root


def _fetch(url: str, path: Path, digest: str, tell: Progress) -> None:
    try:
        with replacing(path) as part:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, open(part, "wb") as file:
                total = int(answer.headers.get("Content-Length") or 0)
                done = 0
                while block := answer.read(1 << 16):
                    file.write(block)
                    done += len(block)
                    tell(done, max(total, done), f"fetching {path.name}")
                    if done > MAX_BYTES:
                        raise InputError(f"{url} is far larger than MNIST's file; choose another mirror.")
            if _md5(part) != digest:
                raise InputError(f"{url} differs from the published file of MNIST; try again or choose another mirror.")
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"MNIST cannot be fetched from {url} ({reason}): check the network, set {FOLDER} to a folder with its "
            "files, or use the embedded digits."
        ) from error


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _find(root: Path, name: str) -> Path | None:
    """``train-images-idx3-ubyte``, also with a dot before idx, gzipped or not."""
    for stem in (name, name.replace("-idx", ".idx")):
        for path in (root / f"{stem}.gz", root / stem):
            if path.is_file():
                return path
    return None


def _read(path: Path) -> np.ndarray:
    """Images (n, 28, 28) or labels (n,) uint8 of an IDX file. InputError unless it is exactly that."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({said(error)}); fetch it again.") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{path} unpacks to more than {MAX_BYTES // 10**6} MB, which no file of MNIST does.")
    magic = LABELS_MAGIC if "labels" in path.name else IMAGES_MAGIC
    words = 2 if magic == LABELS_MAGIC else 4
    head = np.frombuffer(content[: 4 * words].ljust(4 * words, b"\0"), dtype=">u4")
    if len(content) < 4 * words or int(head[0]) != magic:
        raise InputError(f"{path} is no IDX file of {'labels' if words == 2 else 'images'}; fetch it again.")
    shape = tuple(int(v) for v in head[1:])
    if shape[1:] not in ((), (SIDE, SIDE)):
        raise InputError(f"{path} holds images of {shape[1]} x {shape[2]} pixels; {SIDE} x {SIDE} are needed.")
    wanted = int(np.prod(shape, dtype=np.int64))
    if len(content) - 4 * words != wanted or not shape[0]:
        raise InputError(
            f"{path} is cut off or damaged: it announces {wanted:,} bytes of data and has "
            f"{len(content) - 4 * words:,}; fetch it again."
        )
    values = np.frombuffer(content, dtype=np.uint8, offset=4 * words).reshape(shape).copy()
    if words == 2 and int(values.max()) >= CLASSES:
        raise InputError(f"{path} has the label {int(values.max())}; labels are 0 to {CLASSES - 1}.")
    return values

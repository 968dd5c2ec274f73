"""The classifier's batched passes against finite differences and torch.func; the digits' files, whole and broken."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as nnf

from npf_engine.errors import InputError
from npf_engine.fields import digits as source
from npf_engine.fields.classifier import (
    DIMENSION,
    Classifier,
    logits,
    loss_and_gradient,
    split_weights,
    unfold,
)
from npf_engine.fields.digits import Digits, embedded_digits, fetch_mnist, load_digits


@pytest.fixture(scope="module")
def digits() -> Digits:
    return embedded_digits()


def draw(count: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return (torch.rand(count, DIMENSION, generator=torch.Generator().manual_seed(seed)) * 2 - 1).to(dtype)


def plain_loss(w: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    p = split_weights(w)
    z = nnf.max_pool2d(nnf.relu(nnf.conv2d(images[:, None], p["conv1.weight"], p["conv1.bias"])), 2)
    z = nnf.max_pool2d(nnf.relu(nnf.conv2d(z, p["conv2.weight"], p["conv2.bias"])), 2)
    return nnf.cross_entropy(nnf.linear(z.flatten(1), p["dense.weight"], p["dense.bias"]), labels)


def test_loss_and_gradient_are_those_of_torch_func(digits: Digits) -> None:
    images, labels = digits.images[:40].double(), digits.labels[:40]
    w = draw(9)
    loss, gradient = loss_and_gradient(w, unfold(images, labels))
    expected = torch.func.vmap(torch.func.grad_and_value(plain_loss), (0, None, None))(w, images, labels)
    torch.testing.assert_close(loss, expected[1])
    torch.testing.assert_close(gradient, expected[0])


def test_gradient_is_that_of_float64_finite_differences(digits: Digits) -> None:
    batch = unfold(digits.images[:16].double(), digits.labels[:16])
    w, step = draw(1, seed=3), 1e-6
    gradient = loss_and_gradient(w, batch)[1][0]
    shifts = step * torch.eye(DIMENSION, dtype=torch.float64)
    difference = (loss_and_gradient(w + shifts, batch)[0] - loss_and_gradient(w - shifts, batch)[0]) / (2 * step)
    torch.testing.assert_close(gradient, difference, rtol=1e-5, atol=1e-7)


def test_flat_images_whose_pooling_ties_everywhere_have_the_right_gradient() -> None:
    """A constant image makes all four members of every window equal: the slope must not be counted four times."""
    images, labels = torch.full((4, 28, 28), 0.7, dtype=torch.float64), torch.tensor([0, 3, 3, 9])
    w = draw(20, seed=5)
    expected = torch.func.vmap(torch.func.grad(plain_loss), (0, None, None))(w, images, labels)
    assert float(expected[:, :52].abs().max()) > 1e-3  # some of the kernels are alive
    torch.testing.assert_close(loss_and_gradient(w, unfold(images, labels))[1], expected)


def test_a_particle_does_not_depend_on_its_company(digits: Digits) -> None:
    """Chunks of particles change nothing but the order of work."""
    batch = unfold(digits.images[:128], digits.labels[:128])
    w = draw(70, dtype=torch.float32)  # three chunks
    alone = torch.cat([loss_and_gradient(row[None], batch)[1] for row in w[::23]])
    torch.testing.assert_close(loss_and_gradient(w, batch)[1][::23], alone, rtol=1e-4, atol=1e-5)


def test_accuracy_and_confusion_count_right_answers(digits: Digits) -> None:
    classifier = Classifier(digits)
    w = draw(3, dtype=torch.float32)
    loss, accuracy = classifier.evaluate(w)
    answers = logits(w, unfold(digits.test_images, digits.test_labels))
    torch.testing.assert_close(accuracy, (answers.argmax(2) == digits.test_labels).float().mean(1))
    torch.testing.assert_close(
        loss, torch.stack([nnf.cross_entropy(row, digits.test_labels) for row in answers]), rtol=1e-5, atol=1e-5
    )
    table = classifier.confusion(w[0])
    assert int(table.sum()) == len(digits.test_labels)
    assert float(table.diagonal().sum()) / len(digits.test_labels) == pytest.approx(float(accuracy[0]))
    assert torch.equal(table.sum(1), torch.bincount(digits.test_labels, minlength=10))


def test_gradient_draws_a_minibatch_for_every_share_and_repeats_with_its_seed(digits: Digits) -> None:
    classifier = Classifier(digits, minibatch=32)
    w = draw(1, dtype=torch.float32).repeat(4, 1)
    one = classifier.gradient(w, torch.Generator().manual_seed(1))
    assert torch.allclose(one[0], one[3], rtol=1e-4, atol=1e-6)
    own = classifier.gradient(w, torch.Generator().manual_seed(1), share=2)
    assert torch.allclose(own[0], own[1], rtol=1e-4, atol=1e-6) and not torch.allclose(own[0], own[2])
    again = classifier.gradient(w, torch.Generator().manual_seed(1), share=2)
    assert torch.equal(own, again)


def test_facts_of_section_6_hold_on_mnist(shared_data: Path) -> None:
    """Gradients at two independent weights have cosine 0.44, 0.66 with the mean direction, 0.96 from noise alone."""
    classifier = Classifier(load_digits(shared_data / "mnist"))
    generator = torch.Generator().manual_seed(0)
    w = draw(1000, seed=8, dtype=torch.float32)
    g = classifier.gradient(w, generator, share=50)
    unit = nnf.normalize(g, dim=1)
    assert float(unit.mean(0).norm()) == pytest.approx(0.66, abs=0.03)
    assert float((unit[:500] * unit[500:]).sum(1).mean()) == pytest.approx(0.44, abs=0.04)
    second = nnf.normalize(classifier.gradient(w[:300], generator, share=50), dim=1)
    assert float((unit[:300] * second).sum(1).mean()) == pytest.approx(0.96, abs=0.02)


def test_one_class_or_too_large_a_minibatch_is_told(digits: Digits) -> None:
    seven = digits.labels == 7
    only = Digits(digits.images[seven], digits.labels[seven], digits.test_images, digits.test_labels, "seven", "7")
    assert "the digit 7" in Classifier(only, minibatch=8).warnings[0]
    assert "one class" in Classifier(digits, minibatch=1).warnings[0]
    assert not Classifier(digits).warnings
    with pytest.raises(InputError, match="cannot be drawn"):
        Classifier(digits, minibatch=10_000)


# -- files ------------------------------------------------------------------------------------------------------------


def idx(magic: int, shape: tuple[int, ...], payload: bytes) -> bytes:
    return b"".join(v.to_bytes(4, "big") for v in (magic, *shape)) + payload


def write_mnist(folder: Path, packed: bool = True) -> Path:
    """A small set of four files: 6 images to learn from, 3 to test."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, n in (("train", 6), ("t10k", 3)):
        pixels = bytes(k % 256 for k in range(n * 784))
        for name, content in (
            (f"{prefix}-images-idx3-ubyte", idx(2051, (n, 28, 28), pixels)),
            (f"{prefix}-labels-idx1-ubyte", idx(2049, (n,), bytes(range(n)))),
        ):
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read_as_written(tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPF_MNIST_DIR", str(write_mnist(tmp_path / "mnist", packed)))
    found = load_digits()
    assert found.images.shape == (6, 28, 28) and found.test_labels.tolist() == [0, 1, 2]
    assert float(found.images[0, 0, 5]) == pytest.approx(5 / 255) and "NPF_MNIST_DIR" in found.source
    assert str(tmp_path) not in found.source + load_digits(tmp_path / "mnist").source


def test_without_a_folder_the_embedded_digits_say_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPF_MNIST_DIR", raising=False)
    found = load_digits()
    assert found.name == "digits" and "scikit-learn" in found.source and "NPF_MNIST_DIR" in found.source
    assert found.images.shape[1:] == (28, 28) and 0 <= float(found.images.min()) < float(found.images.max()) <= 1
    assert len(found.labels) + len(found.test_labels) == 1797


def damage(folder: Path, name: str, content: bytes) -> None:
    (folder / f"{name}.gz").write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("train-images-idx3-ubyte", b"not gzip at all", "cannot be read"),
        ("train-images-idx3-ubyte", gzip.compress(idx(2051, (6, 28, 28), b"x" * 784))[:-9], "cannot be read"),
        ("train-images-idx3-ubyte", gzip.compress(b"short"), "no IDX file of images"),
        ("train-images-idx3-ubyte", gzip.compress(idx(2051, (6, 28, 28), b"x" * 784)), "cut off or damaged"),
        ("train-images-idx3-ubyte", gzip.compress(idx(2051, (1, 32, 32), b"x" * 1024)), "32 x 32"),
        ("train-labels-idx1-ubyte", gzip.compress(idx(2049, (6,), bytes([0, 1, 2, 3, 4, 10]))), "label 10"),
        ("train-labels-idx1-ubyte", gzip.compress(idx(2049, (5,), bytes(5))), "6 images and 5 labels"),
        ("t10k-labels-idx1-ubyte", gzip.compress(idx(2051, (3,), bytes(3))), "no IDX file of labels"),
    ],
    ids=["no gzip", "cut gzip", "no header", "cut data", "wrong size", "wrong label", "counts", "images for labels"],
)
def test_a_broken_file_is_one_sentence(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    damage(write_mnist(tmp_path), name, content)
    with pytest.raises(InputError, match=said) as caught:
        load_digits(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_empty_or_absent_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks train-images-idx3-ubyte"):
        load_digits(tmp_path)
    with pytest.raises(InputError, match="There is no folder"):
        load_digits(tmp_path / "nowhere")


def test_fetching_keeps_whole_files_and_refuses_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = write_mnist(tmp_path / "server")
    sums = {name: hashlib.md5((server / f"{name}.gz").read_bytes()).hexdigest() for name in source.FILES}
    monkeypatch.setattr(source, "FILES", sums)
    told: list[str] = []
    folder = fetch_mnist(lambda done, total, text: told.append(text), f"{server.as_uri()}/", tmp_path / "kept")
    assert load_digits(folder).images.shape == (6, 28, 28) and any("train-images" in text for text in told)
    for path in server.iterdir():
        path.unlink()
    assert fetch_mnist(mirror=f"{server.as_uri()}/", folder=folder) == folder  # nothing is fetched twice
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"broken")
    with pytest.raises(InputError, match="cannot be fetched"):
        fetch_mnist(mirror=f"{server.as_uri()}/", folder=folder)
    damage(server, "t10k-labels-idx1-ubyte", b"another file")
    with pytest.raises(InputError, match="differs from the published"):
        fetch_mnist(mirror=f"{server.as_uri()}/", folder=folder)
    assert not list(folder.glob(".*"))

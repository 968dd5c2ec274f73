"""The loss landscape of a small image classifier: LeNet with 222 weights, for thousands of weight vectors at once.

NPF 5.3 and Figure 11:

    conv 5x5 (1 feature) 28 -> 24, ReLU, max-pool 12;  conv 5x5 (1 feature) 12 -> 8, ReLU, max-pool 4;  dense 16 -> 10

26 + 26 + 170 = 222 weights; softmax cross-entropy; images in [0, 1]. A weight vector w (222,) is in PyTorch's order:
conv1.weight, conv1.bias, conv2.weight, conv2.bias, dense.weight (10, 16), dense.bias. Omega = [-1, 1]^222.

Forward and backward pass are written out for P particles that see the same images. A convolution with its pooling is
one matrix product: the images are cut once into the 6 x 6 windows that one pooled pixel sees, and the kernel, in its
four places in the window, multiplies them; the second is the same on all 12 x 12 pixels (a Toeplitz matrix). The
pooling is then a maximum over an axis of four, with which bias and ReLU commute. benchmarks/bench_classifier.py
measures it against torch.func, a plain loop and JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as nnf

from npf_engine.errors import InputError
from npf_engine.fields.classifier_sizes import DIMENSION as DIMENSION
from npf_engine.fields.classifier_sizes import MINIBATCH as MINIBATCH
from npf_engine.fields.classifier_sizes import NAMES as NAMES
from npf_engine.fields.classifier_sizes import SHAPES as SHAPES
from npf_engine.fields.classifier_sizes import SIZES as SIZES
from npf_engine.fields.digits import CLASSES, SIDE, Digits, load_digits
from npf_engine.fields.spec import FieldSpec

KERNEL, FIRST, SECOND = 5, 12, 4  # sides of the kernels and of the two pooled maps
WINDOW = KERNEL + 1  # side of what a pooled pixel sees
NAME = "classifier"  # as a field's source
CHUNK_NUMBERS = {"cpu": 2**21, "cuda": 2**28}  # first-layer numbers at a time: a core's cache, a GPU's memory
TEST_IMAGES = 250  # images at a time where only logits are wanted


@dataclass(frozen=True)
class Minibatch:
    """Images ready for the first layer: windows (36, b * 144), the 6 x 6 pixels that each of the 144 pooled pixels of b
    images sees; labels (b,) int64."""

    windows: Tensor
    labels: Tensor

    @property
    def size(self) -> int:
        """Number of images."""
        return int(self.labels.shape[0])


def unfold(images: Tensor, labels: Tensor) -> Minibatch:
    """A minibatch from images (b, 28, 28) and labels (b,) int64. ValueError for other shapes."""
    if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE) or labels.shape != images.shape[:1]:
        shapes = f"{tuple(images.shape)}, {tuple(labels.shape)}"
        raise ValueError(f"images must be ({SIDE}, {SIDE}) each, with one label each, not {shapes}")
    windows = images.unfold(1, WINDOW, 2).unfold(2, WINDOW, 2)  # (b, 12, 12, 6, 6)
    return Minibatch(windows.permute(3, 4, 0, 1, 2).reshape(WINDOW * WINDOW, -1), labels)


# -- kernels as matrices ----------------------------------------------------------------------------------------------


@cache
def _places(layer: int, device: torch.device) -> Tensor:
    """Which of the 25 kernel weights (25: none) joins an input to an output, flat; outputs with the four of a pooling
    window first: layer 1 (4, 36), of one window; layer 2 (144, 4 * 16), of the whole map."""
    side, outputs = (WINDOW, 1) if layer == 1 else (FIRST, SECOND)
    index = torch.full((side, side, 2, 2, outputs, outputs), KERNEL * KERNEL)
    for row in range(2 * outputs):
        for col in range(2 * outputs):
            kernel = torch.arange(KERNEL * KERNEL).view(KERNEL, KERNEL)
            index[row : row + KERNEL, col : col + KERNEL, row % 2, col % 2, row // 2, col // 2] = kernel
    flat = index.flatten(4, 5).flatten(2, 4).flatten(0, 1)
    return (flat.T if layer == 1 else flat).flatten().to(device)


@cache
def _gather(layer: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(entries, 25): sums a gradient with respect to the matrix of ``_places`` into one for the kernel."""
    one_hot = nnf.one_hot(_places(layer, device), KERNEL * KERNEL + 1)
    return one_hot[:, :-1].to(dtype).contiguous()


def _matrix(kernel: Tensor, layer: int) -> Tensor:
    """(P, 25) -> (P, entries)."""
    return nnf.pad(kernel, (0, 1))[:, _places(layer, kernel.device)]


@dataclass
class _Pass:
    """What the backward pass needs of the forward pass, for P particles and b images."""

    a1: Tensor  # (P, 4, b * 144), before bias and pooling
    peak1: Tensor  # (P, b * 144), the maxima of a1
    z1: Tensor  # (P, b, 144)
    toeplitz: Tensor  # (P, 144, 64)
    a2: Tensor  # (P, b, 4, 16)
    peak2: Tensor  # (P, b, 16)
    z2: Tensor  # (P, b, 16)
    logits: Tensor  # (P, b, 10)


def _forward(w: Tensor, batch: Minibatch) -> _Pass:
    count, b = w.shape[0], batch.size
    k1, b1, k2, b2, dense, bias = w.split(SIZES, dim=1)
    a1 = (_matrix(k1, 1).view(4 * count, -1) @ batch.windows).view(count, 4, -1)
    peak1 = a1.amax(dim=1)
    z1 = (peak1 + b1).relu_().view(count, b, FIRST * FIRST)
    toeplitz = _matrix(k2, 2).view(count, FIRST * FIRST, -1)
    a2 = torch.bmm(z1, toeplitz).view(count, b, 4, SECOND * SECOND)
    peak2 = a2.amax(dim=2)
    z2 = (peak2 + b2[:, :, None]).relu_()
    logits = torch.baddbmm(bias[:, None], z2, dense.reshape(count, CLASSES, -1).mT)
    return _Pass(a1, peak1, z1, toeplitz, a2, peak2, z2, logits)


def _to_winner(slope: Tensor, a: Tensor, peak: Tensor, dim: int) -> Tensor:
    """The slope of a maximum given to the one of four that attained it; overwrites a. Members that tie share it: that
    they do so with different derivatives has probability zero."""
    winners = a.eq_(peak.unsqueeze(dim))  # in place the answer is 1.0 or 0.0, in one vectorised pass
    return winners.mul_((slope / winners.sum(dim)).unsqueeze(dim))


def _backward(w: Tensor, batch: Minibatch, kept: _Pass) -> Tensor:
    """Gradient (P, 222) of the mean cross-entropy; uses ``kept`` up."""
    count, b = w.shape[0], batch.size
    slope = kept.logits.softmax(dim=2)
    slope[:, torch.arange(b, device=w.device), batch.labels] -= 1
    slope /= b
    dense = w[:, sum(SIZES[:4]) : sum(SIZES[:5])].reshape(count, CLASSES, -1)
    d_dense = torch.bmm(slope.mT, kept.z2)
    d2 = torch.bmm(slope, dense) * (kept.z2 > 0)
    d_a2 = _to_winner(d2, kept.a2, kept.peak2, 2).view(count, b, -1)
    d_toeplitz = torch.bmm(kept.z1.mT, d_a2).view(count, -1)
    d_k2 = d_toeplitz @ _gather(2, w.dtype, w.device)
    d1 = torch.bmm(d_a2, kept.toeplitz.mT).mul_(kept.z1 > 0).view(count, -1)
    d_a1 = _to_winner(d1, kept.a1, kept.peak1, 1)
    d_matrix = (d_a1.view(4 * count, -1) @ batch.windows.T).view(count, -1)
    d_k1 = d_matrix @ _gather(1, w.dtype, w.device)
    return torch.cat(
        [d_k1, d1.sum(1, keepdim=True), d_k2, d2.sum((1, 2))[:, None], d_dense.flatten(1), slope.sum(1)], dim=1
    )


def _chunks(w: Tensor, images: int) -> Iterator[Tensor]:
    if w.ndim != 2 or w.shape[1] != DIMENSION:
        raise ValueError(f"weights must be (P, {DIMENSION}), not {tuple(w.shape)}")
    numbers = CHUNK_NUMBERS.get(w.device.type, CHUNK_NUMBERS["cpu"])
    yield from w.split(max(1, numbers // (4 * FIRST * FIRST * images)))


# -- what is asked for ------------------------------------------------------------------------------------------------


@torch.no_grad()
def logits(w: Tensor, batch: Minibatch) -> Tensor:
    """(P, b, 10) for weights w (P, 222)."""
    return torch.cat([_forward(part, batch).logits for part in _chunks(w, batch.size)])


@torch.no_grad()
def loss_and_gradient(w: Tensor, batch: Minibatch) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy (P,) of the minibatch and its gradient G(w; batch) (P, 222), for weights w (P, 222)."""
    losses, gradients = [], []
    for part in _chunks(w, batch.size):
        kept = _forward(part, batch)
        losses.append(_cross_entropy(kept.logits, batch.labels))
        gradients.append(_backward(part, batch, kept))
    return torch.cat(losses), torch.cat(gradients)


def _cross_entropy(values: Tensor, labels: Tensor) -> Tensor:
    chosen = values[:, torch.arange(len(labels), device=values.device), labels]
    return (values.logsumexp(dim=2) - chosen).mean(dim=1)


def split_weights(w: Tensor) -> dict[str, Tensor]:
    """w (..., 222) as named tensors of PyTorch's shapes, (..., *shape) each."""
    parts = zip(NAMES, w.split(SIZES, dim=-1), SHAPES, strict=True)
    return {name: part.reshape(*w.shape[:-1], *shape) for name, part, shape in parts}


class Classifier:
    """The classifier's loss on a set of digits: a stochastic gradient field on R^222, and what its weights achieve.

    minibatch: images of a gradient (128 in the paper). The paper does not say whether particles share a minibatch; here
    one call of ``gradient`` draws one minibatch for every ``share`` particles (0: one for all), which differs in the
    law of the cloud only, not of a particle.
    """

    def __init__(self, digits: Digits, *, minibatch: int = MINIBATCH, device: str | torch.device = "cpu") -> None:
        if not 1 <= minibatch <= len(digits.labels):
            raise InputError(
                f"A minibatch of {minibatch} images cannot be drawn from {len(digits.labels)}; choose 1 to that many."
            )
        self.digits, self.minibatch, self.device = digits, minibatch, torch.device(device)
        self.images, self.labels = digits.images.to(self.device), digits.labels.to(self.device)
        counts = torch.bincount(digits.labels, minlength=CLASSES)
        self.warnings: list[str] = []
        if int((counts > 0).sum()) == 1:
            only = int(counts.argmax())
            self.warnings.append(
                f"All images show the digit {only}: every minibatch is of one class, so that biases alone reach loss 0 "
                "and an accuracy of 100 % says nothing."
            )
        elif minibatch == 1:
            self.warnings.append(
                "A minibatch of one image is of one class: its gradient is mostly noise; take 32 images or more."
            )

    def draw(self, generator: torch.Generator, size: int | None = None) -> Minibatch:
        """A random minibatch, with replacement. ``generator`` lives on the CPU."""
        pick = torch.randint(len(self.labels), (size or self.minibatch,), generator=generator).to(self.device)
        return unfold(self.images[pick], self.labels[pick])

    def gradient(self, w: Tensor, generator: torch.Generator, share: int = 0) -> Tensor:
        """G(w; batch) (P, 222), stochastic; a minibatch for every ``share`` particles (0: one for all)."""
        parts = w.split(share) if share else (w,)
        return torch.cat([loss_and_gradient(part, self.draw(generator))[1] for part in parts]) if len(w) else w.clone()

    def evaluate(self, w: Tensor, most: int = 0) -> tuple[Tensor, Tensor]:
        """Loss (P,) and accuracy (P,) in [0, 1] on the test images (the first ``most`` of them where given)."""
        count = min(most or len(self.digits.test_labels), len(self.digits.test_labels))
        loss = w.new_zeros(len(w))
        right = w.new_zeros(len(w))
        for begin in range(0, count, TEST_IMAGES):
            batch = self._test(begin, min(begin + TEST_IMAGES, count))
            at = 0
            for part in _chunks(w, batch.size):
                values = logits(part, batch)
                loss[at : at + len(part)] += _cross_entropy(values, batch.labels) * batch.size
                right[at : at + len(part)] += (values.argmax(2) == batch.labels).sum(1)
                at += len(part)
        return loss / count, right / count

    def confusion(self, w: Tensor) -> Tensor:
        """(10, 10) counts on the test images for one weight vector (222,): row true digit, column answer."""
        table = torch.zeros(CLASSES * CLASSES, dtype=torch.long)
        for begin in range(0, len(self.digits.test_labels), TEST_IMAGES):
            batch = self._test(begin, begin + TEST_IMAGES)
            answer = logits(w[None].to(self.images), batch)[0].argmax(1)
            table += torch.bincount(CLASSES * batch.labels.cpu() + answer.cpu(), minlength=len(table))
        return table.view(CLASSES, CLASSES)

    def _test(self, begin: int, end: int) -> Minibatch:
        images, labels = self.digits.test_images[begin:end], self.digits.test_labels[begin:end]
        return unfold(images.to(self.device), labels.to(self.device))


def functions(spec: FieldSpec) -> tuple[Callable[[Tensor], Tensor], None]:
    """(G, None): the stochastic gradient on the digits at hand (``load_digits``), seeded by spec.noise_seed."""
    classifier = Classifier(load_digits())
    generator = torch.Generator().manual_seed(spec.noise_seed)

    def function(x: Tensor) -> Tensor:
        return classifier.gradient(x.float(), generator).to(x)

    return function, None

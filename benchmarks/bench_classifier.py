"""Gradients of the 222-weight classifier at 1024 particles: ours against torch.func, a plain loop and JAX vmap(grad).

    python -m benchmarks.bench_classifier [--json] [--particles 1024] [--evaluations 20]

One evaluation is G(w; batch) for all particles on one minibatch of 128 images; each of the compared ways is given the
same weights, images and number of threads, and their answers are compared. A plain loop and JAX are timed on fewer
evaluations or particles where they are slow (the table says how many), and all times are scaled to 1000 evaluations.
JAX: the same network of lax.conv and reduce_window, jitted, compilation not counted.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as nnf

from benchmarks.common import arguments, cpu_times, keep, set_threads, show, tell
from npf_engine.fields.classifier import DIMENSION, MINIBATCH, loss_and_gradient, split_weights, unfold
from npf_engine.fields.digits import load_digits

TARGET = 1000  # evaluations that the times are scaled to


def torch_loss(w: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """The loss of one weight vector in plain torch."""
    p = split_weights(w)
    z = nnf.max_pool2d(nnf.relu(nnf.conv2d(images[:, None], p["conv1.weight"], p["conv1.bias"])), 2)
    z = nnf.max_pool2d(nnf.relu(nnf.conv2d(z, p["conv2.weight"], p["conv2.bias"])), 2)
    return nnf.cross_entropy(nnf.linear(z.flatten(1), p["dense.weight"], p["dense.bias"]), labels)


def plain_loop(w: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """One backward pass a particle."""
    rows = []
    for row in w:
        row = row.clone().requires_grad_()
        rows.append(torch.autograd.grad(torch_loss(row, images, labels), row)[0])
    return torch.stack(rows)


def jax_gradient() -> Callable[[Any, Any, Any], Any]:
    """jit(vmap(grad)) of the same loss."""
    import jax
    import jax.numpy as jnp

    def layer(z: Any, kernel: Any, bias: Any) -> Any:
        z = jax.lax.conv(z, kernel.reshape(1, 1, 5, 5), (1, 1), "VALID") + bias
        return jax.lax.reduce_window(jax.nn.relu(z), -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def loss(w: Any, images: Any, labels: Any) -> Any:
        k1, b1, k2, b2, dense, bias = jnp.split(w, [25, 26, 51, 52, 212])
        z = layer(layer(images[:, None], k1, b1), k2, b2).reshape(images.shape[0], 16)
        logits = z @ dense.reshape(10, 16).T + bias
        return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(labels.shape[0]), labels])

    return jax.jit(jax.vmap(jax.grad(loss), (0, None, None)))


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--particles", type=int, default=1024)
    parser.add_argument("--evaluations", type=int, default=20, help="that ours are timed on")
    options = parser.parse_args()
    set_threads(options.threads)
    if options.threads == 1:
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    digits = load_digits()
    generator = torch.Generator().manual_seed(0)
    w = torch.rand(options.particles, DIMENSION, generator=generator) * 2 - 1
    pick = torch.randint(len(digits.labels), (MINIBATCH,), generator=generator)
    images, labels = digits.images[pick], digits.labels[pick]
    few = w[: min(64, len(w))]
    func = torch.func.vmap(torch.func.grad(torch_loss), (0, None, None))
    jitted = jax_gradient()
    arrays = [np.asarray(a) for a in (w, images, labels)]
    short = max(3, options.evaluations // 7)
    ways: dict[str, tuple[Callable[[], Any], int, int]] = {
        "ours": (lambda: loss_and_gradient(w, unfold(images, labels))[1], len(w), options.evaluations),
        "torch.func vmap(grad)": (lambda: func(few, images, labels), len(few), short),
        "plain loop": (lambda: plain_loop(few, images, labels), len(few), short),
        "JAX vmap(grad), jitted": (lambda: jitted(*arrays).block_until_ready(), len(w), short),
    }
    reference = ways["ours"][0]()
    rows, each = [], {}
    for name, (work, particles, runs) in ways.items():
        tell(name)
        times = [t / particles for t in cpu_times(work, runs)[0]]
        each[name] = times
        answer = torch.as_tensor(np.asarray(work()).copy())
        error = float((answer - reference[:particles]).abs().max() / reference.abs().max())
        per = statistics.median(times)
        rows.append(
            {
                "way": name,
                "particles": particles,
                "evaluations timed": runs,
                "ms a particle": 1e3 * per,
                f"s for {TARGET} evaluations": per * len(w) * TARGET,
                "difference": error,
            }
        )
    own = statistics.median(each["ours"])
    per_seed = [t / own for t in each["JAX vmap(grad), jitted"]]
    result = {
        "speedup": {"median": statistics.median(per_seed), "per_seed": per_seed},
        "speedup over": {name: statistics.median(times) / own for name, times in each.items() if name != "ours"},
        "data": digits.name,
    }
    keep("classifier", rows, result)
    show(f"Classifier gradients, {len(w)} particles, minibatch {MINIBATCH}", rows, result, options.json)


if __name__ == "__main__":
    main()

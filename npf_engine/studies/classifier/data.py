"""Samples (w, G(w)) of the classifier's loss gradient as a Field: uniform on Omega (5.3), on gradient flows (5.4)."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.fields.classifier import DIMENSION, NAMES, SHAPES, Classifier
from npf_engine.fields.field import Field, Scaling, Units, draw_rho, split_indices
from npf_engine.settings import reading
from npf_engine.studies.classifier.spec import ExperimentSpec
from npf_engine.tasks.recorder import Recorder, State
from npf_engine.tasks.restoring import check, restored

PART = 1024  # pairs between two looks at the recorder
CENTRE = Scaling((0.0,) * DIMENSION, (1.0,) * DIMENSION)


def axis_names() -> tuple[str, ...]:
    """conv1.weight[0,0,0,0], ..., dense.bias[9]."""
    names = []
    for name, shape in zip(NAMES, SHAPES, strict=True):
        for index in torch.cartesian_prod(*(torch.arange(n) for n in shape)).reshape(-1, len(shape)).tolist():
            names.append(f"{name}[{','.join(map(str, index))}]")
    return tuple(names)


def uniform_pairs(classifier: Classifier, spec: ExperimentSpec, recorder: Recorder) -> tuple[Tensor, Tensor]:
    """w (n, 222) uniform on Omega and G(w) (n, 222), each ``spec.share`` weights with a minibatch of their own."""
    generator = seeds.generator(spec.seed, "classifier.pairs")
    w = draw_rho("box", spec.samples, DIMENSION, generator).to(classifier.device)
    g = torch.zeros_like(w)
    done = 0
    kept = restored(recorder, "pairs", lambda state: _pairs(state, g, generator))
    if kept is not None:
        done = len(kept)
        g[:done] = kept.to(g)
    while done < spec.samples:
        recorder.check()
        part = slice(done, min(done + PART, spec.samples))
        g[part] = classifier.gradient(w[part], generator, spec.share)
        done = part.stop
        recorder.progress("samples", done, spec.samples)
        if recorder.checkpoint_due() or done == spec.samples:
            recorder.save("pairs", {"done": done, "g": g[:done].cpu(), "generator": generator.get_state()})
    return w.cpu(), g.cpu()


def _pairs(state: State, g: Tensor, generator: torch.Generator) -> Tensor:
    """The gradients that were drawn already, and the generator where it was then. Raises where they do not fit."""
    kept = check("g", state["g"], g[: reading.whole(state, "done")].cpu())
    generator.set_state(reading.of(state, "generator", Tensor))
    return kept


def as_field(
    classifier: Classifier, w: Tensor, g: Tensor, spec: ExperimentSpec, rho: str, split: tuple[Tensor, Tensor] | None
) -> Field:
    """The pairs as a Field whose function is G itself, stochastic: each call draws its own minibatches.

    rho "box" is Omega = [-1, 1]^222; "samples": the cloud of particles, with no box. ``split``: indices to train and to
    test with (by default 85/15 at random).
    """
    train, test = split or split_indices(len(w), spec.seed)
    generator = seeds.generator(spec.seed, "classifier.field")

    def function(x: Tensor) -> Tensor:
        on_device = x.to(classifier.device, torch.float32)
        return classifier.gradient(on_device, generator, spec.share).to(x)

    low, high = (w.amin(0).tolist(), w.amax(0).tolist()) if rho == "samples" else ([-1.0], [1.0])
    provenance: dict[str, object] = {
        "source": f"gradient of the loss of a LeNet of {DIMENSION} weights, minibatches of {spec.minibatch} images",
        "data": classifier.digits.source,
        "rho": rho,
        "spec": dataclasses.asdict(spec.field),
    }
    return Field(
        name="classifier",
        kind="function",
        x_train=w[train],
        y_train=g[train],
        x_test=w[test],
        y_test=g[test],
        low=tuple(low) if rho == "samples" else tuple(low * DIMENSION),
        high=tuple(high) if rho == "samples" else tuple(high * DIMENSION),
        scaling=CENTRE,
        units=Units(axis_names(), ("",) * DIMENSION, ""),
        rho=rho,
        function=function,
        warnings=list(classifier.warnings),
        provenance=provenance,
    )

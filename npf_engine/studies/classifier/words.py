"""What an experiment on the classifier is called, and its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine.studies.kind import Kind, Measure, Stage, Words

if TYPE_CHECKING:
    from npf_engine.studies.classifier.result import ExperimentResult
    from npf_engine.studies.classifier.spec import ExperimentSpec

MEASURES = (
    Measure("pushforward", "∇u♯ρ", "Pushforward: ratio of S(∇u♯ρ, F♯ρ), value over floor", "metrics.pushforward.ratio"),
    Measure("inverse", "Inverse", "Pre-images of Iψ against the true ones: ratio", "metrics.inverse.ratio"),
    Measure(
        "cosine",
        "Cosine",
        "Of the gradient at generated weights with the one asked for",
        "metrics.inverse_cosine.mean",
        better=1,
    ),
    Measure(
        "above_half",
        "Above half",
        "Share of LMC-NPF's networks that are right more often than not",
        "lmc-npf.share_above_half",
        better=1,
    ),
)

KIND: Kind[ExperimentSpec, ExperimentResult] = Kind(
    "experiment",
    Words(
        "Experiment",
        "experiment 5.3, 5.4 or 5.5 of the paper, on a small classifier's loss",
        stages={
            "samples": Stage("Gradients"),
            "flow": Stage("Gradient flow"),
            "warm-up": Stage("Warm-up"),
        },
        symbols=("G", "u", "conjugate", "M_theta", "M_xi", "I", "S"),
    ),
    spec="npf_engine.studies.classifier.spec:ExperimentSpec",
    run="npf_engine.studies.classifier.run:run_experiment",
    result="npf_engine.studies.classifier.result:ExperimentResult",
    stages=(),  # each experiment has its own
    files=("particles.npz", "figures.npz", "best-weights.safetensors", "networks.safetensors", "model/*", "npf-*.zip"),
    naming="Experiment {experiment} {preset}",
    measures=MEASURES,
    subject="Experiment {experiment}",
)

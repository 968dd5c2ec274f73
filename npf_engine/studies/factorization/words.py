"""What a training is called, and its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine import glossary
from npf_engine.studies.kind import Kind, Measure, Stage, Words

if TYPE_CHECKING:
    from npf_engine.studies.factorization.result import TrainingResult
    from npf_engine.studies.factorization.spec import TrainingSpec

STAGES = ("field", "u", "v", "m", "inverse", "report", "bundle")
TRAIN = "train"

MEASURES = (
    Measure("pushforward", "∇u♯ρ", "Pushforward: ratio of S(∇u♯ρ, F♯ρ), value over floor", "metrics.pushforward.ratio"),
    Measure(
        "measure_preservation",
        "M♯ρ",
        "Measure preservation: ratio of S(Mξ♯ρ, ρ), value over floor",
        "metrics.measure_preservation.ratio",
    ),
    Measure("inverse", "Inverse", "Pre-images of Iψ against the true ones: ratio", "metrics.inverse.ratio"),
    Measure(
        "miss", "Miss", "|F(x) − v| at drawn pre-images x of v, over F's spread; 0 is best", "metrics.inverse_miss.mean"
    ),
    Measure(
        "reconstruction",
        "F − ∇u∘M",
        "Mean |F − ∇u ∘ Mξ| over the mean |F|",
        "metrics.reconstruction.relative",
        shown=False,
    ),
    Measure(
        "test_dual",
        "Test dual",
        "Mean of u(x) + u*(F(x)) on the test samples; to be compared on one field alone",
        "metrics.test_dual.value",
        shown=False,
    ),
)

KIND: Kind[TrainingSpec, TrainingResult] = Kind(
    TRAIN,
    Words(
        "Training",
        "train a factorization of a field; writes a bundle",
        stages={stage: Stage(*words) for stage, words in glossary.STAGES.items()}
        | {
            "field": Stage("Field"),
            "u: pairing": Stage("Exact pairs"),
            "report": Stage("Accuracy"),
            "bundle": Stage("Bundle"),
        },
        symbols=("F", "rho", "u", "grad_u", "conjugate", "V", "M_theta", "M_xi", "I", "X", "S"),
    ),
    spec="npf_engine.studies.factorization.spec:TrainingSpec",
    run="npf_engine.studies.factorization.run:run_pipeline",
    result="npf_engine.studies.factorization.result:TrainingResult",
    stages=STAGES,
    saving=("u", "v", "m", "inverse"),
    files=("npf-*.zip",),
    bundled=True,
    change="npf_engine.studies.factorization.spec:with_values",
    measures=MEASURES,
    subject="npf_engine.fields.titles:title_in",
    decided="npf_engine.studies.factorization.deciding:decided",
)

"""What a training is called, and its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine import glossary
from npf_engine.studies.kind import Kind, Stage, Words

if TYPE_CHECKING:
    from npf_engine.studies.factorization.result import TrainingResult
    from npf_engine.studies.factorization.spec import TrainingSpec

STAGES = ("field", "u", "v", "m", "inverse", "report", "bundle")
TRAIN = "train"

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
)

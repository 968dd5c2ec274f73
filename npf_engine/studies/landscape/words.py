"""What a run that samples a landscape is called, and its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine.studies.kind import Kind, Stage, Words

if TYPE_CHECKING:
    from npf_engine.studies.kind import Told
    from npf_engine.studies.landscape.spec import LandscapeSpec

KIND: Kind[LandscapeSpec, Told] = Kind(
    "landscape",
    Words(
        "Landscape",
        "sample exp(-c g) on a landscape g, by LMC-NPF or its peers",
        stages={
            "samples": Stage("Gradients"),
            "warm-up": Stage("Warm-up"),
            "networks": Stage("Networks"),
            "lmc-npf": Stage("LMC-NPF"),
            "lmc": Stage("Plain LMC"),
            "restart": Stage("Restarts"),
            "learning": Stage("LMC-NPF, to learn from"),
            "corrected": Stage("LMC-NPF, corrected"),
            "tempering": Stage("Parallel tempering"),
            "nuts": Stage("No-U-Turn sampler"),
        },
        symbols=("g", "c", "u", "grad_u", "M", "I", "rho"),
    ),
    spec="npf_engine.studies.landscape.spec:LandscapeSpec",
    run="npf_engine.studies.landscape.run:run",
    stages=(),  # each method has its own
    files=("particles.npz", "particles.csv", "landscape.json", "npf-*.zip"),
    naming="{name} {method}",
)

"""What a run of the Monge lab is called; its stages are its methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine.studies.kind import Kind, Words

if TYPE_CHECKING:
    from npf_engine.studies.lab.result import LabResult
    from npf_engine.studies.lab.spec import LabSpec

KIND: Kind[LabSpec, LabResult] = Kind(
    "lab",
    Words(
        "Monge lab",
        "ways to learn a Brenier map, side by side on one task",
        kept="Methods that are done are kept; the one at work begins anew.",
        symbols=("T", "rho", "F", "law", "S"),
    ),
    spec="npf_engine.studies.lab.spec:LabSpec",
    run="npf_engine.studies.lab.view:run_judged",
    result="npf_engine.studies.lab.result:LabResult",
    stages=(),  # one for each method
    files=("lab.npz", "lab.json"),
)

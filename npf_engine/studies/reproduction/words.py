"""What a reproduction is called; its stages are the runs that it stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine.studies.kind import Kind, Words

if TYPE_CHECKING:
    from npf_engine.studies.reproduction.result import ReproductionResult
    from npf_engine.studies.reproduction.spec import ReproductionSpec

KIND: Kind[ReproductionSpec, ReproductionResult] = Kind(
    "reproduce",
    Words(
        "Reproduction",
        "a table or figure of the papers, beside the paper's numbers",
        kept="Runs that it stands on and that are done are kept, for it and for other tables and figures.",
    ),
    spec="npf_engine.studies.reproduction.spec:ReproductionSpec",
    run="npf_engine.studies.reproduction.run:reproduce",
    result="npf_engine.studies.reproduction.result:ReproductionResult",
    stages=(),  # one for each run that it stands on
    files=("picture.json", "rows.csv"),
    subject="{paper} {item}",
)

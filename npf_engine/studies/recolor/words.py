"""What a colour transfer is called, and its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine.studies.kind import Kind, Stage, Words

if TYPE_CHECKING:
    from npf_engine.studies.recolor.result import RecolorResult
    from npf_engine.studies.recolor.spec import RecolorSpec

KIND: Kind[RecolorSpec, RecolorResult] = Kind(
    "recolor",
    Words(
        "Colour transfer",
        "one picture in the colours of another",
        stages={"recolor": Stage("Colours"), "measure": Stage("Measures")},
        kept="Its fit keeps nothing and begins anew.",
    ),
    spec="npf_engine.studies.recolor.spec:RecolorSpec",
    run="npf_engine.studies.recolor.run:run_recolor",
    result="npf_engine.studies.recolor.result:RecolorResult",
    stages=("recolor", "measure"),
    files=("before.png", "palette.png", "after.png"),
)

"""What a colour transfer is called, and its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine.studies.kind import Kind, Stage, Words

if TYPE_CHECKING:
    from npf_engine.studies.kind import Told
    from npf_engine.studies.recolor.spec import RecolorSpec

KIND: Kind[RecolorSpec, Told] = Kind(
    "recolor",
    Words(
        "Colour transfer",
        "one picture in the colours of another",
        stages={"recolor": Stage("Colours"), "measure": Stage("Measures")},
        kept="Its fit keeps nothing and begins anew.",
    ),
    spec="npf_engine.studies.recolor.spec:RecolorSpec",
    run="npf_engine.studies.recolor.run:run_recolor",
    stages=("recolor", "measure"),
    files=("before.png", "palette.png", "after.png"),
)

"""What a colour transfer is called, and its stages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

from npf_engine.studies.kind import Kind, Measure, Stage, Words

if TYPE_CHECKING:
    from npf_engine.studies.recolor.result import RecolorResult
    from npf_engine.studies.recolor.spec import RecolorSpec

MEASURES = (
    Measure("colours", "Colours", "Match of the colours: ratio, value over floor", "pushforward.ratio"),
    Measure("structure", "Structure", "Correlation of brightness steps before and after", "structure", 1),
)

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
    measures=MEASURES,
    subject="npf_engine.studies.recolor.words:about",
)


def about(settings: Mapping[str, object]) -> str:
    """The picture, and whose colours it gets."""
    return " in the colours of ".join(PurePath(str(settings.get(key) or "")).stem for key in ("source", "palette"))

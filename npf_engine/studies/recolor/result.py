"""What a colour transfer answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from npf_engine.measures.verdict import Verdict
from npf_engine.settings import reading
from npf_engine.settings.reading import Record
from npf_engine.studies.kind import verdict_in


@dataclass(frozen=True)
class RecolorResult:
    """width and height in pixels; pushforward: how well the colours match, the contract's metric object; structure:
    the correlation of brightness steps between neighbours before and after, None where the picture has none;
    parameters of the map; seconds of the fit; verdict: None where there is nothing to compare with."""

    width: int
    height: int
    method: str
    pushforward: Mapping[str, float | None]
    structure: float | None
    parameters: int
    note: str
    seconds: float
    verdict: Verdict | None = None

    def to_json(self) -> dict[str, object]:
        """What report.json holds."""
        return {
            "seconds": self.seconds,
            "width": self.width,
            "height": self.height,
            "method": self.method,
            "pushforward": dict(self.pushforward),
            "structure": self.structure,
            "parameters": self.parameters,
            "note": self.note,
        } | ({} if self.verdict is None else self.verdict.to_json())

    @classmethod
    def of_json(cls, report: Record) -> RecolorResult:
        """Inverse of ``to_json``. Raises InputError for what is no report of a colour transfer."""
        match = reading.mapping(report, "pushforward")
        return cls(
            width=reading.whole(report, "width"),
            height=reading.whole(report, "height"),
            method=reading.text(report, "method"),
            pushforward={key: reading.maybe_number(match, key) for key in match},
            structure=reading.maybe_number(report, "structure"),
            parameters=reading.maybe_whole(report, "parameters", 0),
            note=reading.maybe_text(report, "note", ""),
            seconds=reading.maybe_number(report, "seconds", 0.0),
            verdict=verdict_in(report),
        )

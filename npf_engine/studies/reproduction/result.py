"""What a table or figure of a paper came out as: its rows beside the paper's, and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from npf_engine.measures.verdict import Verdict
from npf_engine.settings import reading
from npf_engine.settings.reading import Record


@dataclass(frozen=True)
class Row:
    """One number. paper: what the paper prints, None where it draws or does not say, and paper_se its +-; ours, se: our
    mean and its standard error, None for what was not at hand; floor and trivial: the least that can be told from zero,
    and what a map that learned nothing scores, in the same measure; note: what must be known to compare them."""

    what: str
    paper: float | None
    ours: float | None
    floor: float | None = None
    trivial: float | None = None
    note: str = ""
    paper_se: float | None = None
    se: float | None = None

    def to_json(self) -> dict[str, object]:
        """By their names; the note where there is one."""
        told: dict[str, object] = {"what": self.what, "paper": self.paper, "ours": self.ours}
        told |= {"floor": self.floor, "trivial": self.trivial}
        told |= {name: value for name in ("paper_se", "se") if (value := getattr(self, name)) is not None}
        return told | ({"note": self.note} if self.note else {})

    @classmethod
    def of_json(cls, row: Record) -> Row:
        """Inverse of ``to_json``. Raises InputError."""
        paper, ours, floor, trivial = (reading.maybe_number(row, key) for key in ("paper", "ours", "floor", "trivial"))
        note, wide, se = (
            reading.maybe_text(row, "note", ""),
            *(reading.maybe_number(row, k) for k in ("paper_se", "se")),
        )
        return cls(reading.text(row, "what"), paper, ours, floor, trivial, note, wide, se)


@dataclass(frozen=True)
class ReproductionResult:
    """paper, item, title, preset and seed: what was asked for; rows: its numbers; seconds: of all trainings that it
    stands on and of its own measures; fingerprint: of those trainings' weights, None where nothing was trained;
    picture: name of the file with the picture, a plotly figure as JSON, None for a table; notes: what must be known."""

    paper: str
    item: str
    title: str
    preset: str
    seed: int
    rows: Sequence[Row]
    seconds: float
    fingerprint: str | None = None
    picture: str | None = None
    notes: Sequence[str] = ()

    @property
    def verdict(self) -> Verdict | None:
        """None: the rows stand beside the paper's, and each run that they are of has a verdict of its own."""
        return None

    def to_json(self) -> dict[str, object]:
        """What ``reproduce --json`` prints."""
        return {
            "paper": self.paper,
            "item": self.item,
            "title": self.title,
            "preset": self.preset,
            "seed": self.seed,
            "rows": [row.to_json() for row in self.rows],
            "seconds": self.seconds,
            "fingerprint": self.fingerprint,
            "picture": self.picture,
            "notes": list(self.notes),
        }

    @classmethod
    def of_json(cls, report: Mapping[str, object]) -> ReproductionResult:
        """Inverse of ``to_json``. Raises InputError for what is none."""
        return cls(
            paper=reading.text(report, "paper"),
            item=reading.text(report, "item"),
            title=reading.text(report, "title"),
            preset=reading.text(report, "preset"),
            seed=reading.whole(report, "seed"),
            rows=[Row.of_json(reading.as_mapping("rows", row)) for row in reading.items(report, "rows")],
            seconds=reading.number(report, "seconds"),
            fingerprint=reading.maybe_text(report, "fingerprint"),
            picture=reading.maybe_text(report, "picture"),
            notes=reading.texts(report, "notes"),
        )

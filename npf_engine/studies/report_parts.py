"""What stands in the report of a trained factorization: its verdict, accuracy table, figures, what F was, settings, how
to repeat it, what to cite; described once, and written as HTML (``report_page``) and as a PDF (``report_pdf``).

The words are as the bundle has them, which is anybody's: a writer draws each through ``legible`` and escapes it.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from npf_engine.bundle import card, check, files
from npf_engine.bundle.accuracy_table import AccuracyRow, accuracy_rows
from npf_engine.bundle.package import Bundle
from npf_engine.citation import bibtex
from npf_engine.errors import InputError
from npf_engine.fields import relevant
from npf_engine.fields.spec import FieldSpec
from npf_engine.figures import paper
from npf_engine.figures.print_views import CLOUDS, LADDER, MONGE_AMPERE, RELOCATION
from npf_engine.glossary import typeset
from npf_engine.numbers import number, percent
from npf_engine.settings.dotted import as_text, flatten
from npf_engine.settings.reading import maybe_mapping, maybe_number
from npf_engine.studies import printed

if TYPE_CHECKING:
    from npf_engine.polar import PolarFactorization

FIGURES = (CLOUDS, LADDER, RELOCATION, MONGE_AMPERE)
HEADS = ("measure", "value", "floor", "ratio", "±", "trivial answer")
EMPTY = ("", "[]", "{}", "none")  # settings that say nothing
LEVELS = {"good": "good", "usable": "usable"}  # verdict -> its colour; any other is bad
# On paper: type and softer type, lines, ground, and the levels of a verdict.
COLOURS = {
    "ink": "#000000",
    "soft": "#444444",
    "line": "#bbbbbb",
    "ground": "#ffffff",
    "good": "#0b6b52",
    "usable": "#8a5a00",
    "bad": "#b3123c",
}
# No letters, but orders to whoever draws them: of a terminal, of the direction of writing, halves of letters.
_ORDERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


@dataclass(frozen=True)
class Words:
    """A paragraph; ``soft``: a remark."""

    text: str
    soft: bool = False


@dataclass(frozen=True)
class Judged:
    """The verdict: its level (a key of ``COLOURS``), its word, and the reason."""

    level: str
    word: str
    reason: str


@dataclass(frozen=True)
class Figure:
    """A view's picture, as vectors, and its caption."""

    view: str
    caption: str
    drawn: bytes


@dataclass(frozen=True)
class Table:
    """Rows below their heads; ``numbers``: all columns but the first are numbers."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: bool


@dataclass(frozen=True)
class Lines:
    """A list of sentences."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Code:
    """Lines as they are typed."""

    text: str


Part = Words | Judged | Figure | Table | Lines | Code


@dataclass(frozen=True)
class Section:
    """Parts below a heading."""

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Report:
    """All of it: the model's name, what it is, what stands before the first heading, and the sections."""

    name: str
    about: str
    opening: Sequence[Part]
    sections: Sequence[Section]

    @property
    def title(self) -> str:
        """Of the document."""
        return f"{self.name}: a polar factorization"

    def parts(self) -> list[Part]:
        """All of them, in their order."""
        return [*self.opening, *itertools.chain.from_iterable(section.parts for section in self.sections)]


def report_of(bundle: Bundle, command: str, form: paper.Format) -> Report:
    """The report of a checked bundle, its figures in the format ``form``; ``command``: what trained it. Views that the
    model has none of are left out with the reason."""
    metrics = maybe_mapping(bundle.report, "metrics")
    config, model = bundle.config, bundle.model()
    verdict = str(bundle.report.get("verdict") or "none")
    reason = typeset(str(bundle.report.get("verdict_reason") or ""))
    figures = {view: _drawn(bundle, view, model, metrics, form) for view in FIGURES}
    field = str(maybe_mapping(config, "field").get("name") or "a field")
    return Report(
        bundle.name,
        f'A polar factorization F = ∇u ∘ M of the field "{field}", d = {model.d}.',
        (Judged(LEVELS.get(verdict, "bad"), verdict, reason), figures.pop(CLOUDS)),
        (
            Section("Accuracy", _accuracy(metrics, model.units.value)),
            Section("Figures", tuple(figures.values())),
            Section(
                "What F was",
                (Lines(card.source_lines(config)), Lines([*map(typeset, card.convention_lines(config))])),
            ),
            Section("How it was trained", (Code(command), Words(typeset(card.seconds_line(bundle.report))))),
            Section("Settings", (settings_table(bundle.settings),)),
            Section("Cite", (Code(bibtex(card.source_of(config))),)),
        ),
    )


def command_of(bundle: Bundle) -> str:
    """What trained a bundle, as its command.txt has it. Raises InputError where it is not sound."""
    return check.command_of(bundle.path.name, files.read_files(bundle.path))


def legible(text: str) -> str:
    """Anybody's words, with a mark in place of each character that is none to be read, as those that turn a line."""
    return _ORDERS.sub("\ufffd", text)


def _drawn(
    bundle: Bundle, view: str, model: PolarFactorization, metrics: Mapping[str, object], form: paper.Format
) -> Figure | Words:
    caption = printed.caption(view, bundle.settings)
    how = paper.Print(2, 9.0, form, f"{bundle.name} {view}", caption)
    try:
        if view == MONGE_AMPERE:
            drawn, found = printed.of_places(view, model, how)
            return Figure(view, f"{caption} {_wrong(found)}", drawn)
        return Figure(view, caption, printed.of_model(view, model, metrics, how))
    except InputError as error:
        return Words(f"{view}: {error}.", soft=True)


def _wrong(found: Mapping[str, object]) -> str:
    """The residual's numbers in a sentence."""
    row = maybe_mapping(found, "residual")
    value, floor, trivial = (number(maybe_number(row, key), 2) for key in ("value", "self_distance", "trivial"))
    return (
        f"|ln| of it is {value} on average (floor {floor}, trivial answer {trivial}); beyond the estimate's own error "
        f"u is wrong at {percent(maybe_number(found, 'wrong_share') or 0.0)} of rho."
    )


def _accuracy(metrics: Mapping[str, object], unit: str) -> tuple[Part, ...]:
    """The table in the symbols of the pages; ``unit``: of F."""
    rows = [(_titled(row.title, unit), *_written(row)) for row in accuracy_rows(metrics)]
    if not rows:
        return (Words("This model carries no accuracy table.", soft=True),)
    about = (
        "A value is to be read between its floor, what two draws of the truth differ by, and its trivial answer, what "
        "a model that learned nothing gets; the ratio is value over floor. ± is the standard error of the ratio; of "
        "the mass in a wrong cell and of the widest hole its change with the half of the samples."
    )
    return (Table(HEADS, rows, numbers=True), Words(about, soft=True))


def _titled(title: str, unit: str) -> str:
    """In the symbols of the pages, with the unit where the figure has F's."""
    if title.startswith("test dual") and unit:
        title = f"{title} ({unit}, x scaled to [−1, 1])"
    return typeset(title).replace("units of F", unit or "F's own unit")


def _written(row: AccuracyRow) -> list[str]:
    return [number(value, 4, dash="") for value in row.shown()]


def settings_table(settings: Mapping[str, object]) -> Table:
    """Those that say something, of the field's only what its source reads and what was set all the same."""
    field = maybe_mapping(settings, "field")
    formulas = field.get("expression")
    read = relevant.settings(
        FieldSpec(
            source=str(field.get("source") or "?"),
            expression=tuple(map(str, formulas)) if isinstance(formulas, list | tuple) else (),
        )
    )
    plain = flatten(dataclasses.asdict(FieldSpec()))

    def said(key: str, text: str) -> bool:
        name = key.removeprefix("field.")
        return name == key or name in read or text != as_text(plain.get(name))

    written = [(key, as_text(value)) for key, value in flatten(settings).items()]
    rows = [(key, text) for key, text in written if text not in EMPTY and said(key, text)]
    return Table(("setting", "value"), rows, numbers=False)

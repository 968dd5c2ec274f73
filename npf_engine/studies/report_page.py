"""A trained factorization as one page of HTML that needs no network and no script: verdict, accuracy table, figures as
vectors, what F was, settings, how to repeat it, what to cite. A browser prints it as a PDF on A4 or letter paper.

Everything that comes from a bundle is escaped, the page may load nothing (its own policy says so), and figures are
pictures in it, whose code no browser runs.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from html import escape
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
STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #56606e; --line: #d5dae1; --ground: #fff; --good: #0b6b52;
  --usable: #8a5a00; --bad: #b3123c }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --soft: #a4adba; --line: #38414e; --ground: #12171f;
  --good: #4cc7a2; --usable: #e0a63a; --bad: #ff7a97 } }
@media print { :root { --ink: #000; --soft: #444; --line: #bbb; --ground: #fff; --good: #0b6b52; --usable: #8a5a00;
  --bad: #b3123c } .screen { display: none } figure, tr { break-inside: avoid } h2 { break-after: avoid } }
@page { margin: 16mm }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem }
h1 { margin: 0 } h2 { margin: 2.2rem 0 .6rem; font-size: 1.2rem } .soft { color: var(--soft) }
.verdict { font-weight: 600 } .good { color: var(--good) } .usable { color: var(--usable) } .bad { color: var(--bad) }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: right; padding: .3rem .5rem; border-bottom: 1px solid var(--line); vertical-align: top }
th:first-child, td:first-child, .plain th { text-align: left } .plain td { text-align: left; overflow-wrap: anywhere }
.wide { overflow-x: auto }
@media screen and (max-width: 40rem) { .numbers tr { display: grid; grid-template-columns: repeat(5, 1fr) }
  .numbers th, .numbers td { padding: .2rem .1rem; border: 0; font-size: .8rem }
  .numbers td:first-child { grid-column: 1 / -1; border-top: 1px solid var(--line) } .numbers th:first-child {
  display: none } }
figure { margin: 1rem 0; background: #fff; padding: .5rem; border: 1px solid var(--line); border-radius: 4px }
figure img { width: 100%; display: block } figcaption { color: #444; font-size: .9rem; padding-top: .4rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line); border-radius: 4px; padding: .7rem;
  font-size: .85rem }
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
LEVELS = {"good": "good", "usable": "usable"}


def report_page(bundle: Bundle, command: str, made: datetime.date | None = None) -> bytes:
    """The page of a checked bundle, UTF-8; ``command``: what trained it; ``made``: the day that stands on it, today by
    default. Views that the model has none of are left out with the reason."""
    metrics = maybe_mapping(bundle.report, "metrics")
    name, config = bundle.name, bundle.config
    verdict = str(bundle.report.get("verdict") or "none")
    reason = str(bundle.report.get("verdict_reason") or "")
    model = bundle.model()
    figures = {view: _drawn(bundle, view, model, metrics) for view in FIGURES}
    seconds = typeset(card.seconds_line(bundle.report))
    day = made or datetime.datetime.now(datetime.UTC).date()
    parts = [
        f"<h1>{escape(name)}</h1>",
        f'<p class="soft">A polar factorization F = ∇u ∘ M of the field "{escape(_field(config))}", d = {model.d}. '
        f'Page made on {day.isoformat()}. <span class="screen">Print it to have it as a PDF.</span></p>',
        f'<p><span class="verdict {LEVELS.get(verdict, "bad")}">{escape(verdict)}</span>: '
        f"{escape(typeset(reason))}</p>",
        figures.pop(CLOUDS),
        _section("Accuracy", _accuracy(metrics, model.units.value)),
        _section("Figures", "".join(figures.values())),
        _section("What F was", _list(card.source_lines(config)) + _list(map(typeset, card.convention_lines(config)))),
        _section("How it was trained", f"<pre>{escape(command)}</pre><p>{escape(seconds)}</p>"),
        _section("Settings", _settings(bundle.settings)),
        _section("Cite", f"<pre>{escape(bibtex(card.source_of(config)))}</pre>"),
    ]
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}: a polar factorization</title><style>{STYLE}</style>"
    )
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>\n{body}\n</main></body></html>\n'.encode()


def _drawn(bundle: Bundle, view: str, model: PolarFactorization, metrics: Mapping[str, object]) -> str:
    caption = printed.caption(view, bundle.settings)
    how = paper.Print(2, 9.0, "svg", f"{bundle.name} {view}", caption)
    try:
        if view == MONGE_AMPERE:
            drawn, found = printed.of_places(view, model, how)
            return _figure(drawn, f"{caption} {_wrong(found)}")
        return _figure(printed.of_model(view, model, metrics, how), caption)
    except InputError as error:
        return f'<p class="soft">{escape(view)}: {escape(str(error))}.</p>'


def _wrong(found: Mapping[str, object]) -> str:
    """The residual's numbers in a sentence."""
    row = maybe_mapping(found, "residual")
    value, floor, trivial = (number(maybe_number(row, key), 2) for key in ("value", "self_distance", "trivial"))
    return (
        f"|ln| of it is {value} on average (floor {floor}, trivial answer {trivial}); beyond the estimate's own error "
        f"u is wrong at {percent(maybe_number(found, 'wrong_share') or 0.0)} of rho."
    )


def command_of(bundle: Bundle) -> str:
    """What trained a bundle, as its command.txt has it. Raises InputError where it is not sound."""
    return check.command_of(bundle.path.name, files.read_files(bundle.path))


def _field(config: Mapping[str, object]) -> str:
    return str(maybe_mapping(config, "field").get("name") or "a field")


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{content}"


def _figure(svg: bytes, caption: str) -> str:
    data = base64.b64encode(svg).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _accuracy(metrics: Mapping[str, object], unit: str) -> str:
    """The table in the symbols of the pages; ``unit``: of F."""
    rows = [(_titled(row.title, unit), *_written(row)) for row in accuracy_rows(metrics)]
    if not rows:
        return '<p class="soft">This model carries no accuracy table.</p>'
    about = (
        "A value is to be read between its floor, what two draws of the truth differ by, and its trivial answer, what "
        "a model that learned nothing gets; the ratio is value over floor. ± is the standard error of the ratio; of "
        "the mass in a wrong cell and of the widest hole its change with the half of the samples."
    )
    return _table(HEADS, rows, "numbers") + f'<p class="soft">{about}</p>'


def _titled(title: str, unit: str) -> str:
    """In the symbols of the pages, with the unit where the figure has F's."""
    if title.startswith("test dual") and unit:
        title = f"{title} ({unit}, x scaled to [−1, 1])"
    return typeset(title).replace("units of F", unit or "F's own unit")


def _written(row: AccuracyRow) -> list[str]:
    return [number(value, 4, dash="") for value in row.shown()]


def _settings(settings: Mapping[str, object]) -> str:
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
    return _table(("setting", "value"), rows, "plain")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f'<div class="wide"><table class="{kind}"><tr>{head}</tr>\n{body}</table></div>'


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"

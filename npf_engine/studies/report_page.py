"""A trained factorization as one page of HTML that needs no network and no script: the parts of ``report_parts``. A
browser prints it on A4 or letter paper.

Everything that comes from a bundle is escaped, the page may load nothing (its own policy says so), and figures are
pictures in it, whose code no browser runs.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterable
from html import escape

from npf_engine.bundle.package import Bundle
from npf_engine.studies.report_parts import (
    COLOURS,
    Code,
    Figure,
    Judged,
    Lines,
    Part,
    Section,
    Table,
    Words,
    legible,
    report_of,
)

STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #56606e; --line: #d5dae1; --ground: #fff; --good: #0b6b52;
  --usable: #8a5a00; --bad: #b3123c }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --soft: #a4adba; --line: #38414e; --ground: #12171f;
  --good: #4cc7a2; --usable: #e0a63a; --bad: #ff7a97 } }
@media print { :root { PAPER } .screen { display: none } figure, tr { break-inside: avoid } h2 { break-after: avoid } }
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
PAPER = "; ".join(f"--{name}: {colour}" for name, colour in COLOURS.items())
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def report_page(bundle: Bundle, command: str, made: datetime.date | None = None) -> bytes:
    """The page of a checked bundle, UTF-8; ``command``: what trained it; ``made``: the day that stands on it, today by
    default."""
    report = report_of(bundle, command, "svg")
    day = made or datetime.datetime.now(datetime.UTC).date()
    parts = [
        f"<h1>{_text(report.name)}</h1>",
        f'<p class="soft">{_text(report.about)} Page made on {day.isoformat()}. '
        '<span class="screen">Print it to have it as a PDF.</span></p>',
        *map(_part, report.opening),
        *map(_section, report.sections),
    ]
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(report.title)}</title><style>{STYLE.replace('PAPER', PAPER)}</style>"
    )
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>\n{body}\n</main></body></html>\n'.encode()


def _text(text: str) -> str:
    return escape(legible(text))


def _section(section: Section) -> str:
    return f"<h2>{_text(section.title)}</h2>\n" + "".join(map(_part, section.parts))


def _part(part: Part) -> str:
    match part:
        case Words(text, soft):
            return f'<p class="soft">{_text(text)}</p>' if soft else f"<p>{_text(text)}</p>"
        case Judged(level, word, reason):
            return f'<p><span class="verdict {level}">{_text(word)}</span>: {_text(reason)}</p>'
        case Figure():
            return _figure(part)
        case Table():
            return _table(part)
        case Lines(lines):
            return "<ul>" + "".join(f"<li>{_text(line)}</li>" for line in lines) + "</ul>"
        case Code(text):
            return f"<pre>{_text(text)}</pre>"


def _figure(figure: Figure) -> str:
    data, caption = base64.b64encode(figure.drawn).decode(), _text(figure.caption)
    picture = f'<img alt="{caption}" src="data:image/svg+xml;base64,{data}">'
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _table(table: Table) -> str:
    rows = "".join(f"<tr>{_cells('td', row)}</tr>\n" for row in table.rows)
    kind = "numbers" if table.numbers else "plain"
    return f'<div class="wide"><table class="{kind}"><tr>{_cells("th", table.heads)}</tr>\n{rows}</table></div>'


def _cells(tag: str, texts: Iterable[str]) -> str:
    return "".join(f"<{tag}>{_text(text)}</{tag}>" for text in texts)

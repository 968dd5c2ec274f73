"""A trained factorization as one page of HTML that needs no network and no script: verdict, accuracy table, figures as
vectors, what F was, settings, how to repeat it, what to cite. A browser prints it as a PDF on A4 or letter paper.

Everything that comes from a bundle is escaped, the page may load nothing (its own policy says so), and figures are
pictures in it, whose code no browser runs.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from npf_engine.bundle import card, check, files
from npf_engine.bundle.accuracy_table import accuracy_rows
from npf_engine.bundle.package import Bundle
from npf_engine.citation import bibtex
from npf_engine.errors import InputError
from npf_engine.figures import paper
from npf_engine.figures.print_views import CAPTIONS, CLOUDS, LADDER, RELOCATION
from npf_engine.numbers import number
from npf_engine.settings.dotted import as_text, flatten
from npf_engine.settings.reading import maybe_mapping
from npf_engine.studies import printed

FIGURES = (CLOUDS, LADDER, RELOCATION)
HEADS = ("", "value", "floor", "ratio", "s.e.", "trivial answer")
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
th:first-child, td:first-child { text-align: left } .plain td { text-align: left; overflow-wrap: anywhere }
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


def report_page(bundle: Bundle, command: str) -> bytes:
    """The page of a checked bundle, UTF-8; ``command``: what trained it. Views that the model has none of are left out
    with the reason."""
    metrics = maybe_mapping(bundle.report, "metrics")
    name, config = bundle.name, bundle.config
    verdict = str(bundle.report.get("verdict") or "none")
    reason = str(bundle.report.get("verdict_reason") or "")
    model = bundle.model()
    figures = []
    for view in FIGURES:
        how = paper.Print(2, 9.0, "svg", f"{name} {view}", CAPTIONS[view])
        try:
            figures.append(_figure(printed.of_model(view, model, metrics, how), CAPTIONS[view]))
        except InputError as error:
            figures.append(f'<p class="soft">{escape(view)}: {escape(str(error))}.</p>')
    parts = [
        f"<h1>{escape(name)}</h1>",
        f'<p class="soft">A polar factorization F = ∇u ∘ M of the field "{escape(_field(config))}", d = {model.d}. '
        '<span class="screen">Print this page to have it as a PDF.</span></p>',
        f'<p><span class="verdict {LEVELS.get(verdict, "bad")}">{escape(verdict)}</span>: {escape(reason)}</p>',
        _section("Accuracy", _accuracy(metrics)),
        _section("Figures", "".join(figures)),
        _section("What F was", _list(card.source_lines(config)) + _list(card.convention_lines(config))),
        _section(
            "How it was trained", f"<pre>{escape(command)}</pre><p>{escape(card.seconds_line(bundle.report))}</p>"
        ),
        _section("Settings", _settings(bundle.settings)),
        _section("Cite", f"<pre>{escape(bibtex(card.source_of(config)))}</pre>"),
    ]
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}: a polar factorization</title><style>{STYLE}</style>"
    )
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'.encode()


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


def _accuracy(metrics: Mapping[str, object]) -> str:
    rows = [(row.title, *(number(value, 4, dash="") for value in row.numbers())) for row in accuracy_rows(metrics)]
    if not rows:
        return '<p class="soft">This model carries no accuracy table.</p>'
    about = (
        "A value is to be read between its floor, what two draws of the truth differ by, and its trivial answer, what "
        "a model that learned nothing gets; the ratio is value over floor, with its standard error."
    )
    return _table(HEADS, rows, "numbers") + f'<p class="soft">{about}</p>'


def _settings(settings: Mapping[str, object]) -> str:
    rows = [(key, as_text(value)) for key, value in flatten(settings).items()]
    return _table(("setting", "value"), rows, "plain")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f'<div class="wide"><table class="{kind}"><tr>{head}</tr>\n{body}</table></div>'


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"

"""The PDF of a bundle: that it says what the page says, that its figures are vectors, and that a bundle's words are
words."""

from __future__ import annotations

import dataclasses
import io
import re
from html import unescape
from pathlib import Path

import pytest
from pypdf import PageObject, PdfReader
from pypdf.generic import DictionaryObject
from reportlab.lib.pagesizes import A4

from npf_engine import resources
from npf_engine.bundle.package import Bundle, read_bundle
from npf_engine.cli import main
from npf_engine.figures import paper
from npf_engine.figures.print_views import CLOUDS, LADDER
from npf_engine.studies import printed, report_parts
from npf_engine.studies.report_page import report_page
from npf_engine.studies.report_parts import Code, Figure, Judged, Lines, Table, Words, command_of, report_of
from npf_engine.studies.report_pdf import report_pdf
from npf_engine.studies.report_type import wrapped


def gallery() -> Bundle:
    return read_bundle(resources.gallery() / "npf-himmelblau.zip")


def fonts(page: PageObject | DictionaryObject) -> list[DictionaryObject]:
    """Descriptors of the fonts of a page and of the figures on it."""
    uses = page.get("/Resources", DictionaryObject()).get_object()
    kinds = [kind.get_object() for kind in uses.get("/Font", DictionaryObject()).get_object().values()]
    kinds = [kind["/DescendantFonts"][0].get_object() if "/DescendantFonts" in kind else kind for kind in kinds]
    found = [kind["/FontDescriptor"].get_object() for kind in kinds]
    for form in uses.get("/XObject", DictionaryObject()).get_object().values():
        found += fonts(form.get_object())
    return found


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of one line, for what is not about them."""
    bar = [{"measure": "value", "value": 2.0, "floor": 1.0, "ratio": 2.0, "se": 0.1, "trivial": 9.0}]
    drawn = {form: paper.ladder(bar, paper.Print(2, 9.0, form)) for form in ("pdf", "svg")}
    monkeypatch.setattr(printed, "of_model", lambda view, model, metrics, how: drawn[how.format])
    monkeypatch.setattr(printed, "of_places", lambda view, model, how: (drawn[how.format], {}))


def words(data: bytes) -> str:
    """What can be selected on its pages, without the spaces, of which breaks of lines have none."""
    return "".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages).split())


def without_spaces(text: str) -> str:
    return "".join(text.split())


def told(report: report_parts.Report) -> list[str]:
    """Every text of a report."""
    texts = [report.name, report.about, *(section.title for section in report.sections)]
    for part in report.parts():
        match part:
            case Words(text):
                texts.append(text)
            case Judged(_, word, reason):
                texts += [word, reason]
            case Figure(_, caption):
                texts.append(caption)
            case Table(heads, rows):
                texts += [*heads, *(cell for row in rows for cell in row)]
            case Lines(lines):
                texts += lines
            case Code(text):
                texts += text.splitlines()
    return texts


def test_figures_are_vectors_on_numbered_pages_with_an_outline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_parts, "FIGURES", (CLOUDS, LADDER))
    bundle = gallery()
    data = report_pdf(bundle, command_of(bundle))
    found = PdfReader(io.BytesIO(data))
    forms = [form.get_object() for page in found.pages for form in page["/Resources"].get("/XObject", {}).values()]
    assert [form["/Subtype"] for form in forms] == ["/Form", "/Form"]
    assert not [name for form in forms for name in form["/Resources"].get("/XObject", {}) if "Image" in name]
    assert b" re" in forms[1].get_data() or b" l" in forms[1].get_data()
    assert all("/FontFile2" in font for page in found.pages for font in fonts(page))
    assert all(tuple(map(float, page.mediabox[2:])) == pytest.approx(A4, abs=0.01) for page in found.pages)
    top = [item["/Title"] for item in found.outline if isinstance(item, dict)]
    below = [item["/Title"] for items in found.outline if isinstance(items, list) for item in items]
    assert top[:3] == ["himmelblau", "Accuracy", "Figures"] and top[-1] == "Cite"
    assert below == ["Figure: clouds", "Figure: ladder"]
    about = found.metadata
    assert about and about.title == "himmelblau: a polar factorization" and about.author
    made, again = str(about["/Keywords"]).splitlines()
    assert made == f"{command_of(bundle)} --out run" and again.endswith("report run --out npf-himmelblau.pdf")
    assert about.creation_date is None
    assert data == report_pdf(bundle, command_of(bundle))


def test_it_says_what_the_page_says(plain: None) -> None:
    bundle = gallery()
    report, command = report_of(bundle, command_of(bundle), "svg"), command_of(bundle)
    page = without_spaces(unescape(re.sub(r"<[^>]*>", " ", report_page(bundle, command).decode())))
    data = report_pdf(bundle, command)
    pdf = words(data)
    assert len(told(report)) > 150
    for text in told(report):
        assert without_spaces(text) in page and without_spaces(text) in pdf, text
    assert f"page2of{len(PdfReader(io.BytesIO(data)).pages)}" in pdf
    assert "Mξ♯ρagainstρ" in pdf and "∇u∘Mξ" in pdf


EVIL = (
    "<b>bold</b> &amp; <font color='red'>red</font> </para><para> ]]> <!--",
    '<img src="/etc/hostname" width="1" height="1"/><a href="http://host">here</a>',
    "&#0; &unknown; %s %(name)s {braces} $\\frac{a}{b}$ \\",
    "x" * 9000,
    "ab " * 3000,
    "\x00\x07\x1b[31m red \ud800 \u202egnp.exe\u2066",
    "two\nlines\tand a tab",
    "",
)


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
def test_words_of_a_bundle_are_drawn_as_they_are(plain: None, monkeypatch: pytest.MonkeyPatch, evil: str) -> None:
    bundle = gallery()
    settings = {**bundle.settings, "name": evil, evil: evil}
    hostile = dataclasses.replace(
        bundle,
        config=bundle.config | {"name": evil, "field": {"name": evil}, "info": {"warnings": [evil]}, "spec": settings},
        report=bundle.report | {"verdict": evil, "verdict_reason": evil, "device": evil},
    )
    model = bundle.model()
    monkeypatch.setattr(type(hostile), "model", lambda self: model)
    data = report_pdf(hostile, evil)
    pages = PdfReader(io.BytesIO(data)).pages
    assert not [page for page in pages if "/Annots" in page]
    drawn = without_spaces(report_parts.legible(evil))
    found = words(data)
    if len(evil) < 1000:
        assert found.count(drawn) >= 5
    else:
        assert found.count("x") + found.count("ab") >= 5 * evil.count(evil[0])
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", found)
    assert not re.search("[\x00\u202e\ud800]", report_page(hostile, evil).decode())


def test_letters_that_no_font_has_are_told_by_their_numbers(plain: None) -> None:
    bundle = gallery()
    named = dataclasses.replace(bundle, config=bundle.config | {"name": "地 Ω \U0001f5fa"})
    data = report_pdf(named, "python -c '地'")
    assert "‹U+5730›Ω‹U+1F5FA›" in words(data) and "'‹U+5730›'" in words(data)
    about = PdfReader(io.BytesIO(data)).metadata
    assert about and about.title == "地 Ω \U0001f5fa: a polar factorization"


def test_the_end_of_the_name_says_which_form_the_command_writes(plain: None, tmp_path: Path) -> None:
    bundle = str(gallery().path)
    assert main(["report", bundle, "--out", str(tmp_path / "new" / "a.pdf")]) == 0
    assert main(["report", bundle, "--out", str(tmp_path / "a.html")]) == 0
    assert (tmp_path / "new" / "a.pdf").read_bytes()[:5] == b"%PDF-"
    assert (tmp_path / "a.html").read_bytes()[:9] == b"<!doctype"
    assert main(["report", bundle, "--out", str(tmp_path / "a.doc")]) == 2


def test_a_long_command_can_be_copied_into_a_shell() -> None:
    command = f"{printed.PYTHON} train 'sin(3*x) y' " + " ".join(f"--set u.steps={k}" for k in range(20))
    lines = wrapped(command, 60)
    assert len(lines) > 3 and all(len(line) <= 60 for line in lines)
    assert " ".join(" ".join(lines).replace("\\", " ").split()) == command
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert wrapped("a\n\n  b", 60) == ["a", "", "  b"]
    assert "".join(wrapped("y" * 200, 60)).replace(" ", "") == "y" * 200

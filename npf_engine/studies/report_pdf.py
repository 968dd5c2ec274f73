"""A trained factorization as a PDF on A4: the parts of ``report_parts``, its text and tables set by reportlab, its
figures laid onto the pages as the vectors that they are (pypdf).

The same bundle gives the same bytes. Everything that comes from it is escaped, or drawn where nothing reads marks.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import cast

from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, StreamObject
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfdoc import xObjectName
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)
from reportlab.platypus.flowables import Flowable

from npf_engine import __version__
from npf_engine.bundle.package import Bundle
from npf_engine.studies import printed, report_parts, report_type
from npf_engine.studies.report_parts import COLOURS, Code, Figure, Judged, Lines, Part, Report, Words, legible
from npf_engine.studies.report_type import BODY, BOLD, CODE, MONO, SMALL, TEXT, escaped, styled
from npf_engine.tasks import layout

SIDE, TOP, FOOT = 18 * mm, 18 * mm, 20 * mm
WIDTH, HEIGHT = A4[0] - 2 * SIDE, A4[1] - TOP - FOOT
HEADED = 80.0  # points that a part needs of its page, or it begins on the next one
NUMBER, GAP = 46.0, 5.0  # points of a column of numbers, at least, and beside what it holds
OUTLINE = 100  # letters of an entry
DATES = ("/CreationDate", "/ModDate")  # reportlab's are of the year 2000


def report_pdf(bundle: Bundle, command: str) -> bytes:
    """The report of a checked bundle; ``command``: what trained it."""
    report = report_parts.report_of(bundle, command, "pdf")
    made, run = printed.kept(command)
    repeats = f"{made}\n{printed.PYTHON} report {run} --out npf-{layout.slug(report.name)}.pdf"
    _, pages = _set(report, repeats, 0)  # how many there are is known once they are set
    content, _ = _set(report, repeats, pages)
    return _with_figures(content, {part.view: part.drawn for part in report.parts() if isinstance(part, Figure)})


class _Picture(Flowable):  # type: ignore[misc]  # reportlab has no types
    """A figure, as wide as the page has room for: an empty form by the view's name, which is filled at the end."""

    def __init__(self, view: str, drawn: bytes) -> None:
        super().__init__()
        box = PdfReader(io.BytesIO(drawn)).pages[0].mediabox
        self.view, self.size = view, (float(box.width), float(box.height))
        self.scale = min(1.0, WIDTH / self.size[0], 0.8 * HEIGHT / self.size[1])
        self.width, self.height = (self.scale * side for side in self.size)

    def draw(self) -> None:
        _entry(self.canv, f"figure {self.view}", 1, f"Figure: {self.view}", self.height)
        self.canv.beginForm(self.view, 0, 0, *self.size)
        self.canv.endForm()
        self.canv.scale(self.scale, self.scale)
        self.canv.doForm(self.view)


class _Heading(Paragraph):  # type: ignore[misc]  # reportlab has no types
    """A title, and an entry of the outline."""

    entry = ("", "")  # its key and title; of what is left for the next page: none

    @classmethod
    def of(cls, key: str, title: str, style: ParagraphStyle) -> _Heading:
        heading = cls(escaped(title, style.fontName), style)
        heading.entry = (key, title)
        return heading

    def split(self, width: float, height: float) -> list[Paragraph]:
        parts: list[Paragraph] = super().split(width, height)
        for first in parts[:1]:
            first.entry = self.entry
        return parts

    def draw(self) -> None:
        key, title = self.entry
        if key:
            _entry(self.canv, key, 0, title, self.height)
        super().draw()


def _entry(canvas: Canvas, key: str, level: int, title: str, height: float) -> None:
    """The place of what is drawn in the outline; ``height``: of that, in points."""
    canvas.bookmarkHorizontal(key, 0, height)
    canvas.addOutlineEntry(legible(title)[:OUTLINE], key, level)


def _set(report: Report, repeats: str, total: int) -> tuple[bytes, int]:
    """All pages, numbered of ``total``, with room for the figures; and how many they are."""
    report_type.make_known()
    buffer = io.BytesIO()
    document = BaseDocTemplate(
        buffer,
        pagesize=A4,
        title=legible(report.title),
        author="npf-explorer",
        subject=legible(report.about),
        keywords=legible(repeats),
        creator=f"npf-explorer {__version__}",
        lang="en",
        displayDocTitle=True,
        invariant=True,
        initialFontName=TEXT,
    )
    frame = Frame(SIDE, FOOT, WIDTH, HEIGHT, 0, 0, 0, 0)

    def foot(canvas: Canvas, _: BaseDocTemplate) -> None:
        canvas.setFont(TEXT, SMALL)
        canvas.setFillColor(HexColor(COLOURS["soft"]))
        canvas.drawString(
            SIDE, 11 * mm, report_type.fitting(" ".join(report_type.drawable(report.name).split()), WIDTH - 80)
        )
        canvas.drawRightString(A4[0] - SIDE, 11 * mm, f"page {canvas.getPageNumber()} of {total}")

    document.addPageTemplates(PageTemplate("page", [frame], onPage=foot))
    document.build(_story(report))
    return buffer.getvalue(), document.page


def _with_figures(content: bytes, figures: Mapping[str, bytes]) -> bytes:
    """The pages with their forms filled, by the names of these."""
    writer = PdfWriter(clone_from=io.BytesIO(content))
    writer.pdf_header = "%PDF-1.4"  # the first that knows the transparency of the figures
    writer.metadata = {key: text for key, text in (writer.metadata or {}).items() if key not in DATES}
    wanted = {f"/{xObjectName(view)}": drawn for view, drawn in figures.items()}
    for page in writer.pages:
        forms = cast(DictionaryObject, cast(DictionaryObject, page["/Resources"]).get("/XObject", DictionaryObject()))
        for name in forms:
            forms[NameObject(name)] = _form(wanted[name], writer)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def _form(drawn: bytes, writer: PdfWriter) -> StreamObject:
    """The page of a figure's file as a form, with its fonts."""
    source, plain = PdfReader(io.BytesIO(drawn)).pages[0], DecodedStreamObject()
    content = source.get_contents()
    plain.set_data(b"" if content is None else content.get_data())
    form = plain.flate_encode()
    form[NameObject("/Type")], form[NameObject("/Subtype")] = NameObject("/XObject"), NameObject("/Form")
    form[NameObject("/BBox")] = source.mediabox
    form[NameObject("/Resources")] = cast(DictionaryObject, source["/Resources"]).clone(writer)
    return form


def _story(report: Report) -> list[Flowable]:
    title, about = styled("title", 18, BOLD, spaceAfter=4), styled("about", BODY, colour="soft", spaceAfter=8)
    story = [_Heading.of("title", report.name, title), _paragraph(report.about, about)]
    for part in report.opening:
        story += _flowables(part)
    for section in report.sections:
        heading = styled("heading", 12, BOLD, spaceBefore=14, spaceAfter=5)
        story += _flowables(section.parts[0], _Heading.of(f"section {section.title}", section.title, heading))
        for part in section.parts[1:]:
            story += _flowables(part)
    return story


def _flowables(part: Part, heading: Flowable | None = None) -> list[Flowable]:
    """A part below its heading, on the page where that is."""
    drawn = [heading, *_drawn(part)] if heading is not None else _drawn(part)
    return [KeepTogether(drawn)] if isinstance(part, Figure | Code) else [CondPageBreak(HEADED), *drawn]


def _drawn(part: Part) -> list[Flowable]:
    match part:
        case Words(text, soft):
            size, colour = (SMALL, "soft") if soft else (BODY, "ink")
            return [_paragraph(text, styled(f"words {soft}", size, colour=colour, spaceAfter=6))]
        case Judged(level, word, reason):
            judged = f'<font name="{BOLD}" color="{COLOURS[level]}">{escaped(word, BOLD)}</font>: {escaped(reason)}'
            return [Paragraph(judged, styled("verdict", BODY, spaceAfter=6))]
        case Figure(view, caption, drawn):
            below = styled("caption", SMALL, colour="soft", spaceAfter=10)
            return [_Picture(view, drawn), _paragraph(caption, below)]
        case report_parts.Table():
            return [_table(part), Spacer(0, 5)]
        case Lines(lines):
            style = styled("line", BODY, leftIndent=10, spaceAfter=2)
            return [*(Paragraph(escaped(line), style, bulletText="•") for line in lines), Spacer(0, 4)]
        case Code(text):
            return [_code(text), Spacer(0, 5)]


def _table(table: report_parts.Table) -> Table:
    """Long cells wrap, and go on on the next page; so does the head."""
    columns, widths = len(table.heads), [0.4 * WIDTH, 0.6 * WIDTH]
    if table.numbers:
        widths = [max(NUMBER, *(report_type.wide(row[k]) + 2 * GAP for row in table.rows)) for k in range(1, columns)]
        widths = [WIDTH - sum(widths), *widths]
    words, numbers = styled("cell", SMALL), styled("number", SMALL, alignment=TA_RIGHT)
    styles = [words] + [numbers if table.numbers else words] * (columns - 1)
    heads = [f'<font name="{BOLD}">{escaped(head, BOLD)}</font>' for head in table.heads]
    rows = [heads, *([escaped(cell) for cell in row] for row in table.rows)]
    cells = [[Paragraph(cell, style) for cell, style in zip(row, styles, strict=True)] for row in rows]
    look = [
        ("FONTNAME", (0, 0), (-1, -1), TEXT),
        ("LINEBELOW", (0, 0), (-1, -1), 0.5, HexColor(COLOURS["line"])),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
        ("LEFTPADDING", (0, 0), (-1, -1), GAP),
        ("RIGHTPADDING", (0, 0), (-1, -1), GAP),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ]
    return Table(cells, widths, repeatRows=1, splitInRow=1, style=TableStyle(look))


def _code(text: str) -> Table:
    """Lines in a box. Cells that are no paragraphs are drawn as they are."""
    columns = int((WIDTH - 12) / pdfmetrics.stringWidth("m", MONO, CODE))
    lines = [[line] for line in report_type.wrapped(report_type.drawable(text, MONO), columns)] or [[""]]
    look = [
        ("FONT", (0, 0), (-1, -1), MONO, CODE, 1.3 * CODE),
        ("BOX", (0, 0), (-1, -1), 0.5, HexColor(COLOURS["line"])),
        ("LEFTPADDING", (0, 0), (-1, -1), 6),
        ("RIGHTPADDING", (0, 0), (-1, -1), 6),
        ("TOPPADDING", (0, 0), (-1, -1), 0),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
        ("TOPPADDING", (0, 0), (-1, 0), 4),
        ("BOTTOMPADDING", (0, -1), (-1, -1), 5),
    ]
    return Table(lines, [WIDTH], style=TableStyle(look))


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escaped(text, style.fontName), style)

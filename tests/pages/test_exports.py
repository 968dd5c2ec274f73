"""Other forms of a model, on Models: made at a click, and a refusal is told."""

from __future__ import annotations

import pytest

from npf_engine.bundle import exchange
from npf_engine.errors import InputError
from npf_engine.figures.print_views import CLOUDS, LADDER
from npf_engine.runs.store import Run, RunStore
from npf_engine.studies import report_parts
from tests.pages.conftest import button, open_page, texts
from ui import exports


def test_a_form_is_made_and_then_offered(store: RunStore, done: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "archive_of", lambda path, form, name: f"{form} of {name}".encode())
    app = open_page("models", {"run": done.id})
    button(app, "Make ONNX").click().run()
    assert not app.exception and any(item.proto.label == "Download ONNX" for item in app.get("download_button"))


def test_a_report_says_that_it_is_made_before_it_is_there(
    store: RunStore, done: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "report_page", lambda bundle, command: b"<html>" + bundle.name.encode())
    app = open_page("models", {"run": done.id})
    assert {f"Make {form.title}" for form in exports.FORMS.values()} <= {item.label for item in app.button}
    button(app, "Make report, one page of HTML").click().run()
    assert not app.exception
    assert any(item.proto.label == "Download report, one page of HTML" for item in app.get("download_button"))


def test_a_report_is_made_as_a_pdf(store: RunStore, done: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_parts, "FIGURES", (CLOUDS, LADDER))
    path = store.bundle(done.id)
    assert exports.FORMS["pdf"].made(path, done.name).startswith(b"%PDF-") and exports.FORMS["pdf"].end == ".pdf"
    app = open_page("models", {"run": done.id})
    button(app, "Make report, a PDF").click().run()
    assert not app.exception
    assert any(item.proto.label == "Download report, a PDF" for item in app.get("download_button"))


def test_why_there_is_no_such_form_is_told(store: RunStore, done: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object, form: str, name: str) -> bytes:
        raise InputError(f"u cannot be written as {form}")

    monkeypatch.setattr(exchange, "archive_of", refuse)
    app = open_page("models", {"run": done.id})
    button(app, "Make PyTorch .pt2").click().run()
    assert "cannot be written as pt2" in texts(app)

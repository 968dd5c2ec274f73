"""What a page shows when there is nothing to show, or when something went wrong: a sentence and a way on."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping

import streamlit as st

from npf_engine.errors import Cancelled, InputError
from ui import frame
from ui.wording import on_page

log = logging.getLogger(__name__)


def empty(
    title: str,
    text: str,
    page: str | None = None,
    label: str | None = None,
    query: Mapping[str, str] | None = None,
    icon: str = ":material/explore:",
) -> None:
    """An empty state: what is not there yet, why, and where to go. ``page`` is a name of frame.PAGES."""
    with st.container(border=True, horizontal_alignment="center", gap="small", key=f"empty_{frame.key_of(title)}"):
        st.markdown(f"## {icon} {title}", text_alignment="center", width="content")
        st.markdown(text, text_alignment="center", width="content")
        if page is not None:
            frame.link(page, label, query)


def problem(error: BaseException | str) -> None:
    """An error as its sentence. Anything but an InputError is told plainly and goes to the server's log."""
    if isinstance(error, str):
        st.error(sentence(error), icon=":material/error:")
    elif isinstance(error, InputError):
        st.error(sentence(str(error)), icon=":material/error:")
    elif isinstance(error, Cancelled):
        st.info("Stopped; nothing was changed.", icon=":material/block:")
    else:
        log.error("a page failed", exc_info=error)
        st.error(
            "Something unforeseen went wrong; the server's log has the details. Reload the page to try again.",
            icon=":material/error:",
        )


@contextlib.contextmanager
def told(stop: bool = False) -> Iterator[None]:
    """Show an InputError of the block as its sentence; ``stop`` ends the page there."""
    try:
        yield
    except InputError as error:
        problem(error)
        if stop:
            st.stop()


@contextlib.contextmanager
def shown(name: str) -> Iterator[None]:
    """Draw what belongs to the run ``name``: whatever its files make go wrong costs its own place, never the page."""
    try:
        yield
    except InputError as error:
        problem(error)
    except Exception as error:  # what was written by hand, by another version or on a broken disk has no end of kinds
        log.error("run %r cannot be shown", name, exc_info=error)
        problem(f"{name} cannot be shown: what is kept of it is damaged; delete it on its page, or repeat it")


def sentence(text: str) -> str:
    """``text`` with a first letter that is a capital and a full stop, settings by their controls, fit for Markdown.

    A first word that is a file's or a setting's name stays as it is, and so does a Greek symbol: P is no ρ.
    """
    text = on_page(text.strip())
    if text[:1].isascii() and text.partition(" ")[0].isalpha():
        text = text[:1].upper() + text[1:]
    return plain(text if text.endswith((".", "!", "?", ")")) else text + ".")


def plain(text: str) -> str:
    """``text`` with nothing in it that Markdown or LaTeX would act on: a run's name is the user's, not ours."""
    for mark in "\\`*_[]$<>~#:|":
        text = text.replace(mark, "\\" + mark)
    return text

"""A table and, in its place on a narrow screen, its rows as cards: no number stands where one must scroll sideways."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


@dataclass(frozen=True)
class Card:
    """A row: its title, what else is said, and its numbers, each with its name."""

    title: str
    text: str = ""
    numbers: Sequence[str] = ()


def wide(key: str) -> DeltaGenerator:
    """A container that is not there on a narrow screen (``frame.STYLE``)."""
    return st.container(key=f"only_wide_{key}")


def narrow(key: str) -> DeltaGenerator:
    """A container that is there on a narrow screen alone."""
    return st.container(key=f"only_narrow_{key}")


def show(cards: Iterable[Card]) -> None:
    """The cards, a list of terms."""
    st.html(written(cards))


def written(cards: Iterable[Card]) -> str:
    """As HTML; titles and texts may be anybody's words."""
    parts = []
    for card in cards:
        text = f"<dd>{escape(card.text)}</dd>" if card.text else ""
        told = "".join(f"<span>{escape(number)}</span>" for number in card.numbers)
        numbers = f'<dd class="numbers">{told}</dd>' if told else ""
        parts.append(f"<div><dt>{escape(card.title)}</dt>{text}{numbers}</div>")
    return f'<dl class="npf-cards">{"".join(parts)}</dl>'

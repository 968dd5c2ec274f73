"""Rows as cards: each number with its name, and anybody's words escaped."""

from __future__ import annotations

from ui.cards import Card, written
from ui.frame import STYLE


def test_a_card_has_its_numbers_and_no_markup_of_others() -> None:
    page = written([Card("<b>Table 1</b>", "a & b", ("Paper 0.5", "ours 0.4")), Card("bare")])
    assert "&lt;b&gt;Table 1&lt;/b&gt;" in page and "a &amp; b" in page and "<b>" not in page
    assert page.count("<dt>") == 2 and page.count('class="numbers"') == 1
    assert "<span>Paper 0.5</span><span>ours 0.4</span>" in page


def test_of_table_and_cards_one_is_shown() -> None:
    narrow, wide = STYLE.split("@media (max-width: 640px)")[1].split("@media (min-width: 641px)")
    assert "st-key-only_wide_" in narrow and "st-key-only_narrow_" in wide

"""What a model card says of names and sentences that anybody may have written."""

from __future__ import annotations

import copy
from pathlib import Path

from npf_engine.bundle.card import model_card
from npf_engine.bundle.package import read_bundle

GALLERY = Path(__file__).resolve().parents[2] / "assets" / "gallery"


def test_nothing_of_a_bundle_becomes_a_link_a_picture_or_bold() -> None:
    """The card of an imported bundle is shown on the page of models."""
    found = read_bundle(GALLERY / "npf-himmelblau.zip")
    config, report = copy.deepcopy(dict(found.config)), copy.deepcopy(dict(found.report))
    evil = "![a](https://host/a.png) [Sign in](https://host) <b>x**2*y**2</b>"
    config |= {"field": {"name": evil}, "units": {"axes": [evil] * 2, "position": [evil] * 2, "value": evil}}
    report |= {"verdict_reason": evil}
    card = model_card(config, report, "npf train himmelblau").partition("\n# ")[2]
    assert card.count("Sign in") == 7
    assert "](https://host" not in card and "<b>" not in card and "x**2" not in card.replace("\\*", "")

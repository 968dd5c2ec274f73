"""What is in the table and in the folders already, as far as it can be shown; the rest is dropped. Nothing raises."""

from __future__ import annotations

from typing import TypeGuard

from npf_engine.bundle.schema import MAX_NESTED, Metrics, plain
from npf_engine.settings import limits, reading


def clean(data: object, depth: int = 0) -> object:
    """``data`` with what cannot be shown taken out: numbers that are not finite become None, texts are cut and made
    printable, what is nested too deeply is left out. Never raises."""
    if isinstance(data, bool) or data is None:
        return data
    if isinstance(data, int | float):
        try:
            return data if plain(data) else None
        except OverflowError:  # a whole number beyond every real one
            return None
    if isinstance(data, str):
        return clean_text(data, limits.MAX_SENTENCE)
    if depth > MAX_NESTED:
        return None
    if isinstance(data, dict):
        return {clean_text(str(key), limits.MAX_NAME): clean(value, depth + 1) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [clean(value, depth + 1) for value in data]
    return None


def clean_record(data: object) -> dict[str, object] | None:
    """``clean`` of an object with named entries; None for what is none."""
    cleaned = clean(data)
    return cleaned if isinstance(cleaned, dict) else None


def clean_text(text: object, most: int = limits.MAX_SENTENCE) -> str:
    """``text`` as at most ``most`` printable characters; of anything else, what it would be written as."""
    if not isinstance(text, str):
        text = "" if text is None else limits.shown(text)
    text = text[:most]
    if text.isprintable():
        return str(text)
    return "".join("\ufffd" if limits.unprintable(c, lines=True) else c for c in text)


def clean_metrics(data: object) -> dict[str, object] | None:
    """The metrics of a row, where every figure of the accuracy table is numbers or missing; None for none at all."""
    found = clean_record(data)
    if found is None:
        return None
    for name in Metrics.model_fields:
        item = found.get(name)
        if item is not None:
            found[name] = _figures(item) if isinstance(item, dict) else None
    return found


def _figures(item: dict[str, object]) -> dict[str, object]:
    """What of a figure is numbers, and the words and groups of numbers that its class knows."""
    kept: dict[str, object] = {key: value for key, value in item.items() if value is None or is_number(value)}
    if isinstance(item.get("known"), str):
        kept["known"] = item["known"]
    if isinstance(item.get("exact"), dict):
        exact = reading.mapping(item, "exact")
        kept["exact"] = {key: value for key, value in exact.items() if value is None or is_number(value)}
    return kept


def clean_seconds(data: object) -> dict[str, float] | None:
    """Seconds by stage of a row, as far as they are numbers."""
    found = clean_record(data)
    if found is None:
        return None
    return {key: value for key, value in found.items() if is_number(value) and value >= 0}


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value of JSON is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)

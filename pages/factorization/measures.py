"""How a measure of the exact answers is written, and what stands in the tooltip of a sentence with figures."""

from __future__ import annotations

from npf_engine.measures import words
from npf_engine.measures.measured import Measured
from npf_engine.numbers import number


def row(measured: Measured, law: str) -> str:
    """A value in percent of the spread of a law, between its floor and its trivial answer."""
    return (
        f"**{number(measured.value, 3)} %** of the spread of {law} (floor {number(measured.floor, 3)} %, trivial "
        f"answer {number(measured.trivial, 3)} %)"
    )


def explained(*keys: str, n: float | None = None, more: str = "") -> str:
    """The tooltip of a sentence in which these figures stand, in its order: equation, source, how each is computed, and
    of what; ``more`` is what else was measured here."""
    told = [f"**{words.BESIDE[key].symbol}**: {words.about(key)}" for key in keys]
    here = [f"n = {n:,.0f}" if n is not None else "", more]
    return "\n\n".join([*told, f"Here {', '.join(filter(None, here))}."])

"""How a measure of the exact answers is written, and what stands in the tooltip of a sentence with figures."""

from __future__ import annotations

from npf_engine.measures.measured import Measured
from npf_engine.measures.words import explained as explained  # of all sentences on this page
from npf_engine.numbers import number


def row(measured: Measured, law: str) -> str:
    """A value in percent of the spread of a law, between its floor and its trivial answer."""
    return (
        f"**{number(measured.value, 3)} %** of the spread of {law} (floor {number(measured.floor, 3)} %, trivial "
        f"answer {number(measured.trivial, 3)} %)"
    )

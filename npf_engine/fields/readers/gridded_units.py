"""Units of the components of a vector, and of a scalar, as files write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from npf_engine.errors import InputError

_LENGTH = {
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), 1.0),
    **dict.fromkeys(("cm", "centimetre", "centimetres", "centimeter", "centimeters"), 0.01),
    **dict.fromkeys(("mm", "millimetre", "millimetres", "millimeter", "millimeters"), 0.001),
    **dict.fromkeys(("km", "kilometre", "kilometres", "kilometer", "kilometers"), 1000.0),
    **dict.fromkeys(("ft", "foot", "feet"), 0.3048),
    **dict.fromkeys(("mi", "mile", "miles"), 1609.344),
    **dict.fromkeys(("nmi", "nauticalmile", "nauticalmiles"), 1852.0),
}
_TIME = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}
_KNOT = dict.fromkeys(("kt", "kts", "kn", "knot", "knots"), 1852.0 / 3600.0)
_WORDS = {"mps": "m/s", "kmh": "km/h", "kph": "km/h", "mph": "mi/h", "cmps": "cm/s"}
SPEED = "m/s"


@dataclass(frozen=True)
class Unit:
    """A unit by the name that is shown; speed: metres per second of one, None where it is no speed."""

    name: str
    speed: float | None = None


def unit_of(text: str) -> Unit:
    """The unit that a file writes: ``m s-1``, ``m s**-1``, ``m/s``, ``cm.s^-1``, ``knots``; others keep their name."""
    plain = " ".join(text.split())[:40]
    speed = _speed(plain)
    return Unit(SPEED if speed == 1.0 else plain, speed)


def _speed(text: str) -> float | None:
    word = text.lower()
    word = _WORDS.get(word, word)
    if word in _KNOT:
        return _KNOT[word]
    word = word.replace("**", "").replace("^", "").replace("per ", "/").replace("{", "").replace("}", "")
    found = re.fullmatch(r"([a-z]+)\s*/\s*([a-z]+)", word) or re.fullmatch(r"([a-z]+)[\s.*·]*\s*([a-z]+)\s*-1", word)
    if found is None or found[1] not in _LENGTH or found[2] not in _TIME:
        return None
    return _LENGTH[found[1]] / _TIME[found[2]]


def common(first: str, second: str, names: tuple[str, str]) -> tuple[str, tuple[float, float], list[str], list[str]]:
    """What both components are turned into: its name, a factor each, conversions and warnings. Raises InputError."""
    a, b = unit_of(first), unit_of(second)
    if not a.name and not b.name:
        return "", (1.0, 1.0), [], [f"The file does not say in which unit {names[0]} and {names[1]} are."]
    if not a.name or not b.name:
        known, silent = (a, names[1]) if a.name else (b, names[0])
        factor = 1.0 if known.speed is None else known.speed
        name = known.name if known.speed is None else SPEED
        told = _told(known, factor)
        return name, (factor, factor), told, [f"The unit of {silent} is not said; that of the other was assumed."]
    if a.speed is not None and b.speed is not None:
        told = list(dict.fromkeys([*_told(a, a.speed), *_told(b, b.speed)]))
        return SPEED, (a.speed, b.speed), told, []
    if a.name != b.name:
        raise InputError(
            f"{names[0]} is in {a.name} and {names[1]} in {b.name}, which cannot be turned into one another; choose "
            "two components of one vector."
        )
    return a.name, (1.0, 1.0), [], []


def _told(unit: Unit, factor: float) -> list[str]:
    return [] if factor == 1.0 else [f"Components in {unit.name} were turned into m/s: times {factor:.6g}."]

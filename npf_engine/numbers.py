"""How a number is written wherever people read one (pages, plots, sentences, tables), and how typed ones are read."""

from __future__ import annotations

import math

from npf_engine.errors import InputError

NOTHING = 1e-12  # below it a number is the rounding of an arithmetic in double precision
SMALLEST, LARGEST = 1e-4, 1e12  # outside, powers of ten are easier to read than zeros


def settled(value: float, nothing: float = NOTHING) -> float:
    """The value, 0 where it is the rounding of an arithmetic: for tables that write and sort numbers by themselves."""
    return 0.0 if abs(value) <= nothing else value


def typed(value: float) -> str:
    """A number as somebody would type it, with all the digits that it takes to be read as the same number again: 5,
    0.1, -4.123456789, 1e-07. For commands, links and boxes that are filled in."""
    return repr(float(value)).removesuffix(".0")


def place(value: float, width: float) -> str:
    """A coordinate in a region of this width, to a ten thousandth of it or better: 84.26671 degrees, 318,893 m."""
    if not math.isfinite(value) or not 1e-6 <= width < 1e12:
        return f"{value:.6g}"
    return f"{value:,.{max(0, 4 - math.floor(math.log10(width)))}f}"


def mean_and_spread(mean: float, spread: float) -> tuple[str, str]:
    """A mean and a standard deviation for a table, both to a hundredth of the spread or better."""
    if not spread > 0:
        return number(mean, 6).replace("-", "−"), number(spread)
    return place(mean, 100 * spread).replace("-", "−"), place(spread, 100 * spread)


def percent(share: float, places: int = 1) -> str:
    """A share as people read it: 0.861 is 86 %. One that would be rounded to 0 or to 100 without being it says so."""
    least = 10.0**-places
    if 0 < share < least / 200:
        return f"under {least:g} %"
    if 100 - least / 2 < 100 * share < 100:
        return f"over {100 - least:g} %"
    return f"{100 * share:.{0 if share in (0, 1) else places}f} %"


def number(value: float | None, digits: int = 3, *, dash: str = "–", nothing: float = NOTHING) -> str:
    """``digits`` significant ones, thousands with commas: 6,850, 0.0123, 5.8e-10; 0 for what is not above ``nothing``
    in size; a dash for what is not known or not finite."""
    if value is None or not math.isfinite(value):
        return dash
    if abs(value) <= nothing:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    if not SMALLEST <= abs(rounded) < LARGEST:
        mantissa, power = f"{rounded:.{digits - 1}e}".split("e")
        plain = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{plain}e{int(power)}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def numbers_in(text: str, label: str) -> tuple[float, ...]:
    """Numbers between commas or spaces. Raises InputError that names the one that is none."""
    found = []
    for word in text.replace(",", " ").replace(";", " ").split():
        try:
            found.append(float(word))
        except ValueError:
            raise InputError(f"{label}: {word!r} is not a number") from None
    return tuple(found)

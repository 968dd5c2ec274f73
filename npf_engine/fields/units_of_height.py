"""Units of z by the names that files give them, and how long each is in metres."""

from __future__ import annotations

from dataclasses import dataclass

US_FOOT = 1200 / 3937
_LENGTHS: dict[str, tuple[float, tuple[str, ...]]] = {
    "metres": (1.0, ("m", "metre", "metres", "meter", "meters", "mtr", "metre(s)", "meter(s)")),
    "feet": (0.3048, ("ft", "foot", "feet", "international foot", "international feet", "foot_intl", "'")),
    "US survey feet": (
        US_FOOT,
        (
            "us-ft",
            "us ft",
            "ftus",
            "us foot",
            "us-foot",
            "us feet",
            "us survey foot",
            "us survey feet",
            "foot_us",
            "survey foot",
            "survey feet",
            "u.s. survey foot",
            "usft",
            "ussurveyfoot",
        ),
    ),
    "kilometres": (1000.0, ("km", "kilometre", "kilometres", "kilometer", "kilometers")),
    "decimetres": (0.1, ("dm", "decimetre", "decimetres", "decimeter", "decimeters")),
    "centimetres": (0.01, ("cm", "centimetre", "centimetres", "centimeter", "centimeters")),
    "millimetres": (0.001, ("mm", "millimetre", "millimetres", "millimeter", "millimeters")),
    "micrometres": (1e-6, ("um", "µm", "μm", "micron", "microns", "micrometre", "micrometres", "micrometer")),
    "nanometres": (1e-9, ("nm", "nanometre", "nanometres", "nanometer", "nanometers")),
    "yards": (0.9144, ("yd", "yard", "yards")),
    "inches": (0.0254, ("in", "inch", "inches")),
    "fathoms": (1.8288, ("fathom", "fathoms", "fth")),
    "miles": (1609.344, ("mi", "mile", "miles")),
    "nautical miles": (1852.0, ("nmi", "nautical mile", "nautical miles")),
}
_NAMES = {name: (title, metres) for title, (metres, names) in _LENGTHS.items() for name in (*names, title.lower())}
NO_LENGTH = "none"  # as a setting: z is no height
LEAST_KNOWN = "units of z"


@dataclass(frozen=True)
class HeightUnit:
    """What z is in: a name for people, and the length of one unit in metres (None where it is no length).

    assumed: nobody said so, neither the file nor the visitor.
    """

    name: str = "metres"
    metres: float | None = 1.0
    assumed: bool = False

    @property
    def told(self) -> str:
        """The conversion in a sentence, "" where nothing was converted or guessed."""
        if self.assumed:
            return "The file does not say what its heights are in: metres were assumed."
        if self.metres is None:
            return f"The values are in {self.name}, which is no length: F is in {self.name} per pixel or metre."
        if self.metres == 1.0:
            return ""
        return f"Heights are in {self.name} of {self.metres:.10g} m each: they were turned into metres."


METRES = HeightUnit()
ASSUMED = HeightUnit(assumed=True)


def height_unit(text: str, metres: float | None = None) -> HeightUnit:
    """The unit of this name; one that is not known is no length, unless ``metres`` says how long it is."""
    plain = " ".join(text.replace("_", " ").split())
    known = _NAMES.get(text.strip().lower()) or _NAMES.get(plain.lower())
    if known is not None:
        return HeightUnit(*known)
    if metres is not None:
        return HeightUnit(plain[:40] or "units", metres)
    if plain.lower() in ("", NO_LENGTH, "1", "-"):
        return HeightUnit(LEAST_KNOWN, None)
    return HeightUnit(plain[:40], None)


def length_of(text: str) -> float | None:
    """Metres of a unit of length by its name, None where it is none that is known."""
    known = _NAMES.get(text.strip().lower())
    return None if known is None else known[1]

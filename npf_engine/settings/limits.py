"""The most of everything: one budget of numbers that links, forms, the command line, bundles and the library all ask.

What a setting may be stands in its declaration (settings/setting.py), which takes its numbers from here where several
settings share them; texts, paths and lists of numbers that are no settings are checked here.
"""

from __future__ import annotations

import itertools
import json
import math
import unicodedata
from collections.abc import Sequence

from npf_engine.errors import InputError

# samples and fields
MAX_D = 512  # dimensions: u_theta has d-by-d matrices, and Gaussian starts cost d^3
MIN_ROWS = 50  # samples: below it 15 % of them measure nothing
MAX_SAMPLES = 20_000_000  # drawn, for a field known as a function
MAX_NUMBERS = 100_000_000  # n * d of the samples of a field: 400 MB as float32
MAX_FILE_BYTES = 400_000_000  # of an uploaded file
MAX_UNPACKED_BYTES = 1_000_000_000  # of all that an archive holds
MAX_CELLS = 25_000_000  # numbers in a table: 200 MB as float64, of which its reader makes copies
MAX_SMOOTHING = 4e9  # pixels times sigma: a minute of smoothing
LARGEST = 1e15  # magnitude of a value of F or a position: sums of squares must stay far inside float32

# networks
MAX_LAYERS, MAX_WIDTH = 16, 8192
MAX_WEIGHTS = 50_000_000  # of one network: 200 MB, and three times that while it is trained
MAX_OCTAVES = 16  # of Fourier features: beyond it they are noise for float32
MAX_RANK, MAX_PIECES, MAX_BLOCKS = 256, 8192, 512

# work
MAX_STEPS = 10_000_000
MAX_SAMPLER_STEPS = 10_000
MAX_GUIDE_STEPS = 1000
MAX_REDRAWS = 20
MAX_PARTICLES = 100_000
MAX_GRADIENTS = 20_000_000_000  # particles times steps
MAX_SEED = 2**31 - 1  # stages add to it, and numpy, scikit-learn and torch must all take the sum
MAX_SECONDS = 30 * 24 * 3600.0
MAX_WAITING = 200  # runs that wait, work or rest at once

# texts
MAX_NAME, MAX_TEXT, MAX_SENTENCE = 120, 1024, 2000
MAX_COMMAND = 8000  # characters of the command that trained a bundle
MAX_PART = 255  # bytes of one part of a path: what file systems take
MAX_FORMULA = 2000  # characters of one expression
MAX_FORMULAS = 40_000  # of all components together
MAX_DEPTH = 60  # nested parentheses, powers and signs
MAX_LINK = 4000  # characters of one value in a link: longer ones come from no link of ours
MAX_SETTING = 8_000_000  # characters of one value typed or read from a file: a matrix of 512 x 512
MAX_SHOWN = 60  # characters of a refused value in the sentence that refuses it

MOST_WHOLE = 10**9  # of a whole number whose setting names no most; of another LARGEST

# Marks that turn the direction of writing: a name with them reads as another one.
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def rows_needed(d: int) -> int:
    """Fewest samples of a field in dimension d: their covariance must have full rank with room to spare."""
    return MIN_ROWS + d


def check_cells(file: str, rows: int, columns: int) -> None:
    """InputError for a table that is too large to be held."""
    if rows * columns > MAX_CELLS:
        raise InputError(
            f"{file} has {rows:,} rows or more in {columns} columns; at most {MAX_CELLS:,} numbers are read: "
            "thin it out."
        )


def check_samples(n: int, d: int) -> None:
    """InputError where n samples in d dimensions are more numbers than one field may have."""
    if n * d > MAX_NUMBERS:
        raise InputError(
            f"{shown(n)} samples in {d} dimensions are {n * d:.3g} numbers; at most {MAX_NUMBERS:,} are held: "
            f"take {MAX_NUMBERS // d:,} samples or fewer."
        )


def shown(value: object) -> str:
    """A refused value for a sentence: at most MAX_SHOWN characters, all of them printable."""
    try:
        text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else repr(value)
    except (ValueError, RecursionError):  # Python writes no integer of thousands of digits
        return f"a {type(value).__name__} of thousands of digits" if isinstance(value, int) else "a nested value"
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def unprintable(text: str, lines: bool = False) -> str | None:
    """The first character of ``text`` that may not stand in a name or a sentence, written out; None where all may.

    Control characters, halves of surrogate pairs and marks of writing direction; ``lines``: line ends and tabs may.
    """
    for character in text:
        if (lines and character in "\n\r\t") or character.isprintable():
            continue
        if character in BIDI or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp", "Cn", "Co"):
            return f"U+{ord(character):04X}"
    return None


def check_text(key: str, text: str, most: int = MAX_TEXT, lines: bool = False) -> None:
    """InputError for a text that is too long or holds what cannot be printed."""
    if len(text) > most:
        raise InputError(f"{key} has {len(text):,} characters; at most {most:,} are possible")
    bad = unprintable(text, lines)
    if bad:
        raise InputError(f"{key} holds the character {bad}, which cannot be printed; leave it out")


def check_path(key: str, text: str) -> None:
    """InputError for a text with a part that no file system takes as a name."""
    longest = max((len(part.encode()) for part in text.replace("\\", "/").split("/")), default=0)
    if longest > MAX_PART:
        raise InputError(f"{key} has a part of {longest} bytes; a name of a file or a place has at most {MAX_PART}")


def read_json(key: str, text: str, most: int = MAX_SETTING) -> object:
    """The JSON value of a text of bounded length. Raises InputError; numbers that are not finite are none."""
    if len(text) > most:
        raise InputError(f"{key} has {len(text):,} characters; at most {most:,} are possible")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise InputError(f"{key} is not a list that can be read: {shown(text)}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def check_widths(key: str, widths: Sequence[int]) -> None:
    """InputError for layers that are none, too many, too wide, or together more weights than a network may have."""
    if len(widths) > MAX_LAYERS:
        raise InputError(f"{key} has {len(widths):,} layers; at most {MAX_LAYERS} are possible")
    if not widths or min(widths) < 1:
        raise InputError(f"{key} must list at least one positive layer width, not {shown(tuple(widths))}")
    if max(widths) > MAX_WIDTH:
        raise InputError(f"{key} has a layer of width {shown(max(widths))}; at most {MAX_WIDTH:,} is possible")
    count = sum(a * b for a, b in itertools.pairwise(widths))
    if count > MAX_WEIGHTS:
        raise InputError(f"{key} needs {count:,} weights; a network has at most {MAX_WEIGHTS:,}")


def vector(key: str, text: str, count: int) -> list[float]:
    """``count`` finite numbers between commas or spaces, none beyond LARGEST. Raises InputError."""
    if len(text) > MAX_LINK:
        raise InputError(f"{key} has {len(text):,} characters; at most {MAX_LINK:,} are possible")
    try:
        values = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        raise InputError(f"{key} {shown(text)} is not a list of numbers") from None
    if len(values) != count or not all(map(math.isfinite, values)):
        raise InputError(f"{key} needs {count} finite numbers, and {len(values)} were given: {shown(text)}")
    if any(abs(value) > LARGEST for value in values):
        raise InputError(f"{key} {shown(text)} has a number beyond {LARGEST:g}; no field has such values")
    return values

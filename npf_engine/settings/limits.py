"""The most of everything: one budget of numbers that links, forms, the command line, bundles and the library all ask.

A frozen dataclass of settings asks ``check`` as it is made, so that no door has limits of its own: whatever builds a
spec meets them before anything is allocated. Leaves that have no entry of their own fall under the general ones.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import unicodedata
from collections.abc import Iterable
from typing import Any

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

# The most of a leaf, by its last name or by its whole key; ``least`` stands where the leaf's own check does not.
MOST: dict[str, float] = {
    "threads": 1024, "n_samples": MAX_SAMPLES, "max_samples": MAX_SAMPLES, "size_km": 500.0,
    "pieces": MAX_PIECES, "rank": MAX_RANK, "fourier": MAX_OCTAVES, "pair_size": 16_384, "pairings": 10_000,
    "regression_steps": MAX_STEPS, "polish_steps": MAX_STEPS, "dual_steps": MAX_STEPS, "steps": MAX_STEPS,
    "warmup": MAX_STEPS, "inner": MAX_STEPS, "updates": MAX_STEPS, "first": MAX_STEPS, "every": MAX_STEPS,
    "update_every": MAX_STEPS, "budget_steps": MAX_STEPS, "max_iterations": 100_000, "patience": 10_000,
    "lr": 100.0, "regression_lr": 100.0, "polish_lr": 100.0, "dual_lr": 100.0, "lr_floor": 1.0, "beta1": 1.0,
    "beta2": 1.0, "ema": 1.0, "tolerance": 1.0, "batch": 1_000_000, "sigma": 1000.0, "time_power": 100.0,
    "grid_power": 100.0, "peers": 1024, "sampler_steps": MAX_SAMPLER_STEPS, "guide_steps": MAX_GUIDE_STEPS,
    "redraws": MAX_REDRAWS,     "draws": 10_000, "n": 20_000,
    "neighbourhoods": 10_000, "neighbourhood_size": 10_000, "particles": MAX_PARTICLES, "count": MAX_PARTICLES,
    "generated": MAX_PARTICLES, "minibatch": 100_000, "share": 100_000, "replay": 400_000, "samples": 400_000,
    "seeds": 1000, "d": MAX_D, "points": 100_000, "budget_seconds": MAX_SECONDS, "seconds": MAX_SECONDS,
    "coefficient": 1e12, "smooth": 200, "bounds": 360.0, "--samples": MAX_SAMPLES, "dimension": MAX_D,
}  # fmt: skip
MOST_WHOLE, MOST_REAL = 10**9, LARGEST  # of a number that has no entry
# Groups of settings whose numbers must be positive, and those among them that may be 0.
POSITIVE = ("u", "conjugate", "v", "m", "inverse", "report")
MAY_BE_ZERO = frozenset({
    "regression_steps", "polish_steps", "dual_steps", "patience", "beta1", "beta2", "ema", "lr_floor", "fourier",
    "guide_steps", "redraws",
})  # fmt: skip
# The longest list of a leaf; what has no entry may have MAX_D items.
LENGTHS: dict[str, int] = {
    "hidden": MAX_LAYERS, "bridge_hidden": MAX_LAYERS, "blocks": MAX_BLOCKS, "methods": 64, "bounds": 4,
}  # fmt: skip
EXACT = {"bounds": (4, "four numbers: west, south, east, north")}  # lists of one length only
WIDTHS = ("hidden", "bridge_hidden")
SEEDS = ("seed", "split_seed", "noise_seed", "first_seed")
# The longest text of a leaf
TEXTS: dict[str, int] = {"name": MAX_NAME, "expression": MAX_FORMULA}
LINES = ("expression",)  # texts that may have several lines

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


def shown(value: Any) -> str:
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


def read_json(key: str, text: str, most: int = MAX_SETTING) -> Any:
    """The JSON value of a text of bounded length. Raises InputError; numbers that are not finite are none."""
    if len(text) > most:
        raise InputError(f"{key} has {len(text):,} characters; at most {most:,} are possible")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise InputError(f"{key} is not a list that can be read: {shown(text)}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def check(spec: Any, prefix: str = "") -> None:
    """InputError that names the first leaf of a frozen dataclass of settings that is beyond its limits.

    Bounds from above, finite numbers, lengths, printable texts, and sizes that only together are too large; what a
    leaf must be at least is the spec's own to say.
    """
    for item in dataclasses.fields(spec):
        value = getattr(spec, item.name)
        key = prefix + item.name
        if dataclasses.is_dataclass(value):
            check(value, key + ".")
        else:
            check_leaf(key, value)
    if not prefix:
        _check_together(spec)


def check_leaf(key: str, value: Any) -> None:
    """InputError where the value of the leaf ``key`` (dotted) is beyond its limits."""
    name = key.rpartition(".")[2].removeprefix("--").replace("-", "_")
    if isinstance(value, str):
        check_text(key, value, TEXTS.get(name, MAX_TEXT), name in LINES)
        if name in ("source", "task", "target", "palette"):
            check_path(key, value)
    elif isinstance(value, dict):
        raise InputError(f"{key} must be one setting, not {shown(value)}")
    elif isinstance(value, tuple | list):
        _check_list(key, name, value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _check_number(key, name, value)


def _check_list(key: str, name: str, value: tuple[Any, ...] | list[Any]) -> None:
    if name in EXACT and len(value) != EXACT[name][0]:
        raise InputError(f"{key} must be {EXACT[name][1]}, not {len(value)}")
    most = LENGTHS.get(name, MAX_D)
    if len(value) > most:
        raise InputError(f"{key} has {len(value):,} entries; at most {most} are possible")
    if name in WIDTHS:
        check_widths(key, value)
        return
    for item in value:
        check_leaf(key, item)
    if name == "expression" and sum(map(len, value)) > MAX_FORMULAS:
        raise InputError(f"{key} has more than {MAX_FORMULAS:,} characters in all its components together")


def check_widths(key: str, widths: Iterable[Any]) -> None:
    """InputError for layers that are too many, too wide, or together more weights than a network may have."""
    widths = list(widths)
    if len(widths) > MAX_LAYERS:
        raise InputError(f"{key} has {len(widths):,} layers; at most {MAX_LAYERS} are possible")
    for width in widths:
        if isinstance(width, bool) or not isinstance(width, int):
            raise InputError(f"{key} must be widths of layers, whole numbers, not {shown(width)}")
        if width > MAX_WIDTH:
            raise InputError(f"{key} has a layer of width {shown(width)}; at most {MAX_WIDTH:,} is possible")
        if width < 1:
            raise InputError(f"{key} must list at least one positive layer width, not {shown(tuple(widths))}")
    if not widths:
        raise InputError(f"{key} must list at least one positive layer width, not ()")
    count = sum(abs(a * b) for a, b in itertools.pairwise(widths))
    if count > MAX_WEIGHTS:
        raise InputError(f"{key} needs {count:,} weights; a network has at most {MAX_WEIGHTS:,}")


def _check_number(key: str, name: str, value: float) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{key} must be a finite number, not {value}")
    if name in SEEDS:
        if not 0 <= value <= MAX_SEED:
            raise InputError(f"{key} must be between 0 and {MAX_SEED:,}, not {shown(value)}")
        return
    if key.rpartition(".")[0] in POSITIVE and not (value > 0 or (value == 0 and name in MAY_BE_ZERO)):
        least = "0 or more" if name in MAY_BE_ZERO else "positive"
        raise InputError(f"{key} must be {least}, not {shown(value)}")
    most = MOST.get(key, MOST.get(name, MOST_WHOLE if isinstance(value, int) else MOST_REAL))
    if abs(value) > most:
        raise InputError(f"{key} must be at most {most:,.15g}, not {shown(value)}")


def _check_together(spec: Any) -> None:
    """Sizes that are harmless alone: n times d of what a spec draws, particles times steps."""
    if hasattr(spec, "n_samples"):
        d = max(1, len(spec.low), len(spec.high), len(spec.expression), len(spec.matrix))
        check_samples(spec.n_samples, d)
        if spec.sigma * spec.max_samples > MAX_SMOOTHING:
            raise InputError(
                f"smoothing {spec.max_samples:,} pixels by sigma = {spec.sigma:g} takes too long; lower one of the two"
            )
    particles, steps = getattr(spec, "particles", None), getattr(spec, "steps", None)
    if isinstance(particles, int) and isinstance(steps, int) and particles * steps > MAX_GRADIENTS:
        raise InputError(
            f"{particles:,} particles times {steps:,} steps are more than {MAX_GRADIENTS:,} gradients; lower one"
        )


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

"""What a field costs before anything of it is built: numbers held, seconds and memory, from its spec alone.

A page builds what is small at once and asks before it builds the rest. The figures are rough: they decide between
"at once" and "at your wish", and the most of everything is in ``npf_engine.settings.limits``.
"""

from __future__ import annotations

from dataclasses import dataclass

from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.limits import check_samples

SMALL_SECONDS, SMALL_BYTES = 8.0, 400e6
LARGE_BYTES = 2.5e9  # more than a server builds to show it: a training builds it in a process of its own
# Measured on one core of a server, rounded up: a number of x and F as they are drawn, evaluated, checked and split;
# one operation of a formula at one point with its derivative; one pixel and one pixel of a Gaussian filter's reach.
NUMBER_BYTES, NUMBER_SECONDS = 40.0, 1e-7
OPERATION_SECONDS = 2e-8
PIXEL_BYTES, PIXEL_SECONDS, TAP_SECONDS = 150.0, 6e-7, 2e-9
TRUNCATE = 4.0  # of scipy's Gaussian filter, in sigmas


@dataclass(frozen=True)
class Price:
    """numbers: n * d of the samples; seconds: of one core; bytes: of memory at the most."""

    numbers: int
    seconds: float
    bytes: float

    @property
    def small(self) -> bool:
        """Whether it can be built without asking."""
        return self.seconds <= SMALL_SECONDS and self.bytes <= SMALL_BYTES

    @property
    def large(self) -> bool:
        """Whether it is too large to be built for a look at it."""
        return self.bytes > LARGE_BYTES

    @property
    def sentence(self) -> str:
        """The price for a reader."""
        time = f"{self.seconds:.0f} seconds" if self.seconds < 120 else f"{self.seconds / 60:.0f} minutes"
        return f"{self.numbers:,} numbers: about {time} and {self.bytes / 1e6:,.0f} MB of memory"


def raster_price(spec: FieldSpec) -> Price:
    """The price of the slope of a raster, resampled to ``spec.max_samples`` pixels."""
    pixels = spec.max_samples
    reach = 2 * (2 * TRUNCATE * spec.sigma + 1)
    return Price(2 * pixels, pixels * (PIXEL_SECONDS + reach * TAP_SECONDS), PIXEL_BYTES * pixels)


def function_price(n: int, d: int, operations: int) -> Price:
    """The price of n samples in d dimensions of a formula of so many operations. InputError beyond the limits."""
    check_samples(n, d)
    numbers = n * d
    return Price(numbers, numbers * NUMBER_SECONDS + n * operations * OPERATION_SECONDS, NUMBER_BYTES * numbers)

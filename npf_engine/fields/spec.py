"""What field to build: a serialisable description, the same for page, command line and run folder."""

from __future__ import annotations

from dataclasses import dataclass

from npf_engine.settings import limits


@dataclass(frozen=True)
class FieldSpec:
    """Everything needed to build a field again.

    source: a built-in name (``jacksboro``, ``fractal``, ``himmelblau``, ...), a gazetteer or city name, a
    file path, ``coordinates`` (with bounds) or ``expression`` (with expression and low/high).
    Options that a source does not use are ignored by it. Raises InputError for one beyond npf_engine.settings.limits.
    """

    source: str = "jacksboro"
    rho: str = "box"  # box | disc | gaussian | land | samples
    split_seed: int = 0
    n_samples: int = 300_000  # drawn, for a field known as a function
    # terrain
    sigma: float = 20.0  # Gaussian smoothing, in pixels of the grid used
    slope: str = "per-pixel"  # per-pixel: metres per pixel; per-metre: metres per metre, with cos(latitude)
    product: str = "MAPZEN"
    max_samples: int = 1_000_000
    size_km: float = 20.0  # side of the box around a city
    bounds: tuple[float, float, float, float] | None = None  # west, south, east, north in degrees
    voids: str = "fill"  # fill | mask
    noise_seed: int = 0  # dequantisation; also the seed of the fractal terrain
    # formula and analytic
    expression: tuple[str, ...] = ()  # one entry: a potential, F = its gradient; d entries: F itself
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    matrix: tuple[tuple[float, ...], ...] = ()  # for ``linear``

    def __post_init__(self) -> None:
        limits.check(self)

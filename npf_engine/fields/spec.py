"""What field to build: a serialisable description, the same for page, command line and run folder."""

from __future__ import annotations

from dataclasses import dataclass

from npf_engine.errors import InputError
from npf_engine.settings import limits
from npf_engine.settings.base import Spec
from npf_engine.settings.setting import seed_setting, setting

RHOS = {
    "box": "Uniform on the box",
    "disc": "Uniform on a disc",
    "gaussian": "Gaussian",
    "land": "Uniform on the land (level water left out)",
    "samples": "The law of the samples",
}


def _step(what: str, otherwise: str) -> str:
    """The setting of which step of a dimension of gridded data is taken."""
    return setting("", f"Which {what}: its number from 0 as #3, or {otherwise}; empty for the first.", longest=40)


@dataclass(frozen=True)
class FieldSpec(Spec):
    """Everything needed to build a field again.

    source: a built-in name (``jacksboro``, ``fractal``, ``himmelblau``, ...), a gazetteer or city name, a
    file path, ``coordinates`` (with bounds) or ``expression`` (with expression and low/high).
    Options that a source does not use are ignored by it. Raises InputError for one beyond npf_engine.settings.limits.
    """

    source: str = setting(
        "jacksboro",
        "Built-in name, region, city, `coordinates` or `expression`; uploads come from the Field page.",
        path=True,
    )
    rho: str = setting(
        "box",
        "Reference measure on the region: uniform on the box or disc, Gaussian, land only, or the samples.",
        title="reference measure ρ",
        flag="rho",
        choices=RHOS,
    )
    split_seed: int = seed_setting(
        "Decides which 15 % of the samples are kept for tests.", title="seed of the 85/15 split"
    )
    n_samples: int = setting(
        300_000,
        "How many points are drawn from a field that is known as a function.",
        title="samples",
        most=limits.MAX_SAMPLES,
    )
    # terrain
    sigma: float = setting(
        20.0,
        "Gaussian smoothing of the elevation before its gradient is taken, in pixels; 0 for none.",
        why="the paper's",
        title="smoothing",
        unit="pixels",
        least=0,
        most=1000.0,
    )
    slope: str = setting(
        "per-pixel",
        "Unit of the slope: metres per pixel, or metres per metre with the cosine of the latitude.",
        title="unit of F",
        choices={"per-pixel": "metres per pixel", "per-metre": "metres per metre of the ground"},
    )
    product: str = setting("MAPZEN", "Elevation product that is fetched for a region.", title="elevation product")
    max_samples: int = setting(
        1_000_000,
        "Larger rasters are resampled to at most this many pixels.",
        title="most samples",
        most=limits.MAX_SAMPLES,
    )
    size_km: float = setting(
        20.0, "Side of the box around a city, in kilometres.", title="side of the box", unit="kilometres", most=500.0
    )
    bounds: tuple[float, float, float, float] | None = setting(
        None,
        "West, south, east and north in degrees: of `coordinates`, or the part of gridded data to take.",
        unit="degrees",
        most=360.0,
        longest=4,
        form="four numbers: west, south, east, north",
    )
    water: str = setting(
        "auto",
        "Level water of a place: left out of the region where it is a tenth of it or more, or kept.",
        why="F sends all of it to one point, where M is not determined",
        title="level water of a place",
        choices={"auto": "left out where it is a tenth or more", "keep": "kept"},
    )
    voids: str = setting(
        "fill",
        "Pixels without elevation: filled from their neighbours, or left out of the region.",
        title="pixels without elevation",
        choices={"fill": "fill them from their surroundings", "mask": "leave them out of Ω"},
    )
    noise_seed: int = seed_setting(
        "Of the dequantising noise, of the fractal terrain and of the eddies: another seed is another field.",
        title="seed of the noise",
    )
    relief: float = setting(
        2000.0,
        "Metres between the lowest and the highest place of the fractal terrain.",
        title="relief",
        unit="metres",
        least=1,
        most=10_000.0,
    )
    side_km: float = setting(
        15.36,
        "Side of the fractal terrain, in kilometres, of 512 pixels.",
        why="pixels of 30 m, as one arc second of latitude",
        title="side of the terrain",
        unit="kilometres",
        least=0.1,
        most=1000.0,
    )
    # what a file does not say, or says wrongly
    height_unit: str = setting(
        "",
        "What heights are in: metre, foot, US survey foot, ..., none (no length); empty as the file says.",
        title="heights are in",
    )
    crs: str = setting(
        "", "Coordinate system: EPSG:..., a name or WKT, none; empty as the file says.", title="coordinate system"
    )
    missing: str = setting(
        "mask",
        "Values such as -9999 that stand for nothing known, undeclared: left out, or kept.",
        title="values like -9999, undeclared",
        choices={"mask": "leave them out", "keep": "keep them"},
    )
    band: int = setting(1, "Which band of a raster holds the heights, from 1.", least=1, most=1000)
    encoding: str = setting(
        "",
        "How a PNG tile holds heights in its colours; empty as it is recognised.",
        title="heights in colours",
        choices={
            "": "as it is recognised",
            "mapbox": "Terrain-RGB: -10000 + 0.1 (65536 R + 256 G + B)",
            "terrarium": "Terrarium: 256 R + G + B / 256 - 32768",
        },
    )
    pixel_size: float = setting(
        0.0,
        "How wide a pixel is on the ground, of a raster that does not say where it lies; 0 where nobody knows.",
        title="side of a pixel",
        unit="metres",
        least=0,
        most=1e6,
    )
    columns: str = setting(
        "",
        "Which columns of a table are positions and which F, as `lon, lat -> u, v` (one after the arrow: heights on a "
        "grid); #3 is the third; empty by their names.",
        longest=1000,
    )
    unit: str = setting(
        "",
        "What F is in, as m/s, where a file or formula does not say; nothing is converted.",
        title="F is in",
        longest=40,
    )
    # gridded data: which variables, and which step of their other dimensions
    components: str = setting(
        "",
        "Variables that are the components of F, as u10,v10 (u,v,w in a box); a vector of a mesh; two bands of a "
        "raster, as 1,2; empty as they are found.",
        longest=200,
    )
    scalar: str = setting(
        "",
        "A variable of a gridded file or mesh whose gradient is F; empty for the components of a vector.",
        longest=100,
    )
    time: str = _step("time of gridded data", "a date")
    level: str = _step("level of gridded data", "a value as 500 hPa")
    member: str = _step("member of an ensemble, or step of another dimension", "its name")
    smooth: float = setting(
        0.0,
        "Gaussian smoothing of gridded data before F is made of them, in steps of the grid; 0 for none.",
        why="F as the file has it",
        title="smoothing of gridded data",
        unit="grid steps",
        least=0,
        most=50.0,
    )
    along: str = setting(
        "",
        "What the components of gridded data lie along: empty as the file says.",
        title="components lie along",
        choices={"": "what the file says", "grid": "the grid's rows and columns", "earth": "east and north"},
    )
    axes: str = setting(
        "map",
        "What the components of F lie along: the axes of the map that positions are on, or east and north.",
        title="components of F along",
        why="arrows on the map point where they do, and east turns round at a pole",
        choices={"map": "the axes of the map", "earth": "east and north"},
    )
    second: str = setting(
        "", "A second raster on the same grid, whose band is the second component of F.", path=True, longest=1024
    )
    # formula and analytic
    expression: tuple[str, ...] = setting(
        (), "One formula: a potential whose gradient is F; d formulas: F itself.", entry=limits.MAX_FORMULA, lines=True
    )
    low: tuple[float, ...] = setting((), "Lower corner of the box of a formula or a function.", flag="low")
    high: tuple[float, ...] = setting((), "Upper corner of the box of a formula or a function.", flag="high")
    t: float = setting(0.0, "Time at which a flow that changes is looked at (double-gyre, wake).", least=0, most=1e6)
    matrix: tuple[tuple[float, ...], ...] = setting((), "The matrix of the field `linear`, as a list of rows.")

    @property
    def steps(self) -> dict[str, str]:
        """Which step of each kind of dimension is asked for, "" for the first."""
        return {"time": self.time, "level": self.level, "member": self.member}

    def together(self) -> None:
        """InputError for formulas, samples or a smoothing that are too much together."""
        if sum(map(len, self.expression)) > limits.MAX_FORMULAS:
            raise InputError(
                f"expression has more than {limits.MAX_FORMULAS:,} characters in all its components together"
            )
        d = max(1, len(self.low), len(self.high), len(self.expression), len(self.matrix))
        limits.check_samples(self.n_samples, d)
        if self.sigma * self.max_samples > limits.MAX_SMOOTHING:
            raise InputError(
                f"smoothing {self.max_samples:,} pixels by sigma = {self.sigma:g} takes too long; lower one of the two"
            )

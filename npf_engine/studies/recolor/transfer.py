"""Colour transfer: the optimal map between the colours of two pictures, applied to every pixel of the first.

Colours are points of the cube [0, 1]^3. The map is fitted to samples of the pixels' colours, spread by the width of a
quantisation step so that their law has no atoms, and is then applied to the distinct colours of the picture, which are
few beside its pixels. A Brenier map is monotone (<T(a) - T(b), a - b> >= 0), which keeps the structure; the noise that
it enlarges where it is steep can be smoothed along the picture's own edges (Rabin, Delon and Gousseau 2010,
with the guided filter of He, Sun and Tang 2013 in place of their means).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.fields.pictures import Picture
from npf_engine.settings import limits
from npf_engine.studies.lab.laws import drawn_from
from npf_engine.studies.lab.progress import SeedRecorder
from npf_engine.studies.recolor.spec import methods
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.fit_report import FitReport
from npf_engine.transport.map import Map
from npf_engine.transport.methods.entropic import EntropicSettings
from npf_engine.transport.methods.exact import ExactSettings
from npf_engine.transport.methods.method import AnyMethod, Budget, Law

SAMPLES = 20_000
SECONDS = 20.0
DISCRETE = 1000  # colours of each picture in a discrete transport
ENTROPIC_SHARE = 0.005  # eps over the palette's spread: a larger one greys the colours
EDGE = 0.02  # of the guide's range, squared: differences above it count as edges
OWN = {  # settings for colours, by the method
    "entropic": EntropicSettings(points=DISCRETE, share=ENTROPIC_SHARE),
    "exact": ExactSettings(points=DISCRETE),
}


@dataclass(frozen=True)
class Recolored:
    """picture: the first with the second's colours; map: (n, 3) -> (n, 3) on [0, 1]^3, before clipping."""

    picture: Picture
    map: Map
    method: str
    seconds: float
    parameters: int
    note: str = ""


def method_of(name: str) -> AnyMethod:
    """The method of a name. Raises InputError for one that there is not."""
    found = methods().get(name)
    if found is None:
        raise InputError(f"there is no method {limits.shown(name)}; the methods are {', '.join(methods())}")
    return found


def recolor(
    source: Picture,
    palette: Picture,
    method: str | AnyMethod = "fit",
    *,
    strength: float = 1.0,
    smooth: int = 0,
    budget_seconds: float = SECONDS,
    seed: int = 0,
    recorder: Recorder | None = None,
) -> Recolored:
    """``source`` in the colours of ``palette``.

    method: one of ``methods`` by its name, or itself with other settings. strength t in [0, 1]: the map is
    (1 - t) x + t T(x), still optimal for its own image. smooth: radius in pixels of the edge-keeping filter on
    T(x) - x; 0 for none. budget_seconds: for the fit. Alpha passes through; fully transparent pixels have no say in the
    fit. A picture of one colour has a constant map and says so in ``note``. Raises InputError for a wrong method or
    number.
    """
    asked = method_of(method) if isinstance(method, str) else method
    if not 0 <= strength <= 1:
        raise InputError(f"strength must lie between 0 and 1, not {strength!r}")
    if not 0 <= smooth <= 200:
        raise InputError(f"smooth is a radius of 0 to 200 pixels, not {smooth!r}")
    if not budget_seconds > 0:
        raise InputError(f"the seconds for the fit must be positive, not {budget_seconds!r}")
    recorder = recorder or Recorder()
    begin = recorder.clock()
    x, y = (
        sample_colours(source, SAMPLES, seeds.child(seed, "source")),
        sample_colours(palette, SAMPLES, seeds.child(seed, "palette")),
    )
    plain = _plain(source, palette)
    if plain:
        forward, report = _to_the_mean(y, plain)
    else:
        forward, report = _fit(x, y, asked, Budget(budget_seconds), seed, recorder)
    mapped = _apply(forward, source.rgb)
    shift = strength * (mapped - source.rgb / 255.0)
    if smooth:
        shift = _guided(shift, source.rgb.mean(axis=2) / 255.0, smooth)
    # Distances in [0, 1] of a colour outside the cube: clipping is the nearest colour that can be shown.
    pixels = np.clip(np.rint(source.rgb + 255.0 * shift), 0, 255).astype(np.uint8)
    answer, seconds = Picture(pixels, source.alpha), recorder.clock() - begin
    return Recolored(answer, forward, asked.name, seconds, report.parameters, report.note)


def sample_colours(picture: Picture, n: int, seed: int, *, spread: bool = True) -> Tensor:
    """n colours (n, 3) float32 in [0, 1] of visible pixels drawn with replacement; ``spread``: uniformly over their
    quantisation step."""
    generator = seeds.generator(seed, "colours")
    colours = torch.from_numpy(picture.visible().copy())
    drawn = colours[torch.randint(len(colours), (n,), generator=generator)].float()
    if spread:
        drawn = (drawn + torch.rand(n, 3, generator=generator) - 0.5).clamp(0, 255)
    return drawn / 255


def structure(before: Picture, after: Picture) -> float:
    """How much of the picture's structure is kept: the correlation of the two pictures' luminance differences between
    neighbouring pixels, 1 for the same up to contrast. NaN where one of them has no structure."""
    parts = []
    for picture in (before, after):
        grey = picture.rgb.mean(axis=2)
        parts.append(np.concatenate([np.diff(grey, axis=0).ravel(), np.diff(grey, axis=1).ravel()]))
    sizes = [float(np.linalg.norm(part)) for part in parts]
    return float(np.dot(*parts) / (sizes[0] * sizes[1])) if min(sizes) > 0 else float("nan")


def _plain(source: Picture, palette: Picture) -> str:
    """Which of the two has one colour only, or an empty word."""
    for name, picture in (("first", source), ("second", palette)):
        colours = picture.visible()
        if (colours == colours[:1]).all():
            return name
    return ""


def _to_the_mean(y: Tensor, plain: str) -> tuple[Map, FitReport]:
    """What is left where the ``plain`` picture has one colour; y (n, 3) are the palette's."""
    mean = y.double().mean(0)
    note = f"the {plain} picture has one colour, so that every pixel gets the second picture's mean colour"
    return (lambda colours: mean.expand(len(colours), 3).float()), FitReport(parameters=3, note=note)


def _fit(
    x: Tensor, y: Tensor, method: AnyMethod, budget: Budget, seed: int, recorder: Recorder
) -> tuple[Map, FitReport]:
    """The map between colours (n, 3) that were drawn at random, and how it was found."""
    source, target = (Law(drawn_from(cloud), len(cloud), cloud) for cloud in (x, y))
    told = SeedRecorder(recorder, "recolor", 0, 1)
    found = method.learn(source, target, budget, seed, told, OWN.get(method.name))
    return found.forward, found.report


def _apply(transport: Map, rgb: np.ndarray) -> np.ndarray:
    """T of every pixel, (h, w, 3) float32, computed once for each distinct colour."""
    flat = rgb.reshape(-1, 3).astype(np.int32)
    codes = (flat[:, 0] << 16) | (flat[:, 1] << 8) | flat[:, 2]
    distinct, place = np.unique(codes, return_inverse=True)
    colours = np.stack([distinct >> 16, (distinct >> 8) & 255, distinct & 255], axis=1).astype(np.float32) / 255
    with torch.no_grad():
        image = transport(torch.from_numpy(colours)).numpy().astype(np.float32)
    return np.asarray(image[place.reshape(-1)].reshape(rgb.shape))


def _guided(shift: np.ndarray, guide: np.ndarray, radius: int) -> np.ndarray:
    """Each channel of shift (h, w, 3) as a locally linear function of the guide (h, w): smooth but for its edges."""
    size = 2 * radius + 1
    mean = uniform_filter(guide, size)
    variance = np.maximum(uniform_filter(guide * guide, size) - mean * mean, 0)
    out = np.empty_like(shift)
    for channel in range(3):
        values = shift[:, :, channel].astype(np.float64)
        level = uniform_filter(values, size)
        slope = (uniform_filter(values * guide, size) - level * mean) / (variance + EDGE**2)
        out[:, :, channel] = uniform_filter(slope, size) * guide + uniform_filter(level - slope * mean, size)
    return out

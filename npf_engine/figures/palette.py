"""One colour per object, everywhere: panels, histograms, overlays, legends.

The colours follow Okabe and Ito's scheme, moved where needed so that each has a contrast of at least 3 to 1
both on white and on the dark page (WCAG 2.1, graphical objects), and so that the objects which are drawn over each
other differ for red-green blind eyes too. ``tests/figures/test_palette.py`` checks both.

Points are coloured by *where they come from* with a colour map of the plane: blue to orange from west to
east, dark to light from south to north, so that colour blindness leaves both directions readable.
"""

from __future__ import annotations

import numpy as np

# object -> colour; the keys are used by every figure and page
COLOURS: dict[str, str] = {
    "rho": "#1F7FC4",
    "field": "#C97F00",  # F and F#rho
    "grad_u": "#8F5FD0",  # grad u and grad u#rho
    "m": "#0E9673",  # M_theta
    "m_network": "#C2609A",  # M_xi
    "reconstruction": "#3F95A8",  # grad u o M_xi
    "inverse": "#DB164E",  # I_psi
    "potential": "#8F5FD0",  # u: of one family with its gradient
    "floor": "#7A828E",  # what two draws of the same law differ by
    "trivial": "#A0703C",  # what costs nothing
}

TITLES: dict[str, str] = {
    "rho": "ρ",
    "field": "F♯ρ",
    "grad_u": "∇u♯ρ",
    "m": "M<sub>θ</sub>♯ρ",
    "m_network": "M<sub>ξ</sub>♯ρ",
    "reconstruction": "∇u∘M<sub>ξ</sub>♯ρ",
    "inverse": "I<sub>ψ</sub>∘∇u*",
    "potential": "u",
    "tsne_values": "t-SNE of values",
    "tsne_positions": "t-SNE of places",
}

Scale = list[tuple[float, str]]

# dark valley to pale summit; lightness rises all the way, so it reads in grey and for every kind of colour blindness
ELEVATION: Scale = [
    (0.0, "#1B3A4B"),
    (0.2, "#2F6665"),
    (0.4, "#5B8C63"),
    (0.6, "#A3A765"),
    (0.8, "#D9C08A"),
    (1.0, "#F5EFE0"),
]
# norms and densities: cividis, made for colour-blind eyes
NORM: Scale = [
    (0.0, "#123570"),
    (0.2, "#3B496C"),
    (0.4, "#66686F"),
    (0.6, "#8F8A71"),
    (0.8, "#C1AF64"),
    (1.0, "#FEE838"),
]

# differences: teal below, grey at 0 (seen on white and on dark), red above
DIFFERENCE: Scale = [(0.0, "#0E7C86"), (0.25, "#5FA6AB"), (0.5, "#9AA0A8"), (0.75, "#D0707A"), (1.0, "#C2183E")]

_SIDE = 16  # the colour map of the plane has _SIDE x _SIDE colours, so that one byte a point tells its colour
# corners in OKLab (lightness, green-red, blue-yellow): south-west, south-east, north-west, north-east
_CORNERS = np.array(
    [[[0.47, -0.02, -0.16], [0.55, 0.13, 0.09]], [[0.76, -0.09, -0.07], [0.80, 0.01, 0.15]]], dtype=np.float64
)


def panel_title(key: str) -> str:
    """The object's symbol in its own colour, for the head of a panel."""
    return f'<b><span style="color:{COLOURS[key]}">{TITLES[key]}</span></b>'


def mixed(scale: Scale, shares: np.ndarray) -> np.ndarray:
    """The colours (..., 3) of a scale, red, green and blue from 0 to 255, at ``shares`` (...) from 0 to 1."""
    stops = np.array([stop for stop, _ in scale])
    colours = np.array([[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for _, colour in scale], dtype=np.float64)
    return np.stack([np.interp(shares, stops, colours[:, channel]) for channel in range(3)], axis=-1)


def table(scale: Scale, count: int = 256) -> np.ndarray:
    """``count`` colours (count, 3) uint8 of a scale, from its one end to the other."""
    return np.rint(mixed(scale, np.linspace(0.0, 1.0, count))).astype(np.uint8)


def origin_scale() -> Scale:
    """The colour map of the plane as a plotly colour scale over the indices 0 ... 255 of ``origin_index``."""
    steps = np.linspace(0.0, 1.0, _SIDE)
    colours = []
    for north in steps:
        for east in steps:
            south_edge = (1 - east) * _CORNERS[0, 0] + east * _CORNERS[0, 1]
            north_edge = (1 - east) * _CORNERS[1, 0] + east * _CORNERS[1, 1]
            colours.append(_hex((1 - north) * south_edge + north * north_edge))
    last = _SIDE * _SIDE - 1
    return [(index / last, colour) for index, colour in enumerate(colours)]


def origin_index(points: np.ndarray) -> np.ndarray:
    """Index into the colour map of the plane, (n,) uint8, by the place of each of (n, d) points in its cloud.

    The first two coordinates count (the middle of the north-south range for d = 1). Each runs from its 1 % to its 99 %
    quantile, so that a Gaussian cloud uses all colours too.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.shape[1] == 1:
        points = np.hstack([points, np.zeros_like(points)])
    low, high = np.quantile(points[:, :2], [0.01, 0.99], axis=0)
    flat = high <= low
    share = (points[:, :2] - low) / np.where(flat, 1.0, high - low)
    share[:, flat] = 0.5
    cell = np.clip(np.rint(share * (_SIDE - 1)), 0, _SIDE - 1).astype(np.int64)
    return np.asarray(cell[:, 1] * _SIDE + cell[:, 0], dtype=np.uint8)


def _hex(oklab: np.ndarray) -> str:
    """OKLab (Ottosson 2020) to an sRGB hex colour, clipped to the gamut."""
    lightness, a, b = oklab
    root = np.array(
        [
            lightness + 0.3963377774 * a + 0.2158037573 * b,
            lightness - 0.1055613458 * a - 0.0638541728 * b,
            lightness - 0.0894841775 * a - 1.2914855480 * b,
        ]
    )
    linear = (
        np.array(
            [
                [4.0767416621, -3.3077115913, 0.2309699292],
                [-1.2684380046, 2.6097574011, -0.3413193965],
                [-0.0041960863, -0.7034186147, 1.7076147010],
            ]
        )
        @ root**3
    )
    linear = np.clip(linear, 0.0, 1.0)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(float(255 * channel)):02X}" for channel in srgb)

"""Colours: readable on white and on dark, distinct for colour-blind eyes where objects are drawn over each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from npf_engine.figures import palette

LIGHT, DARK = "#FFFFFF", "#12181F"
# pairs that some figure draws over each other
OVER = [
    ("field", "grad_u"),
    ("field", "reconstruction"),
    ("field", "inverse"),
    ("rho", "m"),
    ("rho", "m_network"),
    ("rho", "inverse"),
    ("inverse", "grad_u"),
    ("m", "m_network"),
    ("floor", "trivial"),
]
# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB
BLIND = {
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "none": np.eye(3),
}


def linear(colour: str) -> np.ndarray:
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def lab(rgb: np.ndarray) -> np.ndarray:
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ np.clip(rgb, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("ground", [LIGHT, DARK])
@pytest.mark.parametrize("key", palette.COLOURS)
def test_contrast_of_three_on_both_grounds(key: str, ground: str) -> None:
    a, b = sorted([luminance(palette.COLOURS[key]), luminance(ground)])
    assert (b + 0.05) / (a + 0.05) >= 3.0


@pytest.mark.parametrize("sight", BLIND)
@pytest.mark.parametrize("pair", OVER)
def test_overlaid_objects_differ_for_every_eye(pair: tuple[str, str], sight: str) -> None:
    first, second = (lab(BLIND[sight] @ linear(palette.COLOURS[key])) for key in pair)
    assert np.linalg.norm(first - second) > 15


@pytest.mark.parametrize("scale", [palette.NORM, palette.ELEVATION])
def test_sequential_scales_grow_lighter_all_the_way(scale: list[tuple[float, str]]) -> None:
    lightness = [lab(linear(colour))[0] for _, colour in scale]
    assert all(b > a + 3 for a, b in itertools.pairwise(lightness))


def test_origin_colours_tell_both_directions_without_colour_sight() -> None:
    scale = palette.origin_scale()
    assert len(scale) == 256 and scale[0][0] == 0 and scale[-1][0] == 1
    colours = np.array([lab(BLIND["deutan"] @ linear(colour)) for _, colour in scale]).reshape(16, 16, 3)
    south_north = np.linalg.norm(colours[-1] - colours[0], axis=1)
    west_east = np.linalg.norm(colours[:, -1] - colours[:, 0], axis=1)
    assert south_north.min() > 15 and west_east.min() > 30


def test_origin_index_follows_the_place() -> None:
    grid = np.stack(np.meshgrid(np.linspace(6, 7, 101), np.linspace(45, 46, 101)), axis=-1).reshape(-1, 2)
    index = palette.origin_index(grid)
    assert index.dtype == np.uint8
    cells = {
        corner: int(index[np.abs(grid - corner).sum(1).argmin()]) for corner in [(6, 45), (7, 45), (6, 46), (7, 46)]
    }
    assert cells == {(6, 45): 0, (7, 45): 15, (6, 46): 240, (7, 46): 255}


def test_origin_index_of_a_line_and_of_a_constant_axis() -> None:
    line = palette.origin_index(np.linspace(-1, 1, 500)[:, None])
    assert (np.diff(line.astype(int)) >= 0).all() and len(set(line.tolist())) == 16
    flat = palette.origin_index(np.stack([np.zeros(50), np.linspace(0, 1, 50)], axis=1))
    assert len(set((flat % 16).tolist())) == 1

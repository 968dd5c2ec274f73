"""Exact pre-images on a map: diamonds, as large as their share of the draws, with the largest shares written beside
them where there is room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from npf_engine.figures import palette
from npf_engine.figures.layout import float32

NAMED, MOST_NAMED = 0.03, 16  # shares of at least this are written, of so many places
EDGE = 0.1  # of the box: so near to its edge a number has no room outwards
SMALL, GROWS = 7.0, 24.0  # pixels of a place without a draw, and what the root of the share adds
SIDE = 300  # pixels of a map's side, about: on a wide page beside another one, and on a narrow one alone
LABEL = (38, 19)  # pixels of a number with its ground
Box = tuple[np.ndarray, np.ndarray]
TOWARDS = {"left": (-1, 0), "right": (1, 0), "top": (0, 1), "bottom": (0, -1)}


def size_of(share: np.ndarray) -> np.ndarray:
    """Pixels across of places with these shares of the draws: areas tell them apart."""
    return SMALL + GROWS * np.sqrt(np.asarray(share, dtype=np.float64))


def add_places(
    figure: go.Figure, places: np.ndarray, weights: np.ndarray, axes: tuple[int, int] = (0, 1), box: Box | None = None
) -> None:
    """Draw places (k, d) with their shares (k,), the largest first; numbers stay inside of the ``box`` (low, high) that
    is drawn, and off one another."""
    plane = np.asarray(places, dtype=np.float64)[:, list(axes)]
    figure.add_trace(
        go.Scatter(
            x=float32(plane[:, 0]),
            y=float32(plane[:, 1]),
            mode="markers",
            marker={
                "symbol": "diamond",  # the draws are dots of the same colour
                "size": float32(size_of(weights)),
                "color": palette.COLOURS["inverse"],
                "line": {"width": 1.6, "color": "#FFFFFF"},
            },
            name="exact pre-images",
            customdata=float32(100 * weights[:, None]),
            hovertemplate="%{x}, %{y}<br>share: %{customdata[0]:.1f} %<extra>exact</extra>",
        )
    )
    named = np.flatnonzero(weights >= NAMED)[:MOST_NAMED]
    corners = None if box is None else (box[0][list(axes)], box[1][list(axes)])
    for k, side in written(plane, weights, named, corners):
        right, up = TOWARDS[side]
        away = _away(weights[k])
        figure.add_annotation(
            x=float(float32(plane[k, :1])[0]),
            y=float(float32(plane[k, 1:])[0]),
            text=f"<b>{100 * weights[k]:.0f} %</b>",
            showarrow=False,
            xshift=right * away,
            yshift=up * (away + 8),
            font={"size": 12, "color": "#16202A"},
            xanchor={"left": "right", "right": "left"}.get(side, "center"),
            bgcolor="rgba(255,255,255,0.8)",
            borderpad=1,
        )


def _away(share: float) -> float:
    """Pixels from the middle of a place to its number: clear of the marker."""
    return 2 + float(size_of(np.array(share))) / 2


def written(plane: np.ndarray, weights: np.ndarray, named: np.ndarray, box: Box | None = None) -> list[tuple[int, str]]:
    """Which of places (k, 2) have their number written, and on which side: the largest shares first, each on the first
    side where it hides no number and no place, else no number; one for which there is no such side is left out."""
    if not len(named):
        return []
    sides = _sides(plane[named], box)
    if box is None:
        return [(int(k), order[0]) for k, order in zip(named, sides, strict=True)]
    pixels = (plane - box[0]) / np.where(box[1] > box[0], box[1] - box[0], 1.0) * SIDE
    radii = size_of(weights) / 2
    found: list[tuple[int, str]] = []
    taken: list[_Rectangle] = []
    for k, order in zip(named, sides, strict=True):
        free = [(side, _label(pixels[k], side, _away(weights[k]))) for side in order]
        free = [(side, there) for side, there in free if not any(there.meets(other) for other in taken)]
        clear = [item for item in free if not item[1].holds(np.delete(pixels, k, axis=0), np.delete(radii, k))]
        if free:
            side, there = (clear or free)[0]
            found.append((int(k), side))
            taken.append(there)
    return found


@dataclass(frozen=True)
class _Rectangle:
    left: float
    right: float
    low: float
    high: float

    def meets(self, other: _Rectangle) -> bool:
        return self.left < other.right and other.left < self.right and self.low < other.high and other.low < self.high

    def holds(self, points: np.ndarray, radii: np.ndarray) -> bool:
        """Whether it hides a good part of any of the discs around points (n, 2)."""
        near = 0.6 * radii
        across = (points[:, 0] > self.left - near) & (points[:, 0] < self.right + near)
        return bool((across & (points[:, 1] > self.low - near) & (points[:, 1] < self.high + near)).any())


def _label(at: np.ndarray, side: str, away: float) -> _Rectangle:
    right, up = TOWARDS[side]
    x, y = float(at[0]) + right * (away + LABEL[0] / 2), float(at[1]) + up * (away + 8)
    return _Rectangle(x - LABEL[0] / 2, x + LABEL[0] / 2, y - LABEL[1] / 2, y + LABEL[1] / 2)


def _sides(places: np.ndarray, box: Box | None = None) -> list[list[str]]:
    """On which sides of each place (k, 2) its number may stand, the best first: away from the nearest of the others, or
    they hide each other, and not over the edge of the ``box`` of the map, where it would lie on the axis or be cut."""
    scale = np.ptp(places, axis=0)
    gaps = (places[:, None] - places[None]) / np.where(scale > 0, scale, 1.0)
    distance = np.linalg.norm(gaps, axis=2)
    np.fill_diagonal(distance, np.inf)
    rank = distance.argmin(axis=1)
    sides = []
    for k, other in enumerate(rank):
        right, up = places[k] - places[other]
        across = ("right", "left") if right > 0 else ("left", "right")
        along = ("bottom", "top") if up < 0 else ("top", "bottom")
        first, second = (across, along) if abs(right) >= abs(up) and len(places) > 1 else (along, across)
        order = (first[0], second[0], second[1], first[1])
        sides.append([side for side in order if box is None or _room(side, places[k], box)] or [order[0]])
    return sides


def _room(side: str, place: np.ndarray, box: Box) -> bool:
    """Whether a number on this side of a place (2,) lies inside of the box."""
    x, y = (place - box[0]) / (box[1] - box[0])
    return {"left": x, "right": 1 - x, "bottom": y, "top": 1 - y}[side] >= EDGE

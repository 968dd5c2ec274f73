"""Maps of a number at each place of a grid, for print."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from npf_engine.figures.layout import Extent
from npf_engine.figures.paper import Print, fit, map_axes, plain_words, typeface, written
from npf_engine.figures.places import PlaceMap


def print_maps(maps: Sequence[PlaceMap], where: Extent, how: Print) -> bytes:
    """Maps of a grid side by side, each with its colours below it; of two kinds in as many rows, or columns."""
    across = min(len(maps), 1 + how.columns)
    rows, half = -(-len(maps) // across), len(maps) // 2
    if across == 2 and half > 1:  # two kinds of as many maps each: pairs of a row
        maps = [one for pair in zip(maps[:half], maps[half:], strict=True) for one in pair]
    with typeface(how):
        figure = Figure(figsize=(how.width, rows * how.width / across * 1.25), layout="compressed")
        axes = np.atleast_1d(figure.subplots(rows, across)).ravel()
        for axis, drawn in zip(axes, maps, strict=False):
            colours = drawn.colours
            scale = LinearSegmentedColormap.from_list("places", colours.scale)
            x, y = (_edges(line) for line in drawn.line)
            values = np.ma.masked_invalid(np.clip(drawn.values, colours.low, colours.high))
            shades = axis.pcolormesh(x, y, values, cmap=scale, vmin=colours.low, vmax=colours.high, edgecolors="face")
            axis.set_title(plain_words(drawn.title))
            map_axes(axis, where)
            bar = figure.colorbar(
                shades, ax=axis, label=plain_words(colours.title), location="bottom", aspect=25, pad=0.02
            )
            if colours.marks:
                bar.set_ticks(list(colours.marks), labels=list(colours.marks.values()))
            if bar.solids is not None:
                bar.solids.set_rasterized(False)
                bar.solids.set_edgecolor("face")
        for axis in axes[len(maps) :]:
            axis.set_axis_off()
        fit(figure)
        return written(figure, how)


def _edges(middles: np.ndarray) -> np.ndarray:
    """Ends of the equal parts that have these middles."""
    half = (middles[1] - middles[0]) / 2
    return np.append(middles - half, middles[-1] + half)

"""Figures for print: the same pictures as on the pages, as vectors by matplotlib, one or two columns wide.

Nothing in them is a bitmap. Each returns the bytes of a file whose metadata hold the caption and the command that
repeats it.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from npf_engine.figures import palette
from npf_engine.figures.layout import Extent, aspect, norm_title, position_title
from npf_engine.figures.panels import Panel
from npf_engine.glossary import plotted
from npf_engine.numbers import number

Format = Literal["pdf", "svg", "png"]
FORMATS: tuple[Format, ...] = ("pdf", "svg", "png")
WIDTH = {1: 3.3, 2: 6.9}  # inches of one and of two columns of a journal
MOST_POINTS = 2500  # a cloud of more is drawn thinned: a file of megabytes is no figure
SYMBOLS = {  # in TeX's mathematics, as matplotlib sets it
    "rho": r"$\rho$",
    "field": r"$F_\sharp\rho$",
    "grad_u": r"$\nabla u_\sharp\rho$",
    "m": r"$M_{\theta\,\sharp}\rho$",
    "m_network": r"$M_{\xi\,\sharp}\rho$",
    "reconstruction": r"$(\nabla u\circ M_\xi)_\sharp\rho$",
}


@dataclass(frozen=True)
class Print:
    """How a figure is printed: columns of the page that it takes (1 or 2), size of the type in points, format; and
    what stands in the file: its title, caption and the command that repeats it."""

    columns: int = 2
    font: float = 8.0
    format: Format = "pdf"
    title: str = ""
    caption: str = ""
    command: str = ""

    @property
    def width(self) -> float:
        """Inches."""
        return WIDTH[self.columns]


def clouds(panels: Sequence[Panel], origin: np.ndarray, how: Print) -> bytes:
    """Figure 1: clouds side by side, a point in the colour of the place where it comes from (``origin`` (n,) of
    ``palette.origin_index``)."""
    across = 3 if how.columns == 2 else 2
    panels, rows = _paired(panels, across), -(-len(panels) // across)
    colours = ListedColormap([colour for _, colour in palette.origin_scale()])
    pick = _thinned(len(origin))
    with typeface(how):
        figure = Figure(figsize=(how.width, rows * how.width / across * 1.08), layout="compressed")
        axes = np.atleast_1d(figure.subplots(rows, across)).ravel()
        for axis, panel in zip(axes, panels, strict=False):
            x, y = panel.points[pick, 0], panel.points[pick, 1]
            axis.scatter(x, y, c=origin[pick], cmap=colours, vmin=0, vmax=255, s=_size(how), linewidths=0)
            axis.set_title(SYMBOLS.get(panel.key, panel.key), color=palette.COLOURS[panel.key])
            _frame(axis, panel.titles, panel.ranges, panel.ratio, ticks=2 + how.columns)
        for axis in axes[len(panels) :]:
            axis.set_axis_off()
        fit(figure)
        return written(figure, how)


def _paired(panels: Sequence[Panel], across: int) -> Sequence[Panel]:
    """Of two panels a row: a law of values and one of positions beside one another, as on the page."""
    half = len(panels) // 2
    if across != 2 or len(panels) % 2:
        return panels
    return [panel for pair in zip(panels[:half], panels[half:], strict=True) for panel in pair]


def ladder(rows: Sequence[Mapping[str, object]], how: Print) -> bytes:
    """The accuracy table (rows of ``accuracy.rows``): each ratio with its standard error between the floor, at 1, and
    the trivial answer."""
    drawn = [row for row in rows if _positive(row["ratio"], row["floor"])]
    with typeface(how):
        figure = Figure(figsize=(how.width, 0.55 + 0.34 * len(drawn)), layout="constrained")
        axis = figure.subplots()
        for height, row in enumerate(reversed(drawn)):
            ratio, se, floor = _number(row["ratio"]), _number(row["se"]), _number(row["floor"])
            if _positive(row["trivial"]):
                far = _number(row["trivial"]) / floor
                axis.plot([1, far], [height, height], color="0.8", linewidth=2, zorder=1)
                axis.plot(far, height, "|", color=palette.COLOURS["trivial"], markersize=9, markeredgewidth=2)
            axis.plot(1, height, "|", color=palette.COLOURS["floor"], markersize=9, markeredgewidth=2)
            error = [[min(se, 0.95 * ratio)], [se]]
            axis.errorbar(ratio, height, xerr=error, fmt="o", markersize=4, color="black", capsize=2, linewidth=1)
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_ylim(-0.6, len(drawn) - 0.2)
        if drawn:
            _name(axis, 1.0, len(drawn), "floor", "floor")
            if _positive(first := drawn[0]["trivial"]):
                _name(axis, _number(first) / _number(drawn[0]["floor"]), len(drawn), "trivial answer", "trivial")
        axis.set_yticks(range(len(drawn)), [measure_title(str(row["measure"])) for row in reversed(drawn)])
        axis.set_xlabel("value over its floor")
        return written(figure, how)


def _name(axis: Axes, x: float, rows: int, text: str, colour: str) -> None:
    """What the marks of a colour are, above the first row."""
    axis.text(x, rows - 0.62, text, color=palette.COLOURS[colour], ha="center", va="bottom", fontsize="small")


def relocation(
    places: Sequence[tuple[str, np.ndarray]], norm: np.ndarray, top: float, where: Extent, how: Print
) -> bytes:
    """Figure 2: titled clouds of places (n, 2), each point in the colour of |F| (n,), from 0 to ``top``."""
    across = min(len(places), how.columns)
    rows = -(-len(places) // across)
    colours = LinearSegmentedColormap.from_list("norm", palette.NORM)
    pick = _thinned(len(norm))
    with typeface(how):
        figure = Figure(figsize=(how.width, rows * how.width / across * 0.95), layout="compressed")
        axes = np.atleast_1d(figure.subplots(rows, across)).ravel()
        for axis, (title, x) in zip(axes, places, strict=False):
            axis.scatter(
                x[pick, 0], x[pick, 1], c=norm[pick], cmap=colours, vmin=0, vmax=top, s=_size(how), linewidths=0
            )
            axis.set_title(plain_words(title))
            map_axes(axis, where)
        shades = ScalarMappable(Normalize(0, top), colours)
        label = plain_words(norm_title(where.units))
        if rows == 1:
            bar = figure.colorbar(shades, ax=axes.tolist(), label=label, shrink=0.8, aspect=25)
        else:
            bar = figure.colorbar(shades, ax=axes.tolist(), label=label, location="bottom", aspect=35, pad=0.02)
        if bar.solids is not None:  # matplotlib makes a bitmap of long bars
            bar.solids.set_rasterized(False)
            bar.solids.set_edgecolor("face")
        fit(figure)
        return written(figure, how)


@dataclass(frozen=True)
class Relief:
    """g (k, l) over axes x (k,) and y (l,)."""

    x: np.ndarray
    y: np.ndarray
    g: np.ndarray


def landscape(relief: Relief, draws: np.ndarray, modes: np.ndarray, where: Extent, how: Print) -> bytes:
    """A landscape: level lines of g, draws (n, 2), and numbered modes (k, 2)."""
    with typeface(how):
        figure = Figure(figsize=(how.width, 0.8 * how.width), layout="constrained")
        axis = figure.subplots()
        finite = relief.g[np.isfinite(relief.g)]
        above = relief.g - float(finite.min(initial=0.0)) + 1e-9 * (np.ptp(finite) or 1.0)
        levels = np.quantile(above[np.isfinite(above)], np.linspace(0.01, 0.99, 16))
        levels = np.unique(np.maximum(levels, 1e-12))
        axis.contour(relief.x, relief.y, above.T, levels=levels, colors="0.6", linewidths=0.5, norm=LogNorm())
        pick = _thinned(len(draws))
        axis.scatter(
            draws[pick, 0], draws[pick, 1], s=_size(how), color=palette.COLOURS["rho"], linewidths=0, alpha=0.6
        )
        for count, (x, y) in enumerate(modes, start=1):
            axis.plot(x, y, "D", color=palette.COLOURS["inverse"], markersize=4, markeredgecolor="white")
            axis.annotate(str(count), (x, y), xytext=(4, 4), textcoords="offset points", fontweight="bold")
        map_axes(axis, where)
        fit(figure)
        return written(figure, how)


def fit(figure: Figure) -> None:
    """Take away the height that panels of a fixed shape leave empty, and labels of ticks that would touch."""
    for _ in range(3):  # with less height the layout is another
        figure.draw_without_rendering()
        renderer = figure._get_renderer()  # type: ignore[attr-defined]  # the one that was just used
        for axis in figure.axes:
            _apart(axis, renderer)
        figure.set_figheight(figure.get_tightbbox(renderer).height + 0.06)


def _apart(axis: Axes, renderer: RendererBase) -> None:
    """Fewer ticks below the axis where their labels touch."""
    low, high = sorted(axis.get_xlim())
    shown = [label for label in axis.get_xticklabels() if label.get_text() and low <= label.get_position()[0] <= high]
    boxes = [label.get_window_extent(renderer) for label in shown]
    if any(two.x0 < one.x1 + 0.6 * one.height for one, two in itertools.pairwise(boxes)):
        axis.set_xticks([label.get_position()[0] for label in shown[:: 2 if len(shown) > 2 else 1]])


def typeface(how: Print) -> AbstractContextManager[None]:
    """Sans-serif type of one size, text that stays text in an SVG, TrueType in a PDF."""
    return rc_context(
        {
            "font.size": how.font,
            "axes.titlesize": how.font + 1,
            "axes.linewidth": 0.6,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "pdf.fonttype": 42,
            "svg.fonttype": "none",
            "svg.hashsalt": "npf",  # names of its parts: the same figure is the same file
            "axes.unicode_minus": True,
        }
    )


def _thinned(n: int) -> np.ndarray:
    """Indices of at most MOST_POINTS of n points, always the same."""
    if n <= MOST_POINTS:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, MOST_POINTS, replace=False))


def _size(how: Print) -> float:
    return 2.2 if how.columns == 2 else 1.4


def _frame(
    axis: Axes,
    titles: tuple[str, str],
    ranges: tuple[tuple[float, float], tuple[float, float]],
    ratio: float | None,
    ticks: int = 4,
) -> None:
    axis.set_xlabel(plain_words(titles[0]))
    axis.set_ylabel(plain_words(titles[1]))
    axis.set_xlim(*ranges[0])
    axis.set_ylim(*ranges[1])
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_locator(MaxNLocator(ticks))
    if ratio is not None:
        axis.set_aspect(ratio, adjustable="box")


def map_axes(axis: Axes, where: Extent) -> None:
    ranges = ((where.low[0], where.high[0]), (where.low[1], where.high[1]))
    titles = (position_title(where.units, 0), position_title(where.units, 1))
    _frame(axis, titles, ranges, aspect(where.units, where.low, where.high))


def measure_title(text: str) -> str:
    """A measure's name as matplotlib sets it: the index of Mξ below its letter."""
    return re.sub(r"(.)<sub>(.+?)</sub>", r"$\1_{\2}$", plotted(plain_words(text)))


def plain_words(text: str) -> str:
    """Anybody's name or unit: matplotlib would read what stands between two dollars as mathematics."""
    return text.replace("$", r"\$")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _positive(*values: object) -> bool:
    return all(isinstance(value, int | float) and np.isfinite(value) and value > 0 for value in values)


def written(figure: Figure, how: Print) -> bytes:
    """The file, with what it shows and what repeats it in its metadata; the same figure gives the same bytes."""
    kinds: dict[Format, dict[str, object]] = {
        "pdf": {"Title": how.title, "Subject": how.caption, "Keywords": how.command, "CreationDate": None},
        "svg": {"Title": how.title, "Description": how.caption, "Keywords": [how.command], "Date": None},
        "png": {"Title": how.title, "Description": how.caption, "Comment": how.command},
    }
    buffer = io.BytesIO()
    figure.savefig(buffer, format=how.format, metadata=kinds[how.format], dpi=300, facecolor="white")
    return buffer.getvalue()

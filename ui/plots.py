"""A plotly figure on a page: the figure, its caption, and what is plotted as CSV and NPZ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from plotly.basedatatypes import BaseTraceType

from ui import frame, keyboard

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.elements.plotly_chart import PlotlyState

SMALL = 165  # pixels at least of plots that stay together
FORMAT = "picture_format"  # session: what the camera in a plot's toolbar saves
RIM = {"light": "#5b6b79", "dark": "#8d9aa7"}  # both over 4.5 to 1 on the theme's ground
Arrays = dict[str, np.ndarray]


def plot(
    figure: go.Figure,
    key: str,
    caption: str,
    data: Arrays | Callable[[], Arrays] | None = None,
    name: str = "npf",
    on_select: Literal["ignore", "rerun"] | Callable[[], None] = "ignore",
    selection_mode: str | tuple[str, ...] = "points",
    height: int | None = None,
) -> PlotlyState | None:
    """Draw ``figure`` with ``caption`` below it and downloads of ``data``; what st.plotly_chart returns.

    ``data`` is what is plotted, arrays by name, or a function that makes them at the click; ``name`` begins the
    file names. PNG or SVG of the figure come from the camera in its own toolbar. All its buttons are one stop of the
    Tab key (``ui/keyboard``).
    """
    kind = st.session_state.get(FORMAT) or "png"
    config: dict[str, object] = {
        "displaylogo": False,
        "responsive": True,
        "scrollZoom": False,
        "modeBarButtonsToRemove": ["lasso2d", "select2d"] if on_select == "ignore" else [],
        "toImageButtonOptions": {"format": kind, "filename": f"{name}-{key}", "scale": 2},
    }
    figure = _rim(figure)
    with st.container(gap="xxsmall", key=keyboard.PLOT + frame.key_of(key)):
        event: PlotlyState | None = st.plotly_chart(  # type: ignore[call-overload]
            figure,
            width="stretch",
            height=height or "content",
            theme="streamlit",
            key=key,
            on_select=on_select,
            selection_mode=selection_mode,
            config=config,
            alt=caption,
        )
        frame.caption(caption)
        if data is not None:
            downloads(data, key, name)
    return event


def _rim(figure: go.Figure) -> go.Figure:
    """The figure with a thin rim round dots in colours of a scale, of which one end is near to the page's own ground;
    another one, for the one that is given may be kept for everybody."""
    if not any(map(_rimless, figure.data)):
        return figure
    figure, colour = go.Figure(figure), RIM.get(str(st.context.theme.type), RIM["light"])
    for trace in filter(_rimless, figure.data):
        trace.marker.line = {"width": 0.5, "color": colour}
        if isinstance(trace.marker.size, int | float):
            trace.marker.size += 1  # what the rim takes
    return figure


def _rimless(trace: BaseTraceType) -> bool:
    return trace.type == "scattergl" and trace.marker.colorscale is not None and trace.marker.line.width is None


def together(count: int) -> Iterator[DeltaGenerator]:
    """Places for ``count`` small plots that are compared, in a row; on a narrow screen two beside each other."""
    grid = st.grid(count, min_column_width=SMALL, gap="small")
    return (grid.cell() for _ in range(count))


def downloads(data: Arrays | Callable[[], Arrays], key: str, name: str) -> None:
    """Two small buttons that save ``data`` as CSV and as NPZ; the files are made at the click."""
    from npf_engine.figures import export

    def written(write: Callable[[Arrays], bytes]) -> Callable[[], bytes]:
        return lambda: write(data() if callable(data) else data)

    writers: dict[str, tuple[Callable[[Arrays], bytes], str]] = {
        "csv": (export.to_csv, "text/csv"),
        "npz": (export.to_npz, "application/octet-stream"),
    }
    with st.container(horizontal=True, gap="xsmall", key=keyboard.FILES + frame.key_of(key)):
        for ending, (write, mime) in writers.items():
            st.download_button(
                ending.upper(),
                data=written(write),
                file_name=f"{name}-{frame.key_of(key)}.{ending}",
                mime=mime,
                key=f"{key}_{ending}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
                help=f"What is plotted, as {ending.upper()}",
            )

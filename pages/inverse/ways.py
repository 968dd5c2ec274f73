"""The ways of the draws: paths of the bridge from y to places where F is the value, played in the browser."""

from __future__ import annotations

import numpy as np
import streamlit as st
import torch

from npf_engine.fields.field import Grid
from npf_engine.figures import message, palette, relief
from npf_engine.figures.layout import aspect, position_title
from npf_engine.measures.inverse_view import PreimageView
from npf_engine.numbers import number
from npf_engine.polar import PolarFactorization
from npf_engine.polar.paths import BridgePaths, bridge_paths
from npf_engine.tasks import layout
from ui import frame, motion, plots, runs

PATHS = 120
MOST_DOTS = 2000
CAPTION = (
    "Each draw of Iψ is a random path: all begin at the cross, y = ∇u*(v), and are drawn towards where the network Xψ "
    "expects them to end, the later the more surely. A path has the colour of the place where it ends."
)
HEUN = "This model draws by Heun's steps and stops before the end; shown are the bridge's exact steps instead. "
RINGS = " Rings are the exact places where F is v."
GUIDED = " At the end Mξ leads each on to where Mξ(x) = y, by {moved} of Ω's half side in the median."


def show(view: PreimageView, model: PolarFactorization, run_id: str, grid: Grid | None, name: str) -> None:
    """The paths for the value asked for, in two dimensions."""
    paths = _paths(str(layout.home()), run_id, runs.written(run_id), tuple(map(float, view.gradient)))
    motion.draw("paths", packed(paths, view, model, grid, name), "ways")
    moved = float(paths.moved.median())
    caption = (
        (HEUN if model.sampler == "heun" else "")
        + CAPTION
        + (RINGS if _places(view) else "")
        + (GUIDED.format(moved=number(moved, 2)) if moved else "")
    )
    frame.caption(caption)
    arrays = {
        "time": paths.times.numpy(),
        "x": paths.x.reshape(len(paths.times), -1).numpy(),
        "end": paths.ends.numpy(),
    }
    plots.downloads(arrays, "ways", name)


@st.cache_data(max_entries=20, show_spinner="Drawing paths ...")
def _paths(home: str, run_id: str, written: int, gradient: tuple[float, ...]) -> BridgePaths:
    with torch.no_grad():
        return bridge_paths(runs.load_model(run_id), torch.tensor(gradient, dtype=torch.float64), PATHS)


def _places(view: PreimageView) -> list[list[float]]:
    return [] if view.exact is None else view.exact.places.double().tolist()


def packed(paths: BridgePaths, view: PreimageView, model: PolarFactorization, grid: Grid | None, name: str) -> bytes:
    """What the browser gets: the paths with a colour each, what lies below them, and the exact places."""
    low, high = model.low, model.high
    ratio = aspect(model.units, low, high)
    wide = 1.2 if ratio is None else (high[0] - low[0]) / (ratio * (high[1] - low[1]))
    samples = model.scaling.to_user(model.samples["x_train"][:MOST_DOTS].double())
    # Places of Omega's corners too, so that colours are those of the whole of it.
    box = torch.tensor([[low[0], low[1]], [high[0], high[1]]], dtype=torch.float64)
    index = palette.origin_index(torch.cat([paths.ends, samples, box]).numpy())[: len(paths.ends)]
    arrays: dict[str, np.ndarray] = {
        "times": paths.times.numpy().astype(np.float32),
        "x": _flat(paths.x),
        "ends": _flat(paths.ends),
        "dots": _flat(samples),
        "index": index,
        "lut": palette.table(palette.origin_scale()),
    }
    head: dict[str, object] = {
        "name": f"{name}-ways",
        "label": "Paths of the bridge to the pre-images",
        "n": len(paths.ends),
        "range": [low[0], high[0], low[1], high[1]],
        "aspect": min(3.0, max(0.6, wide)),
        "axes": f"→ {position_title(model.units, 0)}, ↑ {position_title(model.units, 1)}",
        "places": _places(view),
        "picture": None,
        "first": "All begin at y = ∇u*(v)",
        "between": "Towards the pre-images",
        "last": "Led on by Mξ" if float(paths.moved.max()) > 0 else "Where they end",
    }
    if grid is not None:
        arrays["picture"] = relief.of_grid(grid)
        rows, columns = arrays["picture"].shape[:2]
        bounds = [grid.west, grid.east, grid.south, grid.north]
        head["picture"] = {"rows": rows, "columns": columns, "bounds": bounds}
    return message.pack(head, arrays)


def _flat(x: torch.Tensor) -> np.ndarray:
    return x.reshape(-1, 2).numpy().astype(np.float32)

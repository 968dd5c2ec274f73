"""Particles over time on the potential, the method beside plain LMC: played in the browser, sent once."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.figures import film, message, palette
from npf_engine.figures import landscape as figures
from npf_engine.figures.layout import aspect, position_title
from pages.landscape.chains import Chain
from pages.landscape.ground import Ground
from ui import frame, motion, plots

CAPTION = (
    "Dots are particles, each chain after the same share of its steps; behind 16 of them their last steps. {jumps}"
    "Low places are dark."
)
JUMPS = "A step glides, a jump through u is a dotted line, and who has just jumped has its colour. "
STRIP = 1.35  # width over height of the picture where lengths of the two axes cannot be compared
RANKS = 65535


def show(ground: Ground, chains: list[Chain], name: str) -> None:
    """The player; the second of two chains is plain LMC, on one clock with the first."""
    motion.draw("particles", _packed(tuple(map(_mark, chains)), name, ground, chains), "landscape_player")
    frame.caption(CAPTION.format(jumps=JUMPS if any(chain.jumped.any() for chain in chains) else ""))
    for column, chain in zip(st.columns(len(chains), gap="medium"), chains, strict=True):
        with column:
            arrays = {"step": chain.steps, "x": chain.paths.reshape(len(chain.steps), -1)}
            plots.downloads(arrays, f"moment_{chain.key}", name)


def _mark(chain: Chain) -> tuple[str, str, int, float]:
    """What tells one chain's numbers from another's."""
    return chain.key, chain.title, len(chain.steps), float(chain.paths.sum())


@st.cache_resource(max_entries=4, show_spinner=False)
def _packed(marks: tuple[tuple[str, str, int, float], ...], name: str, _ground: Ground, _chains: list[Chain]) -> bytes:
    return packed(_ground, _chains, name)


def packed(ground: Ground, chains: list[Chain], name: str) -> bytes:
    """What the browser gets of the landscape and of every chain."""
    arrays: dict[str, np.ndarray] = {
        "ranks": np.rint(figures.ranks(ground.g).T * RANKS).astype(np.uint16),
        "g": ground.g.T.astype(np.float32),
        "lut": palette.table(palette.ELEVATION),
    }
    told = []
    for k, chain in enumerate(chains):
        shown = film.film(chain.steps, chain.paths, chain.jumped)
        arrays[f"steps{k}"], arrays[f"codes{k}"] = shown.steps, shown.codes
        arrays[f"jumped{k}"] = np.packbits(shown.jumped)
        told.append(
            {
                "title": chain.title,
                "moments": len(shown.steps),
                "particles": shown.codes.shape[1],
                "leaps": int(shown.jumped.sum()),
                "low": shown.low.tolist(),
                "high": shown.high.tolist(),
            }
        )
    low, high = ground.low, ground.high
    ratio = aspect(ground.units, low, high)
    wide = STRIP if ratio is None else (high[0] - low[0]) / (ratio * (high[1] - low[1]))
    head = {
        "name": f"{name}-particles",
        "label": f"Particles of {' and '.join(chain.title for chain in chains)} over time",
        "chains": told,
        "ground": {"nx": len(ground.x), "ny": len(ground.y), "low": list(low), "high": list(high)},
        "range": [low[0], high[0], low[1], high[1]],
        "aspect": min(3.0, max(0.6, wide)),
        "axes": f"→ {position_title(ground.units, 0)}, ↑ {position_title(ground.units, 1)}",
        "colours": {"step": palette.COLOURS["rho"], "jump": palette.COLOURS["inverse"]},
    }
    return message.pack(head, arrays)

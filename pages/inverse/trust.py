"""Where the inverse can be trusted: from each place to its gradient and back."""

from __future__ import annotations

from npf_engine.evaluation.inverse_view import TRUST_DRAWS, TrustView
from npf_engine.figures import inverse
from npf_engine.polar import PolarFactorization
from npf_engine.runs import files
from npf_engine.runs.store import Run
from pages.factorization import data
from pages.inverse.preimages import judged_by
from ui.plots import plot


def show(run: Run, model: PolarFactorization, name: str, view: TrustView) -> None:
    """The map of trust, with what it says in numbers."""
    grid = data.relief(str(files.home()), run.id) if model.d == 2 else None
    figure = inverse.trust_map(view.x, view.miss, view.worst, model.units, model.low, model.high, grid=grid)
    median = float(sorted(view.miss)[len(view.miss) // 2])
    caption = (
        f"For each of {len(view.x):,} unseen places its gradient F(x) was asked for, and {TRUST_DRAWS} places were "
        f"drawn for it. The colour is the median of what F misses there, as a share of F's spread"
        f"{judged_by(view.known)}. Half of the places miss by less than **{median:.2g}**; the ringed tenth by more "
        f"than "
        f"**{view.worst:.2g}**."
    )
    plot(figure, "trust", caption, {"x": view.x, "miss": view.miss}, name)

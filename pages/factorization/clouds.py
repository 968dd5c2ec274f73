"""Figure 1 for one model: what is given, what the model makes of it, and both together, at all samples of the run."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from npf_engine.figures import histograms, panels, paper, print_views
from npf_engine.figures.layout import position_title, value_title
from npf_engine.measures import linked as clouds
from npf_engine.measures import views
from npf_engine.measures.linked import Evaluation, LinkedClouds
from npf_engine.numbers import percent
from npf_engine.runs.store import Run
from npf_engine.studies import printed
from npf_engine.tasks import layout
from pages.factorization import selected
from ui import linked, modelviews, paperfigure
from ui.linked import held, source
from ui.plots import plot

FOLDS = 0.03  # share of points with neighbours from elsewhere above which M is said to fold
FOLD_POINTS = 3000  # samples that tell it
GRAPH_POINTS = 3000
SEED = 0
AT_ONCE = 3.0  # seconds: all samples are shown without being asked for where they take no longer
DRAWS = 2000  # pre-images a second on one core, before any were drawn here
PAIRS = {"1 and 2": (0, 1), "1 and 3": (0, 2), "2 and 3": (1, 2)}  # of axes, d = 3
CAPTIONS = (
    "**Given.** F♯ρ, the law of F, and ρ. A point keeps its colour in every panel: at first that of the place where it "
    "comes from.",
    "**Learnt.** ∇u♯ρ should cover F♯ρ, and Mθ♯ρ should cover ρ. {folds}",
    "**Together.** ∇u∘Mξ should equal F♯ρ in shape and colours, and Mξ, the network, should equal Mθ.",
)
NO_NETWORK = "**Together.** This model has no Mξ: its training stopped before that stage."


def show(run: Run, name: str) -> None:
    """The panels of one model."""
    found = source.evaluation(run.id)
    if found.model.d == 1:
        _graphs(modelviews.clouds(str(layout.home()), run.id, GRAPH_POINTS, SEED), name)
        return
    st.fragment(_linked)(run.id, name)
    if found.model.d <= 3:
        _printed(run, name, modelviews.clouds(str(layout.home()), run.id, paper.MOST_POINTS, SEED))
    if found.model.d == 3:
        _space(found.result(GRAPH_POINTS).view, name)


def _printed(run: Run, name: str, view: views.FactorizationView) -> None:
    """Figure 1 for a paper."""
    paperfigure.offer(
        print_views.CLOUDS,
        name,
        lambda how: printed.clouds(view, how),
        printed.caption(print_views.CLOUDS, run.spec_json),
        paperfigure.command(run),
        view.planes,
    )


def _linked(run_id: str, name: str) -> None:
    """The linked panels, what is selected, and what they mean; a selection runs this part of the page alone."""
    found = source.evaluation(run_id)
    embedded = source.embedded(run_id)
    selection = held.current(run_id, (*found.keys, *embedded), found.model.d)
    n, axes, inverse = _options(found, selection.axes if selection else (0, 1))
    if selection is not None and selection.axes != axes:
        selection = None  # drawn on other axes, on which it is not seen here
        held.hold(run_id, "")
    more = (*embedded, *(["inverse"] if inverse else []))
    shown, message = source.shown(str(layout.home()), run_id, n, axes, more, found, embedded)
    if shown.view.projection is not None:
        share = 100 * float(shown.view.projection.share.sum())
        st.caption(f"All panels are on the first two principal axes of F♯ρ, which hold {share:.0f} % of its variance.")
    look = linked.Look(
        label="The clouds of Figure 1, linked",
        push=held.pushes(),
        selection=linked.selection.text(selection) if selection else "",
    )
    linked.draw(message, look, "clouds", lambda text: held.hold(run_id, linked.selection.checked(text)))
    st.caption(_samples(shown))
    selected.show(run_id, name, shown, selection)
    _captions(shown, str(layout.home()), run_id, found.model.rho == "box")


def _options(found: Evaluation, axes: tuple[int, int]) -> tuple[int, tuple[int, int], bool]:
    """How many samples are shown, on which axes, and whether with the misses of their pre-images."""
    n, inverse = found.total, False
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        if found.total > found.quick:
            choices = {f"{found.quick:,}": found.quick, f"All {found.total:,}": found.total}
            slow = found.left > AT_ONCE
            first = list(choices)[0 if slow else -1]
            about = f"A first look at once; all of them take about {max(1, round(found.left))} s more, once."
            chosen = st.segmented_control(
                "Samples", list(choices), default=first, key="samples", required=True, help=about if slow else None
            )
            n = choices.get(chosen or first, found.quick)
        if found.model.d == 3:
            pair = next((text for text, of in PAIRS.items() if of == axes), "1 and 2")
            axes = PAIRS[st.segmented_control("Axes", list(PAIRS), default=pair, key="axes", required=True) or pair]
        if found.invertible:
            inverse = st.toggle(
                "Miss of Iψ",
                key="with_inverse",
                help="Draw one pre-image a sample, and colour by how far F there is "
                f"from F(x): about {max(1, round(n * found.drawing / found.drawn if found.drawn else n / DRAWS))} s.",
            )
    _wait("Mθ by the solver", n, lambda: found.done, found.advance)
    if inverse:
        _wait("One draw of Iψ each", n, lambda: found.drawn, found.draw)
    return n, axes if found.model.d == 3 else (0, 1), inverse


def _wait(what: str, n: int, done: Callable[[], int], advance: Callable[[], None]) -> None:
    """Wait until n samples are done, and say how far they are."""
    if done() >= n:
        return
    bar = st.progress(0.0)
    begun, first = time.monotonic(), done()
    while done() < n:
        left = (time.monotonic() - begun) / max(1, done() - first) * (n - done())
        last = f", about {max(1, round(left))} s left" if done() > first else ""
        bar.progress(done() / n, text=f"{what}: {done():,} of {n:,} samples{last}")
        advance()
    bar.empty()


def _samples(shown: LinkedClouds) -> str:
    """Which samples these are."""
    n, unseen = shown.n, shown.unseen
    seen = "all unseen in training" if unseen >= n else f"{unseen:,} of them unseen in training"
    return f"{n:,} of {shown.total:,} samples, {seen}." if n < shown.total else f"All {n:,} samples, {seen}."


def beyond(view: views.FactorizationView) -> str:
    """Which share of M's images lies outside of Omega's box, where rho has no mass; nothing where none does."""
    names = {"m": "Mθ♯ρ", "m_network": "Mξ♯ρ"}
    shares = {name: view.beyond(key) for key, name in names.items() if key in view.clouds}
    told = [f"{percent(share)} of {name}" for name, share in shares.items() if share]
    if not told:
        return ""
    return f" Outside of Ω, where ρ has no mass, {'lies' if len(told) == 1 else 'lie'} {' and '.join(told)}."


def _captions(shown: LinkedClouds, home: str, run_id: str, boxed: bool) -> None:
    given, learnt, together = CAPTIONS
    if "m_network" not in shown.view.clouds:
        together = NO_NETWORK
    if boxed:
        together += beyond(shown.view)
    for column, text in zip(st.columns(3, gap="small"), (given, learnt, together), strict=True):
        column.caption(text.replace("{folds}", _folds(home, run_id, clouds.head(shown.view, FOLD_POINTS))))


@st.cache_data(max_entries=20, show_spinner=False)
def _folds(home: str, run_id: str, _view: views.FactorizationView) -> str:
    """What M does with the colours of this model."""
    share = views.mixing(_view)
    if share < FOLDS:
        most = f"All but {100 * share:.1f} % of the points" if share >= 0.0005 else "All points"
        return f"{most} that are neighbours in Mθ♯ρ come from neighbouring places: M hardly folds, or not at all."
    return (
        f"M folds: {100 * share:.0f} % of the points in Mθ♯ρ have a nearest neighbour that comes from elsewhere, and "
        "there the colours mix."
    )


def _graphs(view: views.FactorizationView, name: str) -> None:
    """d = 1: everything is a function of one variable."""
    x = view.clouds["rho"][:, 0]
    groups: dict[str, tuple[tuple[str, ...], str, str]] = {
        "values": (
            views.VALUES,
            value_title(view.units, 0),
            "∇u is the increasing rearrangement of F: it takes the same values equally often, in order. "
            "∇u∘Mξ (dotted) must lie on F.",
        ),
        "positions": (
            ("m", "m_network"),
            position_title(view.units, 0),
            "M carries each x to the place where ∇u takes the value F(x). Mξ (dotted) must lie on Mθ.",
        ),
    }
    for column, (key, (items, title, caption)) in zip(st.columns(2, gap="medium"), groups.items(), strict=True):
        curves = {item: view.clouds[item][:, 0] for item in items if item in view.clouds}
        with column:
            figure = panels.graphs(x, curves, position_title(view.units, 0), title)
            plot(figure, f"graphs_{key}", caption, {"x": x, **curves}, name)
    laws = {
        "law_values": (("field", "grad_u"), value_title(view.units, 0), "∇u♯ρ must have the law of F."),
        "law_positions": (("rho", "m"), position_title(view.units, 0), "M preserves ρ: both laws must agree."),
    }
    for column, (key, (items, title, caption)) in zip(st.columns(2, gap="medium"), laws.items(), strict=True):
        samples = {item: view.clouds[item][:, 0] for item in items}
        with column:
            plot(histograms.overlaid(samples, title, bins=50), key, caption, samples, name)


def _space(view: views.FactorizationView, name: str) -> None:
    """d = 3: the clouds over each other in space, to be turned."""
    pairs = {
        "space_values": (
            ("field", "grad_u"),
            value_title,
            "The law of F and its reconstruction must fill the same body.",
        ),
        "space_positions": (("rho", "m"), position_title, "Mθ♯ρ must fill Ω as evenly as ρ."),
    }
    for column, (key, (items, title, caption)) in zip(st.columns(2, gap="medium"), pairs.items(), strict=True):
        clouds = {item: view.clouds[item][:2000] for item in items}
        with column:
            figure = panels.cloud_3d(clouds, [title(view.units, axis) for axis in range(3)])
            plot(figure, key, caption, clouds, name)

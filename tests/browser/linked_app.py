"""A page with nothing but linked clouds of synthetic samples, for tests/browser/test_linked.py."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.fields.field import Units
from npf_engine.figures import blob
from npf_engine.figures.blob import WIDE
from npf_engine.measures.linked import LinkedClouds
from npf_engine.measures.views import FactorizationView
from ui import linked
from ui.linked import held, selection


@st.cache_resource
def clouds(n: int) -> LinkedClouds:
    """A rotation by 90 degrees for M and x -> x |x| for grad u, so that F(x) is their composition."""
    x = np.random.default_rng(0).uniform(-1, 1, (n, 2))
    m = np.stack([-x[:, 1], x[:, 0]], axis=1)

    def grad_u(places: np.ndarray) -> np.ndarray:
        return places * np.linalg.norm(places, axis=1, keepdims=True)

    found = {"rho": x, "m": m, "m_network": m, "grad_u": grad_u(x), "field": grad_u(m), "reconstruction": grad_u(m)}
    view = FactorizationView(
        found, Units(("east", "north"), ("km", "km"), "m/s"), (-1.0, -1.0), (1.0, 1.0), (1.0, 1.0), None
    )
    embedded = {"tsne_values": 10 * found["field"][: n // 4]} if "tsne" in st.query_params else {}
    return LinkedClouds(view, {"norm": np.linalg.norm(found["field"], axis=1)}, n, n, embedded=embedded)


@st.cache_resource
def message(n: int) -> bytes:
    """The points as they are sent."""
    return blob.pack(clouds(n), blob.shown(clouds(n)))


def panels(n: int, renderer: str) -> None:
    """The panels, and what the server makes of a selection."""
    chosen = held.current("synthetic", WIDE, 2)
    look = linked.Look(
        label="Synthetic clouds",
        selection=selection.text(chosen) if chosen else "",
        push=held.pushes(),
        renderer=renderer,
    )
    linked.draw(message(n), look, "synthetic", lambda text: held.hold("synthetic", selection.checked(text)))
    count = chosen.mask(blob.plane(clouds(n), chosen.key, chosen.axes)).sum() if chosen else 0
    st.markdown(f"The server selects {count} samples.")


st.fragment(panels)(int(st.query_params.get("n", "1000")), st.query_params.get("renderer", "auto"))

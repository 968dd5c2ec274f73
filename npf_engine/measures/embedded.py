"""The t-SNE of the laws that should agree, of the first samples of a run: panels of the linked clouds.

Of 2,000 samples x_i the first half stands in an embedding as what is given, F(x_i), the other half as what is learnt,
grad u(x_i): no sample is in both clouds, and each has one place in the picture.
"""

from __future__ import annotations

import numpy as np

from npf_engine.measures import views
from npf_engine.measures.embedding import Embedding
from npf_engine.measures.linked import Evaluation

POINTS = 2000
SEED = 0
PAIRS = {"tsne_values": ("field", "grad_u"), "tsne_positions": ("rho", "m_network")}


def embeddings(found: Evaluation) -> dict[str, Embedding]:
    """The embeddings that a run may have, by the key of their panel; each knows whether it was computed."""
    view = found.result(min(POINTS, found.quick)).view
    return {key: _embedding(view, pair) for key, pair in PAIRS.items()}


def _embedding(view: views.FactorizationView, pair: tuple[str, str]) -> Embedding:
    given, learnt = (key if key in view.clouds else "m" for key in pair)
    half = len(view.clouds[given]) // 2
    scale = np.asarray(view.scale) if given in views.POSITIONS else 1.0  # equal scales
    return Embedding(view.clouds[given][:half] / scale, view.clouds[learnt][half:] / scale, seed=SEED)


def laws(n: int) -> np.ndarray:
    """Of which law each of n embedded samples is, (n,): 0 the given one, 1 the learnt."""
    return (np.arange(n) >= n // 2).astype(np.float32)

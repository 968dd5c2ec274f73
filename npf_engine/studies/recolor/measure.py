"""How well a recoloured picture has the second picture's colours (the pushforward row of NPF 5.1, on pixels)."""

from __future__ import annotations

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.divergences import batched_sinkhorn_divergence, default_eps
from npf_engine.fields.pictures import Picture
from npf_engine.measures.measured import Measured
from npf_engine.studies.recolor.spec import DRAWS
from npf_engine.studies.recolor.transfer import sample_colours
from npf_engine.transport.gaussian import gaussian_map

N = 2048


def colour_match(
    source: Picture, palette: Picture, result: Picture, *, n: int = N, draws: int = DRAWS, seed: int = 0
) -> dict[str, float | None]:
    """The contract's metric object for the colours of ``result`` against those of ``palette``.

    Divergences in units of squared colour in [0, 1]^3, between independent draws of n pixels; floor: two draws of the
    palette; trivial: the closed-form Gaussian map, clipped as any result is. Where the palette has one colour there is
    no floor, and the ratio is None.
    """
    known = (
        sample_colours(picture, 20_000, seeds.child(seed, name))
        for name, picture in (("source", source), ("palette", palette))
    )
    S, m = gaussian_map(*known)
    rows, eps = [], 0.0
    for draw in range(draws):

        def take(picture: Picture, name: str, draw: int = draw) -> Tensor:
            return sample_colours(picture, n, seeds.child(seed, f"match.{draw}.{name}"), spread=False)

        reference, other, image = take(palette, "reference"), take(palette, "other"), take(result, "image")
        trivial = (take(source, "trivial").double() @ S.T + m).clamp(0, 1).float()
        eps = default_eps(reference)
        clouds = torch.stack([image, other, trivial])
        rows.append(_three(clouds, reference, eps))
    return dict(Measured.of_draws(rows, n, eps).to_json())


def _three(clouds: Tensor, reference: Tensor, eps: float) -> tuple[float, float, float]:
    values = [float(batched_sinkhorn_divergence(cloud[None], reference[None], eps)[0]) for cloud in clouds]
    return values[0], values[1], values[2]

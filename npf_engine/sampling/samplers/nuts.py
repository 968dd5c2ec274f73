"""The No-U-Turn sampler of nutpie (sampling/nuts.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npf_engine.sampling.sampler import Sampler

if TYPE_CHECKING:
    from npf_engine.sampling.setting import Chains, Setting

ANY_D = 10_000


def run(setting: Setting, chains: Chains) -> None:
    """Some chains with a share of the budget each; their draws have no trace."""
    import torch

    from npf_engine.sampling.nuts import sample_nuts

    draws = sample_nuts(
        setting.oracle,
        setting.settings.coefficient,
        setting.x.numpy(),
        setting.budget,
        setting.seed,
        setting.recorder,
    )
    chains.only = torch.from_numpy(draws)


SAMPLER = Sampler(
    "nuts",
    "No-U-Turn sampler",
    "The No-U-Turn sampler of a library: long, well-chosen steps, but none over a high wall.",
    run,
    most_d=ANY_D,
    place=4,
)

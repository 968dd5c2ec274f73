"""One seed for a run, and from it one independent stream for each draw, by the draw's name.

    x = torch.rand(n, d, generator=seeds.generator(spec.seed, "classifier.samples"))

Seeds that are only added to (seed + 1, seed + 2) meet again in another place, or in the next run's, and two draws that
were meant to be independent are then the same. A hash of seed and name never does: names are told apart, and so are
seeds. A name says room and draw, "u.split"; it is part of what a seed means, so that changing it changes the numbers.
"""

from __future__ import annotations

import hashlib

import torch

_BYTES, _BITS = 8, 53


def child(seed: int, name: str) -> int:
    """The seed of the stream ``name`` of a run with ``seed``: at least 0, the same on every machine, and under 2^53, so
    that JSON's numbers hold it.

    The first bits of BLAKE2b of the seed in decimal and the name: a further one is derived as well as any seed is,
    ``child(child(seed, "lab"), "target")``.
    """
    digest = hashlib.blake2b(f"{seed:d}/{name}".encode(), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big") >> (8 * _BYTES - _BITS)


def generator(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of the stream ``name`` of a run with ``seed``, on a device."""
    return torch.Generator(device).manual_seed(child(seed, name))

"""How many weights a network of kept arguments has at least, asked before it is built. No tensor is made here."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from npf_engine.errors import InputError
from npf_engine.settings.limits import MAX_D, MAX_LAYERS, MAX_OCTAVES, MAX_PIECES, MAX_RANK, MAX_WIDTH

# The most of the whole numbers among a network's arguments; a seed is of no size.
MOST_OF = {
    "d": MAX_D, "d_in": MAX_D, "d_out": MAX_D, "fourier": MAX_OCTAVES, "rank": MAX_RANK, "tail_rank": MAX_D,
    "unit_rank": MAX_RANK, "pieces": MAX_PIECES, "seed": 2**63 - 1,
}  # fmt: skip
SMALL = 10_000  # weights that cost nothing to build


def least_weights(network: str, arguments: dict[str, Any]) -> int:
    """The weights between the layers of the network u, v, m or bridge; its biases and small parts are not counted.

    Raises InputError for sizes that no network of ours has.
    """
    hidden = arguments.get("hidden")
    if not isinstance(hidden, list | tuple) or not 1 <= len(hidden) <= MAX_LAYERS:
        raise InputError(f"{network} has the hidden layers {str(hidden)[:60]}; between 1 and {MAX_LAYERS} are possible")
    for width in hidden:
        _check(f"a layer of {network}", width, 1, MAX_WIDTH)
    for key, most in MOST_OF.items():
        if arguments.get(key) is not None:
            _check(f"{network}.{key}", arguments[key], 0, most)
    d = arguments.get("d", arguments.get("d_in")) or 0
    features = d * (1 + 2 * (arguments.get("fourier") or 0))
    between = sum(a * b for a, b in pairwise(hidden))
    if network == "u":
        pieces, rank = arguments.get("pieces") or 0, arguments.get("rank") or 0
        return int(between + d * sum(hidden) + d * pieces * (2 + rank))
    first = 2 * features if network == "bridge" else features
    return int(first * hidden[0] + between + hidden[-1] * (arguments.get("d_out") or d))


def _check(what: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(f"{what} is {str(value)[:40] if not isinstance(value, int) else 'out of range'}; "
                         f"it must be a whole number from {least} to {most}")  # fmt: skip


def check_networks(networks: dict[str, Any], numbers: dict[str, int]) -> None:
    """InputError where the arguments describe networks far larger than the file, by its ``numbers`` by network.

    What is left can be built at the file's own cost, and its shapes then compared one by one.
    """
    for network, arguments in networks.items():
        if not isinstance(arguments, dict):
            raise InputError(f"{network} has no arguments to be built with")
        if least_weights(network, arguments) > 2 * numbers.get(network, 0) + SMALL:
            raise InputError(f"{network} is described larger than what the file can hold; they do not belong together")

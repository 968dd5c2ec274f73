"""How many weights a network of a file's arguments has at least, asked before it is built. No tensor is made here."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from torch import nn

from npf_engine.errors import InputError
from npf_engine.potentials import potential_class
from npf_engine.settings.limits import MAX_D, MAX_LAYERS, MAX_OCTAVES, MAX_PIECES, MAX_RANK, MAX_WIDTH

# The most of the whole numbers among a network's arguments; a seed is of no size.
MOST_OF = {
    "d": MAX_D,
    "d_in": MAX_D,
    "d_out": MAX_D,
    "fourier": MAX_OCTAVES,
    "rank": MAX_RANK,
    "tail_rank": MAX_D,
    "unit_rank": MAX_RANK,
    "pieces": MAX_PIECES,
    "seed": 2**63 - 1,
}
SMALL = 10_000  # weights that cost nothing to build


def count_parameters(module: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def least_weights(network: str, arguments: Mapping[str, object]) -> int:
    """The weights between the layers of the network u, v, m or bridge; its biases and small parts are not counted.

    Raises InputError for sizes that no network of ours has.
    """
    hidden = _hidden(network, arguments)
    for key, value in arguments.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and (key in MOST_OF or whole):
            _check(f"{network}.{key}", value, 0, MOST_OF.get(key, MAX_WIDTH))
    if network == "u":
        return potential_class(kind_of_potential(arguments)).least_weights(arguments)
    d, d_out, octaves = (_whole(arguments, *keys) for keys in (("d", "d_in"), ("d_out", "d", "d_in"), ("fourier",)))
    features = d * (1 + 2 * octaves)
    first = 2 * features if network == "bridge" else features
    return first * hidden[0] + sum(a * b for a, b in pairwise(hidden)) + hidden[-1] * d_out


def kind_of_potential(config: Mapping[str, object]) -> str:
    """The registered name of u. Files of versions before do not say it: one with pieces is the wide network there, any
    other the papers'."""
    return str(config.get("network") or ("wide" if "pieces" in config else "icnn"))


def _hidden(network: str, arguments: Mapping[str, object]) -> list[int]:
    """The widths of its layers; only a potential of its own kind may have none."""
    hidden = arguments.get("hidden")
    if hidden is None and network == "u" and "network" in arguments:
        return []
    if not isinstance(hidden, list | tuple) or not 1 <= len(hidden) <= MAX_LAYERS:
        raise InputError(f"{network} has the hidden layers {str(hidden)[:60]}; between 1 and {MAX_LAYERS} are possible")
    return [_check(f"a layer of {network}", width, 1, MAX_WIDTH) for width in hidden]


def _whole(arguments: Mapping[str, object], *keys: str) -> int:
    """The first of these that is given; 0 where none is. Checked before."""
    return next((value for key in keys if isinstance(value := arguments.get(key), int) and value), 0)


def _check(what: str, value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        given = str(value)[:40] if not isinstance(value, int) else "out of range"
        raise InputError(f"{what} is {given}; it must be a whole number from {least} to {most}")
    return value


def check_networks(networks: Mapping[str, object], numbers: Mapping[str, int]) -> None:
    """InputError where the arguments describe networks far larger than the file, by its ``numbers`` by network.

    What is left can be built at the file's own cost, and its shapes then compared one by one.
    """
    for network, arguments in networks.items():
        if not isinstance(arguments, dict):
            raise InputError(f"{network} has no arguments to be built with")
        if least_weights(network, arguments) > 2 * numbers.get(network, 0) + SMALL:
            raise InputError(f"{network} is described larger than what the file can hold; they do not belong together")

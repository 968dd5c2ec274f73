"""The weights of networks as one word, by which two trainings are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from torch import Tensor, nn


def fingerprint(networks: Mapping[str, nn.Module | None]) -> str:
    """sha256 over all weights, in hexadecimal: networks in the order given, the weights of each by their names; None is
    a network that there is not."""
    digest = hashlib.sha256()
    for name, module in networks.items():
        for key, value in sorted(module.state_dict().items()) if module is not None else ():
            digest.update(_bytes(f"{name}.{key}", value))
    return digest.hexdigest()


def fingerprint_of(*arrays: Tensor) -> str:
    """The same of arrays that belong to no network, in the order given."""
    digest = hashlib.sha256()
    for k, array in enumerate(arrays):
        digest.update(_bytes(str(k), array))
    return digest.hexdigest()


def _bytes(name: str, value: Tensor) -> bytes:
    array = value.detach().cpu().contiguous().numpy()
    return f"{name} {array.dtype.str} {array.shape}\n".encode() + array.tobytes()

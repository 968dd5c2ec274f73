"""The weights of networks as one word, by which two trainings are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from torch import nn


def fingerprint(networks: Mapping[str, nn.Module | None]) -> str:
    """sha256 over all weights, in hexadecimal: networks in the order given, the weights of each by their names; None is
    a network that there is not."""
    digest = hashlib.sha256()
    for name, module in networks.items():
        for key, value in sorted(module.state_dict().items()) if module is not None else ():
            array = value.detach().cpu().contiguous().numpy()
            digest.update(f"{name}.{key} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()

"""The one message that a scene in motion gets: a head in JSON and typed arrays behind it, as bytes that stay the same.

bytes 0-3    NPFM
bytes 4-7    length of the head, uint32, little-endian
then         the head, UTF-8, with spaces up to a multiple of 8; ``arrays``: name -> {"type", "offset", "count"}
then         the arrays, each at a multiple of 8 from where the head ends
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping

import numpy as np

from npf_engine.figures import palette

MAGIC = b"NPFM"
TYPES = ("u1", "u2", "i4", "f4")  # those that the script reads


def pack(head: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The message; ``id`` in its head names its content. Raises ValueError for arrays of a type the script lacks."""
    body, places = bytearray(), {}
    for name, array in arrays.items():
        kind = array.dtype.str[1:]
        if kind not in TYPES:
            raise ValueError(f"{name} is of type {kind}, which the script does not read")
        body += b"\0" * (-len(body) % 8)
        places[name] = {"type": kind, "offset": len(body), "count": int(array.size)}
        body += np.ascontiguousarray(array).tobytes()
    told = {**head, "arrays": places}
    told["id"] = hashlib.sha256(json.dumps(told).encode() + body).hexdigest()[:20]
    text = json.dumps(told, ensure_ascii=False).encode()
    text += b" " * (-(len(text) + 8) % 8)
    return MAGIC + struct.pack("<I", len(text)) + text + bytes(body)


def read(message: bytes) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Head and arrays of a message, as the script reads them."""
    (length,) = struct.unpack("<I", message[4:8])
    head = json.loads(message[8 : 8 + length])
    body = message[8 + length :]
    arrays = {
        name: np.frombuffer(body, np.dtype(f"<{place['type']}"), place["count"], place["offset"])
        for name, place in head["arrays"].items()
    }
    return head, arrays


def colours(scale: palette.Scale, count: int = 256) -> np.ndarray:
    """``count`` colours (count, 3) uint8 of a colour scale."""
    stops = np.array([stop for stop, _ in scale])
    ends = np.array([[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for _, colour in scale], dtype=np.float64)
    shares = np.linspace(0.0, 1.0, count)
    mixed = np.stack([np.interp(shares, stops, ends[:, channel]) for channel in range(3)], axis=1)
    return np.rint(mixed).astype(np.uint8)

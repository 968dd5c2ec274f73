"""The message of arrays that the browser gets: a head in JSON, typed arrays behind it, as bytes that stay the same.

bytes 0-3    four letters that say what it is of: NPFM a scene in motion, NPFL linked clouds
bytes 4-7    length of the head, uint32, little-endian
then         the head, UTF-8, with spaces up to a multiple of 8; its ``id`` names the content
then         the arrays, each at a multiple of 8 from where the head ends; the head has their places,
             {"type", "offset", "count"}
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping

import numpy as np

SCENE, CLOUDS = b"NPFM", b"NPFL"
TYPES = ("u1", "u2", "i4", "f4")  # those that the script reads (ui/linked/message.js)
Place = dict[str, object]


class Body:
    """The arrays of a message, one after the other."""

    def __init__(self) -> None:
        self.data = bytearray()

    def add(self, array: np.ndarray) -> Place:
        """Where the array lies. Raises ValueError for one of a type that the script lacks."""
        array = np.ascontiguousarray(array)
        kind = array.dtype.str[1:]
        if kind not in TYPES:
            raise ValueError(f"an array is of type {kind}, which the script does not read")
        self.data += b"\0" * (-len(self.data) % 8)
        place: Place = {"type": kind, "offset": len(self.data), "count": array.size}
        self.data += array.tobytes()
        return place


def written(letters: bytes, head: Mapping[str, object], body: Body) -> bytes:
    """The message of a head and of the arrays whose places it has."""
    told = dict(head)
    told["id"] = hashlib.sha256(json.dumps(told).encode() + body.data).hexdigest()[:20]
    text = json.dumps(told, ensure_ascii=False).encode()
    text += b" " * (-(len(text) + 8) % 8)
    return letters + struct.pack("<I", len(text)) + text + bytes(body.data)


def pack(head: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The message of a scene; ``arrays`` of its head has the places of these by name."""
    body = Body()
    return written(SCENE, {**head, "arrays": {name: body.add(array) for name, array in arrays.items()}}, body)


def head_of(message: bytes) -> dict[str, object]:
    """The head of a message."""
    (length,) = struct.unpack("<I", message[4:8])
    return dict(json.loads(message[8 : 8 + length]))


def identity(message: bytes) -> str:
    """The name that a message gives its content."""
    return str(head_of(message)["id"])


def read(message: bytes) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Head and arrays of a scene's message, as the script reads them."""
    (length,) = struct.unpack("<I", message[4:8])
    head = json.loads(message[8 : 8 + length])
    body = message[8 + length :]
    arrays = {
        name: np.frombuffer(body, np.dtype(f"<{place['type']}"), place["count"], place["offset"])
        for name, place in head["arrays"].items()
    }
    return head, arrays

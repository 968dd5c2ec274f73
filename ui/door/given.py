"""What was given to whom: a picture, a download or a place to upload to is answered to those alone whose page was told
its address. The addresses cannot be guessed; this holds even where one is passed on: what somebody types and his page
only repeats gives him nothing."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator

from google.protobuf.message import DecodeError, Message

# As Streamlit writes them into what it sends to a page: pictures and downloads, and where a file may be sent to.
ADDRESSES = re.compile(r"/media/([0-9a-f]{16,128})|/_stcore/upload_file/([0-9a-f-]{36}/[0-9a-f-]{36})")
FIELDS = {"url", "upload_url", "delete_url", "image", "icon_image", "favicon"}  # of its messages, that have addresses
FILE = re.compile(r"([0-9a-f]+)(?:\.\w+)?")
MEDIA, UPLOAD = "/media/", "/_stcore/upload_file/"
HINTS = (MEDIA.encode(), UPLOAD.encode())  # a message without them has no address
MOST = 20_000  # addresses remembered of one person, those given last
PEOPLE = 1_000  # of whom addresses are remembered, those who were given one last


class Given:
    """The addresses that pages were told, by person. All calls come from the one event loop."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()

    def note(self, person: str, message: bytes) -> None:
        """A message on its way to somebody's page."""
        if not any(hint in message for hint in HINTS):
            return
        for address in _addresses(message):
            for media, upload in ADDRESSES.findall(address):
                known = self._known.setdefault(person, OrderedDict[str, None]())
                self._known.move_to_end(person)
                known[media or upload] = None
                known.move_to_end(media or upload)
                if len(known) > MOST:
                    known.popitem(last=False)
        while len(self._known) > PEOPLE:
            self._known.popitem(last=False)

    def refuses(self, person: str, path: str) -> bool:
        """Whether the path is such an address, and somebody else's."""
        known = self._known.get(person, ())
        if path.startswith(MEDIA):
            found = FILE.fullmatch(path.removeprefix(MEDIA))
            return found is None or found[1] not in known
        return path.startswith(UPLOAD) and path.removeprefix(UPLOAD).rstrip("/") not in known


def _addresses(message: bytes) -> list[str]:
    """Those that Streamlit itself put into a message."""
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    try:
        return list(_texts(ForwardMsg.FromString(message)))
    except DecodeError:
        return []


def _texts(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        if isinstance(value, Message):
            yield from _texts(value)
        elif isinstance(value, str):
            if field.name in FIELDS:
                yield value
        elif field.message_type is not None:  # a list of messages, or a map
            parts = value.values() if hasattr(value, "values") else value
            for part in parts:
                if isinstance(part, Message):
                    yield from _texts(part)

"""What was given to whom: a picture, a download or a place to upload to is answered to those alone whose page was told
its address. The addresses cannot be guessed; this holds even where one is passed on."""

from __future__ import annotations

import re
from collections import OrderedDict

# As Streamlit writes them into what it sends to a page: pictures and downloads, and where a file may be sent to.
ADDRESSES = re.compile(rb"/media/([0-9a-f]{16,128})|/_stcore/upload_file/([0-9a-f-]{36}/[0-9a-f-]{36})")
FILE = re.compile(r"([0-9a-f]+)(?:\.\w+)?")
MEDIA, UPLOAD = "/media/", "/_stcore/upload_file/"
MOST = 20_000  # addresses remembered of all people, those given last


class Given:
    """The addresses that pages were told, by person. All calls come from the one event loop."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def note(self, person: str, message: bytes) -> None:
        """A message on its way to somebody's page."""
        for media, upload in ADDRESSES.findall(message):
            key = (person, (media or upload).decode())
            self._known[key] = None
            self._known.move_to_end(key)
        while len(self._known) > MOST:
            self._known.popitem(last=False)

    def refuses(self, person: str, path: str) -> bool:
        """Whether the path is such an address, and somebody else's."""
        if path.startswith(MEDIA):
            found = FILE.fullmatch(path.removeprefix(MEDIA))
            return found is None or (person, found[1]) not in self._known
        return path.startswith(UPLOAD) and (person, path.removeprefix(UPLOAD).rstrip("/")) not in self._known

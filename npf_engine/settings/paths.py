"""The doors where a person names a file: from there on it is known by its whole path."""

from __future__ import annotations

import os


def whole_path(text: str) -> str:
    """A file by its whole path, so that a run finds it from any folder; a name of anything else as it is.

    A file (or a folder that is read as one) is what has a suffix or a folder in its name and is there;
    ``field:`` may stand before it.
    """
    head, colon, name = text.rpartition("field:")
    path = os.path.expanduser(name)
    is_path = os.sep in path or bool(os.path.splitext(path)[1])
    return head + colon + os.path.abspath(path) if is_path and os.path.exists(path) else text

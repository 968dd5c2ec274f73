"""Rasters that lie on this machine without a name of a place, small enough to be drawn on the map of the Earth: those
of the folder NPF_DEM_DIR, and the tiles of the default elevation product that were fetched for some box.

Each is read once, in a child with limits, by a thread beside: who asks is never kept waiting.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.fields.places import elevation_fetch
from npf_engine.fields.readers import raster_overview
from npf_engine.fields.readers.raster_overview import Bounds, Overview
from npf_engine.fields.sources.files import folder_rasters
from npf_engine.tasks import child

log = logging.getLogger(__name__)
MOST_FOLDER, MOST_TILES = 12, 12  # that are drawn, of each kind
MOST_KEPT = 96  # overviews in memory, of at most 0.4 MB each
READ = child.Limits(seconds=20.0)
Key = tuple[str, float, int]  # path, when it was written, its bytes: another file of the same name is read again
Read = Callable[[Path], Overview]


@dataclass(frozen=True)
class Seen:
    """What can be drawn now, in the order of the files; a sentence for each file that cannot be; how many are still to
    be read, and how many are here beyond ``MOST_FOLDER`` and ``MOST_TILES``."""

    found: tuple[tuple[Key, Overview], ...]
    refused: tuple[str, ...]
    waiting: int
    beyond: int


def read(path: Path) -> Overview:
    """The overview of a raster, read in a locked child. Raises InputError."""
    return child.call(raster_overview.overview, path, what=path.name, limits=READ, returns=(Overview,))


class Overviews:
    """The overviews of what lies here, for many threads."""

    def __init__(self, how: Read = read) -> None:
        self._read = how
        self._lock = threading.Lock()
        self._known: dict[Key, Overview | str | None] = {}  # None: waits to be read
        self._waiting: queue.Queue[Key] = queue.Queue()
        self._thread: threading.Thread | None = None

    def look(self, box: Bounds | None) -> Seen:
        """What is known now; what is not is read from now on. Tiles are the nearest to ``box``."""
        files, beyond = _files(box)
        keys = [key for key in map(_key, files) if key is not None]
        with self._lock:
            for key in keys:
                if key not in self._known:
                    self._known[key] = None
                    self._waiting.put(key)
            if not self._waiting.empty() and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._work, name="npf-overviews", daemon=True)
                self._thread.start()
            seen = [(key, self._known[key]) for key in keys]
            for key in [key for key in self._known if key not in keys and self._known[key] is not None]:
                if len(self._known) > MOST_KEPT:
                    del self._known[key]
        return Seen(
            tuple((key, one) for key, one in seen if isinstance(one, Overview)),
            tuple(one for _, one in seen if isinstance(one, str)),
            sum(one is None for _, one in seen),
            beyond,
        )

    def join(self) -> None:
        """Wait until all that was asked for is read."""
        self._waiting.join()

    def _work(self) -> None:
        while True:
            key = self._waiting.get()
            try:
                one: Overview | str = self._read(Path(key[0]))
            except InputError as error:
                one = str(error)
            except OSError as error:
                one = f"{Path(key[0]).name} cannot be read ({error.strerror or error}); check the file."
            except Exception as error:  # whatever it is: the map waits for this thread, and so do the other files
                log.warning("%s is left out of the map", key[0], exc_info=error)
                one = f"{Path(key[0]).name} cannot be read ({type(error).__name__}); the log says more."
            with self._lock:
                self._known[key] = one
            self._waiting.task_done()


def _files(box: Bounds | None) -> tuple[list[Path], int]:
    """The files to draw, and how many more there are."""
    folder, tiles = list(folder_rasters().values()), elevation_fetch.tile_files()
    if box is not None:
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        tiles.sort(key=lambda one: (one[0][0] + 0.5 - x) ** 2 + (one[0][1] + 0.5 - y) ** 2)
    shown = [*folder[:MOST_FOLDER], *(path for _, path in tiles[:MOST_TILES])]
    return shown, len(folder) + len(tiles) - len(shown)


def _key(path: Path) -> Key | None:
    try:
        found = path.stat()
    except OSError:  # gone meanwhile
        return None
    return str(path), found.st_mtime, found.st_size

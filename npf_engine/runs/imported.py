"""Finished bundles that were not trained here: imported ones, and the gallery that comes with the program."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import secrets
import shutil
import threading
import time
from pathlib import Path

from npf_engine.errors import DiskFull, InputError
from npf_engine.runs import marks
from npf_engine.runs.schema import Table
from npf_engine.tasks import child, layout
from npf_engine.tasks.processes import FileLock

log = logging.getLogger(__name__)
PART = ".import-"  # folder of a bundle that is being taken in
ABANDONED_SECONDS = 3600
_sealing = threading.Lock()  # one bundle at a time is in this process's memory: the largest takes a gigabyte
CHECKING = child.Limits(memory=3 << 30, seconds=60.0)  # of the largest bundle: 512 MB of files, and its tensors


class Importer:
    """Puts bundles on the list of runs: a folder with the zip and its report, and a row."""

    def __init__(self, folder: Path, table: Table, gallery: Path | None) -> None:
        self.folder, self.table, self.gallery = folder, table, gallery
        self._bad: set[str] = set()

    def take(
        self, path: Path, source: str, run_id: str | None = None, origin: str | None = None, owner: str = ""
    ) -> str:
        """Copy a bundle in as a finished run; its id. Raises InputError where the bundle is not sound.

        The copy is checked, not the file given: that one may change under our hands. The folder gets its
        name, and the row is made, only when everything is in it.
        """
        from npf_engine.bundle import check
        from npf_engine.bundle.package import read_bundle, rewritten
        from npf_engine.studies.factorization.bundling import known_settings

        if not path.is_file():
            raise InputError(f"there is no bundle {path}; give the zip that was downloaded")
        self._forget_broken()
        if source != "gallery":
            layout.check_room(self.folder, 2 * path.stat().st_size)
        part = self.folder / f"{PART}{secrets.token_hex(4)}"
        target: Path | None = None
        try:
            with layout.writing(part):
                part.mkdir(parents=True)
                copy = Path(shutil.copyfile(path, part / layout.bundle_name(path.stem.removeprefix("npf-"))))
            if source == "gallery":  # our own
                bundle = read_bundle(copy)
            else:
                # what would bring this process down is found in another one, before it is parsed here
                child.call(check.check_bundle, copy, path.name, what=path.name, limits=CHECKING)
                with _sealing:
                    data, bundle = rewritten(copy, known_settings)
                    layout.write_atomic(copy, data)
                    del data
            report, spec = dict(bundle.report), bundle.settings
            run_id = run_id or layout.new_id(bundle.name)
            target = self.folder / run_id
            report["bundle"] = str(target / copy.name)
            layout.write_json(part / layout.REPORT, report)
            layout.write_json(part / layout.SPEC, spec)
            marks.write(part, name=bundle.name, source=source, created=time.time(), owner=owner)
            shutil.rmtree(target, ignore_errors=True)
            with layout.writing(target):
                part.rename(target)
            self.table.remove(run_id)
            texts = {"source": source, "origin": origin, "owner": owner, "spec": json.dumps(spec)}
            name = self._insert(run_id, bundle.name, report, **texts)
            if name != bundle.name:
                marks.write(target, name=name)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            if target is not None:
                shutil.rmtree(target, ignore_errors=True)
            raise
        return run_id

    def _forget_broken(self) -> None:
        """Remove what imports left that ended with the server in their midst."""
        for old in self.folder.glob(f"{PART}*"):
            with contextlib.suppress(OSError):
                if time.time() - old.stat().st_mtime > ABANDONED_SECONDS:
                    shutil.rmtree(old, ignore_errors=True)

    def _insert(self, run_id: str, name: str, report: dict[str, object], **texts: str | None) -> str:
        now = time.time()
        return self.table.insert(
            id=run_id,
            name=name,
            state="done",
            created=now,
            finished=now,
            verdict=report.get("verdict"),
            metrics=report.get("metrics"),
            seconds=report.get("seconds"),
            **texts,
        )

    def register_gallery(self, lock: FileLock) -> None:
        """List the gallery's bundles that are new or have changed, and forget those that went; a bad one is logged.

        Where somebody else holds the lock, they may be at the same work: wait for them, a newcomer's first list
        must not be empty.
        """
        there = {f"gallery-{layout.slug(path.stem.removeprefix('npf-'))}": path for path in self._zips()}
        wanted = {run_id: _origin(path) for run_id, path in there.items()}
        if self.gallery is None or self._missing(wanted) is None or not lock.acquire(wait=10.0):
            return
        try:
            for run_id in self._missing(wanted) or []:
                if run_id in there:
                    self._take_gallery(there[run_id], run_id, wanted[run_id])
                else:
                    self.table.remove(run_id)
                    shutil.rmtree(self.folder / run_id, ignore_errors=True)
        finally:
            lock.release()

    def _missing(self, wanted: dict[str, str]) -> list[str] | None:
        """Ids whose rows are not what the gallery holds now, or None."""
        known = self.table.origins()
        ids = [run_id for run_id, origin in wanted.items() if known.get(run_id) != origin and origin not in self._bad]
        return [*ids, *(known.keys() - wanted.keys())] or None

    def _take_gallery(self, path: Path, run_id: str, origin: str) -> None:
        try:
            self.take(path, "gallery", run_id, origin)
        except DiskFull:
            log.warning("the disk is full: gallery bundle %s waits", path.name)
        except InputError as error:
            self._bad.add(origin)
            log.warning("gallery bundle %s is left out: %s", path.name, error)

    def _zips(self) -> list[Path]:
        return sorted(self.gallery.glob("*.zip")) if self.gallery and self.gallery.is_dir() else []


def _origin(path: Path) -> str:
    """Tells one version of a gallery bundle from the next by what is in it: two copies of the gallery that serve one
    home must not take turns."""
    stat = path.stat()
    return f"{path.name} {_digest(path, stat.st_size, stat.st_mtime_ns)}"


@functools.lru_cache(maxsize=64)
def _digest(path: Path, size: int, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]

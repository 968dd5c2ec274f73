"""Which files of the server a spec may name: where people sign in, those that they brought themselves."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.fields import stored_files
from npf_engine.runs.access import Viewer
from npf_engine.runs.ledger import Ledger
from npf_engine.runs.quotas import Quotas, used
from npf_engine.runs.results import Results
from npf_engine.runs.row import Run
from npf_engine.settings import limits
from npf_engine.settings.base import Spec
from npf_engine.settings.dotted import dotted_values
from npf_engine.settings.setting import declared

FIELD_NAME = "field:"  # before the source of a field, in a setting that may name other things too


class Opening(Results):
    """The part of the store that knows who brought which file."""

    @property
    def ledger(self) -> Ledger:
        """The people of this home."""
        return Ledger(self.home)

    def claim(self, source: str) -> None:
        """The viewer brought the upload that ``source`` names. Raises InputError."""
        if not self.viewer.alone:
            self.ledger.claim(self.viewer, source)

    def check_source(self, source: str) -> None:
        """Raise InputError where a setting names a file of the server that the viewer has no right to open: an upload
        that he did not bring and that no run in his lists names, a path outside of NPF_DEM_DIR."""
        source = source.strip().removeprefix(FIELD_NAME).strip()
        if self.viewer.alone or not source:
            return
        if stored_files.is_upload(source):
            if not (self.ledger.claimed(self.viewer, source) or any(_names(run, source) for run in self._seen())):
                raise InputError(f"{source.rpartition('/')[2]} was not uploaded by you; upload it on the Field page")
            return
        path = Path(source)
        leads_out = path.is_absolute() or source.startswith("~") or ".." in path.parts
        if (leads_out or _exists(path)) and not _is_given(path):
            raise InputError(f"the file {limits.shown(source)} cannot be opened here; upload it on the Field page")

    def check_disk(self, more: int = 0) -> None:
        """Raise InputError where the viewer's runs and uploads, and ``more`` bytes, are above NPF_QUOTA_DISK_MB."""
        quotas = Quotas.from_environment()
        if not self.viewer.alone and quotas.disk is not None:
            quotas.check_disk(self.on_disk(self.viewer), more)

    def on_disk(self, person: Viewer) -> int:
        """Bytes of the viewer's runs and uploads, or of anybody's where he is an administrator. Raises InputError."""
        if person.id != self.viewer.id and not self.viewer.admin:
            raise InputError("what others have on the disk is shown to administrators alone")
        folders = [row.run.folder for row in self.table.rows() if row.run.owner == person.id]
        kept = [stored_files.upload_paths(source)[0] for source in self.ledger.claims(person)]
        return used([*folders, *kept])

    def _check_files(self, spec: Spec, old: Spec | None = None) -> None:
        """The same for all settings of a spec but those that an ``old`` one, which the viewer may read, has too."""
        known = set() if old is None else set(paths_of(old))
        for source in paths_of(spec):
            if source not in known:
                self.check_source(source)

    def _seen(self) -> Iterator[Run]:
        return (row.run for row in self._rows())


def paths_of(spec: Spec) -> list[str]:
    """The values of all settings of a spec that may name a file."""
    known = declared(type(spec))
    return [text for key, text in dotted_values(spec).items() if known[key].setting.path and isinstance(text, str)]


def _names(run: Run, source: str) -> bool:
    """Whether a setting of the run that may name a file names this one; what a run is called opens nothing."""
    if source not in _texts(run.spec_json):
        return False
    with contextlib.suppress(InputError):  # of a kind that this version does not know
        return any(text.strip().removeprefix(FIELD_NAME).strip() == source for text in paths_of(run.spec))
    return False


def _texts(told: object) -> set[str]:
    """All texts in the settings of a run: quicker to ask than the settings themselves."""
    if isinstance(told, str):
        return {told.strip().removeprefix(FIELD_NAME).strip()}
    parts = told.values() if isinstance(told, dict) else told if isinstance(told, list) else ()
    return set().union(*map(_texts, parts))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _is_given(path: Path) -> bool:
    """Whether it lies in the folder that every visitor may open."""
    given = os.environ.get("NPF_DEM_DIR")
    return bool(given) and path.resolve().is_relative_to(Path(str(given)).resolve())

"""The one error that a user may see: a sentence that names what is wrong, where, and what to do."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input. ``str(error)`` is one clear sentence, fit for a page or for stderr (exit code 2)."""


class DiskFull(InputError):
    """There is no room for what must be written: nothing is wrong with it, and it can be tried again later."""


class Cancelled(Exception):
    """Work was stopped at the user's wish; nothing half written is left behind."""


class TrainingDiverged(FloatingPointError):
    """A training whose numbers are no longer finite. ``str(error)`` is one sentence with advice."""

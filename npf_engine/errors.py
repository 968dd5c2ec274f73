"""The one error that a user may see: a sentence that names what is wrong, where, and what to do."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input. ``str(error)`` is one clear sentence, fit for a page or for stderr (exit code 2)."""


class Cancelled(Exception):
    """Work was stopped at the user's wish; nothing half written is left behind."""

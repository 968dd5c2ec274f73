"""The base of every spec and of every group of settings: checked as it is made, whoever makes it."""

from __future__ import annotations

from dataclasses import dataclass

from npf_engine.errors import InputError
from npf_engine.settings.limits import shown
from npf_engine.settings.setting import Setting, own
from npf_engine.settings.values import taken


@dataclass(frozen=True)
class Settings:
    """A frozen dataclass whose fields are declared by ``settings.setting``.

    Whatever builds one (page, command line, JSON, link, library) meets the limits before anything is allocated: values
    are read as their types, and one that is beyond its limits raises InputError.
    """

    def __post_init__(self) -> None:
        check(self)
        self.together()

    def together(self) -> None:
        """InputError for values that are possible alone and not together."""


def check(spec: Settings) -> None:
    """InputError that names the first setting of ``spec`` itself that cannot be; what can be becomes its type."""
    for item in own(type(spec)):
        value = getattr(spec, item.name)
        if isinstance(item.known, Setting):
            read = taken(item.name, item.hint, item.known, value)
            if read is not value:
                object.__setattr__(spec, item.name, read)
        elif item.of is not None and not isinstance(value, item.of):
            raise InputError(f"{item.name} is a group of settings, not {shown(value)}; name one of its keys")

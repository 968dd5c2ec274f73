"""Groups of settings, and the specs that hold them: a spec is checked as it is made, whoever makes it."""

from __future__ import annotations

from dataclasses import dataclass

from npf_engine.errors import InputError
from npf_engine.settings.limits import shown
from npf_engine.settings.setting import Setting, own
from npf_engine.settings.values import taken


@dataclass(frozen=True)
class Settings:
    """A group of settings: a frozen dataclass whose fields are declared by ``settings.setting``."""


@dataclass(frozen=True)
class Spec(Settings):
    """Settings that stand for themselves: of a kind of run, of a field.

    Whatever builds one (page, command line, JSON, link, library) meets the limits of all its settings and groups before
    anything is allocated: values are read as their types, and one that is beyond its limits raises InputError.
    """

    def __post_init__(self) -> None:
        check(self)
        self.together()

    def together(self) -> None:
        """InputError for values that are possible alone and not together."""


def check(spec: Settings, prefix: str = "") -> None:
    """InputError that names the first setting of ``spec`` that cannot be; what can be becomes its type."""
    for item in own(type(spec)):
        key, value = prefix + item.name, getattr(spec, item.name)
        if isinstance(item.known, Setting):
            read = taken(key, item.hint, item.known, value)
            if read is not value:
                object.__setattr__(spec, item.name, read)
        elif item.of is None or not isinstance(value, item.of):
            raise InputError(f"{key} is a group of settings, not {shown(value)}; name one of its keys")
        elif isinstance(value, Settings):
            check(value, key + ".")

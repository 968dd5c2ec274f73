"""One setting is one declaration: its type, its default, its limits, what it is called and why it is as it is.

A spec is a frozen dataclass over ``Spec`` (settings/base.py) whose fields are made by ``setting`` and
those after it:

    pair_size: int = setting(1600, "Points in one exact assignment.", most=16_384)

Everything else follows from that line: the check (settings/values.py), JSON and dotted keys (settings/dotted.py), flags
and ``--help`` (cli/flags.py), widgets and links (ui/form.py). A subclass that only changes a default keeps the rest.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from npf_engine.settings import limits

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
Choices = Sequence[str] | Mapping[str, str] | Callable[[], Sequence[str]]
DEVICES, PROCESSOR = ("auto", "cpu", "cuda", "mps"), ("auto", "cpu")
MARK = "setting"  # key of a dataclass field's metadata
NO_FLAG = "-"


@dataclass(frozen=True)
class Setting:
    """What is known of a setting beside its type and its default.

    help: one sentence, of what it is; why: the reason for its default; unit: of its numbers, in words; title: its label
    in a form (default: its name); flag: on the command line (default: ``--its-name``, for a setting of no group;
    NO_FLAG: none).

    least, most: of a number, both allowed, and of each number of a list; over: what a number must be above; span: a
    refusal names both ends. choices: the names that a text may be (a mapping says
    what people call each), or a function that answers them. longest: characters
    of a text, entries of a list; entry: characters of each text of a list; form: what a list of a fixed length must be,
    in words. widths: a list of layer widths; lines: a text of several lines; path: a text that may name a file.
    """

    help: str = ""
    why: str = ""
    unit: str = ""
    title: str = ""
    flag: str = ""
    least: float | None = None
    most: float | None = None
    over: float | None = None
    span: bool = False
    choices: Choices = ()
    longest: int | None = None
    entry: int | None = None
    form: str = ""
    widths: bool = False
    lines: bool = False
    path: bool = False

    def names(self) -> tuple[str, ...]:
        """The names that a text may be; empty where any will do."""
        return tuple(self.choices() if callable(self.choices) else self.choices)

    def called(self, name: str) -> str:
        """What people call one of the choices."""
        return self.choices.get(name, name) if isinstance(self.choices, Mapping) else name


SEED = Setting("Fixes every random draw.", least=0, most=limits.MAX_SEED, span=True)


@dataclass(frozen=True)
class Group:
    """Settings that belong together: what they are called and what they are about; flags: whether they have any."""

    title: str = ""
    help: str = ""
    flags: bool = True


@dataclass(frozen=True)
class Declared:
    """One setting of a spec: its dotted key, its type, its default, and what is known of it."""

    key: str
    hint: object
    default: object
    setting: Setting

    @property
    def title(self) -> str:
        """What a form calls it."""
        return self.setting.title or self.key.rpartition(".")[2].replace("_", " ")

    @property
    def kind(self) -> object:
        """Its type, where it is not left empty."""
        return unwrapped(self.hint)

    @property
    def may_be_none(self) -> bool:
        """Whether it may be left empty."""
        return type(None) in typing.get_args(self.hint)

    def names(self) -> tuple[str, ...]:
        """The names that it may be; empty where any will do."""
        return names(self.hint, self.setting)


class Known(typing.TypedDict, total=False):
    """The other arguments of ``setting``, as ``Setting`` tells them."""

    why: str
    unit: str
    title: str
    flag: str
    most: float | None
    span: bool
    choices: Choices
    longest: int | None
    entry: int | None
    form: str
    widths: bool
    lines: bool
    path: bool


def setting(
    default: T, help: str, *, over: float | None = 0.0, least: float | None = None, **known: typing.Unpack[Known]
) -> T:
    """A field of a spec with the rest of ``Setting``'s arguments. A number must be positive unless ``least`` or
    ``over`` say otherwise; the numbers of a list may have any sign."""
    made = Setting(help, least=least, over=None if least is not None else over, **known)
    return typing.cast(T, dataclasses.field(default=default, metadata={MARK: made}))


def seed_setting(help: str, default: int = 0, flag: str = "", title: str = "") -> int:
    """A setting that fixes random draws."""
    return setting(default, help, title=title, flag=flag, least=SEED.least, most=SEED.most, span=SEED.span)


def widths(default: tuple[int, ...], help: str = "Widths of the hidden layers.", why: str = "") -> tuple[int, ...]:
    """A setting that is the widths of a network's layers."""
    return setting(default, help, why=why, widths=True, longest=limits.MAX_LAYERS)


def device_setting(default: str = "auto", choices: Sequence[str] = DEVICES) -> str:
    """The setting of what a run computes on; ``choices``: what its work can run on."""
    about = "`auto` takes an accelerator where there is one." if choices == DEVICES else "This runs on the processor."
    return setting(default, about, choices=choices)


def threads_setting(default: int = 0) -> int:
    """The setting of how many processor threads a run takes."""
    about = "Processor threads; 0 chooses by a short measurement when the run starts, and keeps the answer."
    return setting(default, about, least=0, most=1024)


def group(make: Callable[[], T], title: str = "", help: str = "", flags: bool = True) -> T:
    """A field of a spec that is a spec itself; ``make`` makes its default."""
    return typing.cast(T, dataclasses.field(default_factory=make, metadata={MARK: Group(title, help, flags)}))


def unwrapped(hint: object) -> object:
    """The type without its None."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return next(part for part in typing.get_args(hint) if part is not type(None))
    return hint


def names(hint: object, known: Setting) -> tuple[str, ...]:
    """The names that a value may be, from its declaration or its ``Literal`` type."""
    kind = unwrapped(hint)
    return known.names() or (tuple(map(str, typing.get_args(kind))) if typing.get_origin(kind) is Literal else ())


@dataclass(frozen=True)
class Own:
    """A field of a spec itself: a setting, or a group (``of`` is its class then)."""

    name: str
    hint: object
    known: Setting | Group
    of: type[DataclassInstance] | None


_OWN: dict[type, tuple[Own, ...]] = {}  # by their class, which does not change
_DECLARED: dict[type, dict[str, Declared]] = {}


def own(spec: type[DataclassInstance]) -> tuple[Own, ...]:
    """The fields of a frozen dataclass, in their order. One that is not made by ``setting`` has the general limits."""
    if spec not in _OWN:
        hints = typing.get_type_hints(spec)
        _OWN[spec] = tuple(_own(spec, field.name, hints[field.name]) for field in dataclasses.fields(spec))
    return _OWN[spec]


def _own(spec: type[DataclassInstance], name: str, hint: object) -> Own:
    fields = [base.__dict__.get("__dataclass_fields__", {}).get(name) for base in spec.__mro__]
    marked = (field.metadata[MARK] for field in fields if field is not None and MARK in field.metadata)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return Own(name, hint, next(marked, Group()), hint)
    return Own(name, hint, next(marked, Setting()), None)


def declared(spec: type[DataclassInstance]) -> dict[str, Declared]:
    """Dotted key -> declaration, of every setting of a spec and of its groups."""
    if spec not in _DECLARED:
        _DECLARED[spec] = {found.key: found for found in _declared(spec, None, "")}
    return _DECLARED[spec]


def _declared(spec: type[DataclassInstance], made: object, prefix: str) -> Iterator[Declared]:
    fields = {field.name: field for field in dataclasses.fields(spec)}
    for item in own(spec):
        default = getattr(made, item.name) if made is not None else _default(fields[item.name])
        if item.of is not None:
            yield from _declared(item.of, default, f"{prefix}{item.name}.")
        else:
            assert isinstance(item.known, Setting)
            yield Declared(prefix + item.name, item.hint, default, item.known)


def _default(field: dataclasses.Field[object]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def groups(spec: type[DataclassInstance]) -> dict[str, Group]:
    """Prefix of dotted keys (``u``, ``inverse``) -> what a spec says of the group; its own settings are those of ""."""
    found: dict[str, Group] = {}
    for item in own(spec):
        if item.of is not None:
            assert isinstance(item.known, Group)
            found[item.name] = item.known
            found |= {f"{item.name}.{inner}": known for inner, known in groups(item.of).items()}
    return found

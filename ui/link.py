"""The settings of a spec in the query parameters of a link: the one reader and writer, for every page.

A link holds what differs from where it starts (a preset): dotted key -> text. It must not make the server read a file
that this program does not keep, so every setting that may name a file is held against that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from npf_engine.errors import InputError
from npf_engine.fields import stored_files
from npf_engine.fields.spec import FieldSpec
from npf_engine.runs.opening import FIELD_NAME
from npf_engine.settings import limits
from npf_engine.settings.dotted import as_text, dotted_values, with_dotted
from npf_engine.settings.setting import declared
from npf_engine.studies.factorization import spec as training
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.tasks import layout
from ui import runs

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SpecT = TypeVar("SpecT", bound="DataclassInstance")


@dataclass(frozen=True)
class Link(Generic[SpecT]):
    """How a kind of spec stands in a link.

    start: the spec of a link that says no more than the keys in ``heads``, which others start from (``preset``).
    change: (spec, dotted key -> value) -> spec. brings: keys with which ``change`` sets others too (``solver``).
    bare: a group whose settings stand without its name (``source`` for ``field.source``).
    """

    start: Callable[[Mapping[str, str]], SpecT]
    heads: tuple[str, ...] = ()
    change: Callable[[SpecT, Mapping[str, object]], SpecT] = with_dotted
    brings: tuple[str, ...] = ()
    bare: str = ""

    def parameters(self) -> dict[str, str]:
        """Dotted key -> the parameter that holds it."""
        return {key: key.removeprefix(f"{self.bare}.") if self.bare else key for key in dotted_values(self.start({}))}

    def read(self, params: Mapping[str, str]) -> SpecT:
        """The spec of a link; parameters that are no setting are left alone. Raises InputError."""
        given = {key: checked(name, params[name]) for key, name in self.parameters().items() if name in params}
        base = self.start({key: given.pop(key) for key in self.heads if key in given})
        spec = self.change(base, given)
        known, before = declared(type(spec)), dotted_values(self.start({}))
        for key, value in dotted_values(spec).items():
            if known[key].setting.path and isinstance(value, str) and value != before[key]:
                check_source(value.removeprefix(FIELD_NAME))
        return spec

    def write(self, spec: SpecT) -> dict[str, str]:
        """The parameters of a link to ``spec``; none for where links start."""
        names, values, first = self.parameters(), dotted_values(spec), dotted_values(self.start({}))
        head = {names[key]: as_text(values[key]) for key in (*self.heads, *self.brings) if values[key] != first[key]}
        before = dotted_values(self.read(head))
        return head | {names[key]: as_text(value) for key, value in values.items() if value != before[key]}


def checked(key: str, value: str) -> str:
    """The text of a query parameter. Raises InputError for one that comes from no link of ours."""
    if len(value) > limits.MAX_LINK:
        raise InputError(f"the link's {key} is longer than {limits.MAX_LINK} characters; choose the field again")
    limits.check_text(f"the link's {key}", value, limits.MAX_LINK, lines=True)
    return value


def check_source(source: str) -> None:
    """A link may name a file only where this program keeps files: it must not make the server read any other."""
    if not source.strip():
        raise InputError("the link's field has no source; choose the field again")
    limits.check_text("the link's source", source)
    limits.check_path("the link's source", source)
    source = source.strip()  # as fields.catalog reads it: what is judged here must be what is opened there
    runs.store().check_source(source)
    if stored_files.is_upload(source):
        return  # by what is in it: nothing can be named that was not uploaded
    path = Path(source)
    home_of_somebody = source.startswith("~")
    if not (path.is_absolute() or len(path.parts) > 1 or path.exists() or home_of_somebody):
        return
    allowed = [layout.home(), *([Path(os.environ["NPF_DEM_DIR"])] if os.environ.get("NPF_DEM_DIR") else [])]
    if home_of_somebody or not any(path.resolve().is_relative_to(folder.resolve()) for folder in allowed):
        raise InputError(f"a link cannot open the file {limits.shown(source)}; upload it on the Field page")


def _training(heads: Mapping[str, str]) -> TrainingSpec:
    return training.preset(heads.get("preset") or TrainingSpec().preset)


FIELD = Link(lambda heads: FieldSpec())
TRAINING = Link(_training, ("preset",), training.with_values, ("solver",), "field")

"""What a way to sample exp(-c g) is, and the registry of them: one file a sampler, from here or from outside.

    def run(setting: Setting, chains: Chains) -> None:
        one_chain("walk", MyKernel(setting.oracle, setting.settings), setting, setting.steps_left(), chains)

    register(Sampler("walk", "Random walk", "Steps of one length in any direction.", run))

A file in ``sampling/samplers/`` does that with what it calls SAMPLER; one outside the package is an extension
(npf_engine/extensions.py). Its name is then a choice on the command line, on the Landscape page and in ``npf.sample``.
No torch is imported here, nor at the head of a sampler's file: the queue and the first look at a page do without.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine import extensions
from npf_engine.errors import InputError

if TYPE_CHECKING:
    from npf_engine.sampling.setting import Chains, Setting

INNER = 50  # Langevin steps between two jumps, where nothing says otherwise
MAX_D = 3  # of a landscape run
MANY_D = 50  # of one whose modes and weights are known


@dataclass(frozen=True)
class Sampler:
    """name: on the command line and in files; title: to people; about: one or two sentences of what it does.

    run(setting, chains): spend the budget, and leave traces or draws in ``chains``, which joins them as they begin, so
    that nothing is lost where it breaks off. inner: N where that is left empty, and within ``npf.sample``. law: a
    sentence on the law it has, for a page. own_law: its law is not exp(-c g) but one of its own, and the first sentence
    of ``law`` says why. most_d: the most dimensions that it takes. known_only: for landscapes whose factorization is
    known in closed form. about_known, law_known: what is said instead where a known factorization takes the place of
    networks. place: among the choices, the least first. stages: title by name of the stages it tells of, beside the
    one of its own name. jumps: it jumps through a u, learned or known.
    """

    name: str
    title: str
    about: str
    run: Callable[[Setting, Chains], None]
    inner: int = INNER
    law: str = ""
    own_law: bool = False
    most_d: int = MAX_D
    known_only: bool = False
    place: int = 2
    stages: Mapping[str, str] = field(default_factory=dict)
    about_known: str = ""
    law_known: str = ""
    jumps: bool = False

    @property
    def warning(self) -> str:
        """Why its law is not exp(-c g), without a full stop; empty where it is."""
        return self.law.partition(". ")[0].removesuffix(".") if self.own_law else ""

    def texts(self, known: bool) -> tuple[str, str]:
        """What it does and the sentence on its law, by networks or by a ``known`` factorization."""
        if not known:
            return self.about, self.law
        return self.about_known or self.about, self.law_known or self.law


_known: dict[str, Sampler] = {}


def register(sampler: Sampler) -> None:
    """Make a sampler known. Raises ValueError for a name that another one has."""
    if any(sampler.name == other.name for other in (*_own(), *_known.values()) if other != sampler):
        raise ValueError(f"there is a sampler {sampler.name!r} already; give this one another name")
    _known[sampler.name] = sampler


def known() -> Mapping[str, Sampler]:
    """All samplers by name, in the order of the choices."""
    extensions.load()
    found = [*_own(), *_known.values()]
    return {sampler.name: sampler for sampler in sorted(found, key=lambda item: item.place)}


def names() -> tuple[str, ...]:
    """The names of all samplers."""
    return tuple(known())


def get(name: str) -> Sampler:
    """The sampler of this name. Raises InputError where there is none."""
    found = known().get(name)
    if found is None:
        raise InputError(f"there is no sampler {name!r}; the samplers are {', '.join(known())}")
    return found


@functools.cache
def _own() -> tuple[Sampler, ...]:
    """SAMPLER of every file of ``sampling/samplers/``."""
    files = sorted(Path(__file__).with_name("samplers").glob("[!_]*.py"))
    package = __name__.rpartition(".")[0]
    return tuple(importlib.import_module(f"{package}.samplers.{file.stem}").SAMPLER for file in files)

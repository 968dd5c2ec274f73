"""What a way to learn an optimal map is: its names, its settings, and a function from two laws to a map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from npf_engine.tasks.recorder import Passing, Recorder

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from npf_engine.transport.map import TransportMap

Draw: TypeAlias = "Callable[[int, torch.Generator], Tensor]"
Map: TypeAlias = "Callable[[Tensor], Tensor]"
LOOKS = 12  # times, about, that a fit shows its map on the way

DRIFTING, MONOTONE, CONVEX, REFERENCES = "Drifting", "Monotone networks", "Convex potentials", "References"
FAMILIES = (DRIFTING, MONOTONE, CONVEX, REFERENCES)  # in the order in which they are told; others before the last
BUDGET, SLOPE = "budget", "grad_V"  # what a method may need


@dataclass(frozen=True)
class Law:
    """A law as a method sees it: draws of it, and what else is known.

    draw: (n, generator) -> (n, d). points: how many there are where all that is known is a cloud. rows (n, d): these
    points themselves, in random order. grad_V: (n, d) -> (n, d), the gradient of V = -log density.
    """

    draw: Draw
    points: int | None = None
    rows: Tensor | None = None
    grad_V: Map | None = None

    def __call__(self, n: int, generator: torch.Generator) -> Tensor:
        """n draws (n, d)."""
        return self.draw(n, generator)

    def fixed(self, most: int, generator: torch.Generator) -> Tensor:
        """A sample of the law to be kept: at most ``most`` draws (n, d), no more than there are points; of ``rows`` the
        first."""
        if self.rows is not None:
            return self.rows[:most]
        return self.draw(most if self.points is None else min(most, self.points), generator)

    @property
    def whole(self) -> Tensor | Draw:
        """What a fit that takes samples or a sampler is to be given."""
        return self.draw if self.rows is None else self.rows


@dataclass(frozen=True)
class Budget:
    """What a fit may spend: seconds of the recorder's clock, steps of the gradient; where both are given, what ends
    first. Without either a method spends what its settings say."""

    seconds: float | None = None
    steps: int | None = None


class Showing(Passing):
    """A recorder that wants to see the map on the way: ``see(step, forward)``."""

    def __init__(self, inner: Recorder, see: Callable[[int, Map], None] | None = None) -> None:
        super().__init__(inner)
        self.see = see


def show(recorder: Recorder, step: int, forward: Map) -> None:
    """Show the map as it is after ``step`` to a recorder that wants to see it."""
    if isinstance(recorder, Showing) and recorder.see is not None:
        recorder.see(step, forward)


S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)


class Fit(Protocol[S_contra]):
    """Learn the map from ``source`` to ``target``. Raises ValueError (InputError) for what it cannot do, and
    FloatingPointError where the numbers were lost."""

    def __call__(
        self, source: Law, target: Law, settings: S_contra, budget: Budget, seed: int, recorder: Recorder
    ) -> TransportMap:
        """The map, with its report."""


class FitTogether(Protocol[S_contra]):
    """The same for many seeds at once: the budget's seconds are for each, the map that is shown is the first's."""

    def __call__(
        self, source: Law, target: Law, settings: S_contra, budget: Budget, seeds: Sequence[int], recorder: Recorder
    ) -> Sequence[TransportMap]:
        """A map a seed."""


@dataclass(frozen=True)
class Method(Generic[S]):
    """A way to learn an optimal map.

    name: as it is typed; title, about: what people call it, and what it does in a few words; family: of FAMILIES, or
    its own. needs: BUDGET (it learns in steps, for as long as it may), SLOPE (the target's ``grad_V``). settings: its
    own; published: those of its paper's experiment, where they differ. together: in place of ``fit`` where many seeds
    at once cost less. choices: the group of settings (``drift``) by which a run may choose among its own. REFERENCES
    are there to be compared with, not to win.
    """

    name: str
    title: str
    family: str
    about: str
    settings: S
    fit: Fit[S] | None = None
    needs: tuple[str, ...] = ()
    published: S | None = None
    together: FitTogether[S] | None = None
    choices: str = ""

    @property
    def reference(self) -> bool:
        """Whether it is there to be compared with."""
        return self.family == REFERENCES

    def chosen(self, settings: S, groups: object) -> S:
        """``settings`` with what the group ``choices`` of a spec says of them; what it leaves empty is theirs."""
        group = getattr(groups, self.choices, None) if self.choices else None
        if group is None:
            return settings
        said = {item.name: getattr(group, item.name) for item in fields(group)}
        given = {name: value for name, value in said.items() if value is not None}
        return replace(settings, **given) if given else settings  # type: ignore[type-var]  # of dataclasses alone

    @property
    def learns(self) -> bool:
        """Whether it spends a budget."""
        return BUDGET in self.needs

    def learn(
        self, source: Law, target: Law, budget: Budget, seed: int, recorder: Recorder, settings: S | None = None
    ) -> TransportMap:
        """The map from ``source`` to ``target``, of its own settings where none are given."""
        own = self.settings if settings is None else settings
        if self.fit is not None:
            return self.fit(source, target, own, budget, seed, recorder)
        if self.together is None:
            raise TypeError(f"the method {self.name} has neither fit nor together")
        return self.together(source, target, own, budget, [seed], recorder)[0]


# Of the registry, where each has settings of its own: no type says "of some S, always the same" but this.
AnyMethod = Method[Any]

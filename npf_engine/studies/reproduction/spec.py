"""Which table or figure of which paper, how large."""

from __future__ import annotations

from dataclasses import dataclass

from npf_engine.errors import InputError
from npf_engine.settings import limits
from npf_engine.settings.base import Spec
from npf_engine.settings.setting import NO_FLAG, device_setting, seed_setting, setting, threads_setting
from npf_engine.studies.reproduction import items

QUICK, PAPER = "quick", "paper"
PRESETS = (QUICK, PAPER)


@dataclass(frozen=True)
class ReproductionSpec(Spec):
    """One table or figure."""

    paper: str = setting("npf", "Whose: npf, cdm (constrained drifting) or mgn.", choices=tuple(items.PAPERS))
    item: str = setting("table-1", "Its name, as `reproduce --list` has it: table-1, figure-3, ...", longest=40)
    preset: str = setting(
        QUICK, "`quick`: minutes on two cores; `paper`: the paper's sizes.", title="size", choices=PRESETS
    )
    seed: int = seed_setting("Fixes every random draw.")
    name: str = setting("", "What the run is called.", longest=limits.MAX_NAME, flag=NO_FLAG)
    device: str = device_setting("cpu")
    threads: int = threads_setting(1)

    def together(self) -> None:
        """InputError for an item that the paper has not."""
        found = items.PAPERS[self.paper].items
        if self.item not in found:
            raise InputError(f"{self.paper} has no {self.item!r}; it has {', '.join(found)}")

    @property
    def about(self) -> items.Item:
        """The item."""
        return items.PAPERS[self.paper].items[self.item]

    @property
    def default_name(self) -> str:
        """The item's title, its paper and the size."""
        return f"{self.about.title}, {items.PAPERS[self.paper].short}, {self.preset}"

"""What a run that samples a landscape is called, and its stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from npf_engine.sampling import sampler
from npf_engine.studies.kind import Kind, Measure, Stage, Words
from npf_engine.studies.landscape.spec import OWN

if TYPE_CHECKING:
    from npf_engine.studies.landscape.result import LandscapeResult
    from npf_engine.studies.landscape.spec import LandscapeSpec


class _Stages(Mapping[str, Stage]):
    """Words for the stages of every sampler that is known when they are asked for."""

    def _all(self) -> dict[str, Stage]:
        titles = {"samples": "Gradients", "warm-up": "Warm-up", "networks": "Networks", "restart": "Restarts"}
        for name, item in sampler.known().items():
            titles |= {name: item.title, **item.stages}
        return {name: Stage(title) for name, title in titles.items()}

    def __getitem__(self, name: str) -> Stage:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def _asked(target: str, own: str) -> Callable[[Mapping[str, object]], float | None]:
    """A figure of a report against the law that the run was asked to be judged by."""
    found = {law: Measure(law, law, law, path) for law, path in (("target", target), (OWN, own))}
    return lambda report: found[OWN if report.get("law") == OWN else "target"].of(report)


MEASURES = (
    Measure(
        "energy",
        "Energy distance",
        "Of the draws from exact ones of the law asked for: exp(-c g), or the sampler's own",
        _asked("energy_distance", "truth.own.energy_distance"),
    ),
    Measure(
        "largest_error",
        "Basin error",
        "The largest error of a basin's share, against the law asked for: exp(-c g), or the sampler's own",
        _asked("truth.largest_error", "truth.own.largest_error"),
    ),
    Measure("acceptance", "Acceptance", "Share of proposals that were accepted", "acceptance", better=0, shown=False),
    Measure("near_saddles", "At saddles", "Share of the draws truly near a saddle", "near_saddles", shown=False),
)

KIND: Kind[LandscapeSpec, LandscapeResult] = Kind(
    "landscape",
    Words(
        "Landscape",
        "sample exp(-c g) on a landscape g, by LMC-NPF or its peers",
        stages=_Stages(),
        symbols=("g", "c", "u", "grad_u", "M", "I", "rho"),
    ),
    spec="npf_engine.studies.landscape.spec:LandscapeSpec",
    run="npf_engine.studies.landscape.run:run",
    result="npf_engine.studies.landscape.result:LandscapeResult",
    stages=(),  # each method has its own
    files=("particles.npz", "particles.csv", "landscape.json", "npf-*.zip"),
    naming="{name} {spec.way}",
    measures=MEASURES,
    subject="{name}",
)

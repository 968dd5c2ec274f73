"""npf_model.py joined from the engine's modules: it computes the same, and says what was left out."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import pytest
import torch

from npf_engine.bundle import assemble
from npf_engine.networks.wide import WidePotential


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    assemble.portable_source.cache_clear()
    yield
    assemble.portable_source.cache_clear()


def test_the_wide_network_in_it_computes_what_the_engine_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("npf_model_here")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # where dataclasses look their annotations up
    exec(compile(assemble.portable_source(), "npf_model.py", "exec"), module.__dict__)
    settings = {"hidden": (6, 5), "pieces": 4, "rank": 2, "unit_rank": 2, "seed": 3}
    ours, theirs = WidePotential(3, **settings), module.WidePotential(3, **settings)
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    for mine, other in zip(ours.derivatives(x), theirs.derivatives(x), strict=True):
        assert torch.equal(mine, other)


def test_a_module_that_was_left_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "PARTS", tuple(p for p in assemble.PARTS if not p[0].endswith("squares")))
    with pytest.raises(
        RuntimeError, match=r"weighed of npf_engine\.networks\.squares would be missing; add it to PARTS"
    ):
        assemble.portable_source()


def test_two_definitions_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "PARTS", (*assemble.PARTS, ("npf_engine.networks.spline", ())))
    with pytest.raises(RuntimeError, match=r"is defined in npf_engine\.networks\.spline"):
        assemble.portable_source()

"""Settings of any kind of run in a link, and back."""

from __future__ import annotations

import dataclasses

import pytest

from npf_engine.errors import InputError
from npf_engine.studies.classifier.spec import experiment_preset
from npf_engine.studies.landscape.spec import LandscapeSpec
from ui import speclink

SPECS = [
    (LandscapeSpec(), LandscapeSpec()),
    (LandscapeSpec(name="mixture", method="lmc", start=(1.0, -2.5), tau=1e-4, particles=7), LandscapeSpec()),
    (LandscapeSpec(name="expression", expression="x^2 + y", low=(-1, -1), high=(2, 2)), LandscapeSpec()),
    (experiment_preset("5.5", "quick", seed=3), experiment_preset("5.5", "quick")),
]


@pytest.mark.parametrize(("spec", "base"), SPECS)
def test_a_link_says_what_differs_and_nothing_else(spec, base):
    query = speclink.to_query(spec, base)
    assert speclink.from_query(base, query) == spec
    assert (query == {}) == (spec == base)


def test_settings_of_several_groups_come_at_once():
    base = experiment_preset("5.5", "quick")
    # Either alone would leave too few samples for the networks, and be refused.
    changed = dataclasses.replace(
        base, particles=dataclasses.replace(base.particles, count=20, warmup=20_000, first=0, every=2)
    )
    assert speclink.from_query(base, speclink.to_query(changed, base)) == changed


def test_bad_links_are_told():
    with pytest.raises(InputError, match="tau must be of type"):
        speclink.from_query(LandscapeSpec(), {"tau": "fast"})
    with pytest.raises(InputError, match="method must be one of"):
        speclink.from_query(LandscapeSpec(), {"method": "magic"})
    with pytest.raises(InputError, match="longer than"):
        speclink.from_query(LandscapeSpec(), {"expression": "x+" * 4000})
    assert speclink.from_query(LandscapeSpec(), {"utm_source": "mail"}) == LandscapeSpec()

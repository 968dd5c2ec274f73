"""Settings in which runs differ."""

from __future__ import annotations

from collections.abc import Callable

from npf_engine.runs import comparing
from npf_engine.runs.store import RunStore
from npf_engine.studies.factorization.spec import TrainingSpec
from tests.runs import fabricated


def test_only_the_settings_that_differ(make_store: Callable[..., RunStore]) -> None:
    still = make_store(watch=False)
    one = fabricated.run(still, TrainingSpec(seed=1), "one", None)
    other = fabricated.run(still, TrainingSpec(seed=2, name="x"), "other", None)
    bare = fabricated.run(still, TrainingSpec(), "bare", None)
    still.table.update(bare.id, spec="{}")  # an older version wrote no more
    bare = still.get(bare.id)
    assert comparing.differing([one, other]) == {"seed": ["1", "2"]}
    assert comparing.differing([bare, one]) == {"seed": ["0", "1"]}
    assert comparing.differing([one, one]) == {}
    kinds = comparing.differing([one, fabricated.sampled(still)])
    assert kinds["u.pair_size"][1] == comparing.NONE and kinds["seed"] == ["1", "3"]

"""Exact plans are POT's own, and nobody who starts a training waits for libraries that it does not use."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from npf_engine.transport import simplex
from tests.conftest import ROOT

STARTS = """
    import sys
    import npf_engine.bundle.check, npf_engine.library.factorize, npf_engine.measures.report, npf_engine.polar.train
    import npf_engine.studies.classifier.run, npf_engine.studies.factorization.run, npf_engine.studies.lab.run
    import npf_engine.studies.landscape.run, npf_engine.studies.recolor.run
    import numpy as np
    from npf_engine.transport import simplex
    slow = {"jax", "networkx", "pandas", "plotly", "scipy.stats", "sklearn", "streamlit", "sympy"}
    cost = np.random.default_rng(0).random((7, 7))
    lean = simplex.plan(cost)
    assert not slow & set(sys.modules), slow & set(sys.modules)
    assert not [name for name in sys.modules if name.split(".")[0] == "ot"]
    import ot
    assert ot.sinkhorn and (ot.emd([], [], cost) == lean).all() and simplex.optimal_cost(cost) == ot.emd2([], [], cost)
"""


def test_the_start_of_a_training_is_lean_and_pot_is_whole_afterwards() -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(STARTS)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_plan_its_duals_and_its_cost_against_one_that_is_known() -> None:
    x, y = np.array([0.0, 1.0, 5.0]), np.array([5.5, 0.25, 1.25])
    cost = (x[:, None] - y) ** 2  # on a line the sorted go to the sorted
    plan, u, v = simplex.plan_and_duals(cost)
    assert np.array_equal(plan, np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]) / 3)
    assert np.array_equal(simplex.plan(cost), plan)
    slack = cost - u[:, None] - v
    assert slack.min() > -1e-12 and np.abs(slack[plan > 0]).max() < 1e-12
    assert abs(simplex.optimal_cost(cost) - (0.5**2 + 2 * 0.25**2) / 3) < 1e-15


def test_without_the_short_way_there_is_the_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simplex, "_SOLVER", "ot.no_such_module")
    simplex._emd.cache_clear()
    try:
        assert simplex.optimal_cost(np.array([[1.0, 4.0], [4.0, 1.0]])) == 1.0
    finally:
        simplex._emd.cache_clear()

"""The API is as it says it is: everything that its description allows is tried, and every answer held against it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from npf_engine.runs import tokens
from npf_engine.runs.access import person
from npf_engine.runs.store import RunStore
from npf_engine.server import api
from tests.runs import fabricated

pytestmark = [pytest.mark.group, pytest.mark.timeout(600)]
ANNA = person("i", "anna", "Anna")


@pytest.fixture
def served(own_home: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Starlette, str]]:
    """The API of a home with a finished run, and a token."""
    monkeypatch.setattr("npf_engine.runs.launching.Launching.launch", lambda self: None)
    api.store_of.cache_clear()
    store = RunStore(own_home, gallery=None)
    run = fabricated.sampled(store)
    store.table.update(run.id, owner=ANNA.id)
    # An id with a line's end in it is no path of the API: the application around it answers.
    app = Starlette(routes=api.routes(lambda: True), exception_handlers={HTTPException: api.refused})
    yield app, tokens.make(store.ledger, ANNA, "test")


@pytest.mark.parametrize("label", [f"{operation.method} {operation.path}" for operation, _ in api.OPERATIONS])
def test_every_answer_is_as_it_is_described(served: tuple[Starlette, str], label: str):
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    app, token = served
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    (operation,) = (found.ok() for found in schema.get_all_operations() if found.ok().label == label)
    # What the settings of a kind may be, its kind says; the description says that they are an object.
    left_out = [positive_data_acceptance] if label == "POST /runs" else []
    always = {"deadline": None, "database": None, "derandomize": True, "phases": (Phase.explicit, Phase.generate)}
    statuses = set()

    @settings(max_examples=100, suppress_health_check=list(HealthCheck), **always)
    @given(operation.as_strategy())
    def tried(case: Any) -> None:
        answer = case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=left_out)
        statuses.add(answer.status_code)

    tried()
    assert statuses and max(statuses) < 500

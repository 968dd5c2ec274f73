"""Fixtures of the fields' tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from npf_engine.tasks import child


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in this process what a child would: for tests of many files, where starting children would take minutes."""

    def call(function: Callable[..., Any], *arguments: Any, **_: Any) -> Any:
        return function(*arguments)

    monkeypatch.setattr(child, "call", call)

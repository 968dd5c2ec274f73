"""Files of any format, read in this process: that a child does it is tested with uploads."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def quick_reading(read_here: None) -> None:
    """Nothing here asks who reads: a child for each file would take most of the time."""

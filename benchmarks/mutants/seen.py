"""Which tests see which lines, and what each costs: one run of every test file, kept until one of its files changes."""

from __future__ import annotations

import hashlib
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import coverage
import pytest

PACKAGE = "npf_engine"
TOO_SLOW = 6.0  # CPU seconds of one test: beyond it a test is not asked about mutants


@dataclass
class Entry:
    """seconds: CPU of the call; shared: name -> CPU seconds of the module's or session's fixtures it stands on; lines:
    path -> lines it runs, those of its fixtures included."""

    seconds: float = 0.0
    passed: bool = False
    shared: dict[str, float] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)


class Watcher:
    """A pytest plugin: a coverage context for every test and for every fixture that outlives a test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cover = coverage.Coverage(data_file=None, include=[str(root / PACKAGE / "*")], config_file=False)
        self.tests: dict[str, Entry] = {}
        self.fixtures: dict[str, float] = {}
        self._now = "import"

    def run(self, file: str) -> dict[str, Entry]:
        """The tests of one file that pass in time."""
        signal.signal(signal.SIGPROF, _too_slow)
        self.cover.start()
        pytest.main([file, "-q", "-p", "no:cacheprovider", "-m", "not long and not browser"], plugins=[self])
        signal.setitimer(signal.ITIMER_PROF, 0)
        self.cover.stop()
        self._add_lines()
        return {name: test for name, test in self.tests.items() if test.passed}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """One test, its setup included, within the time that a test may take."""
        test = self.tests[item.nodeid] = Entry()
        self._switch(item.nodeid)
        began = time.process_time()
        already = sum(self.fixtures.values())
        signal.setitimer(signal.ITIMER_PROF, TOO_SLOW)
        result = yield
        signal.setitimer(signal.ITIMER_PROF, 0)
        test.seconds = max(0.0, time.process_time() - began - (sum(self.fixtures.values()) - already))
        self._switch("import")
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        """A fixture that is shared has its own context and cost."""
        if fixturedef.scope == "function":
            return (yield)
        before, name = self._now, f"fixture {fixturedef.baseid}::{fixturedef.argname}"
        self._switch(name)
        began = time.process_time()
        try:
            return (yield)
        finally:
            inner = 0.0 if before.startswith("fixture") else self.fixtures.get(name, 0.0)
            self.fixtures[name] = inner + time.process_time() - began
            self._switch(before)

    def pytest_runtest_call(self, item: Any) -> None:
        """Which shared fixtures a test stands on."""
        for definitions in item._fixtureinfo.name2fixturedefs.values():
            for definition in definitions:
                if definition.scope != "function" and definition.baseid:  # pytest's own cost nothing
                    name = f"fixture {definition.baseid}::{definition.argname}"
                    self.tests[item.nodeid].shared[name] = 0.0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Only what passes can tell."""
        if report.when == "call":
            self.tests[report.nodeid].passed = report.passed

    def _switch(self, context: str) -> None:
        self._now = context
        self.cover.switch_context(context)

    def _add_lines(self) -> None:
        data = self.cover.get_data()
        users: dict[str, list[Entry]] = {}
        for name, test in self.tests.items():
            users[name] = [test]
            for fixture in test.shared:
                users.setdefault(fixture, []).append(test)
                test.shared[fixture] = round(self.fixtures.get(fixture, 0.0), 3)
        for file in data.measured_files():
            path = str(Path(file).relative_to(self.root))
            for line, contexts in data.contexts_by_lineno(file).items():
                for test in {id(test): test for context in contexts for test in users.get(context, [])}.values():
                    test.lines.setdefault(path, []).append(line)


def _too_slow(*_: object) -> None:
    raise TimeoutError("too slow to be asked about mutants")


class Seen:
    """The map of all test files, kept in ``place``; a file's entry is made again when it, a conftest or one of the
    modules that it runs has changed."""

    def __init__(self, root: Path, place: Path) -> None:
        self.root, self.place = root, place
        self.entries: dict[str, dict[str, Any]] = json.loads(place.read_text()) if place.is_file() else {}

    def stale(self, files: list[str]) -> list[str]:
        """Those of the test files that have to be run."""
        return [file for file in files if not self._is_fresh(file)]

    def add(self, file: str, tests: dict[str, Entry]) -> None:
        """Keep what a run of a test file saw."""
        paths = {path for test in tests.values() for path in test.lines} | set(self._own(file))
        self.entries[file] = {
            "digests": {path: self._digest(path) for path in sorted(paths)},
            "tests": {name: asdict(test) for name, test in tests.items()},
        }
        self.place.parent.mkdir(exist_ok=True)
        self.place.write_text(json.dumps(self.entries))

    def tests(self, files: list[str]) -> dict[str, Entry]:
        """Every test of these files by its name."""
        return {
            name: Entry(**values)
            for file in files
            if file in self.entries
            for name, values in self.entries[file]["tests"].items()
        }

    def _is_fresh(self, file: str) -> bool:
        entry = self.entries.get(file)
        return entry is not None and all(self._digest(path) == was for path, was in entry["digests"].items())

    def _own(self, file: str) -> list[str]:
        near = [parent / "conftest.py" for parent in Path(file).parents]
        return [file, *(str(path) for path in near if (self.root / path).is_file())]

    def _digest(self, path: str) -> str:
        place = self.root / path
        return hashlib.sha256(place.read_bytes()).hexdigest()[:16] if place.is_file() else ""

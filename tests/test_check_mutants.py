"""The runner of mutants: what its operators change and leave alone, how excuses are keyed, what a fork sees."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from benchmarks.mutants.operators import mutants
from benchmarks.mutants.run import Equivalent, asked, equivalents
from benchmarks.mutants.seen import Entry

ROOT = Path(__file__).resolve().parent.parent
SOURCE = '''"""Words 1 + 1."""
LIMIT = 3

def f(x, n=5):
    """Add 2 + 2."""
    if n < 2:
        raise ValueError("1 + 1")
    y = (x - x.mean(0)).square().sum(1) / n
    return torch.where(y > 0.5, y, -y)
'''


def texts(source: str, path: str = "npf_engine/transport/a.py") -> set[str]:
    return {m.applied(source).splitlines()[m.lines[0] - 1].strip() for m in mutants(path, source)}


def test_every_mutant_is_one_change_that_compiles() -> None:
    found = texts(SOURCE)
    assert {
        "y = ((x + x.mean(0))).square().sum(1) / n",
        "y = (x).square().sum(1) / n",
        "y = (x - x.sum(0)).square().sum(1) / n",
        "y = (x - x.mean(1)).square().sum(1) / n",
        "y = (x - x.mean(0)).sum(1) / n",
        "y = ((x - x.mean(0)).square().sum(1) * n)",
        "return torch.where(y > 0.5, -y, y)",
        "return torch.where((y <= 0.5), y, -y)",
        "return torch.where(y > 1.0, y, -y)",
        "return torch.where(y > 0.5, y, y)",
        "if (n >= 2):",
        "if (n <= 2):",
        "if n < 3:",
    } <= found
    for mutant in mutants("npf_engine/transport/a.py", SOURCE):
        ast.parse(mutant.applied(SOURCE))
        assert mutant.where == "f" and mutant.applied(SOURCE) != SOURCE


def test_words_defaults_and_tuning_are_left_alone() -> None:
    changed = {m.applied(SOURCE) for m in mutants("npf_engine/transport/a.py", SOURCE)}
    for kept in ('"""Words 1 + 1."""', "LIMIT = 3", "n=5", '"""Add 2 + 2."""', 'raise ValueError("1 + 1")'):
        assert all(kept in source for source in changed)
    assert any("LIMIT = 4" in m.applied(SOURCE) for m in mutants("npf_engine/divergences/a.py", SOURCE))


def test_every_mutant_of_the_engine_compiles() -> None:
    path = "npf_engine/transport/conjugate.py"
    source = (ROOT / path).read_text()
    found = mutants(path, source)
    assert len(found) > 200
    for mutant in found[::17]:
        compile(mutant.applied(source), path, "exec")


def test_excuses_are_keyed_by_the_text() -> None:
    found = next(m for m in mutants("npf_engine/transport/a.py", SOURCE) if m.before == "0.5")
    assert Equivalent("npf_engine/transport/*", "why", before="0.5", statement="torch.where(").holds(found)
    assert not Equivalent("npf_engine/transport/*", "why", before="0.6").holds(found)
    assert not Equivalent("npf_engine/polar/*", "why").holds(found)
    assert all(each.reason for each in equivalents())


def test_the_quick_tests_of_the_own_room_come_first_within_the_budget() -> None:
    mutant = next(m for m in mutants("npf_engine/transport/a.py", SOURCE) if m.before == "0.5")
    line = {mutant.path: [mutant.lines[0]]}
    tests = {
        "tests/polar/test_b.py::t": Entry(0.3, True, {}, line),
        "tests/transport/test_a.py::slow": Entry(9.0, True, {}, line),
        "tests/transport/test_a.py::quick": Entry(0.4, True, {}, line),
        "tests/transport/test_a.py::other": Entry(0.1, True),
    }
    names, seconds = asked(mutant, tests, 1.0)
    assert names == ["tests/transport/test_a.py::quick", "tests/polar/test_b.py::t"] and abs(seconds - 0.7) < 1e-9
    assert asked(mutant, {"tests/transport/test_a.py::slow": tests["tests/transport/test_a.py::slow"]}, 1.0)[0]


def test_a_fork_imports_the_module_with_its_fault(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from benchmarks.mutants import server
place = Path(sys.argv[1])
def task():
    server.put_in_place(place / "small.py", "VALUE = 2")
    sys.path.insert(0, str(place))
    import small
    return small.VALUE
def hang():
    while True:
        pass
print(server.forked(task, 20, 60, place / "out"), server.forked(hang, 1, 60, place / "out"))
"""
    (tmp_path / "small.py").write_text("VALUE = 1")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["2", "None"], done.stderr

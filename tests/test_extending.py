"""docs/extending.md keeps its word: its files are extensions as they stand, and what they add is there by its name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n# file: (\w+\.py)\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = re.search(r"```sh\n(.*?)```", PAGE, re.DOTALL)
# Seconds in place of minutes; what is asked for stays what the page says.
SMALLER = {
    "train": "--set field.n_samples=2000 --set u.pair_size=200 --set u.pairings=1 --set u.regression_steps=60 "
    "--set u.polish_steps=5 --set v.steps=20 --set m.steps=20 --set inverse.steps=20 --set inverse.sampler_steps=4 "
    "--set report.draws=2 --set report.n=256 --set threads=1",
    "lab": "--seeds 1 --points 500",
    "landscape": "--particles 50 --steps 40",
}
DRIVER = """
import contextlib, io, json, sys
from npf_engine.cli import main
answers = []
for words in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = main(words)
    answers.append([words[0], code, said.getvalue()])
from npf_engine.fields.sources.registry import sources
from npf_engine.potentials import potential_names
import time
from npf_engine.studies import kinds
from npf_engine.runs.store import RunStore
store = RunStore()
run = store.submit(kinds.get("coin").spec())
deadline = time.monotonic() + 120
while store.get(run.id).active and time.monotonic() < deadline:
    time.sleep(0.2)
    store.scheduler.tick()
job = json.loads((run.folder / "job.json").read_bytes())
answers.append(["elsewhere", 0, json.dumps([store.get(run.id).state, job["executor"], job["job"], store.log(run.id)])])
known = [[s.__name__ for s in sources()], list(potential_names()), list(kinds.known())]
print(json.dumps([answers, known]))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], list[list[str]]]:
    """The answer of each command, all files being extensions of one process; and what the registries then know."""
    folder = tmp_path_factory.mktemp("extensions")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    asked = []
    for line in COMMANDS.group(1).strip().splitlines():
        words = line.split()[1:]
        asked.append([*words, *SMALLER.get(words[0], "").split()])
    found = subprocess.run(
        [sys.executable, "-c", DRIVER],
        input=json.dumps(asked),
        cwd=folder,
        env=os.environ
        | {
            "NPF_EXTENSIONS": ",".join(str(folder / name) for name in FILES),
            "PYTHONPATH": str(ROOT),
            "NPF_HOME": str(folder / "home"),
            "OMP_NUM_THREADS": "1",
            "NPF_EXECUTOR": "elsewhere",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    answers, known = json.loads(found.stdout.splitlines()[-1])
    assert [code for _, code, _ in answers] == [0] * len(answers), found.stderr[-3000:]
    return {name: json.loads(text) for name, _, text in answers}, known


def test_every_walk_through_has_its_file() -> None:
    assert set(FILES) == {"vortices.py", "ridges.py", "diagonal.py", "walk.py", "coin.py", "elsewhere.py"}


def test_a_source_and_a_potential_train(told) -> None:
    answers, (sources, potentials, _) = told
    assert "vortices" in [item["name"] for item in answers["fields"]] and "Vortices" in sources
    assert "ridges" in potentials and answers["train"]["verdict"]
    assert answers["train"]["metrics"]["pushforward"]["value"] > 0


def test_a_method_a_sampler_and_a_kind_run(told) -> None:
    answers, (_, _, kinds) = told
    assert set(answers["lab"]["results"]) == {"diagonal", "gaussian"}
    assert answers["landscape"]["method"] == "walk" and answers["landscape"]["modes"]
    assert "coin" in kinds and answers["coin"]["throws"] == 500 and 200 < answers["coin"]["heads"] < 300


def test_a_run_is_worked_on_elsewhere(told) -> None:
    state, executor, job, log = told[0]["elsewhere"]
    assert (state, executor) == ("done", "elsewhere") and job.isdigit(), log


def test_a_potential_of_the_page_is_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradient and Hessian by differences, and the Gaussian start: a reader copies this class."""
    import torch

    from npf_engine import potentials

    monkeypatch.setattr(potentials, "_CLASSES", dict(potentials._CLASSES))
    scope: dict[str, object] = {"__name__": "ridges"}
    exec(FILES["ridges.py"], scope)
    u = scope["Ridges"](3, (8,), seed=1).double()
    torch.nn.init.zeros_(u.c)
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    value, gradient, hessian = u.derivatives(x)
    slope = torch.autograd.grad(u(x).sum(), x)[0]
    bend = torch.autograd.functional.jacobian(lambda p: u.gradient(p).sum(0), x).permute(1, 0, 2)
    assert torch.allclose(gradient, slope, atol=1e-10) and torch.allclose(hessian, bend, atol=1e-10)
    assert torch.allclose(value, u(x)) and float(torch.linalg.eigvalsh(hessian.detach()).min()) > 0

"""Section B: links and bundles that ask for more than a machine has; section C: bundles that say what cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from benchmarks.faults import bundles
from benchmarks.faults.stage import REFUSED, SURVIVED, Case, Stage, either, refused

Act = Callable[[Stage], tuple[str, str]]


def _link(page: str, query: dict[str, str], may_work: bool = False) -> Act:

    def act(stage: Stage) -> tuple[str, str]:
        words = stage.visitor().open(page, query)
        return either(words) if may_work else refused(words)

    return act


def _own_file(stage: Stage) -> tuple[str, str]:
    return refused(stage.visitor().open("field", {"source": str(stage.server.canary)}))


def _import(make: Callable[[], bytes], must_refuse: bool = True) -> Act:
    """Import a bundle; afterwards the Models page must be whole for everyone, and a refusal leaves no folder."""

    def act(stage: Stage) -> tuple[str, str]:
        before = stage.runs()
        visitor = stage.visitor()
        visitor.open("models")
        visitor.upload("import_zip", "npf-x.zip", make())
        visitor.set("Import", trigger_value=True)
        words = visitor.rerun()
        other = stage.visitor()
        broken = other.open("models")
        assert not broken, f"the Models page is broken for everyone: {broken}"
        if words:
            assert stage.runs() <= before, f"a refusal left a folder: {sorted(stage.runs() - before)}"
            return refused(words)
        assert not must_refuse, "it was taken"
        return SURVIVED, "imported; the Models page is whole"

    return act


def _value(member: str, path: str, value: Any, must_refuse: bool = True) -> Act:
    return _import(lambda: bundles.with_value(member, path, value), must_refuse)


def _foreign_code(stage: Stage) -> tuple[str, str]:
    """Code of an import is never served on as ours."""
    outcome, words = _import(lambda: bundles.with_file("npf_model/__init__.py", b"import os  # not ours\n"), False)(
        stage
    )
    if outcome != REFUSED:
        bad = [
            path
            for path in (stage.server.home / "runs").rglob("npf_model/__init__.py")
            if b"not ours" in path.read_bytes()
        ]
        assert not bad, "another's npf_model/ lies in a run as if it were ours"
    return outcome, words


TALL = {"source": "expression", "expression": '["sin(x512)+x1*x2"]', "n_samples": "3000000"}
DEEP = {"source": "expression", "expression": json.dumps(["(" * 3000])}
CASES = [
    Case(
        "B",
        "link: 3 million samples in 512 dimensions",
        _link("field", TALL, may_work=True),
    ),
    Case("B", "link: sigma = 1e6", _link("field", {"source": "jacksboro", "sigma": "1e6"})),
    Case("B", "link: sigma = 1e300", _link("field", {"source": "jacksboro", "sigma": "1e300"})),
    Case("B", "link: bounds of 4,000 brackets", _link("field", {"source": "coordinates", "bounds": "[" * 4000})),
    Case("B", "link: split_seed = 1e30", _link("field", {"split_seed": "1e30"})),
    Case("B", "link: a source of 300 characters", _link("field", {"source": "a" * 300})),
    Case("B", "link: a source that is a file of the server", _own_file),
    Case("B", "link: formula with .1e309", _link("field", {"source": "expression", "expression": '["x1*.1e309+x2"]'})),
    Case("B", "link: formula of 3,000 brackets", _link("field", DEEP)),
    Case("B", "link: training of 10^12 steps", _link("train", {"m.steps": "1000000000000"})),
    Case("B", "link: training with widths of 100,000", _link("train", {"m.hidden": "[100000, 100000]"})),
    Case("B", "bundle: networks.v.d_in = 1e9", _value("config.json", "networks.v.d_in", 10**9)),
    Case("B", "bundle: fourier = 1e8", _value("config.json", "networks.bridge.fourier", 10**8)),
    Case("B", "bundle: sampler_steps = 1e12", _value("config.json", "sampler_steps", 10**12)),
    Case("B", "bundle: widths of 100,000", _value("config.json", "networks.m.hidden", [100_000, 100_000])),
    Case("C", "bundle: a figure of 10^400", _value("report.json", "metrics.pushforward.value", "1e400")),
    Case("C", "bundle: seconds that are text", _value("report.json", "seconds", "soon")),
    Case("C", "bundle: bounds of three numbers", _value("config.json", "field.spec.bounds", [1, 2, 3])),
    Case("C", "bundle: inner JSON that is a list", _import(lambda: bundles.with_file("report.json", b"[]"))),
    Case("C", "bundle: a name of 100,000 characters", _value("config.json", "name", "n" * 100_000, False)),
    Case("C", "bundle: a name with control characters", _value("config.json", "name", "a\u0000\u202eb\n", False)),
    Case("C", "bundle: a member without a name", _import(lambda: bundles.with_file("", b"x"))),
    Case("C", "bundle: a member more than ours", _import(lambda: bundles.with_file("more.py", b"print(1)"))),
    Case("C", "bundle: another's npf_model/", _foreign_code),
]

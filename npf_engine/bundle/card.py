"""The model card: what a bundle's README.md tells a reader who has nothing but the bundle."""

from __future__ import annotations

import json
from collections.abc import Mapping

from npf_engine.bundle.accuracy_table import accuracy_rows
from npf_engine.citation import bibtex
from npf_engine.fields.spec import RHOS
from npf_engine.numbers import number
from npf_engine.settings import reading
from npf_engine.settings.reading import maybe_mapping, maybe_number


def model_card(config: Mapping[str, object], report: Mapping[str, object], command: str) -> str:
    """README.md of a bundle, from its settings, its report and the command that trained it."""
    verdict, reason = _line(str(report.get("verdict") or "none")), _line(str(report.get("verdict_reason") or ""))
    d, metrics = reading.whole(config, "d"), maybe_mapping(report, "metrics")
    field = str(maybe_mapping(config, "field").get("name") or "a field")
    return _head(config, field) + CARD.format(
        name=_line(str(config["name"])),
        field=_line(field),
        source=_items(source_lines(config)),
        bibtex=bibtex(source_of(config)),
        d=d,
        verdict=f"**{verdict}**" + (f": {reason}" if reason else "."),
        table=_table(metrics),
        draws=_draws(metrics),
        conventions=_items(convention_lines(config)),
        command=command,
        seconds=seconds_line(report),
        example=", ".join("0.0" for _ in range(d)) if d <= 8 else f"*[0.0] * {d}",
    )


def source_of(config: Mapping[str, object]) -> str:
    """Where the data came from, in the words of the field's provenance; empty where nothing is said."""
    told = maybe_mapping(maybe_mapping(config, "info"), "provenance").get("source")
    return told if isinstance(told, str) else ""


def _head(config: Mapping[str, object], field: str) -> str:
    """The YAML that model hubs read: JSON strings are YAML's, whatever a name holds."""
    tags = ["polar-factorization", "optimal-transport", "brenier-map", "input-convex-neural-network"]
    lines = [
        "---",
        "library_name: npf_model",
        "tags:",
        *(f"- {tag}" for tag in tags),
        f"model_name: {json.dumps(str(config['name']))}",
        f"datasets_description: {json.dumps(source_of(config) or field)}",
        "---",
        "",
    ]
    return "\n".join(lines) + "\n"


PROVENANCE = {  # key of a field's provenance -> what it is called
    "source": "source",
    "coordinates": "positions",
    "crs": "coordinate reference system",
    "variables": "variables of F",
    "steps": "steps",
    "columns": "columns",
    "height_unit": "unit of heights",
    "source_grid": "grid of the source",
    "grid": "grid that was used",
    "pixel_metres": "metres of a pixel",
    "sigma_pixels": "smoothed with sigma, pixels",
    "voids": "void samples",
}


def source_lines(config: Mapping[str, object]) -> list[str]:
    """What F was: where it came from, what was done to its numbers, and what to know of it; a sentence each."""
    info = maybe_mapping(config, "info")
    provenance = maybe_mapping(info, "provenance")
    lines = [
        f"{title}: {_told(provenance[key])}"
        for key, title in PROVENANCE.items()
        if provenance.get(key) not in (None, "", [], {})
    ]
    for key, words in (("conversions", "done to the numbers"), ("warnings", "to know")):
        lines += [f"{words}: {_words(text)}" for text in reading.items(info, key) if isinstance(text, str)]
    return lines or ["the field is given by its name alone"]


def _told(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(str(key))} {_told(part)}" for key, part in list(value.items())[:8])
    if isinstance(value, list | tuple):
        return ", ".join(map(_told, value[:8]))
    if isinstance(value, float):
        return number(value, 6)
    return _words(str(value))[:400]


def _words(text: str) -> str:
    """A sentence of anybody's as one line."""
    return " ".join(text.split())


def _line(text: str) -> str:
    """The same in Markdown, without tags, links or emphasis of its own: stars of a formula stay stars."""
    plain = _words(text).replace("<", "‹").replace(">", "›").replace("](", "] (")
    return plain.replace("*", "\\*").replace("`", "'")


def _table(metrics: Mapping[str, object]) -> str:
    lines = ["| | value | floor | ratio (value over floor) | ± | trivial answer |", "|---|---|---|---|---|---|"]
    for row in accuracy_rows(metrics):
        title = row.title.replace("|", "\\|")
        lines.append(f"| {title} | " + " | ".join(map(_number, row.shown())) + " |")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return number(value, 4, dash="")


def _draws(metrics: Mapping[str, object]) -> str:
    item = maybe_mapping(metrics, "pushforward")
    draws, n, eps = (maybe_number(item, name) for name in ("draws", "n", "eps"))
    if not draws or not n:
        return ""
    tail = f"; eps of the first line is {_number(eps)}" if eps else ""
    return f"Means of {draws} draws of {n} unseen samples{tail}.\n"


def convention_lines(config: Mapping[str, object]) -> list[str]:
    """Coordinates with their units and bounds, the unit of F, and rho; a sentence each."""
    d, units, scaling = reading.whole(config, "d"), maybe_mapping(config, "units"), maybe_mapping(config, "scaling")
    offset, scale = reading.numbers(scaling, "offset"), reading.numbers(scaling, "scale")
    lines = []
    names, where = reading.texts(units, "axes"), reading.texts(units, "position")
    low, high = reading.numbers(config, "low"), reading.numbers(config, "high")
    for k in range(min(d, 8)):
        axis = names[k] if k < len(names) else f"x{k + 1}"
        unit = f" in {_words(where[k])}" if k < len(where) and where[k] else ""
        box = f", from {_number(low[k])} to {_number(high[k])}" if k < len(low) and k < len(high) else ""
        model = f"; the networks take {_taken(offset[k], scale[k])}" if k < len(offset) else ""
        lines.append(f"coordinate {k + 1} is {_words(axis)}{unit}{box}{model}")
    if d > 8:
        lines.append(f"and {d - 8} more, see config.json")
    value = _words(str(units.get("value") or "the units of the field"))
    lines.append(f"values of F (and of grad u) are in {value}, never rescaled")
    rho = str(config.get("rho"))
    told = RHOS.get(rho, _words(rho))
    lines.append(f"the reference measure rho: {told[:1].lower()}{told[1:]}")
    return lines


def _taken(offset: float, scale: float) -> str:
    """A coordinate x as the networks take it."""
    moved = f"(x {'+' if offset < 0 else '-'} {abs(offset):.8g})" if offset else "x"
    return moved if scale == 1 else f"{moved} / {scale:.8g}"


def _items(lines: list[str]) -> str:
    return "\n".join(f"- {_line(line)}" for line in lines)


def seconds_line(report: Mapping[str, object]) -> str:
    """How long each stage took, and on what."""
    found = maybe_mapping(report, "seconds")
    seconds = {name: value for name in found if (value := maybe_number(found, name)) is not None}
    total = seconds.get("total")
    stages = ", ".join(f"{STAGES.get(name, name)} {value:.0f} s" for name, value in seconds.items() if name != "total")
    where = f" on {report['device']}" if report.get("device") else ""
    count = report.get("threads")
    threads = f" with {count} thread{'s' * (count != 1)}" if count else ""
    return f"{stages}{f'; {total:.0f} s in all' if total is not None else ''}{where}{threads}."


STAGES = {"u": "the potential u", "v": "V_phi", "m": "M_xi", "inverse": "I_psi", "report": "its accuracy table"}
CARD = """\
# {name}

A polar factorization of the vector field "{field}" (d = {d}): F = grad u o M, with u convex and M preserving the
reference measure rho (Brenier 1991), learned with neural networks (Vesseron and Cuturi, *On a Neural Implementation of
Brenier's Polar Factorization*, 2024). `u` is an input-convex network, `M_xi` a network for M, and `I_psi` a sampler of
M's many-valued inverse.

## How good it is

Verdict: {verdict}

{table}

{draws}A value is to be read between its floor (what two independent batches of the reference measure against each
other) and its trivial answer (what a model that learned nothing gets). ± is the standard error of the ratio; of
the mass in a wrong cell and of the widest hole its change with the half of the samples. S_eps is the Sinkhorn
divergence with cost |x - y|^2. The whole report is in `report.json`.

## How to use it

Python with torch, numpy and safetensors is all that is needed; nothing in the bundle is pickled.

```python
from npf_model import PolarFactorization

model = PolarFactorization.load(".")
x = [[{example}]]                   # (n, d) in the units below; tensors, arrays or lists
model.grad_u(x)                     # (n, d) grad u, closed form
model.grad_u_conjugate(x)           # (n, d) grad u*, here of the values x
model.M_network(x)                  # (n, d) M_xi
model.preimages(x[0], n=500, seed=0)  # (500, d) positions that M sends to x[0]
model.invert(x[0], n=500, seed=0)     # (500, d) positions where F takes the value x[0]
```

`python example.py` computes `reference.npz` again and prints PASS; `sha256sum --check checksums.sha256` checks the
files; `pictures.ipynb` draws the pictures again (with matplotlib). `npf export` writes ONNX and `.pt2`.

## Conventions

{conventions}

## What F was

{source}

All of it stands in `config.json` under `info`.

## How it was trained

    {command}

Time: {seconds} Every setting is in `config.json` under `spec`, the software in `environment.json`.

## What it is not

It holds for rho on the domain above and says nothing outside it. M is known up to the accuracy of the table, and where
F is a measured field, only as well as its samples are.

## Cite

```bibtex
{bibtex}```
"""

"""Write docs/api.md from the docstrings of the names that `import npf_engine` gives (`make api`).

A test compares the file with what this makes, so that it cannot fall behind.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import npf_engine as npf

PAGE = Path(__file__).resolve().parents[1] / "docs" / "api.md"
HEAD = """# The library

`import npf_engine as npf` gives these names. This page is made from their docstrings (`make api`); the engine's own
modules, one room a folder, are told of in [architecture.md](architecture.md). `ArrayT` is an array of numpy or a tensor
of torch, and the answer is of the same kind; an `ArrayLike` may be lists too, which are answered with an array.
"""


def signature(thing: object) -> str:
    """What it takes, as Python writes it, without the quotes of annotations."""
    try:
        text = str(inspect.signature(thing))  # type: ignore[arg-type]  # callables alone come here
    except (TypeError, ValueError):
        return ""
    return text.replace("'", "").replace("npf_engine.", "")


def fenced(name: str, text: str) -> str:
    """A signature as code, one parameter a line where it is long."""
    line = f"{name}{text}"
    if len(line) > 100 and "(" in line:
        inner, _, answer = line[line.index("(") + 1 :].rpartition(")")
        parts, depth, part = [], 0, ""
        for letter in inner:
            depth += (letter in "[(") - (letter in "])")
            if letter == "," and not depth:
                parts.append(part.strip())
                part = ""
            else:
                part += letter
        line = line[: line.index("(") + 1] + "".join(f"\n    {p}," for p in [*parts, part.strip()]) + f"\n){answer}"
    return f"```python\n{line}\n```"


def described(thing: object) -> str:
    """Its docstring, dedented."""
    return inspect.getdoc(thing) or ""


def members(kind: type) -> Iterator[tuple[str, object]]:
    """Public methods and properties that the class itself, or one of ours that it builds on, defines."""
    for name, value in inspect.getmembers(kind):
        home = getattr(inspect.unwrap(getattr(value, "fget", None) or value), "__module__", "") or ""
        if (
            not name.startswith("_")
            and home.startswith("npf_engine")
            and (callable(value) or isinstance(value, property))
        ):
            yield name, value


def page() -> str:
    """The whole text."""
    parts = [HEAD]
    for name in npf.__all__:
        thing = getattr(npf, name)
        parts.append(f"## {name}\n")
        if callable(thing) and not inspect.isclass(thing):
            parts.append(fenced(f"npf.{name}", signature(thing)) + "\n")
        parts.append(described(thing) + "\n")
        if inspect.isclass(thing):
            for member, value in members(thing):
                title = member if isinstance(value, property) else f"{member}()"
                parts.append(f"### {name}.{title}\n")
                if not isinstance(value, property):
                    parts.append(fenced(member, signature(value)) + "\n")
                parts.append(described(value) + "\n")
    return "\n".join(parts)


def main() -> int:
    """Write it; 0."""
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())

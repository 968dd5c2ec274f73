"""One derivation of seeds: streams by name, and no seed that is only added to anywhere in the engine."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import torch

from npf_engine import seeds

ENGINE = Path(seeds.__file__).parent


def test_a_stream_is_the_same_on_every_machine_and_its_own() -> None:
    # BLAKE2b with 8 bytes of b"0/u.split", as `printf 0/u.split | b2sum -l 64` prints it, its first 53 bits.
    assert seeds.child(0, "u.split") == int("f73ee2c7a027b76e", 16) >> 11
    many = {seeds.child(seed, f"draw.{k}") for seed, k in itertools.product(range(-3, 40), range(40))}
    assert len(many) == 43 * 40
    assert all(0 <= value < 2**53 and int(float(value)) == value for value in many)
    assert seeds.child(1, "1/x") != seeds.child(11, "/x")


def test_streams_do_not_meet_where_seeds_stand_side_by_side() -> None:
    rows = [
        torch.randn(4096, generator=seeds.generator(seed, name))
        for seed, name in itertools.product(range(3), ("u", "u.split", "v"))
    ]
    correlation = torch.corrcoef(torch.stack(rows)) - torch.eye(len(rows))
    assert float(correlation.abs().max()) < 5 / 4096**0.5  # five standard deviations of independent rows
    again = torch.randn(4096, generator=seeds.generator(2, "v"))
    assert torch.equal(rows[-1], again)


def _is_seed(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name == "seed" or name.endswith("_seed")


def test_no_seed_is_made_by_arithmetic() -> None:
    made = [
        f"{path.relative_to(ENGINE)}:{node.lineno}: {ast.unparse(node)}"
        for path in sorted(ENGINE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.BinOp)
        and (_is_seed(node.left) or _is_seed(node.right))
        # the lab's seeds are counted: that many starts from the first one on
        and ast.unparse(node) != "spec.first_seed + spec.seeds"
    ]
    assert not made, f"{made}: take seeds.child(seed, name) or seeds.generator(seed, name)"

"""The items against the captions of the papers themselves, and the results that are kept of them."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from npf_engine.cli.parser import build_parser
from npf_engine.errors import InputError
from npf_engine.studies.kind import named
from npf_engine.studies.reproduction import kept
from npf_engine.studies.reproduction.items import PAPERS
from npf_engine.studies.reproduction.spec import PRESETS, ReproductionSpec

ALL = [(paper, item) for paper, about in PAPERS.items() for item in about.items.values()]
# How a caption begins, and files of the papers by how they begin; the text of cdm names its figures, without captions.
CAPTION = {"npf": r"^(Figure|Table) (\d+)\. [A-Z\\]", "cdm": r"(Figure) (\d+)\b", "mgn": r"^(Figure) (\d+): "}
TEXTS = {"npf": "000_", "cdm": "003_", "mgn": "004_"}


@pytest.mark.parametrize("paper", PAPERS)
def test_every_caption_of_the_paper_is_an_item(paper: str, shared_data: Path) -> None:
    files = list((shared_data.parent / "seeds").glob(f"{TEXTS[paper]}*"))
    if not files:
        pytest.skip(f"the text of {paper} is not beside the shared test data")
    text = files[0].read_text(encoding="utf-8")
    told = {f"{kind.lower()}-{number}" for kind, number in re.findall(CAPTION[paper], text, re.MULTILINE)}
    assert len(told) >= 3
    assert told <= set(PAPERS[paper].items), "captions without an item"
    numbered = {name for name in PAPERS[paper].items if not name.startswith(("first-", "theorem-", "remark-"))}
    assert numbered <= told, "items without a caption"


def test_the_items_stand_in_the_papers_order_of_each_kind() -> None:
    for about in PAPERS.values():
        for kind in ("table", "figure"):
            numbers = [int(n.rpartition("-")[2]) for n in about.items if n.startswith(f"{kind}-")]
            assert numbers == sorted(numbers)


@pytest.mark.parametrize(("paper", "item"), ALL, ids=lambda part: getattr(part, "name", part))
def test_an_item_has_a_maker_and_a_spec(paper: str, item: object) -> None:
    about = PAPERS[paper].items[item.name]  # type: ignore[attr-defined]  # an Item
    assert callable(named(about.make))
    assert ReproductionSpec(paper=paper, item=about.name).about == about


def test_an_unknown_item_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match="npf has no 'table-9'; it has table-1"):
        ReproductionSpec(item="table-9")


KEPT = [path for path in sorted(kept.folder().glob("*/*.json")) if not path.name.endswith(".picture.json")]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_is_kept_is_an_items_own_and_says_how_it_is_had_again(path: Path) -> None:
    paper = path.parent.name
    item, _, preset = path.name.removesuffix(".json").rpartition(".")
    assert not re.search(r"[\" ]/[a-z]+/", path.read_text()), "a path of the machine it was run on"
    run = kept.find(paper, item, preset)
    assert run is not None and preset in PRESETS
    result = run.result
    assert (result.paper, result.item, result.preset) == (paper, item, preset)
    assert result.title == PAPERS[paper].items[item].title and result.rows
    assert (run.picture is not None) == (result.picture is not None)
    assert all(row.ours is None or math.isfinite(row.ours) for row in result.rows)
    words = run.command.split()[3:]
    args = build_parser().parse_args(words)
    assert args.command == "reproduce" and args.item == item
    assert len(path.read_bytes()) < 20_000
    assert run.picture is None or run.picture.stat().st_size < 300_000
    assert "/" not in run.machine and "/work" not in path.read_text(encoding="utf-8")


def test_a_letter_is_an_appendix() -> None:
    assert PAPERS["mgn"].items["figure-7"].place == "Appendix E"
    assert PAPERS["npf"].items["table-1"].place == "Section 5.2"

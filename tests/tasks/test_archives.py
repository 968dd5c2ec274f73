"""Archives are judged by their directory: too many, too large, too repetitive, encrypted, or not as we write them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from npf_engine.errors import InputError
from npf_engine.tasks.archives import Bounds, brief, check_members, check_zip, said

OWN = Bounds(own=True)


def member(name: str, size: int = 10, packed: int = 10, **more: int) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo("x")
    found.filename, found.file_size, found.compress_size = name, size, packed
    for key, value in more.items():
        setattr(found, key, value)
    return found


def refusal(members: list[zipfile.ZipInfo], bounds: Bounds, size: int = 1000) -> str:
    with pytest.raises(InputError) as caught:
        check_members("a.zip", members, size, bounds)
    return str(caught.value)


def test_what_is_within_its_bounds_is_let_through(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("folder/a.txt", b"hello")
    assert [m.filename for m in check_zip(tmp_path / "a.zip", OWN)] == ["folder/a.txt"]
    check_members("a.zip", [member("../a"), member("../A"), member("a", compress_type=zipfile.ZIP_LZMA)], 1, Bounds())


@pytest.mark.parametrize(
    ("members", "bounds", "says"),
    [
        ([member("a"), member("b")], Bounds(files=1), "a.zip holds 2 files; at most 1 are read"),
        ([member("a", 3_000_000)], Bounds(total=2_000_000), "would unpack to 3.0 MB from 0.0 MB; the limit is 2.0 MB"),
        (
            [member("a", 4000, 10)],
            Bounds(ratio=300, repetitive=100),
            "400 times its size, as a zip bomb does; write it",
        ),
        ([member("a", 4000, 10)], Bounds(ratio=300, repetitive=100, own=True), "as a zip bomb does; it is refused"),
        # The archive's own words of packed sizes may not exceed what is there.
        ([member("a", 4000, 4000)], Bounds(ratio=3, repetitive=100), "4 times its size"),
        ([member("")], Bounds(), "a file without a name"),
        ([member("a", flag_bits=1)], Bounds(), "a in a.zip is encrypted"),
        ([member("../a")], OWN, "leads out of its folder"),
        ([member("/etc/a")], OWN, "leads out of its folder"),
        ([member("a\\b")], OWN, "leads out of its folder"),
        ([member("a\u202eb")], OWN, "which is none"),
        ([member("n" * 300)], OWN, "which is none"),
        ([member("a", external_attr=0o120777 << 16)], OWN, "a link"),
        ([member("a"), member("A")], OWN, "twice"),
        ([member("a", compress_type=zipfile.ZIP_LZMA)], OWN, "packs"),
    ],
)
def test_what_is_not_is_refused_in_a_sentence(members: list[zipfile.ZipInfo], bounds: Bounds, says: str) -> None:
    assert says in refusal(members, bounds)


def test_no_zip_file_is_told_and_names_are_fit_for_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("hello")
    with pytest.raises(InputError, match=r"a\.zip cannot be read as a zip archive \(File is not a zip file\)"):
        check_zip(tmp_path / "a.zip")
    assert len(brief("n" * 1000)) < 200 and said(ValueError("a\n b")) == "a b"
    for inside in ("file read failed: errno = 5, buf = 0x7f8a", "<class 'float'> object at 0x7f", "", "no /tmp/a/b.nc"):
        assert said(OSError(inside)) == "its parts do not fit together"

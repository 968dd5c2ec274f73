"""Files written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from npf_engine.errors import InputError
from npf_engine.tasks.files import replacing, write_atomic


def test_a_file_is_the_old_or_the_new_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomic(path, b"old", durable=True)
    with pytest.raises(KeyboardInterrupt), replacing(path, ".part.txt") as part:
        part.write_bytes(b"half")
        assert part.name.endswith(".part.txt") and path.read_bytes() == b"old"
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old" and [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    with replacing(path) as part:
        part.write_bytes(b"new")
    assert path.read_bytes() == b"new" and [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_atomic(tmp_path / "nowhere" / "a.txt", b"x")

"""Freed memory is kept where malloc is glibc's, and nothing is asked of any other."""

from __future__ import annotations

import ctypes
import platform

import pytest

from npf_engine.tasks.memory import FROM_HEAP, KEPT, keep_freed_memory


class _Libc:
    def __init__(self, answer: int) -> None:
        self.answer, self.asked = answer, list[tuple[int, int]]()

    def mallopt(self, option: int, value: int) -> int:
        self.asked.append((option, value))
        return self.answer


def test_glibc_agrees() -> None:
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")


def test_both_thresholds_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    libc = _Libc(1)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: libc)
    assert keep_freed_memory() and libc.asked == [(-3, FROM_HEAP), (-1, KEPT)]


def test_another_libc_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert keep_freed_memory() is False


def test_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: _Libc(0))
    assert keep_freed_memory() is False

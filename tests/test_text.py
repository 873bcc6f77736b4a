"""The filter: nothing foreign can move a cursor, forge a line, command a runner or leak."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magray_sec.model.text import clean, clean_block, shown_path


@pytest.mark.parametrize(
    ("foreign", "harmless"),
    [
        ("plain words", "plain words"),
        ("two\nlines\r\nand\ttabs", "two lines and tabs"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07end", "red end"),
        ("a\u202eb\u200bc\x00d\x7f", "abcd"),
        ("::error file=x::gotcha", ": :error file=x: :gotcha"[:2] + ":error file=x::gotcha"),
        ("see ::set-output name=a::b", "see : :set-output name=a::b"),
        ("std::process::Command and crate::error::Error", "std::process::Command and crate::error::Error"),
        ("##[error]x", "# #[error]x"),
        ("https://user:token@host/path", "https://host/path"),
        ("lone \udcff surrogate", "lone \ufffd surrogate"),
    ],
)
def test_clean(foreign: str, harmless: str) -> None:
    assert clean(foreign) == harmless


@given(text=st.text(max_size=200))
def test_clean_is_one_line_without_controls_and_idempotent(text: str) -> None:
    once = clean(text)
    assert "\n" not in once
    assert all(ord(character) >= 32 for character in once)
    assert not once.startswith("::error")
    assert clean(once) == once


def test_clean_takes_secrets_out_and_marks_a_cut() -> None:
    assert clean("it said hunter-two!", secrets=["hunter-two"]) == "it said [REDACTED]!"
    assert clean("x" * 50, limit=10) == "x" * 9 + "\u2026"
    assert clean("see the token abcdefgh", limit=18) == "see the token\u2026"
    assert clean("see the token abcdefgh", limit=14) == "see the token\u2026"


def test_block_keeps_lines_and_indentation() -> None:
    assert clean_block("# Title\n\n    code\x1b[1m\n- item\x07\n") == "# Title\n\n    code\n- item"


def test_paths_are_shown_escaped() -> None:
    assert shown_path("a b/\u00e9.rs") == "a b/\u00e9.rs"
    assert shown_path(os.fsdecode(b"bad\xff.rs")) == "bad\\xff.rs"
    assert shown_path("new\nline\x1b[2J") == "new\\nline\\u001b[2J"
    assert not shown_path("::error::x").startswith("::")

from __future__ import annotations

import time

import pytest

from magray_sec import _toml


def test_a_document_with_a_byte_order_mark() -> None:
    assert _toml.parse(b"\xef\xbb\xbf[package]\nname = 'a'\n") == {"package": {"name": "a"}}


@pytest.mark.parametrize(
    "text",
    [
        b"\xff",
        b"a = [",
        b"a = " + b"[" * 100_000,
        b"a = 1\na = 2",
        b"a = " + b"9" * 10_000,
        b"a" + b".a" * 20_000 + b" = 1",
        b"x = {b = 1, a" + b" . a" * 20_000 + b" = 1}",
        b"[a" + b'."x y"' * 20_000 + b"]",
        b"#" * ((1 << 20) + 1),
    ],
)
def test_what_is_none_or_would_take_long_is_a_value_error_soon(text: bytes) -> None:
    began = time.process_time()
    with pytest.raises(ValueError):
        _toml.parse(text)
    assert time.process_time() - began < 5


def test_dots_that_are_no_keys() -> None:
    text = "# 1" + " . " * 200 + "\na = '" + "." * 500 + "'\nb = [" + "'1.2.3', " * 100 + "]\nc" + ".c" * 30 + " = 1\n"
    assert set(_toml.parse(text.encode())) == {"a", "b", "c"}

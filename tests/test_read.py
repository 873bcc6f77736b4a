from __future__ import annotations

import json
import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magray_sec.adapters._read import decode, document, records
from magray_sec.model.adapter import ParseError
from magray_sec.model.run import Level


class Report(msgspec.Struct):
    count: int
    names: list[str]


GOOD = b'{"count": 2, "names": ["a", "b"], "more": null}'


@pytest.mark.parametrize("before", [b"", b" \r\n\t", b"\xef\xbb\xbf"])
def test_one_document_is_read(before: bytes) -> None:
    value, notes = document(before + GOOD + b"\n\n", Report)
    assert (value.count, value.names, notes) == (2, ["a", "b"], ())


@pytest.mark.parametrize("after", [b"Title: an advisory about the tool itself\n", GOOD, b"}"])
def test_what_follows_the_first_value_is_a_warning_and_is_not_read(after: bytes) -> None:
    value, notes = document(GOOD + b"\n" + after, Report)
    assert value.count == 2
    assert [note.level for note in notes] == [Level.WARNING]
    assert f"({len(after.lstrip())} characters)" in notes[0].message


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "printed nothing"),
        (b" \n ", "printed nothing"),
        (b"Loading\n" + GOOD, "text stands where its JSON should begin"),
        (b"null", "text stands where its JSON should begin"),
        (GOOD[:-1], "breaks off after"),
        (GOOD[:20], "breaks off after"),
        (b'{"count": 2, "names": ["unfinished', "breaks off after"),
        (b'{"count": 2, "names": oops}', "broken at character 23"),
        (b"[2026-11-24] INFO scanning\n" + GOOD, "broken at character"),
        (b'{"count": NaN, "names": []}', "number that is none"),
        (b'{"count": 1' + b"0" * 9000 + b', "names": []}', "number that is none"),
        (b'{"count": "2", "names": []}', r"Expected `int`, got `str` - at `\$.count`"),
        (b'{"names": []}', "missing required field `count`"),
        (b"[]", "Expected `object`, got `array`"),
        (b"[" * 1_000_000, "nested too deeply"),
        (b'{"a":' * 500_000, "nested too deeply"),
    ],
)
def test_the_output_of_an_unfinished_run_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(ParseError, match=why):
        document(data, Report)


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    value, _ = document(b'{"count": 0, "names": ["caf\xe9.rs"]}', Report)
    assert value.names == ["caf\ufffd.rs"]
    assert decode(b"\xff") == "\ufffd"


@pytest.mark.parametrize("data", [b"token %s", b'{"names": ["%s', b'{"count": %s}', b'{"count": "%s", "names": []}'])
def test_no_message_quotes_the_output(data: bytes) -> None:
    marker = b"f3a9c1e7b2d4"
    with pytest.raises(ParseError) as caught:
        document(data.replace(b"%s", marker), Report)
    assert marker.decode() not in str(caught.value)


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:0123456789ntf \n', max_size=200).map(str.encode))
def test_any_bytes_are_a_value_or_a_parse_error(data: bytes) -> None:
    try:
        value, _ = document(data, Report)
    except ParseError:
        return
    assert json.loads(data[: data.rindex(b"}") + 1])["count"] == value.count


def test_lines_are_read_and_those_that_are_none_are_counted() -> None:
    lines = [GOOD, b"", b"not json", GOOD + b" trailing", b"\r", b'{"count": 1}', GOOD + b"\r"]
    found = records(b"\n".join(lines) + b"\n", Report)
    assert [value.count for value in found.values] == [2, 2]
    assert found.broken == (3, 4, 6)
    assert not found.is_cut


def test_a_last_line_without_its_end_is_not_read() -> None:
    found = records(GOOD + b"\n" + GOOD, Report)
    assert (len(found.values), found.broken, found.is_cut) == (1, (), True)


def test_no_output_is_no_line() -> None:
    assert records(b"", Report) == records(b"\n\n", Report)
    assert records(b"", Report).values == ()


def test_a_line_nested_too_deeply_is_a_broken_one() -> None:
    assert records(b"[" * 200_000 + b"\n" + GOOD + b"\n", Report).broken == (1,)


@given(st.lists(st.integers(0, 9)), st.text(string.ascii_letters))
def test_every_line_is_a_value_or_counted(counts: list[int], rest: str) -> None:
    lines = [json.dumps({"count": count, "names": [rest]}).encode() for count in counts]
    found = records(b"".join(line + b"\n" for line in lines), Report)
    assert [value.count for value in found.values] == counts
    assert not found.broken

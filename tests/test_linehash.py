from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magray_sec import linehash
from magray_sec.linehash import line_hash, line_hashes

VECTORS = json.loads((Path(__file__).parent / "data" / "fingerprint_vectors.json").read_text(encoding="utf-8"))["cases"]


def plainly(data: bytes) -> dict[int, str]:
    """GitHub's own loop, unit by unit."""
    text = data.decode("utf-8", "replace").encode("utf-16-le", "surrogatepass")
    units, after_cr = [], False
    for unit in memoryview(text).cast("H"):
        if unit in (32, 9) or (after_cr and unit == 10):
            after_cr = False
            continue
        after_cr = unit == 13
        units.append(10 if unit == 13 else unit)
    units.append(65535)
    starts = [0, *(place + 1 for place, unit in enumerate(units) if unit == 10)]
    hashes: dict[int, str] = {}
    seen: dict[int, int] = {}
    for number, start in enumerate(starts, 1):
        value = 0
        for unit in (units[start : start + 100] + [0] * 100)[:100]:
            value = (value * 37 + unit) % 2**64
        seen[value] = seen.get(value, 0) + 1
        hashes[number] = f"{value:x}:{seen[value]}"
    return hashes


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_equals_what_github_computes(case):
    expected = dict(enumerate(case["hash_by_line"], 1))
    assert line_hashes(base64.b64decode(case["input_base64"])) == expected
    assert len(expected) == case["line_count"]


def test_all_vectors_are_there():
    assert len(VECTORS) == 20


@given(
    st.lists(
        st.one_of(
            st.sampled_from((b"\r", b"\n", b"\r\n", b" ", b"\t", b"\0", b"\xff", b"\xe2\x82", b"\xf0\x9f\x98\x80")),
            st.binary(max_size=4),
            st.sampled_from((b"b!", b"aF", b"let x = 1;\n")),
        ),
        max_size=60,
    ).map(b"".join)
)
def test_equals_the_plain_algorithm(data):
    assert line_hashes(data) == plainly(data)


def test_equals_the_plain_algorithm_over_many_lines():
    data = b"".join(b"  call(%d, '%s');\n" % (number % 700, b"x" * (number % 150)) for number in range(1300))
    assert line_hashes(data) == plainly(data)


def test_lines_with_equal_hashes_but_other_text_are_counted_together():
    # 37 * 'b' + '!' == 37 * 'a' + 'F': the count goes by the hash, as GitHub's does.
    first, second = (
        line_hashes(b"b!" + b"z" * 98 + b"\n" + b"aF" + b"z" * 98)[1],
        line_hashes(b"b!" + b"z" * 98 + b"\n" + b"aF" + b"z" * 98)[2],
    )
    assert first.split(":")[0] == second.split(":")[0]
    assert (first[-2:], second[-2:]) == (":1", ":2")


@pytest.mark.parametrize("place", [0, 32, 33, 50, 65, 66, 98])
def test_so_they_are_for_a_single_line(place):
    text = bytearray(b"z" * 100)
    text[place : place + 2] = b"b!"
    other = bytes(text).replace(b"b!", b"aF")
    data = b"\n".join((b"one", other, bytes(text), b"two", other, b"end"))
    every = line_hashes(data)
    assert [every[number][-2:] for number in (2, 3, 5)] == [":1", ":2", ":3"]
    assert line_hash(data, {3}) == {3: every[3]}
    assert line_hash(data, {2, 5}) == {2: every[2], 5: every[5]}


@given(st.lists(st.sampled_from([b"", b"a", b" b\t", b"c" * 40, b"\xc3\xbc" * 60, b"\r"]), max_size=40), st.data())
def test_the_hashes_of_a_few_lines_are_those_of_all(lines, data):
    text = b"\n".join(lines)
    every = line_hashes(text)
    wanted = data.draw(st.sets(st.integers(0, len(every) + 2), max_size=5))
    assert line_hash(text, wanted) == {number: every[number] for number in wanted if number in every}


def test_where_too_much_is_alike_every_line_is_hashed():
    data = b"x" * 99 + b"\n" * 3000 + b"end"
    assert line_hash(data, {2990, 3001}) == {number: line_hashes(data)[number] for number in (2990, 3001)}


def test_only_the_wanted_lines_and_none_beyond_the_end():
    data = b"one\ntwo\nthree\n"
    everything = line_hashes(data)
    assert line_hash(data, {2, 99}) == {2: everything[2]}
    assert line_hash(data, ()) == {}
    assert line_hash(data, [4]) == {4: "c129715d7a2bc9a3:1"}


def test_survives_moving_indenting_and_other_line_endings():
    block = b"fn main() {\n    secret();\n}\n" + b"".join(b"step_%d();\n" % number for number in range(30))
    moved = b"\n".join(b"// %d" % number for number in range(40)) + b"\n" + block
    wanted = line_hash(block, {2})[2]
    assert line_hash(moved, {42})[42] == wanted
    assert line_hash(block.replace(b"    ", b"\t\t"), {2})[2] == wanted
    assert line_hash(block.replace(b"\n", b"\r\n"), {2})[2] == wanted


def test_the_hashes_of_some_lines_are_those_of_all(monkeypatch) -> None:
    monkeypatch.setattr(linehash, "_SMALL", 16)
    lines = [b"a", b"", b"   \t ", "ü\U0001f600 ".encode() * 90, b"b" * 500, b"\xff\xc3", b" " * 700, b"a", b"end"]
    for end in (b"\n", b"\r\n", b"\r", b"\r \n"):
        for data in (end.join(lines), end.join(lines) + end):
            every = linehash.line_hashes(data)
            for number in range(1, len(every) + 3):
                expected = {number: every[number]} if number in every else {}
                assert linehash.line_hash(data, {number}) == expected, (end, number)

"""A pattern's shape; and that both engines together find what RE2 alone finds, whatever the pattern and the text."""

from __future__ import annotations

import hyperscan
import pytest
import re2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import patterns
from magray_sec.errors import SettingsError
from magray_sec.regex import syntax
from magray_sec.regex.compile import compile_pattern, compile_rules, flaw
from magray_sec.regex.syntax import PatternError, read_pattern


@pytest.mark.parametrize(
    ("pattern", "expression"),
    [
        (r"\b(ghp_[A-Za-z0-9]{36})\b", r"\bghp\x5f[0-9A-Za-z]{36}"),
        ("sk-[a-z]{20,}", r"sk\x2d[a-z]{20}"),
        ("[a-z]{0,50}abc", "abc"),
        (r"\b[a-z]{0,50}abc", r"\b[a-z]{0,50}abc"),
        ("abc(?:d|e*)", "abc"),
        ("(?i)abc", "[Aa][Bb][Cc]"),
        ("a(?i:b)c", "a[Bb]c"),
        (r"^abc$", "^abc"),
        (r"\Aabc\z", "^abc"),
        (r"abc\n^def", r"abc\x0adef"),
        (r"\Qa.b\E+c", r"a\x2eb{1,}c"),
        (r"a\sb", r"a[\x09-\x0a\x0c-\x0d\x20]b"),
        (r"[\d\-z][^\n]x", r"[\x2d0-9z][\x00-\x09\x0b-\xff]x"),
        ("[[:upper:]][[:^upper:]]x", r"[A-Z][\x00-\x40\x5b-\xff]x"),
        (r"\x41\x{42}\103", "ABC"),
        ("a{x", r"a\x7bx"),
        ("пар", "".join(f"\\x{byte:02x}" for byte in "пар".encode())),
        # Of what stands between endless repeats, the most telling part alone; a repeat of few bytes is none such.
        ("Des(?:<[^>]+>)?::new", r"\x3e\x3a\x3anew|Des\x3a\x3anew"),
        ("const [A-Z_]*IV", r"const\x20[A-Z\x5f]{0,}IV"),
        ("x*.*abcd.+e", "abcd[\\x00-\\x09\\x0b-\\xff]"),
        ("(?m)^[^#]*curl [^|]*\\|", "curl\\x20"),
        ("x.*(?:password|a.*secret)", "password|secret"),
    ],
)
def test_what_hyperscan_is_asked_for(pattern: str, expression: str) -> None:
    assert read_pattern(pattern).expression == expression


@pytest.mark.parametrize(
    ("pattern", "least", "before", "after", "one_line"),
    [
        ("abc", 3, 3, 0, True),
        ("ab{2,5}c?", 3, 3, 4, True),
        ("a(?:bc|defg)h", 4, 6, 2, True),
        ("key[a-z]{8,}", 11, 11, None, True),
        (r"a\s{0,3}b", 2, 5, 3, False),
        ("(?s)a.b", 3, 3, 0, False),
        ("[a-z]+@acme", 6, None, None, True),
        (r"a\n{0}b", 2, 2, 0, True),
    ],
)
def test_how_wide_its_matches_are(
    pattern: str, least: int, before: int | None, after: int | None, one_line: bool
) -> None:
    shape = read_pattern(pattern)
    assert (shape.least, shape.before, shape.after, shape.is_one_line) == (least, before, after, one_line)


@pytest.mark.parametrize(
    ("pattern", "reason", "offset"),
    [
        ("a*", "empty string", 0),
        ("abc|", "empty string", 0),
        (r"\b", "empty string", 0),
        (r"a\pL", "Unicode class", 1),
        (r"a[\p{Greek}b]", "Unicode class", 2),
        ("[aб]", "beyond ASCII", 2),
        ("(?i)пароль", "both cases", 4),
        (r"(?i)[\xe0-\xe9]", "beyond ASCII", 5),
        ("é+", "last byte", 0),
        ("(" * 100 + "a" + ")" * 100, "inside each other", 60),
    ],
)
def test_what_has_no_meaning_on_bytes_is_refused(pattern: str, reason: str, offset: int) -> None:
    with pytest.raises(PatternError, match=reason) as refused:
        read_pattern(pattern)
    assert refused.value.offset == offset


_ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "x",
        "key",
        "1",
        r"\d",
        r"\w",
        r"\s",
        r"\S",
        r"\W",
        ".",
        "[a-c]",
        "[^a]",
        r"[^ab\n]",
        r"\n",
        "=",
        '"',
        r"[\w-]",
        r"\x41",
        "_",
        "[[:alpha:]]",
        r"[^[:^digit:]x]",
        r"\101",
        "[]a]",
        r"\b",
        r"\B",
        "^",
        "$",
        "(?m:^)",
        "(?m:$)",
        r"\A",
        r"\z",
    ]
)
_PATTERNS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        inner.map(lambda part: f"({part})"),
        inner.map(lambda part: f"(?i:{part})"),
        inner.map(lambda part: f"(?s:{part})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?", "+?", "{0}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=12,
)
_TEXTS = st.lists(
    st.sampled_from(
        [
            b"a",
            b"b",
            b"c",
            b"x",
            b"A",
            b"1",
            b"key",
            b"=",
            b'"',
            b"_",
            b"-",
            b" ",
            b".",
            b"\n",
            b"\r\n",
            b"\v",
            b"\xe9",
            b"ab" * 20,
        ]
    ),
    max_size=40,
).map(b"".join)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(pattern=_PATTERNS, texts=st.lists(_TEXTS, min_size=1, max_size=4), enough=st.sampled_from([1, 6, 20]))
def test_both_engines_find_what_re2_alone_finds(pattern: str, texts: list[bytes], enough: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(syntax, "_ENOUGH", enough)
        try:
            compile_pattern(pattern.encode())
            made = patterns.rule(pattern)
            engine = patterns.engine(made)
        except (re2.error, PatternError, SettingsError):
            return
    for text in texts:
        assert [(found.match, found.token) for found in engine.examine("f", text)] == patterns.alone(made, text)
    together = patterns.scan(engine, {f"{index}": text for index, text in enumerate(texts)})
    expected = [(f"{index}", match) for index, text in enumerate(texts) for match, _ in patterns.alone(made, text)]
    assert [(found.path, found.match) for found in together.found] == expected


def test_a_pattern_that_only_hyperscan_refuses_is_refused_with_its_place() -> None:
    made = patterns.rule(r"a\ba", line=3, pattern_position=(7, 14))
    with pytest.raises(
        SettingsError, match=r"^test.yaml:7:14: secrets/rule: pattern refused: Hyperscan: .*never match"
    ):
        compile_rules(patterns.ruleset(patterns.rule("fine", "other"), made), None).prepare([0])


def test_the_installed_library_overlooks_nothing_that_vectorscan_5_4_12_does() -> None:
    text = b"y" * 40 + b"\nx" + b"y" * 200
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=[b"^1*x"], ids=[0], flags=[hyperscan.HS_FLAG_MULTILINE])
    ends: list[int] = []
    database.scan(text, match_event_handler=lambda _rule, _start, end, _flags, _context: ends.append(end))
    assert ends == [42] or flaw()

"""Patterns that mean different things to different engines: refused with the reason, or found as RE2 alone finds them."""

from __future__ import annotations

from pathlib import Path

import pytest

import patterns
from magray_sec.errors import SettingsError
from magray_sec.regex.pack import load_packs
from magray_sec.regex.written import written
from test_pack_fuzz import _BASE, planted

ACCEPTED = [
    r"abc\b", r"\babc", r"abc$", r"(?m)abc$", r"(?m)^abc$", r"^abc", r"(?m)^abc", r"\Aabc", r"abc\z", r"(?m)c\z", r"a\Cb",
    r"(?s)a.b", r"a.b", r"(?s:a.)b", r"(?i-s:a.)b", r"(?U)ab+", r"(?U)a{2,}?b", r"a{3}", r"a{2,4}b?", r"(a{100}){10}b?",
    r"((a{10}){10}){10}", r"[[:alpha:]]c", r"[[:^alpha:]]c", r"[[:word:][:space:]]{3}", r"[[=a=]]x", r"(?i)k", r"(?i)s1",
    r"(?i)[k-s]x", r"(?i)[^k]x", r"(a*)*b", r"(a+)+b", r"((a|b)*)*c", r"(|a)b", r"(a|)b", r"(?:^|[^a])b", r"(?:$|a)b$",
    r"a$|b", r"a^b|c", r"[]a]x", r"[^]a]x", r"\Qa*\E", r"\x{6b}x", r"\xe9", r"\x00", r"[\x80-\xff]", r"a{3", r"a{,3}b",
    r"[\d-z]x", r"[\w-.]x", r"[a\]b]x", "é", "(?:é|è)x", r"\ba\B", r"\Ba", r"(\b)a", r"a\b\n", r"\n^a", r"(?m)^a$\n^b$",
    r"x*?b", r"a{0}b", r"\vx|\fx", r"\s\s", r"\Sb", r"(?m)$\n", r"(?P<secret>a)b|(c)", r"[^\n]+c", r"\W\w\W",
]  # fmt: skip
TEXTS = [
    b"", b"abc", b"abc\n", b"abc\nabc", b"xabc abcx", b"a\nb a\xe9b aab", b"a" * 1001 + b"b", b"K \xe2\x84\xaax k1 kx Kx",
    b"s1 S1 \xc5\xbf1 sx \xc5\xbfx", b"\xc3\xa9x \xc3\xa8x \xe9", b"b\nb", b"ab\r\nb", b"a{3 a{,3}b a*", b"]x ax -x .x 5x zx",
    b"\x0bx \x0cx \t\x0b \x0b\n", b"a\n\nb\n", b"_a_ a- aa", b"acb a c c", b"ab" * 40, b"aaab", b"=]x [x :]x",
]  # fmt: skip
REFUSED = [
    (r"abc\Z", r"RE2: invalid escape sequence: \Z"), (r"a\pNb", "Unicode class"), (r"a\p{L}", "Unicode class"),
    (r"[\pN]a", "Unicode class"), (r"\PLa", "Unicode class"), (r"a{1001}", "RE2: invalid repetition size"),
    (r"(a{500}){3}", "RE2: invalid repetition size"), (r"[[:nope:]]x", "RE2: invalid character class range"),
    (r"a||b", "empty string"), (r"(|)", "empty string"), (r"()", "empty string"), (r"a*", "empty string"),
    (r"(?:)", "empty string"), (r"\b\b", "empty string"), (r"^$", "empty string"), (r"\z", "empty string"),
    (r"(?:a{0}){3}", "empty string"), (r"x(?=y)", "RE2"), (r"(?<=y)x", "RE2"), (r"(a)\1", "RE2"), (r"a++", "RE2"),
    (r"a*+", "RE2"), (r"(?>a)b", "RE2"), (r"(?#c)a", "RE2"), (r"a(?x) b", "RE2"), (r"[z-a]", "RE2"), (r"[]", "RE2"),
    (r"\x{100}", "RE2"), (r"\400a", "RE2"), (r"\8", "RE2"), (r"\cA", "RE2"), (r"\h", "RE2"), (r"\R", "RE2"), (r"\K", "RE2"),
    (r"a\Gb", "RE2"), (r"(?z)a", "RE2"), (r"{3}a", "RE2"), (r"a{2}{3}", "RE2"), (r"a**", "RE2"), (r"*a", "RE2"), (r"(", "RE2"),
    (r")", "RE2"), (r"[a", "RE2"), ("a\\", "RE2"), (r"(?i)ſx", "both cases"), ("(?i:É)", "both cases"),
    ("[é]", "not one member"), ("é*", "last byte"), (r"[^\x00-\xff]a", "it can never match"), (r"[^\s\S]a|[^\d\D]", "never match"),
    ("|".join(f"word{number:04d}" for number in range(1900)), "it is too large"), ("(" * 900 + "a" + ")" * 900, "inside each other"),
    ("(?P<a>x)(?P<a>y)", "two groups are called 'a'"),
]  # fmt: skip


def test_both_engines_agree_on_all_that_are_accepted() -> None:
    made = [patterns.rule(pattern, f"n{index}") for index, pattern in enumerate(ACCEPTED)]
    engine = patterns.engine(*made)
    for text in TEXTS:
        assert b"\0" not in text
        found: dict[str, list[object]] = {rule.canonical: [] for rule in made}
        for judged in engine.examine("f", text):
            found[judged.rule.canonical].append((judged.match, judged.token))
        for rule in made:
            assert found[rule.canonical] == patterns.alone(rule, text), (rule.pattern, text)


@pytest.mark.parametrize(("pattern", "reason"), REFUSED, ids=[pattern[:20] for pattern, _ in REFUSED])
def test_the_others_are_refused_at_load_with_place_and_reason(tmp_path: Path, pattern: str, reason: str) -> None:
    path = tmp_path / "p.yaml"
    text = written(planted(_BASE, ("rules", 0, "pattern"), pattern))
    path.write_text(text, encoding="utf-8")
    line = text[: text.index("pattern: ")].count("\n") + 1
    with pytest.raises(SettingsError, match=r"secrets/r: pattern refused: ") as refused:
        load_packs([str(path)], None)
    assert str(refused.value).startswith(f"{path}:{line}:14: ")
    assert reason in str(refused.value)
    assert len(str(refused.value)) < 600
    assert refused.value.hint

"""The engine over files: every one of them, every token in them, the same for any number of threads; and its limits."""

from __future__ import annotations

import codecs
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import patterns
from magray_sec.errors import EngineError
from magray_sec.languages import language_of
from magray_sec.model.run import File
from magray_sec.model.scale import Domain
from magray_sec.regex import scan as scanning
from magray_sec.regex.confirm import Confirmed, Rejected
from magray_sec.regex.doubt import Reason
from magray_sec.regex.encoding import readable
from magray_sec.regex.examples import fill

KEY = r"\b(ghp_[A-Za-z0-9]{36})\b"


def key(seed: int = 0) -> bytes:
    return fill("ghp_{{alnum:36}}", str(seed)).encode()


def tokens(text: bytes, *rules: object, path: str = "f") -> list[bytes]:
    engine = patterns.engine(*(rules or (patterns.rule(KEY),)))  # type: ignore[arg-type]
    cut = readable(text) or b""
    return [cut[slice(*found.token)] for found in patterns.scan(engine, {path: text}).found]


def test_two_on_one_line_are_two_though_they_share_what_stands_between() -> None:
    one, two = key(1), key(2)
    assert tokens(one + b"," + two) == [one, two]
    shared = patterns.rule(r"[\"',](ghp_[A-Za-z0-9]{36})[\"',]")
    assert tokens(b"," + one + b"," + two + b",", shared) == [one, two]


def test_the_same_twice_is_found_twice() -> None:
    assert tokens(key() + b"\n" + key()) == [key(), key()]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\xff", b'"'])
@pytest.mark.parametrize("start", [b"", b"\n", b"\r\n", b"\xef\xbb\xbf", b"\xe9", b'"'])
def test_at_the_start_and_the_end_of_a_file(start: bytes, end: bytes) -> None:
    assert tokens(start + key() + end) == [key()]


@pytest.mark.parametrize("edge", [4096, 65_536, 1 << 20])
def test_across_any_boundary(edge: int) -> None:
    for back in (0, 1, 20, 39, 40):
        text = b"." * (edge - back) + key() + b"." * 100
        assert tokens(text) == [key()], back


def test_carriage_returns_and_other_encodings() -> None:
    text = f"Schlüssel = {key().decode()}\r\nñ".encode("latin-1")
    assert tokens(text) == [key()]


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_and_spans_count_in_its_utf_8(name: str) -> None:
    mark = codecs.BOM_UTF16_LE if name == "utf-16-le" else codecs.BOM_UTF16_BE
    text = f"ключ\n token = {key().decode()}\n"
    data = mark + text.encode(name)
    engine = patterns.engine(patterns.rule(KEY))
    (found,) = patterns.scan(engine, {"f": data}).found
    assert readable(data) == text.encode()
    assert text.encode()[slice(*found.token)] == key()
    assert patterns.scan(engine, {"f": mark + text.encode(name)[:-1]}).found, "a file cut within a character"


def test_other_encodings() -> None:
    text = f"token = {key().decode()}\nüñ\n"
    for name in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        mark = "\ufeff".encode(name)
        assert readable(mark + text.encode(name)) == text.encode(), name
        # Without a mark what is not ASCII has to be rare.
        plain = text.encode(name)
        assert readable(plain) == (text.encode() if "16" in name else None), name
    assert readable(codecs.BOM_UTF8 + text.encode()) == text.encode()
    assert tokens(codecs.BOM_UTF8 + key(), patterns.rule(r"^(ghp_\w{36})")) == [key()]
    large = "x" * 3_000_001 + "\U0001f600" + "y" * 10
    for name in ("utf-16-le", "utf-32-be"):
        assert readable("\ufeff".encode(name) + large.encode(name)) == large.encode()


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe\0\0\xff\xff\xff\xff", b"M\0Z\0\0\0\1\0" * 90, b"a\0b\0\0\0c\0" * 90, b"\0", b"a\0", b"\x7fELF\2\1\1\0"],
)
def test_what_only_looks_like_wide_text_is_binary(data: bytes) -> None:
    assert readable(data) is None


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200), name=st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"]))
def test_any_bytes_are_text_or_binary(data: bytes, name: str) -> None:
    for start in (b"", "\ufeff".encode(name)):
        text = readable(start + data)
        assert text is None or isinstance(text, bytes)


def test_binary_files_are_told_and_not_scanned() -> None:
    engine = patterns.engine(patterns.rule(KEY))
    result = patterns.scan(
        engine, {"a.png": b"\x89PNG\0" + key(), "late": b"a" * 8000 + b"\0" + key(), "utf32": b"\xff\xfe\0\0" + key()}
    )
    assert result.binary == ["a.png", "utf32"]
    assert [found.path for found in result.found] == ["late"]


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_scanned() -> None:
    def read(file: File) -> bytes:
        if file.path == "b":
            raise PermissionError(13, "Permission denied")
        return key()

    engine = patterns.engine(patterns.rule(KEY))
    result = engine.scan([File(path=path, size=40) for path in "abc"], read)
    assert result.unreadable == [("b", "Permission denied")]
    assert [found.path for found in result.found] == ["a", "c"]
    assert (result.files, result.bytes) == (2, 80)


@pytest.mark.parametrize("jobs", [1, 4])
def test_an_error_of_our_own_in_a_thread_is_not_swallowed(jobs: int) -> None:
    def read(file: File) -> bytes:
        raise ZeroDivisionError(file.path)

    with pytest.raises(ZeroDivisionError):
        patterns.engine(patterns.rule(KEY)).scan([File(path=f"{n}", size=2_000_000) for n in range(9)], read, jobs=jobs)


def tree(files: int) -> dict[str, bytes]:
    choose = random.Random(7)
    parts = [b"lorem ipsum\n", b"\n", b"abc", b" token: ", b"\xe9", b"key=1234\n"]
    made = {}
    for number in range(files):
        text = b"".join(choose.choice(parts) for _ in range(choose.randrange(30)))
        if choose.random() < 0.4:
            text += key(number)
        made[f"{choose.randrange(9)}/{number}"] = text
    made["empty"] = b""
    made["large"] = b"x" * 1_500_000 + b" " + key(-1)
    return made


def test_the_number_of_threads_changes_nothing() -> None:
    texts = tree(700)
    engine = patterns.engine(
        patterns.rule(KEY), patterns.rule("key=[0-9]{4}", "other"), patterns.rule("(?m)^abc", "line")
    )
    one, eight = (patterns.scan(engine, texts, jobs=jobs) for jobs in (1, 8))
    assert one == eight
    assert len(one.found) > 300
    assert one.found == sorted(one.found, key=lambda found: (found.path, found.token[0], found.rule.canonical))
    assert (one.files, one.bytes) == (len(texts), sum(map(len, texts.values())))


def test_files_scanned_together_are_as_files_scanned_alone() -> None:
    rules = [patterns.rule(r"\Aabc", "start"), patterns.rule(r"abc\z", "end"), patterns.rule(r"(?s)a.b", "across")]
    engine = patterns.engine(*rules, patterns.rule(r"c\na", "joint"), patterns.rule(r"\babc\b", "word"))
    texts = {"1": b"abc", "2": b"abc\n", "3": b"xabc", "4": b"a", "5": b"b", "6": b"", "7": b"abc"}
    together = patterns.scan(engine, texts)
    alone = [found for path in texts for found in engine.examine(path, texts[path])]
    assert together.found == alone
    assert {(found.path, found.rule.title) for found in alone} == {
        ("1", "start"), ("1", "end"), ("1", "word"), ("2", "start"), ("2", "word"), ("3", "end"), ("7", "start"),
        ("7", "end"), ("7", "word"),
    }  # fmt: skip


def test_more_candidates_than_are_looked_at_are_told() -> None:
    most = scanning.MAX_HITS
    engine = patterns.engine(patterns.rule("(ab) ", "many"), patterns.rule(KEY))
    enough = patterns.scan(engine, {"f": b"ab " * most})
    assert len(enough.found) == most
    assert enough.flooded == []
    texts = {"a": b"ab \n", "b": b"ab " * (most + 1) + key(), "c": b"ab \n"}
    result = patterns.scan(engine, texts)
    assert [(entry.path, entry.rule and entry.rule.title) for entry in result.flooded] == [("b", "many")]
    assert sum(found.path == "b" and found.rule.title == "many" for found in result.found) == most
    assert [found.path for found in result.found if found.path != "b"] == ["a", "c"]
    assert any(found.token[1] - found.token[0] == 40 for found in result.found), "other rules see the whole file"


def test_a_hopeless_file_is_given_up_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_MAX_WASTED", 1000)
    engine = patterns.engine(patterns.rule("(ab) ", "many"))
    result = patterns.scan(engine, {"f": b"ab " * 50_000, "g": b"ab "})
    everything = [entry for entry in result.flooded if entry.rule is None]
    assert [entry.path for entry in everything] == ["f"]
    assert 3 * scanning.MAX_HITS < everything[0].offset < 150_000
    assert any(found.path == "g" for found in result.found)


def test_neighbouring_candidates_are_one() -> None:
    # A pattern that may end at each of a million bytes is no flood.
    result = patterns.scan(patterns.engine(patterns.rule("[a-f0-9]{40}[a-f0-9]*;")), {"f": b"a1" * 500_000 + b";"})
    assert result.flooded == []
    endings = patterns.engine(patterns.rule("[a-f0-9]{40}", "ends"))
    assert patterns.scan(endings, {"f": b"a1" * 500_000}).flooded == []


def test_a_match_without_limit_is_followed_beyond_the_window() -> None:
    made = patterns.rule(r"start:([a-z]{8,})")
    for length in (8, scanning.REACH - 7, scanning.REACH, 3 * scanning.REACH, 200_000):
        text = b"x start:" + b"q" * length + b"; more"
        assert tokens(text, made) == [b"q" * length], length
    with_end = b"start:" + b"q" * (2 * scanning.MAX_MATCH)
    (token,) = tokens(with_end, made)
    assert len(token) >= scanning.MAX_MATCH // 2


def test_a_match_that_starts_far_before_its_end_is_found_within_reach() -> None:
    made = patterns.rule(r"begin[^;]*finish")
    near = b"begin" + b"." * (scanning.REACH - 20) + b"finish"
    assert tokens(b"x" * 9000 + near, made) == [near]
    line = patterns.rule(r"(?m)^([^#\n]*secret)$")
    assert tokens(b"# secret\n  a secret\n" + b"y" * 100 + b"\nno", line) == [b"  a secret"]


def test_the_token_is_the_named_group_or_the_first_that_took_part() -> None:
    assert tokens(b"id=1 pw=2", patterns.rule(r"id=(\d) pw=(?P<secret>\d)")) == [b"2"]
    either = patterns.rule(r"a:(\d+)|b:(\d+)")
    assert tokens(b"a:12 b:34", either) == [b"12", b"34"]
    assert tokens(b"xyz", patterns.rule("x(q?)yz")) == [b"xyz"]


def test_paths_and_languages_decide_which_files_a_rule_looks_at() -> None:
    rust = patterns.rule("abc", "rust", languages=("rust",))
    some = patterns.rule("abc", "some", include=(r"^(?:.+/)?[^/]+\.lock$",), exclude=(r"^vendor/.*$",))
    engine = patterns.engine(rust, some)
    texts = {"a.rs": b"abc", "b.lock": b"abc", "vendor/c.lock": b"abc", "d.txt": b"abc"}
    result = patterns.scan(engine, texts)
    assert [(found.path, found.rule.title) for found in result.found] == [("a.rs", "rust"), ("b.lock", "some")]
    outcomes = {found.rule.title: found.outcome for found in engine.examine("d.txt", b"abc")}
    assert outcomes == dict.fromkeys(("rust", "some"), Rejected(reason=Reason.OTHER_FILE))


def test_only_a_published_prefix_is_shown() -> None:
    made = patterns.rule(r"\b((?:ghp|ghs)_[A-Za-z0-9]{36})\b", preview="ghp_")
    shown = [found.preview for found in patterns.scan(patterns.engine(made), {"f": key() + b" ghs_" + key()[4:]}).found]
    assert shown == ["ghp_\u2026 (40 characters)", ""]


def test_which_files_a_rule_is_run_on_is_what_it_says() -> None:
    shell = patterns.rule("abc", "shell", languages=("shell",))
    both = patterns.rule("abc", "both", languages=("python", "shell"), include=(r"^bin/[^/]+$",))
    engine = patterns.engine(patterns.rule("abc", "all"), shell, both)
    texts = {
        "bin/a": b"#!/bin/sh\nabc", "bin/b.py": b"abc", "bin/c": b"abc", "bin/d.rs": b"#!/bin/sh\nabc", "e": b"#!/bin/sh\nabc",
        "f.sh": b"abc",
    }  # fmt: skip
    found: dict[str, set[str]] = {}
    for judged in patterns.scan(engine, texts).found:
        found.setdefault(judged.path, set()).add(judged.rule.title)
    assert found == {
        "bin/a": {"all", "shell", "both"}, "bin/b.py": {"all", "both"}, "bin/c": {"all"}, "bin/d.rs": {"all"},
        "e": {"all", "shell"}, "f.sh": {"all", "shell"},
    }  # fmt: skip


def test_more_kinds_of_paths_than_databases() -> None:
    rules = [patterns.rule("abc", f"{n}", include=(rf"^{n}\.txt$",)) for n in range(60)]
    engine = patterns.engine(*rules)
    result = patterns.scan(engine, {f"{n}.txt": b"abc" for n in range(60)})
    assert sorted((found.path, found.rule.title) for found in result.found) == sorted(
        (f"{n}.txt", f"{n}") for n in range(60)
    )


def test_paths_are_matched_in_linear_time() -> None:
    evil = r"^(?:.+/)?(?:[^/]*a){24}[^/]*b(?:(?P<ps_d>/)|$)"
    engine = patterns.engine(patterns.rule("abc", include=(evil,), exclude=(evil.replace("b", "c"),)))
    texts = {"a" * 200: b"abc", "a" * 200 + "b": b"abc", "a" * 200 + "\udcff\xe9b": b"abc"}
    assert len(patterns.scan(engine, texts).found) == 2


def test_a_pattern_for_paths_that_re2_refuses_is_an_error() -> None:
    with pytest.raises(EngineError, match="pattern for paths is refused"):
        patterns.engine(patterns.rule("abc", include=("[z-a]",)))


LONG = b"var a=1;" * 2000


def test_rules_for_code_see_no_long_lines_of_minified_files_and_that_is_told() -> None:
    code = patterns.rule(r"(eval\(x\))", "code", domain=Domain.CODE, languages=("javascript",))
    engine = patterns.engine(code, patterns.rule(KEY, "key"))
    line = b"eval(x) " + key() + b" "
    texts = {
        "long.js": LONG + line + LONG,
        "mixed.js": LONG + line + LONG + b"\neval(x)\n",
        "plain.js": b"eval(x)\n" * 3 + b"//\n" * 2000 + LONG + line,
        "text.txt": LONG + line,
    }
    result = patterns.scan(engine, texts)
    assert result.minified == ["long.js", "mixed.js"]
    assert [(found.path, found.rule.title) for found in result.found] == [
        ("long.js", "key"), ("mixed.js", "key"), ("mixed.js", "code"), *[("plain.js", "code")] * 4, ("plain.js", "key"),
        ("text.txt", "key"),
    ]  # fmt: skip
    outcomes = [found.outcome for found in engine.examine("long.js", texts["long.js"]) if found.rule is code]
    assert outcomes == [Rejected(reason=Reason.MINIFIED)]


@pytest.mark.parametrize("place", ["start", "middle", "end"])
def test_a_large_file_is_scanned_without_a_copy(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setattr(scanning, "_LARGE_BYTES", 1000)
    monkeypatch.setattr(scanning, "_TAIL_BYTES", 300)
    before, after = {"start": (0, 3000), "middle": (3000, 3000), "end": (3000, 0)}[place]
    text = b"- " * before + key() + b" -" * after
    for size in (len(text), 1):
        result = patterns.engine(patterns.rule(KEY), patterns.rule(" (-)", "many")).scan(
            [File(path="f", size=size), File(path="g", size=40)], lambda file: text if file.path == "f" else key()
        )
        assert [found.path for found in result.found if found.rule.title == "rule"] == ["f", "g"]
        many = [found.token[0] for found in result.found if found.path == "f" and found.rule.title == "many"]
        assert len(many) == len(set(many)) == text.count(b" -")
        assert result.flooded == []


def test_many_long_matches_around_short_tokens_are_given_up_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_MOST_READ", 100_000)
    engine = patterns.engine(patterns.rule(r"start:([a-z])[^;]*", "open"), patterns.rule(KEY, "key"))
    texts = {"f": b"start:a " * 2000 + key(), "g": b"start:a " * 20}
    result = patterns.scan(engine, texts)
    assert [(entry.path, entry.rule and entry.rule.title) for entry in result.flooded] == [("f", "open")]
    assert 1 <= sum(found.path == "f" and found.rule.title == "open" for found in result.found) < 100
    assert sum(found.path == "g" for found in result.found) == 20
    assert any(found.rule.title == "key" for found in result.found)


@pytest.mark.parametrize("unit", [b"a", b"password=", b'"', b"password = 'x1' ", b"\n", b"eyJ", b"A1"])
def test_what_is_read_again_does_not_grow_with_the_square(unit: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [
        patterns.rule(r"(?i)password\s*=\s*[\"']?([^\s\"']+)", "password"), patterns.rule(r"(eyJ[A-Za-z0-9]{8,})", "jwt"),
        patterns.rule(r"[\"']([^\"'\n]*)[\"']", "quoted"), patterns.rule(r"\b([a-zA-Z0-9]{32})\b", "token"),
    ]  # fmt: skip
    engine = patterns.engine(*rules)
    read = [0]

    def counted(pattern: object) -> object:
        search = pattern.search  # type: ignore[attr-defined]

        class Counting:
            groups, groupindex = pattern.groups, pattern.groupindex  # type: ignore[attr-defined]

            @staticmethod
            def search(text: bytes, start: int, end: int) -> object:
                found = search(text, start, end)
                read[0] += (found.end() if found else end) - start
                return found

        return Counting()

    real = scanning.compile_pattern
    monkeypatch.setattr(scanning, "compile_pattern", lambda regex: counted(real(regex)))
    text = unit * (60_000 // len(unit))
    patterns.scan(engine, {"f": text})
    assert read[0] <= 8 * len(rules) * len(text)


_NAMES = st.sampled_from(["a.py", "b.rs", "bin/c", "d.txt", "e.lock", "x/e.lock", "f.sh"])
_PIECES = st.lists(
    st.sampled_from(
        [b"abc", b"key", b"=", b"1", b"\n", b" ", b"\0", b"\xff\xfe", b"#!/bin/sh\n", b"\xef\xbb\xbf", b"ab" * 30]
    ),
    max_size=12,
).map(b"".join)
_RULES = (
    patterns.rule("abc", "all"),
    patterns.rule(r"(?m)^key=(\d?)", "line"),
    patterns.rule(r"\bab+c?\b", "shell", languages=("shell",)),
    patterns.rule("c.?k", "both", languages=("python", "rust"), exclude=(r"^[0-9]+/b",)),
    patterns.rule(r"abc\z", "lock", include=(r"^(?:.+/)?[^/]+\.lock$",)),
)


@settings(max_examples=60, deadline=None)
@given(
    contents=st.lists(st.tuples(_NAMES, _PIECES), max_size=25),
    order=st.randoms(),
    sizes=st.sampled_from([(1, 1), (64, 3), (1 << 20, 256)]),
)
def test_nothing_depends_on_order_threads_or_batches_and_no_file_is_lost(
    contents: list[tuple[str, bytes]], order: random.Random, sizes: tuple[int, int]
) -> None:
    texts = {f"{number}/{name}": data for number, (name, data) in enumerate(contents)} | {"gone": b""}
    engine = patterns.engine(*_RULES)

    def read(file: File) -> bytes:
        if file.path == "gone":
            raise OSError(5, "I/O error")
        return texts[file.path]

    files = [File(path=path, size=len(texts[path])) for path in texts]
    first = engine.scan(sorted(files, key=lambda file: file.path), read)
    order.shuffle(files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "_BATCH_BYTES", sizes[0])
        patch.setattr(scanning, "_BATCH_FILES", sizes[1])
        assert engine.scan(files, read, jobs=3) == first
    assert first.files + len(first.unreadable) == len(texts)
    assert first.binary == sorted(path for path in texts if path != "gone" and readable(texts[path]) is None)
    # And each rule finds what RE2 alone finds, in the files that it says it looks at.
    expected = []
    for path, data in texts.items():
        text = readable(data) or b""
        for made in _RULES:
            if not made.languages or language_of(path, text) in made.languages:
                if (made.include and not path.endswith(".lock")) or (made.exclude and "/b" in path):
                    continue
                expected += [(path, made.title, match) for match, _ in patterns.alone(made, text)]
    assert sorted((found.path, found.rule.title, found.match) for found in first.found) == sorted(expected)


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300), place=st.integers(0, 300))
def test_any_bytes_around_it_hide_nothing(data: bytes, place: int) -> None:
    # No NUL, since that makes a file binary, and no word character beside it, since that makes it part of another word.
    data = data.replace(b"\0", b"-")
    text = b"--" + data[:place] + b"-" + key() + b"-" + data[place:]
    assert key() in tokens(text)
    assert all(isinstance(found.outcome, Confirmed) for found in patterns.engine(patterns.rule(KEY)).examine("f", text))

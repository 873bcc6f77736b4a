"""gitleaks' rule files: what they say is kept, what cannot be is told, and what is wrong has its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from command_line import magray_sec, surroundings
from magray_sec.errors import SettingsError
from magray_sec.regex.confirm import Confirmed
from magray_sec.regex.examples import fill
from magray_sec.regex.gitleaks import convert
from magray_sec.regex.pack import Pack, load_packs
from magray_sec.regex.trial import example_path, why

CONFIG = r"""
title = "ours"

[[rules]]
id = "Acme_Token"
description = "An Acme token."
regex = '''(?i)\bacme[_-](test|live)[_-]([a-z0-9]{24})\b'''
secretGroup = 2
entropy = 3
keywords = ["Acme"]
tags = ["acme", "token"]
    [[rules.allowlists]]
    description = "theirs"
    regexTarget = "line"
    regexes = ['''not real''']
    [[rules.allowlists]]
    condition = "AND"
    paths = ['''^tests/''']
    stopwords = ["QQQ"]

[[rules]]
id = "far"
regex = '''\b[a-f0-9]{40}\b'''
keywords = ["sourceforest"]

[[rules]]
id = "only-in-env"
path = '''\.env$'''
regex = '''beta_[a-z0-9]{24}'''

[allowlist]
paths = ['''^vendor/''']
regexTarget = "match"
regexes = ['''-live-0''']
"""


def put(folder: Path, text: str, name: str = ".gitleaks.toml") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def pack_of(folder: Path, text: str) -> Pack:
    (pack,) = load_packs([put(folder, text)], None).packs
    return pack


def outcomes(folder: Path, text: str, path: str, template: str) -> list[tuple[str, str]]:
    """What becomes of each match in a file of one line: the rule, and the reason where it is no finding."""
    loaded = load_packs([put(folder, text)], None)
    data = fill(template, "seed").encode()
    said = []
    for number in range(1, data.count(b"\n") + 2):
        for judged in why(loaded, path, data, number):
            reason = "" if isinstance(judged.outcome, Confirmed) else judged.outcome.reason.name
            said.append((judged.rule.canonical, reason))
    return said


def test_a_rule_says_the_same_as_there(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, CONFIG)
    rule = pack.rules[0]
    assert [entry.canonical for entry in pack.rules] == [
        "secrets/gitleaks-acme-token",
        "secrets/gitleaks-far",
        "secrets/gitleaks-only-in-env",
    ]
    assert (rule.far_keywords, rule.entropy, rule.placeholders, rule.is_generic) == (("acme",), 3.0, False, False)
    assert rule.description == "An Acme token. Tags: acme, token."
    assert "(?P<secret>[a-z0-9]{24})" in rule.pattern
    assert (rule.line, rule.pattern_position[0]) == (4, 7)
    assert pack.notes == ()


@pytest.mark.parametrize(
    ("path", "template", "expected"),
    [
        ("a.txt", "acme_live_{{lowernum:24}}", [("acme-token", "")]),
        ("a.txt", "ACME_LIVE_{{uppernum:24}}", [("acme-token", "")]),
        ("a.txt", "acme_live_{{repeat:ab:12}}", [("acme-token", "LOW_ENTROPY")]),
        ("a.txt", "acme_live_{{lowernum:24}} # not real", [("acme-token", "EXEMPT")]),
        ("a.txt", "# not real\nacme_live_{{lowernum:24}}", [("acme-token", "")]),
        ("a.txt", "acme_live_qqq{{lowernum:21}}", [("acme-token", "")]),
        ("tests/a.txt", "acme_live_qqq{{lowernum:21}}", [("acme-token", "EXEMPT")]),
        ("tests/a.txt", "acme_live_{{lowernum:24}}", [("acme-token", "")]),
        ("vendor/a.txt", "acme_live_{{lowernum:24}}", [("acme-token", "EXEMPT")]),
        ("a.txt", "acme-live-0{{lowernum:23}}", [("acme-token", "EXEMPT")]),
        ("a.txt", "{{hex:40}}", [("far", "NO_KEYWORD")]),
        ("a.txt", "of SourceForest:\n\n\n{{hex:40}}", [("far", "")]),
        ("a.txt", "beta_{{lowernum:24}}", [("only-in-env", "OTHER_FILE")]),
        ("x/.env", "beta_{{lowernum:24}}", [("only-in-env", "")]),
    ],
)  # fmt: skip
def test_what_is_found(tmp_path: Path, path: str, template: str, expected: list[tuple[str, str]]) -> None:
    found = outcomes(tmp_path, CONFIG, path, template)
    assert found == [(f"secrets/gitleaks-{name}", reason) for name, reason in expected]


@pytest.mark.parametrize(
    ("more", "line", "says"),
    [
        ('path = "p12$"', 6, "has no regex and reports files by their path alone"),
        ('regex = "x{9}"\nskipReport = true', 7, "skipReport"),
        ('regex = "x{9}"\n[[rules.required]]\nid = "first"', 7, "`required` is not kept"),
        ('regex = "x{9}"\n[[rules.allowlists]]\ncommits = ["abc"]', 8, "commits are not kept"),
        ('regex = "x{9}"\n[[rules.allowlists]]\ncommits = ["abc"]\npaths = ["a"]', 8, "the rest of the allowlist is kept"),
        ('regex = "x{9}"\n[[rules.allowlists]]\ncondition = "AND"\ncommits = ["a"]\npaths = ["a"]', 9, "is left out"),
        (r"regex = '''\p{Greek}{9}'''", 6, "Unicode class has no meaning on bytes"),
        ("regex = '''x*'''", 6, "can match the empty string"),
        ('regex = "x{9}"\nkeyword = ["a"]', 7, "unknown key 'keyword', which gitleaks passes over; did you mean 'keywords'?"),
        ('regex = "x{9}"\nentropy = 9', 7, "left out"),
        ('regex = "x{9}"\n[extend]\nuseDefault = true', 8, "no part of magray-sec"),
        ('regex = "x{9}"\n[extend]\nuseDefault = true\ndisabledRules = ["aws"]', 9, "(aws): none of magray-sec's is switched off"),
        ('regex = "x{9}"\n[extend]\nurl = "https://acme.test"', 8, "extend.url is not followed"),
        ('regex = "x{9}"\n[extend]\nuseDefault = true\n[[rules]]\nid = "aws"\nentropy = 2', 9, "changes a rule of gitleaks' defaults"),
        ('regex = "x{9}"\n[extend]\nuseDefault = true\n[allowlist]\npaths = ["a"]', 9, "for the rules of this file alone"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_told(tmp_path: Path, more: str, line: int | None, says: str) -> None:
    head = '[[rules]]\nid = "first"\nregex = "y{9}"\n[[rules]]\nid = "second"\n'
    pack = pack_of(tmp_path, head + more)
    assert all(note.startswith(f"{tmp_path}/.gitleaks.toml:") for note in pack.notes)
    (told,) = (note for note in pack.notes if says in note)
    assert told.split(":")[1] == str(line)


@pytest.mark.parametrize(
    ("text", "place", "says", "hint"),
    [
        ("[[rules]\nid = 1", "1:", "not TOML", ""),
        ("[[rules]]\nid = 1", "2:1", "id: expected text", ""),
        ("[[rules]]\nid = 'a'\nregex = ['a']", "3:1", "regex: expected text", ""),
        ("[[rules]]\nid = 'a'\nregex = 'a'\nkeywords = 'a'", "4:1", "keywords: expected a list of texts", ""),
        ("[[rules]]\nid = 'a'\nregex = 'a'\nsecretGroup = -1", "4:1", "secretGroup: expected a whole number", ""),
        ("[[rules]]\nid = 'a'\nregex = 'a'\nsecretgroup = 1", "4:1", "secretGroup is 1, and the regex has 0 groups", "count"),
        ("[[rules]]\nid = 'a'\nregex = 'a'\nentropy = 'x'", "4:1", "entropy: expected a number", ""),
        ("[[rules]]\nregex = 'a'", "1:1", "a rule without an id", "add id"),
        ("[[rules]]\nid = 'é'\nregex = 'a'", "2:1", "no letter or digit", "rename"),
        ("[[rules]]\nid = 'a'", "1:1", "neither regex nor path", "regex"),
        ("[[rules]]\nid = 'a'\nregex = 'a'\n[[rules]]\nid = 'a'\nregex = 'b'", "5:1", "is that of the rule on line 1", "own"),
        ("[[rules]]\nid = 'a'\nregex = 'a'\n[[rules]]\nid = 'A'\nregex = 'b'", "5:1", "are one here", "case"),
        ("[[rules]]\nid = 'a'\nregex = '(?=a)'", "3:1", "regex refused: RE2", "look-around"),
        ("[[rules]]\nid = 'a'\nregex = 'a'\npath = '('", "4:1", "path refused: RE2", ""),
        ("[[rules]]\nid = 'a'\nregex = 'a'\n[[rules.allowlists]]\ndescription = 'x'", "4:1", "an allowlist without", "add"),
        ("[[rules]]\nid = 'a'\nregex = 'a'\n[[rules.allowlists]]\nregexes = ['(']", "5:1", "refused: RE2", ""),
        ("[[rules]]\nid = 'a'\nregex = 'a'\n[rules.allowlist]\npaths = ['a']\ncondition = 'XOR'", "6:1", "condition 'XOR'", "OR"),
        ("[[rules]]\nid = 'a'\nregex = 'a'\n[rules.allowlist]\nregexes = ['a']\nregexTarget = 'lines'", "6:1", "regexTarget", "'line'"),
        ("[allowlist]\npaths = ['a']\n[[allowlists]]\npaths = ['a']\n[[rules]]\nid = 'a'\nregex = 'a'", "1:", "beside", ""),
        ("[[allowlists]]\ntargetRules = ['aa']\npaths = ['a']\n[[rules]]\nid = 'aaa'\nregex = 'a'", "2:1", "no rule of the file", "did you mean 'aaa'?"),
        ("[extend]\npath = 'a'\nuseDefault = true\n[[rules]]\nid = 'a'\nregex = 'a'", "2:1", "cannot both be set", "remove"),
        ("[extend]\npath = '/etc/passwd'\n[[rules]]\nid = 'a'\nregex = 'a'", "2:1", "leads out of the folder", ""),
        ("[extend]\npath = 'none.toml'\n[[rules]]\nid = 'a'\nregex = 'a'", "2:1", "there is no file 'none.toml'", ""),
        ("title = 'nothing'", "1:1", "no rule of the file can be used", "[[rules]]"),
        ("", "1:1", "no rule of the file can be used", "[[rules]]"),
        ("rules = 3", "1:1", "rules: expected a list of tables", ""),
        ("a." * 40 + "b = 1", "1:1", "more than 33 parts", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_has_its_place(tmp_path: Path, text: str, place: str, says: str, hint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        pack_of(tmp_path, text)
    assert str(refused.value).startswith(f"{tmp_path}/.gitleaks.toml:{place}"), refused.value
    assert says in str(refused.value)
    assert hint in refused.value.hint


def test_an_extended_file_is_the_base(tmp_path: Path) -> None:
    put(tmp_path, CONFIG, "base.toml")
    own = """
[extend]
path = "base.toml"
disabledRules = ["far", "no-such"]
[[rules]]
id = "Acme_Token"
entropy = 2.5
keywords = ["other"]
[[rules]]
id = "new"
regex = "gamma_[a-z]{20}"
"""
    pack = pack_of(tmp_path, own)
    by_id = {rule.canonical.removeprefix("secrets/gitleaks-"): rule for rule in pack.rules}
    assert set(by_id) == {"acme-token", "only-in-env", "new"}
    acme = by_id["acme-token"]
    assert (acme.entropy, acme.far_keywords) == (2.5, ("acme", "other"))
    assert "acme" in acme.pattern
    assert len(acme.exemptions) == 3
    assert [note.split(": ", 1)[1] for note in pack.notes] == ["extend.disabledRules: no rule is called 'no-such'"]


def test_a_file_that_extends_itself_ends(tmp_path: Path) -> None:
    text = "[extend]\npath = '.gitleaks.toml'\n[[rules]]\nid = 'a'\nregex = 'aaa'"
    pack = pack_of(tmp_path, text)
    assert [rule.canonical for rule in pack.rules] == ["secrets/gitleaks-a"]
    assert "followed 2 times" in pack.notes[0]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    put(tmp_path, CONFIG, "base.toml")
    os.symlink(tmp_path / "base.toml", tmp_path / "in" / "link.toml")
    with pytest.raises(SettingsError, match="leads out of the folder"):
        pack_of(tmp_path / "in", "[extend]\npath = 'link.toml'\n[[rules]]\nid = 'a'\nregex = 'aaa'")


def test_the_cache_knows_a_changed_file(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    path = put(tmp_path, CONFIG)
    first = load_packs([path], cache)
    assert load_packs([path], cache) == first
    put(tmp_path, CONFIG.replace("entropy = 3", "entropy = 4"))
    assert load_packs([path], cache).rules[0].entropy == 4.0


def test_import_writes_the_same_rules_with_examples_that_hold(tmp_path: Path) -> None:
    path = put(tmp_path, CONFIG + "\n[[rules]]\nid = 'files'\npath = 'p12$'\n")
    environment = surroundings(tmp_path)
    made = magray_sec("rules", "import", path, environment=environment)
    assert (made.code, made.err.count("\n")) == (0, 1), made.err
    assert "rule 'files' is left out" in made.err
    pack = tmp_path / "pack.yaml"
    pack.write_text(made.out)
    tried = magray_sec("rules", "test", pack, environment=environment)
    assert (tried.code, tried.out) == (0, "3 rules, 6 examples: every example is as it says\n")
    ignored = {"line", "column", "pattern_position", "match_examples", "no_match_examples"}
    for ours, theirs in zip(load_packs([str(pack)], None).rules, load_packs([path], None).rules, strict=True):
        for name in ours.__slots__:
            assert name in ignored or getattr(ours, name) == getattr(theirs, name), name
        assert example_path(ours) == example_path(theirs)


_VALUES = st.recursive(
    st.one_of(st.text(max_size=8), st.integers(-3, 99), st.booleans(), st.floats(allow_nan=False), st.just("(a+)b{3}")),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
_KEYS = st.sampled_from(
    ["id", "regex", "path", "keywords", "entropy", "secretGroup", "allowlist", "allowlists", "tags", "extend", "paths",
     "regexes", "stopwords", "commits", "condition", "regexTarget", "targetRules", "useDefault", "required", "x"]
)  # fmt: skip


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value if not 0xD800 <= ord(letter) < 0xE000) + '"'
    return "[" + ", ".join(map(_toml, value)) + "]" if isinstance(value, list) else repr(value)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    lines=st.lists(
        st.one_of(
            st.sampled_from(
                ["[[rules]]", "[extend]", "[[rules.allowlists]]", "[allowlist]", "[[allowlists]]", "id = 'a'"]
            ),
            st.tuples(_KEYS, _VALUES).map(lambda pair: f"{pair[0]} = {_toml(pair[1])}"),
        ),
        max_size=12,
    )
)
def test_whatever_stands_in_it_is_a_pack_or_an_error_with_a_place(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = put(tmp_path_factory.mktemp("fuzz"), "\n".join(lines))
    try:
        document, notes = convert(path)
    except SettingsError as error:
        said = [str(error)]
    else:
        assert document.data["rules"]
        said = list(notes)
    assert all(entry.startswith(f"{path}:") for entry in said)

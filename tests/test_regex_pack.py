"""A pack that is right is loaded; one that is wrong is refused with the place and, where there is one, a suggestion."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from magray_sec import datafiles
from magray_sec.errors import SettingsError
from magray_sec.languages import LANGUAGES
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.regex import pack
from magray_sec.regex.checks import CHECKS
from magray_sec.regex.pack import RuleSet, load_packs
from magray_sec.regex.trial import example_path, try_examples, why
from magray_sec.regex.trial import test_packs as failures_of

GOOD = """\
version: 1
pack: mine
languages: [rust]
rules:
  - id: acme-token
    domain: secrets
    title: Acme token
    description: It opens the door.
    help: |
      Revoke it.
    severity: critical
    confidence: high
    cwe: [CWE-798, CWE-259]
    references: [https://acme.test/tokens]
    pattern: '\\b(acme_[a-z0-9]{24})\\b'
    preview: acme_
    entropy: 3
    aliases: [acme]
    examples:
      match: ['key = "acme_{{lowernum:24}}"']
      no_match: ['acme_{{repeat:x:24}}', 'acme_{{lowernum:23}}']
  - id: no-transmute
    domain: code
    title: transmute
    description: A transmute.
    help: Cast.
    severity: medium
    confidence: medium
    pattern: 'mem::transmute'
    examples: {match: ['unsafe { mem::transmute(x) }'], no_match: ['// transmuted']}
"""


def load(tmp_path: Path, text: str, name: str = "p.yaml") -> RuleSet:
    path = tmp_path / name
    path.write_text(text)
    return load_packs([str(path)], None)


def refused(tmp_path: Path, text: str) -> SettingsError:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, text)
    return error.value


def test_a_pack_and_its_rules(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD)
    (pack,) = loaded.packs
    secret, code = loaded.rules
    assert (pack.name, pack.languages, pack.file) == ("mine", ("rust",), str(tmp_path / "p.yaml"))
    assert (secret.canonical, secret.domain, secret.aliases) == (
        "secrets/acme-token",
        Domain.SECRETS,
        ("secrets/acme",),
    )
    assert (secret.severity, secret.confidence) == (Severity.CRITICAL, Confidence.HIGH)
    assert (secret.line, secret.column, secret.pattern_position) == (5, 5, (15, 14))
    assert (secret.languages, code.languages) == ((), ("rust",))
    assert (secret.placeholders, code.placeholders) == (True, False)
    rule = secret.rule
    assert (rule.id, rule.title, rule.help) == ("secrets/acme-token", "Acme token", "Revoke it.")
    assert rule.cwe == ("CWE-259", "CWE-798")
    assert loaded.find("secrets/acme") is loaded.find("acme-token") is secret
    assert loaded.find("nosuch") is None
    assert pack.covers(Domain.SECRETS)
    assert pack.covers(Domain.CODE, "rust")
    assert not pack.covers(Domain.CODE, "shell")
    assert failures_of(loaded) == ()


@pytest.mark.parametrize(
    ("old", "new", "place", "says", "hint"),
    [
        ("    entropy: 3", "    entropie: 3", "17:5", "unknown key 'entropie'", "did you mean 'entropy'"),
        ("severity: critical", "severity: crtical", "11:15", "'crtical'", "did you mean 'critical'"),
        ("confidence: high", "confidence: verified", "12:17", "'verified'", ""),
        ("    entropy: 3", "    entropy: high", "17:14", "entropy: expected a number", ""),
        ("domain: code", "domain: unsafe", "23:13", "'unsafe'", ""),
        ("    preview: acme_", "    preview: [a]", "16:14", "expected text", ""),
        ("    title: Acme token\n", "", "5:5", "missing key 'title'", ""),
        ("version: 1", "version: 2", "1:10", "2", ""),
        ("cwe: [CWE-798, CWE-259]", "cwe: 798", "13:10", "expected a CWE id, such as CWE-798", ""),
        ("https://acme.test", "http://acme.test", "14:18", "https", ""),
        ("languages: [rust]", "languages: [rusty]", "3:13", "'rusty'", "did you mean 'rust'"),
        ("id: acme-token", "id: Acme Token", "5:9", "lower case", ""),
        ("id: no-transmute", "id: acme-token", None, None, None),
        ("aliases: [acme]", "aliases: [acme-token]", "5:9", "the id secrets/acme-token is that of the rule on line 5", ""),
        ("{24})\\b'", "{24}'", "15:14", "RE2: missing )", ""),
        ("'\\b(acme_", "'(?=acme_)(acme_", "15:14", "RE2: invalid perl operator", "look-around"),
        ("'\\b(acme_[a-z0-9]{24})\\b'", "'(acme_)?'", "15:14", "it can match the empty string", "character 1"),
        ("'mem::transmute'", "'mem[а]'", "29:14", "beyond ASCII", "character 5"),
        ("acme_{{lowernum:24}}", "acme_{{lowernumb:24}}", "20:15", "unknown template {{lowernumb:24}}", ""),
        ("      no_match: ['acme_{{repeat:x:24}}', 'acme_{{lowernum:23}}']\n", "", "20:7", "missing key 'no_match'", ""),
        ("match: ['unsafe { mem::transmute(x) }']", "match: []", "30:23", "expected a list of texts, found nothing", ""),
        ("    examples: {match: ['unsafe { mem::transmute(x) }'], no_match: ['// transmuted']}\n", "", "22:5", "missing key 'examples'", ""),
        ("    pattern: 'mem::transmute'", "    pattern: 'mem::transmute'\n    entropy: 3", "30:5", "entropy is for secrets", "remove"),
        ("preview: acme_", "checksum: crc", "16:15", "'crc'", ""),
        ("preview: acme_", "paths: {include: ['!a']}", "16:23", "glob", "exclude"),
        ("pack: mine", "pack: mine\npack: yours", "3:1", "twice", ""),
    ],
)  # fmt: skip
def test_each_mistake_has_its_place(
    tmp_path: Path, old: str, new: str, place: str | None, says: str | None, hint: str | None
) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if place is None:
        # In another domain the same id is another rule.
        assert [rule.canonical for rule in load(tmp_path, text).rules] == ["secrets/acme-token", "code/acme-token"]
        return
    error = refused(tmp_path, text)
    assert str(error).startswith(f"{tmp_path}/p.yaml:{place}: "), error
    assert says in str(error)
    assert hint in error.hint


def test_several_mistakes_are_said_at_once(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD.replace("{24})\\b'", "{24}'").replace("'mem::transmute'", "'(?=x)'"))
    assert [str(entry).split(":")[1] for entry in (error, *error.more)] == ["15", "29"]


def test_an_id_of_two_packs_is_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(SettingsError, match=r"b\.yaml:5:5: the id secrets/acme-token is that of .*a\.yaml:5"):
        load_packs([str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")], None)


def test_a_pack_without_code_claims_no_language(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD[: GOOD.index("  - id: no-transmute")])
    assert str(error).startswith(f"{tmp_path}/p.yaml:3:1: languages: no rule of this pack is of the domain code")


def test_a_wheel_carries_packs_that_need_no_validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = datafiles.files("rules")[0]
    name, content = pack.packed(path)
    (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(datafiles, "packed", lambda name: str(tmp_path / name))
    read_anew = load_packs([path], None)
    monkeypatch.setattr(pack, "_read_pack", None)
    assert load_packs([path], None) == read_anew
    monkeypatch.undo()
    monkeypatch.setattr(datafiles, "packed", lambda name: str(tmp_path / name))
    (tmp_path / name).write_bytes(b"damaged")
    assert load_packs([path], None) == read_anew


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_packs([str(tmp_path / "none.yaml")], None)


def test_examples_that_do_not_hold_are_told_with_the_reason(tmp_path: Path) -> None:
    text = GOOD.replace("match: ['key", "match: ['acme_{{lowernum:9}}', 'acme_{{repeat:ab:12}}', 'key")
    text = text.replace("no_match: ['// transmuted']", "no_match: ['mem::transmute']")
    failures = [str(failure) for failure in failures_of(load(tmp_path, text))]
    assert [failure.split(": ", 2)[1:] for failure in failures] == [
        ["secrets/acme-token", "examples.match[0] is not matched by the pattern: acme_{{lowernum:9}}"],
        [
            "secrets/acme-token",
            "examples.match[1] is rejected, because it repeats a few characters: acme_{{repeat:ab:12}}",
        ],
        ["code/no-transmute", "examples.no_match[0] is found: mem::transmute"],
    ]
    assert failures[0].startswith(f"{tmp_path}/p.yaml:5: ")


def test_examples_stand_in_a_file_that_the_rule_looks_at(tmp_path: Path) -> None:
    text = GOOD.replace("    preview: acme_", "    paths: {include: ['**/*.{{name}}']}".replace("{{name}}", "lock"))
    secret, code = load(tmp_path, text).rules
    assert (example_path(secret), example_path(code)) == ("main.lock", "main.rs")
    assert failures_of(load(tmp_path, text)) == ()


def test_globs_are_gitignores(tmp_path: Path) -> None:
    text = GOOD.replace("    preview: acme_", "    paths: {include: ['*.conf', '/deploy/'], exclude: ['**/test/**']}")
    loaded = load(tmp_path, text)
    token = b'"acme_' + b"1a2s3d4f5g6h7j8k9l0q1w2e" + b'"'

    def looks_at(path: str) -> bool:
        (judged,) = why(loaded, path, token, 1)
        return type(judged.outcome).__name__ == "Confirmed"

    paths = ["a.conf", "x/y.conf", "deploy/a/b", "x/deploy/a", "test/a.conf", "x/test/y/a.conf", "a.confx"]
    assert [path for path in paths if looks_at(path)] == ["a.conf", "x/y.conf", "deploy/a/b"]


def test_why_a_line_is_or_is_not_reported(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD)
    data = b"one\nacme_" + b"ab" * 12 + b"\nmem::transmute\n"
    assert why(loaded, "a.rs", data, 1) == ()
    (rejected,) = why(loaded, "a.rs", data, 2)
    assert rejected.outcome.reason.value == "it repeats a few characters"  # type: ignore[union-attr]
    assert [judged.rule.canonical for judged in why(loaded, "a.rs", data, 3)] == ["code/no-transmute"]


def test_the_schema_knows_every_check_and_language() -> None:
    with open(datafiles.schema("pack"), encoding="utf-8") as stream:
        definitions = json.load(stream)["$defs"]
    assert sorted(definitions["check"]["enum"]) == sorted(CHECKS)
    assert definitions["language"]["enum"] == sorted(LANGUAGES)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def shipped(cache: str) -> RuleSet:
    return load_packs(datafiles.files("rules"), cache)


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_shipped_rules_hold_their_examples(shipped: RuleSet, cache: str, seed: str) -> None:
    assert [str(failure) for failure in try_examples(shipped, seed=seed, cache=cache)] == []


def test_the_shipped_rules_look_for_something_that_hyperscan_is_fast_and_right_at(shipped: RuleSet) -> None:
    # A repeat without limit of almost any byte is slow, and Vectorscan 5.4.12 gets some of them wrong.
    endless = re.compile(r"\[\\x00[^]]*\]\{\d+,\}")
    assert [rule.canonical for rule in shipped.rules if endless.search(rule.expression)] == []

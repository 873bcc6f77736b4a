"""Policies: their language, their files, their cache, and `policy check`."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from datetime import date

import jsonschema
import pytest

from judging import policy
from magray_sec import datafiles
from magray_sec.errors import SettingsError
from magray_sec.model.scale import Domain, State, Verdict
from magray_sec.policy.check import check_policy
from magray_sec.policy.load import load_policy, parse_policy, shipped
from magray_sec.policy.types import Match

FULL = """\
version: 1
description: everything there is
require: [dependencies, secrets]
require_scanners: [cargo-audit]
rules:
  - id: everything
    description: every key
    match:
      identity: "v1:00000000000000000000000000000001"
      domain: [dependencies, supply-chain]
      rule: [RUSTSEC-2023-0071, secrets/github-pat]
      tool: cargo-audit
      severity: [">=high", unknown]
      score: [">=4.0,<7.0", 9.8]
      confidence: ">=medium"
      verified: false
      path: ["tests/**", "*.lock"]
      lockfile: Cargo.lock
      package: [rsa, "pkg:cargo/idna"]
      version: ">=0.9, <0.10"
      license: [mit, unknown]
      license_not: Apache-2.0 WITH LLVM-exception
      cwe: [CWE-798, 89]
      fix: available
      state: [new, uncompared]
      branch: "release/*"
      kind: vulnerability
      dependency_kind: [normal, unknown]
    max: 3
    verdict: review
  - {id: rest, match: {}, verdict: pass}
default: review
gaps: {item: review, file: incomplete}
database: {max_age_days: 14}
accept:
  - {path: docs/**, scanner: zizmor, reason: "it is\\nold", owner: "@docs", expires: 2027-01-31}
waivers:
  - {match: {rule: RUSTSEC-2023-0071, package: rsa}, reason: none, owner: me, expires: "2026-12-31"}
"""


def refused(text: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        parse_policy(text, file="p.yaml")
    return caught.value


def test_every_key_is_read() -> None:
    made = parse_policy(FULL, file="p.yaml")
    assert made.require == (Domain.DEPENDENCIES, Domain.SECRETS)
    assert made.require_scanners == ("cargo-audit",)
    assert (made.default, made.gaps.item, made.gaps.file) == (Verdict.REVIEW, "review", "incomplete")
    assert made.max_age_days == 14
    rule, rest = made.rules
    assert (rule.id, rule.max, rule.verdict, rule.line, rule.description) == (
        "everything",
        3,
        Verdict.REVIEW,
        6,
        "every key",
    )
    match = rule.match
    assert match.domain == (Domain.DEPENDENCIES, Domain.SUPPLY_CHAIN)
    assert match.severity == (">=high", "unknown")
    assert match.score == (">=4.0,<7.0", "9.8")
    assert match.verified is False
    assert [glob.pattern for glob in match.path] == ["tests/**", "*.lock"]
    assert match.license == ("MIT", "unknown")
    assert match.license_not == ("Apache-2.0 WITH LLVM-exception",)
    assert match.cwe == ("CWE-798", "CWE-89")
    assert match.fix is True
    assert match.state == (State.NEW, State.UNCOMPARED)
    assert not [field.name for field in dataclasses.fields(match) if getattr(match, field.name) in ((), None)]
    assert rest.match == Match()
    assert (rest.max, rest.verdict, rest.line) == (0, Verdict.PASS, 31)
    assert made.accept[0].expires == date(2027, 1, 31)
    assert made.accept[0].reason == "it is old"
    assert made.waivers[0].expires == date(2026, 12, 31)
    assert (made.require_line, made.default_line, made.accept[0].line, made.waivers[0].line) == (3, 32, 36, 38)


def test_the_defaults() -> None:
    made = parse_policy("version: 1\nrequire: []\nrules: []\n", file="p.yaml")
    assert (made.default, made.gaps.item, made.gaps.file) == (Verdict.PASS, "incomplete", "review")
    assert made.max_age_days is None


MARK = "§"
HEAD = "version: 1\nrequire: []\n"
ONE = HEAD + "rules:\n  - {id: a, verdict: pass, match: {%s}}\n"
WAIVER = HEAD + "rules: []\nwaivers:\n  - {%s}\n"
ACCEPT = HEAD + "rules: []\naccept:\n  - {%s}\n"
WHY = "reason: r, owner: o, expires: 2026-01-01"


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        (ONE % "§sevrity: low", "unknown key 'sevrity' in rules[0].match", "'severity'"),
        (ONE % "severity: §hihg", "rules[0].match.severity: 'hihg' is not allowed", "did you mean 'high'?"),
        (ONE % 'severity: §">= hihg"', "'>= hihg' is not allowed", "did you mean '>=high'?"),
        (ONE % "severity: §>=high", "text that starts with '>' needs quotes", "quotes"),
        (ONE % 'severity: §">critical"', "not allowed", "did you mean"),
        (ONE % "severity: §[]", "expected", "at least one"),
        (ONE % "severity: §{a: b}", "found a mapping", ""),
        (ONE % "domain: §dependency", "'dependency' is not allowed", "'dependencies'"),
        (ONE % "domain: [secrets, §licences]", "rules[0].match.domain[1]: 'licences' is not allowed", "'licenses'"),
        (ONE % "domain: secrets, §domain: code", "the key 'domain' is given twice in rules[0].match", "line 4"),
        (ONE % "confidence: §'>=hi'", "'>=hi' is not allowed", "'>=high'"),
        (ONE % "score: §'>=11'", "expected a score from 0 to 10", ""),
        (ONE % "score: §11", "11 is more than 10", ""),
        (ONE % "score: [§'<7,', 3]", "expected a score", ""),
        (ONE % "verified: §yes", "expected true or false, found the text 'yes'", "true"),
        (ONE % "fix: §no", "'no' is not allowed", "'none'"),
        (ONE % "state: §old", "'old' is not allowed", "existing"),
        (ONE % "path: §'!src/**'", "without '!'", ""),
        (ONE % "path: [§'a\\']", "is not a path pattern", ".gitignore"),
        (ONE % "path: §'#x'", "'#x' is not a path pattern", ".gitignore"),
        (ONE % "lockfile: §/", "'/' is not a path pattern", ".gitignore"),
        (ONE % "§version: '1'", "'version' needs 'package' beside it", ""),
        (ONE % "package: x, version: §'^1'", "expected a version", ""),
        (ONE % "identity: §abc", "a finding's identity", ""),
        (ONE % "cwe: §79x", "a CWE such as CWE-798", ""),
        (ONE % "license: §Apache", "'Apache' is not a licence of the SPDX list", "Apache-1.0 or Apache-1.1 or Apache-2.0"),
        (ONE % "license: [MIT, §'MIT OR Zlib']", "not a licence of the SPDX list", ""),
        (ONE % "license_not: §MTI", "'MTI' is not a licence", "did you mean"),
        (ONE % "kind: §unmaintaned", "'unmaintaned' is no kind", "'unmaintained'"),
        (ONE % "dependency_kind: §prod", "'prod' is not allowed", "normal, build, dev"),
        (ONE % "§max: 1", "unknown key 'max' in rules[0].match", "'max' belongs in rules[]"),
        (HEAD + "rules:\n- §{id: a, match: {}}", "missing key 'verdict' in rules[0]", "add 'verdict'"),
        (HEAD + "rules:\n- §{id: a, verdict: pass}", "missing key 'match' in rules[0]", "add 'match'"),
        (HEAD + "rules:\n- {id: a, verdict: §warn, match: {}}", "'warn' is not allowed", "block, review, pass"),
        (HEAD + "rules:\n- {id: a, verdict: pass, match: {}, when: §x}", "rules[0].when: expected a mapping of branch, event and path", ""),
        (HEAD + "rules:\n- {id: a, verdict: pass, match: {}}\n- {id: §a, verdict: pass, match: {}}", "the id 'a' is given twice", "line 4"),
        (HEAD + "rules:\n- {id: §default, verdict: pass, match: {}}", "the id 'default' is taken", "another"),
        (HEAD + "rules:\n- {id: §'a b', verdict: pass, match: {}}", "expected an id of small letters", ""),
        (HEAD + 'rules:\n- {id: §"a\\n", verdict: pass, match: {}}', "expected an id of small letters", ""),
        (HEAD + "rules:\n- {id: §5, verdict: pass, match: {}}", "found the number 5", "quotes"),
        (HEAD + "rules:\n- {id: a, verdict: pass, match: {}, max: §many}", "rules[0].max: expected a whole number, 0 or more, found the text 'many'", ""),
        (HEAD + "rules: []\n§defalt: pass", "unknown key 'defalt'", "'default'"),
        (HEAD + "rules: []\ngaps: {item: §ignore}", "'ignore' is not allowed", "incomplete, review"),
        (HEAD + "rules: []\ngaps: {§items: review}", "unknown key 'items' in gaps", "'item'"),
        (HEAD + "rules: []\ndatabase: {§max_age: 3}", "unknown key 'max_age' in database", "'max_age_days'"),
        (HEAD + "rules: []\ndatabase: {max_age_days: §7d}", "expected a whole number", ""),
        ("§version: 1\nrules: []", "missing key 'require'", "a list of domains"),
        ("version: §'1'\nrequire: []\nrules: []", "expected 1, found", ""),
        ("version: 1\nrequire: §secrets\nrules: []", "require: expected a list of domains", "list"),
        ("version: 1\nrequire: §[secrets, secrets]\nrules: []", "'secrets' is given twice", ""),
        (WAIVER % f"match: §{{}}, {WHY}", "waivers[0].match: expected a mapping of identity, rule", "at least one"),
        (WAIVER % f"match: {{§severity: low}}, {WHY}", "unknown key 'severity' in waivers[0].match", "rules[].match"),
        ("version: 1\nrequire: []\nrules: []\nwaivers:\n  - §{match: {rule: x}, owner: o, expires: 2026-01-01}\n", "missing key 'reason' in waivers[0]", "why it may be lived with"),
        (WAIVER % "match: {rule: x}, reason: §' ', owner: o, expires: 2026-01-01", "waivers[0].reason: expected why it may be", ""),
        (WAIVER % "match: {rule: x}, reason: r, owner: §'', expires: 2026-01-01", "waivers[0].owner: expected who answers", ""),
        (WAIVER % "match: {rule: x}, reason: r, owner: §@sec, expires: 2026-01-01", "text that starts with '@' needs quotes", "quotes"),
        (WAIVER % "match: {rule: x}, reason: r, owner: o, expires: §never", "expected a date as YYYY-MM-DD, found 'never'", "2026-12-31"),
        (WAIVER % "match: {rule: x}, reason: r, owner: o, expires: §2026-13-01", "expected a date", "2026-12-31"),
        (WAIVER % "match: {rule: x}, reason: r, owner: o, expires: §31.12.2026", "expected a date", ""),
        ("version: 1\nrequire: []\nrules: []\nwaivers:\n  - §{match: {rule: x}, reason: r, owner: o, expire: 2026-01-01}\n", "missing key 'expires'", "'expire' is probably meant"),
        (WAIVER % f"match: {{path: §'!x'}}, {WHY}", "without '!'", ""),
        ("version: 1\nrequire: []\nrules: []\naccept:\n  - §{reason: r, owner: o, expires: 2026-01-01}\n", "accept[0] does not say which gap", "add 'path', 'item' or 'scanner'"),
        (ACCEPT % f"§paht: x, {WHY}", "unknown key 'paht' in accept[0]", "'path'"),
        ("version: 1\nrequire: []\nrules: []\naccept:\n  - §{scanner: x, reason: r, owner: o}\n", "missing key 'expires' in accept[0]", "a date"),
        (ACCEPT % f"path: §'#', {WHY}", "'#' is not a path pattern", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_policy(text: str, says: str, hint: str) -> None:
    """The place is where the mark stands in the text."""
    before, _, after = text.partition(MARK)
    error = refused(before + after)
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert str(error).startswith(f"p.yaml:{line}:{column}: ")
    assert says in str(error)
    assert hint in error.hint


def test_every_key_misspelt_at_its_place_is_named() -> None:
    """Each key of the full policy with a letter missing is an error on its own line."""
    lines = FULL.splitlines()
    checked = 0
    for number, line in enumerate(lines, 1):
        key = line.strip().removeprefix("- ").partition(":")[0]
        if not key.replace("_", "").isalpha() or len(key) < 3:
            continue
        wrong = key[:1] + key[2:]
        text = "\n".join([*lines[: number - 1], line.replace(f"{key}:", f"{wrong}:", 1), *lines[number:]])
        error = refused(text)
        found = [str(one) for one in (error, *error.more)]
        assert any(one.startswith(f"p.yaml:{number}:") and f"unknown key '{wrong}'" in one for one in found), (
            key,
            found,
        )
        checked += 1
    assert checked > 25


def test_faults_beyond_the_schema_come_in_order() -> None:
    error = refused(ONE % "kind: yankd, license: MTI, path: '#'")
    assert [str(one).split(": ")[1][:9] for one in (error, *error.more)] == ["'yankd' i", "'MTI' is ", "'#' is no"]


# --- files and names


def test_the_shipped_policies_load_and_are_sound() -> None:
    assert shipped() == ("advisory", "default", "magray", "strict")
    for name in shipped():
        made = load_policy(name, root=None, cache=None)
        assert made.name == name
        assert len(made.digest) == 64
        assert made.require == (Domain.DEPENDENCIES, Domain.SECRETS, Domain.CODE, Domain.LICENSES)
        assert check_policy(made, scanners=("cargo-audit", "regex-rules")) == ()


def test_an_unknown_name() -> None:
    with pytest.raises(SettingsError) as caught:
        load_policy("defualt", root=None, cache=None, place="magray-sec.yaml:3:9")
    assert str(caught.value) == "magray-sec.yaml:3:9: no policy is called 'defualt'"
    assert "did you mean 'default'?" in caught.value.hint
    assert "advisory, default, magray, strict" in caught.value.hint


def test_a_file_by_its_path(tmp_path, monkeypatch) -> None:
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci" / "mine.yaml").write_text(FULL)
    root = os.path.realpath(tmp_path)
    made = load_policy("ci/mine.yaml", root=root, cache=None)
    assert (made.name, made.file) == ("ci/mine.yaml", "ci/mine.yaml")
    monkeypatch.chdir(tmp_path / "ci")
    assert load_policy("mine.yaml", root=None, cache=None).digest == made.digest
    with pytest.raises(SettingsError, match=r"mine\.yaml:1:1: cannot be read"):
        load_policy("ci/mine.yaml", root=None, cache=None)


@pytest.mark.parametrize("reference", ["../outside.yaml", "/etc/passwd.yaml", "ci/../../outside.yaml", "link.yaml", "folder/outside.yaml"])  # fmt: skip
def test_the_target_may_not_name_a_policy_outside_itself(tmp_path, reference) -> None:
    (tmp_path / "outside.yaml").write_text(FULL)
    root = tmp_path / "root"
    (root / "ci").mkdir(parents=True)
    (root / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (root / "folder").symlink_to(tmp_path)
    with pytest.raises(SettingsError, match=r"lies outside the target|leads out of the target"):
        load_policy(reference, root=os.path.realpath(root), cache=None)


def test_a_policy_file_that_is_not_there(tmp_path) -> None:
    with pytest.raises(SettingsError, match=r"s.yaml:2:9: there is no policy file 'nosuch.yaml'"):
        load_policy("nosuch.yaml", root=os.path.realpath(tmp_path), cache=None, place="s.yaml:2:9")


# --- the cache


def test_a_policy_seen_before_needs_no_parser(tmp_path) -> None:
    cache = str(tmp_path / "cache")
    first = load_policy("default", root=None, cache=cache)
    (kept,) = (tmp_path / "cache" / "policies").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    code = (
        "import sys\nfrom magray_sec.policy.load import load_policy\n"
        f"made = load_policy('default', root=None, cache={cache!r})\n"
        "print(made.digest, len(made.rules), {'jsonschema', 'ruamel.yaml', 're2', 'pathspec'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == [first.digest, str(len(first.rules)), "set()"]
    assert load_policy("default", root=None, cache=cache) == first


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"{}", b"x\n{}", b"[" * 100_000])
def test_a_damaged_cache_is_made_again(tmp_path, damage) -> None:
    cache = str(tmp_path)
    first = load_policy("strict", root=None, cache=cache)
    (kept,) = (tmp_path / "policies").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(damage)
    assert load_policy("strict", root=None, cache=cache) == first
    assert kept.read_bytes() == whole


def test_a_changed_cache_is_not_believed(tmp_path) -> None:
    cache = str(tmp_path)
    first = load_policy("strict", root=None, cache=cache)
    (kept,) = (tmp_path / "policies").iterdir()
    kept.write_text(kept.read_text().replace('"block"', '"pass"'))
    assert load_policy("strict", root=None, cache=cache) == first


def test_a_cache_that_others_may_write_is_not_used(tmp_path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies").chmod(0o777)
    load_policy("strict", root=None, cache=str(tmp_path))
    assert not list((tmp_path / "policies").iterdir())


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    assert load_policy("strict", root=None, cache=str(tmp_path / "file")).rules


def test_two_files_with_one_text_keep_their_own_names(tmp_path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(FULL)
    root, cache = os.path.realpath(tmp_path), str(tmp_path / "cache")
    assert [load_policy(name, root=root, cache=cache).name for name in ("a.yaml", "b.yaml")] == ["a.yaml", "b.yaml"]


# --- policy check


def problems(rules: str, require: str = "[]", more: str = "", scanners=()) -> list[tuple[bool, int, str]]:
    found = check_policy(policy(rules, more, require), scanners=scanners)
    return [(problem.is_error, problem.line, problem.message) for problem in found]


def test_a_severity_that_can_only_fall_to_the_default_is_refused() -> None:
    found = problems("[{id: a, match: {domain: secrets, severity: '>=low'}, verdict: block}]", "[secrets]")
    assert found == [
        (True, 2, "secrets is required, but no rule is for severity info, unknown: such findings pass by default")
    ]


def test_a_required_domain_without_any_rule_is_refused() -> None:
    (found,) = problems("[{id: a, match: {domain: secrets}, verdict: block}]", "[secrets, code]")
    assert found[0]
    assert "code is required, but no rule is for severity critical, high, medium, low, info, unknown" in found[2]


def test_a_default_that_does_not_pass_leaves_nothing_open() -> None:
    assert problems("[]", "[secrets, code]", "default: review") == []


def test_findings_that_may_fall_to_the_default_are_warned_of() -> None:
    rules = "[{id: a, match: {domain: secrets, confidence: high}, verdict: block}]"
    (found,) = problems(rules, "[secrets]")
    assert not found[0]
    assert "that meet no rule's other conditions pass by default" in found[2]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{}", "{domain: code}"),
        ("{domain: [code, secrets]}", "{domain: code, severity: high}"),
        ("{severity: '>=medium'}", "{severity: [high, critical]}"),
        ("{confidence: '>=low'}", "{confidence: '>=high'}"),
        ("{path: ['a/**', b]}", "{path: b, rule: x}"),
        ("{fix: none}", "{fix: none, domain: licenses}"),
        ("{verified: true}", "{verified: true, tool: x}"),
        ("{license_not: [MIT]}", "{license_not: [MIT, Zlib]}"),
        ("{license: [MIT, Zlib]}", "{license: MIT}"),
    ],
)
def test_a_rule_behind_a_wider_one_is_never_reached(first: str, second: str) -> None:
    rules = f"\n- {{id: a, match: {first}, verdict: pass}}\n- {{id: b, match: {second}, verdict: block}}"
    assert problems(rules) == [(False, 5, "rule 'b' is never reached: 'a' (line 4) takes all it matches")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{domain: code}", "{}"),
        ("{domain: code, severity: high}", "{domain: code}"),
        ("{severity: '>=low'}", "{severity: unknown}"),
        ("{confidence: '>=high'}", "{confidence: '>=low'}"),
        ("{fix: none}", "{fix: available}"),
        ("{verified: true}", "{domain: secrets}"),
        ("{license_not: [MIT, Zlib]}", "{license_not: [MIT]}"),
        ("{license: MIT}", "{license: [MIT, Zlib]}"),
        ("{path: 'a/**'}", "{path: 'b/**'}"),
    ],
)
def test_a_rule_behind_a_narrower_one_is_reached(first: str, second: str) -> None:
    assert problems(f"[{{id: a, match: {first}, verdict: pass}}, {{id: b, match: {second}, verdict: block}}]") == []


def test_rules_that_together_take_all_of_a_later_one() -> None:
    rules = (
        "\n- {id: a, match: {domain: code, severity: '>=medium'}, verdict: block}"
        "\n- {id: b, match: {domain: code, severity: [low, info, unknown]}, verdict: pass}"
        "\n- {id: c, match: {domain: code, path: x}, verdict: pass}"
    )
    assert problems(rules) == [(False, 6, "rule 'c' is never reached: the rules above it take all it matches")]


def test_a_rule_that_contradicts_itself() -> None:
    (found,) = problems("[{id: a, match: {verified: false, confidence: verified}, verdict: block}]")
    assert found[2] == "rule 'a' can match nothing: what is verified is not unverified"


def test_two_rules_for_the_same_findings_with_different_verdicts() -> None:
    rules = (
        "\n- {id: a, match: {domain: [code, secrets]}, verdict: pass}"
        "\n- {id: b, match: {domain: [secrets, code]}, verdict: block}"
    )
    (found,) = problems(rules)
    assert found == (
        False,
        5,
        "rule 'b' contradicts 'a' (line 4): they are for the same findings, and the first one decides (pass)",
    )


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("match: {domain: secrets, package: rsa}", "findings of secrets have no 'package'"),
        ("match: {domain: [code, workflows], fix: none}", "findings of code and workflows have no 'fix'"),
        ("match: {score: '>7, <5'}", "no score is >7, <5"),
        ("match: {package: x, version: '>=2, <1'}", "no version is >=2, <1"),
        ("match: {license: [MIT], license_not: [MIT, Zlib]}", "what is met under 'license' is met under 'license_not'"),
        ("match: {verified: true, confidence: high}", "what is verified is of the confidence 'verified'"),
        ("match: {branch: main}, when: {branch: 'release/*'}", "no branch is meant by both 'match' and 'when'"),
    ],
)
def test_what_contradicts_itself_is_said(rule: str, why: str) -> None:
    (found,) = problems(f"[{{id: a, {rule}, verdict: block}}]")
    assert found == (False, 3, f"rule 'a' can match nothing: {why}")


@pytest.mark.parametrize(
    "rule",
    [
        "match: {score: '>7, <7.2'}",
        "match: {package: x, version: '>=1, <2'}",
        "match: {package: x, version: ['>=2, <1', '>=1']}",
        "match: {license: [MIT, ISC], license_not: [MIT]}",
        "match: {branch: 'release/*'}, when: {branch: release/1}",
        "match: {branch: '*-x'}, when: {branch: 'y-*'}",
        "match: {domain: [secrets, dependencies], package: x}",
    ],
)
def test_what_only_looks_like_a_contradiction(rule: str) -> None:
    assert problems(f"[{{id: a, {rule}, verdict: block}}]") == []


def test_a_limit_that_means_nothing_and_a_waiver_written_twice() -> None:
    waiver = "{match: {rule: x}, reason: r, owner: o, expires: 2027-01-01}"
    found = problems("[{id: a, match: {}, max: 3, verdict: pass}]", more=f"waivers: [{waiver}, {waiver}]")
    assert [entry[2] for entry in found] == [
        "rule 'a' passes whatever belongs to it: its 'max' means nothing",
        "a waiver of rule x stands on line 4 already",
    ]


def test_scanners_that_do_not_exist() -> None:
    known = ("cargo-audit", "regex-rules")
    rules = "[{id: a, match: {tool: cargo-adit}, verdict: block}]"
    found = check_policy(policy(rules, "require_scanners: [regex-rule]"), scanners=known)
    assert [(problem.is_error, problem.hint) for problem in found] == [
        (True, "did you mean 'regex-rules'?"),
        (False, "did you mean 'cargo-audit'?"),
    ]


# --- the schema


def test_the_schema_is_one_and_its_own_words_are_those_of_the_model() -> None:
    with open(datafiles.schema("policy"), encoding="utf-8") as stream:
        schema = json.load(stream)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$defs"]["domain"]["enum"] == [domain.value for domain in Domain]
    assert set(schema["$defs"]["state"]["enum"]) == {state.value for state in State}
    assert set(schema["$defs"]["match"]["properties"]) == {field.name for field in dataclasses.fields(Match)}

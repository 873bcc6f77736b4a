"""Why a finding is judged as it is, and changes that, when they are made, do pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line import ADVISORY_DB, SAMPLE, magray_sec, surroundings
from judging import TODAY, file_gap, finding, identity, item_gap, package, policy, run
from magray_sec.model.finding import Finding
from magray_sec.model.scale import Domain, Outcome, Severity, State, Verdict
from magray_sec.policy.explain import Case, applied, changes_for, changes_for_all, explain
from magray_sec.policy.types import Policy
from test_judge import scans

HIGH = "[{id: high, match: {domain: dependencies, severity: '>=high', score: '>7'}, max: 2, verdict: review}, {id: rest, match: {domain: [dependencies, code]}, verdict: block}]"


def case(made: Policy, *findings: Finding, **more: Any) -> Case:
    settings_of: dict[str, Any] = {"runs": (run(),), "policy": made, "today": TODAY, "findings": findings}
    return Case(**(settings_of | more))


def test_the_rule_its_keys_and_those_above_it_that_do_not_take_it() -> None:
    found = finding(1, severity=Severity.HIGH, score=6.5, aliases=("CVE-1", "GHSA-1"))
    why = explain(case(policy(HIGH), found), 0)
    assert why.rule is not None
    assert (why.rule.id, why.ruling.verdict, why.count, why.max) == ("rest", Verdict.BLOCK, 1, 0)
    assert [(key.name, key.wanted, key.found, key.holds) for key in why.keys] == [
        ("domain", "dependencies or code", "dependencies", True)
    ]
    assert [(passed.rule.id, passed.because) for passed in why.passed] == [("high", "score is 6.5, not >7")]
    assert why.names == ("dependencies/RUSTSEC-2024-0001", "CVE-1", "GHSA-1")


def test_every_key_of_a_rule_is_told_with_what_the_finding_is() -> None:
    match = (
        "{domain: dependencies, severity: high, confidence: medium, verified: false, path: '*.lock', package: rsa,"
        " version: '<1', lockfile: Cargo.lock, license: MIT, fix: available, state: new, kind: vulnerability,"
        " dependency_kind: unknown, branch: main, tool: cargo-audit, cwe: 79, rule: CVE-1, score: '>=5',"
        f" identity: '{identity(1)}'}}"
    )
    made = policy(f"[{{id: a, match: {match}, when: {{event: push, branch: main, path: '*.lock'}}, verdict: block}}]")
    found = finding(
        1,
        score=5.0,
        aliases=("CVE-1",),
        kind="vulnerability",
        cwe=("CWE-79",),
        state=State.NEW,
        package=package(fixed_versions=("1",), license="MIT"),
    )
    why = explain(case(made, found, branch="main", event="push"), 0)
    assert all(key.holds for key in why.keys)
    told = {key.name: (key.wanted, key.found) for key in why.keys}
    assert len(told) == 21
    assert told["package"] == ("rsa <1", "rsa 0.9.6")
    assert told["when.event"] == ("push", "push")
    assert told["fix"] == ("yes", "yes")
    assert told["dependency_kind"] == ("unknown", "not known")


def test_waivers_that_fit_or_nearly_do_and_why_they_do_not_hold() -> None:
    more = """waivers:
  - {match: {rule: CVE-1}, reason: r, owner: o, expires: 2026-01-01}
  - {match: {rule: CVE-1, path: 'other/**'}, reason: r, owner: o, expires: 2027-01-01}
  - {match: {rule: CVE-9}, reason: r, owner: o, expires: 2027-01-01}
  - {match: {rule: CVE-1, package: rsa}, reason: r, owner: o, expires: 2027-01-01, until_fixed: true}
"""
    found = finding(1, aliases=("CVE-1",), package=package(fixed_versions=("0.10",)))
    why = explain(case(policy(HIGH, more), found), 0)
    assert [(entry.label, entry.line, entry.why_not) for entry in why.waivers] == [
        ("rule CVE-1", 5, "it expired on 2026-01-01"),
        ("rule CVE-1, package rsa", 8, "it held until there is a fix, which 0.10 is"),
        ("rule CVE-1, path other/**", 6, "its path is other/**, and the finding's Cargo.lock"),
    ]
    assert why.others == 1


def test_the_smallest_changes_for_a_finding() -> None:
    fixable = finding(1, severity=Severity.LOW, package=package(fixed_versions=(">=0.10", ">=1")))
    changes = changes_for(case(policy(HIGH), fixable, finding(2, severity=Severity.LOW)), 0)
    assert [change.words for change in changes] == [
        "upgrade rsa 0.9.6 to >=0.10 or >=1",
        f"waive it: magray-sec waive {identity(1)} --reason ... --owner ... --expires 2026-09-13",
        "raise 'max' of the rule 'rest' (p.yaml:3) from 0 to 2",
    ]
    limited = policy(HIGH, "waiver_limits: {low: 7d}")
    assert "--expires 2026-06-22" in changes_for(case(limited, fixable), 0)[1].words
    assert changes_for(case(policy("[]"), fixable), 0) == ()


def test_a_denied_licence_is_allowed_for_its_package() -> None:
    made = policy("[]", "licenses: {allow: [MIT]}")
    found = finding(1, Domain.LICENSES, package=package("webpki", "1.0", license="MPL-2.0 AND ISC"))
    changes = changes_for(case(made, found), 0)
    assert changes[0].words == "allow webpki to be under ISC and MPL-2.0: licenses.exceptions"
    assert len(changes) == 2


def test_the_changes_for_a_whole_scan() -> None:
    scan = case(
        policy(HIGH, "require_scanners: [zizmor]", "[dependencies, secrets]"),
        *(finding(number, score=8.0) for number in range(3)),
        *(finding(number, Domain.CODE) for number in range(10, 20)),
        gaps=(item_gap(), file_gap("a [b].rs")),
        runs=(run("cargo-audit", Outcome.FAILED, (Domain.DEPENDENCIES,)),),
    )
    changes = changes_for_all(scan)
    assert changes is not None
    assert [change.words for change in changes] == [
        (
            f"waive it: magray-sec waive {identity(0)} --reason ... --owner ... --expires 2026-09-13"
            " (Cargo.lock: dependencies/RUSTSEC-2024-0001)"
        ),
        "raise 'max' of the rule 'rest' (p.yaml:3) from 0 to 10",
        "mend the scanner cargo-audit, or accept that it does not look: accept {scanner: cargo-audit}",
        "mend the scanner zizmor, or accept that it does not look: accept {scanner: zizmor}",
        r"accept the gap: accept {path: '/a\\ \\[b\\].rs', scanner: 'regex-rules'}".replace("\\\\", "\\"),
        "accept the gap: accept {item: 'lockfile:package-lock.json'}",
        "have a scanner look at secrets, or take it out of 'require'",
    ]
    for change in changes:
        scan = applied(scan, change)
    decision = scan.judged()
    assert (decision.verdict, decision.complete) == (Verdict.PASS, True)


@settings(max_examples=100, deadline=None)
@given(scans(), st.data())
def test_each_change_for_a_finding_makes_it_pass(scan: dict[str, Any], data: st.DataObject) -> None:
    made = Case(**scan)
    decision = made.judged()
    bad = [number for number, ruling in enumerate(decision.rulings) if ruling.verdict is not Verdict.PASS]
    if not bad:
        return
    index = data.draw(st.sampled_from(bad))
    changes = changes_for(made, index)
    assert changes, "there is always one"
    for change in changes:
        after = applied(made, change).judged()
        name = made.findings[index].identity
        assert all(ruling.verdict is Verdict.PASS for ruling in after.rulings if ruling.identity == name)
        assert decision.verdict.at_least(after.verdict)
    assert explain(made, index).changes == changes


@settings(max_examples=100, deadline=None)
@given(scans())
def test_the_changes_for_a_scan_make_it_pass(scan: dict[str, Any]) -> None:
    made = Case(**scan)
    changes = changes_for_all(made)
    if changes is None:
        # A gap that names nothing can be accepted by nobody.
        assert any(not (gap.item or gap.path or gap.scanner or gap.domain) for gap in made.gaps)
        return
    for change in changes:
        made = applied(made, change)
    decision = made.judged()
    assert (decision.verdict, decision.complete) == (Verdict.PASS, True)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a scan of the sample by a policy of its own."""
    folder = tmp_path_factory.mktemp("explain")
    (folder / "p.yaml").write_text("# ours\nversion: 1\nextends: default\nwaiver_limits: {critical: 30d}\n")
    scan = ("scan", SAMPLE, "--advisory-db", ADVISORY_DB, "--offline", "--tool", "cargo-audit", "--policy", "./p.yaml")
    ended = magray_sec(*scan, "--json", folder / "r.json", environment=surroundings(folder), cwd=folder)
    assert ended.code == 1
    return folder


def test_explain_on_the_command_line(stored: Path) -> None:
    (name,) = [
        entry["identity"]
        for entry in json.loads((stored / "r.json").read_text())["findings"]
        if entry["verdict"] == "block"
    ]
    environment = surroundings(stored)
    told = magray_sec("explain", name, "--report", "r.json", environment=environment, cwd=stored)
    assert told.code == 0
    for words in (
        "Judged today by policy ./p.yaml: block",
        "  rule      'critical-vulnerabilities' (default.yaml:8): block where there are more than 0",
        "  because   severity is critical: critical",
        "  count     1 that is not waived, 0 allowed",
        "= CVE-2021-25900 =",
        "  to pass   upgrade smallvec 1.6.0 to",
        f"  or        waive it: magray-sec waive {name} ",
    ):
        assert words in told.out
    whole = magray_sec("explain", "--report", "r.json", environment=environment, cwd=stored)
    assert "It would pass, with all of this (tried out):" in whole.out
    lenient = magray_sec("explain", "--report", "r.json", "--policy", "advisory", environment=environment, cwd=stored)
    assert "Judged today by policy advisory: review" in lenient.out
    assert "note: the policy is not the one that the report was judged by" in lenient.out
    elsewhere = magray_sec("explain", name, "--report", stored / "r.json", environment=environment, cwd=stored.parent)
    assert (elsewhere.code, "the policy './p.yaml' is not here: name it with --policy FILE" in elsewhere.out) == (
        0,
        True,
    )
    assert magray_sec("explain", environment=environment).code == 2


def test_waive_on_the_command_line(stored: Path, tmp_path: Path) -> None:
    environment = surroundings(tmp_path)
    own = tmp_path / "p.yaml"
    own.write_text((stored / "p.yaml").read_text())
    report = stored / "r.json"
    (name,) = [entry["identity"] for entry in json.loads(report.read_text())["findings"] if entry["verdict"] == "block"]
    words = ("--reason", "not reached: we never call it", "--owner", "@sec")

    def waive(*arguments: str | Path) -> Any:
        return magray_sec("waive", *arguments, "--policy", own, environment=environment)

    before = own.read_text()
    for wrong, says in (
        (
            (name, *words, "--expires", "31d", "--report", report),
            "31 days are too long: the policy waives critical findings for 30 days",
        ),
        ((name, *words, "--expires", "yesterday"), "is no day"),
        ((name, *words, "--expires", "2020-01-01"), "is over"),
        ((name, *words), "--expires is missing"),
        ((name[:12], *words, "--expires", "3d"), "is no identity in full"),
        (("v1:" + "0" * 32, *words, "--expires", "3d", "--report", report), "no finding of the report"),
        ((name, "--prune"), "--prune writes no waiver"),
    ):
        ended = waive(*wrong)
        assert (ended.code, says in ended.err) == (2, True), ended.err
    assert own.read_text() == before
    done = waive(name[:12], *words, "--expires", "30d", "--report", report)
    assert (done.code, "waives dependencies/RUSTSEC-2021-0003 in Cargo.lock" in done.out) == (0, True)
    assert own.read_text().startswith(before)
    twice = waive(name, *words, "--expires", "3d")
    assert (twice.code, "a waiver of the same holds until" in twice.err) == (2, True)
    scan = ("scan", SAMPLE, "--advisory-db", ADVISORY_DB, "--offline", "--policy", own, "--json", tmp_path / "new.json")
    passed = magray_sec(*scan, "--tool", "cargo-audit", environment=environment)
    assert "critical-vulnerabilities" not in passed.out
    kept = waive("--prune", "--report", tmp_path / "new.json")
    assert "there is nothing to remove" in kept.out
    other = "  # a note\n  - match: {rule: NOPE}\n    reason: r\n    owner: o\n    expires: 2020-01-01\n"
    own.write_text(own.read_text() + other)
    pruned = waive("--prune")
    assert f"{own}:14: removed the waiver of rule NOPE: expired on 2020-01-01" in pruned.out
    assert "NOPE" not in own.read_text()
    assert name in own.read_text()
    missing = magray_sec("waive", "--prune", environment=environment, cwd=tmp_path)
    assert (missing.code, "no policy file is named here" in missing.err) == (2, True)

"""The verdict: which findings a rule means, when it speaks, what a gap does; and that no gap or finding helps."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies
from judging import ALL, TODAY, decide, file_gap, finding, item_gap, package, policy, run
from magray_sec.model.decision import Decision
from magray_sec.model.finding import Finding, Witness
from magray_sec.model.run import Database, Gap, GapKind, ToolRun
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity, State, Verdict
from magray_sec.policy.judge import exit_code, judge
from magray_sec.policy.load import load_policy, parse_policy
from magray_sec.policy.match import Paths, conditions, severities, version_key
from magray_sec.policy.types import Glob, Policy, Statement

# --- which findings a rule means


def meets(match: str, found: Finding, branch: str | None = None) -> bool:
    made = policy(f"[{{id: a, match: {match}, verdict: block}}]").rules[0].match
    return all(holds(found) for holds in conditions(made, Paths((*made.path, *made.lockfile)), branch))


VULNERABLE = finding(
    7,
    severity=Severity.HIGH,
    score=7.5,
    kind="vulnerability",
    aliases=("CVE-2023-49092", "GHSA-c38w-74pg-36hr"),
    also_known_as=("v1:" + "a" * 32,),
    package=package(fixed_versions=(">=0.10",), dependency_kind="dev", license="MIT OR Apache-2.0"),
    path="deep/er/Cargo.lock",
    cwe=("CWE-208", "CWE-385"),
    state=State.NEW,
    witnesses=(Witness(tool="cargo-audit", native_rule="x"), Witness(tool="cargo-deny", native_rule="y")),
)


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ("{}", True),
        ("{identity: 'v1:00000000000000000000000000000007'}", True),
        ("{identity: 'v1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}", True),
        ("{identity: 'v1:00000000000000000000000000000008'}", False),
        ("{domain: dependencies}", True),
        ("{domain: [secrets, code]}", False),
        ("{rule: RUSTSEC-2024-0001}", True),
        ("{rule: rustsec-2024-0001}", True),
        ("{rule: dependencies/RUSTSEC-2024-0001}", True),
        ("{rule: code/RUSTSEC-2024-0001}", False),
        ("{rule: cve-2023-49092}", True),
        ("{rule: [x, GHSA-c38w-74pg-36hr]}", True),
        ("{rule: RUSTSEC-2024-000}", False),
        ("{tool: cargo-deny}", True),
        ("{tool: trivy}", False),
        ("{severity: high}", True),
        ("{severity: '>=high'}", True),
        ("{severity: '>high'}", False),
        ("{severity: '<=high'}", True),
        ("{severity: [low, critical]}", False),
        ("{score: '>=7.0'}", True),
        ("{score: '<7.0'}", False),
        ("{score: '>=7.0, <7.5'}", False),
        ("{score: ['<1', '>= 7.5']}", True),
        ("{score: 7.5}", True),
        ("{confidence: medium}", True),
        ("{confidence: '>medium'}", False),
        ("{verified: false}", True),
        ("{verified: true}", False),
        ("{path: Cargo.lock}", True),
        ("{path: /Cargo.lock}", False),
        ("{path: 'deep/**'}", True),
        ("{path: deep/}", True),
        ("{path: er/Cargo.lock}", False),
        ("{path: '**/er/Cargo.lock'}", True),
        ("{path: ['*.toml', '*.lock']}", True),
        ("{lockfile: /Cargo.lock}", True),
        ("{lockfile: deep/Cargo.lock}", False),
        ("{package: rsa}", True),
        ("{package: 'pkg:cargo/rsa'}", True),
        ("{package: rs}", False),
        ("{package: rsa, version: 0.9.6}", True),
        ("{package: rsa, version: '0.9'}", False),
        ("{package: rsa, version: '<0.10'}", True),
        ("{package: rsa, version: '>=0.9.7'}", False),
        ("{package: rsa, version: ['>=1', '>=0.9, <0.9.7']}", True),
        ("{license: MIT}", True),
        ("{license: Zlib}", False),
        ("{license_not: [Zlib]}", True),
        ("{license_not: [Apache-2.0]}", False),
        ("{cwe: 385}", True),
        ("{cwe: [CWE-1]}", False),
        ("{fix: available}", True),
        ("{fix: none}", False),
        ("{state: [new]}", True),
        ("{state: existing}", False),
        ("{kind: [vulnerability, yanked]}", True),
        ("{kind: unmaintained}", False),
        ("{dependency_kind: dev}", True),
        ("{dependency_kind: unknown}", False),
        ("{branch: main}", False),
        ("{domain: dependencies, severity: low}", False),
        ("{domain: dependencies, severity: high, package: rsa}", True),
    ],
)
def test_each_key_of_a_match(match: str, fits: bool) -> None:
    assert meets(match, VULNERABLE) is fits


@pytest.mark.parametrize(("branch", "fits"), [("main", True), ("release/1/2", True), ("mainly", False), (None, False)])
def test_branches(branch: str | None, fits: bool) -> None:
    assert meets("{branch: [main, 'release/*']}", VULNERABLE, branch) is fits


@pytest.mark.parametrize("match", ["{fix: available}", "{fix: none}", "{dependency_kind: unknown}", "{package: x}", "{lockfile: '*'}", "{score: '>=0'}", "{license: MIT}"])  # fmt: skip
def test_what_a_finding_does_not_have_does_not_match(match: str) -> None:
    assert not meets(match, finding(domain=Domain.SECRETS, package=None, score=None))


def test_the_dependency_kind_that_nobody_stated_is_unknown() -> None:
    assert meets("{dependency_kind: unknown}", finding(package=package()))


def test_no_comparison_means_an_unknown_severity() -> None:
    for word in (">=info", ">info", "<=critical", "<critical"):
        assert Severity.UNKNOWN not in severities((word,))
    assert severities(("unknown",)) == {Severity.UNKNOWN}
    assert severities((">=medium",)) == {Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL}
    assert severities(("<medium", "critical")) == {Severity.INFO, Severity.LOW, Severity.CRITICAL}


def test_a_path_that_is_no_text_and_one_with_a_line_break() -> None:
    assert meets("{path: '*.rs'}", finding(path="a/\udce9\n/x.rs"))
    assert meets("{path: 'a/**/x.rs'}", finding(path="a/b\nc/x.rs"))


def test_a_hostile_pattern_takes_no_time() -> None:
    started = time.process_time()
    assert not meets("{path: '**/*a*a*a*a*a*a*a*a*a*a*b'}", finding(path="a" * 4000))
    assert time.process_time() - started < 5


def test_thousands_of_patterns_are_all_tried() -> None:
    globs = tuple(
        Glob(pattern=f"**/*a{n}*b*/x{n}", regex=rf"^(?:.+/)?[^/]*a{n}[^/]*b[^/]*/x{n}(?:/|$)") for n in range(3000)
    )
    paths = Paths(globs)
    for number in (0, 99, 100, 1234, 2999):
        path = f"q/za{number}_b/x{number}"
        assert [glob.pattern for glob in globs if paths.fit(path, (glob,))] == [globs[number].pattern]


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("0.9.6", "0.10.0"),
        ("1.0.0-alpha", "1.0.0"),
        ("1.0.0-alpha.1", "1.0.0-alpha.beta"),
        ("1.0.0-alpha.beta", "1.0.0-beta.2"),
        ("1.0.0-beta.2", "1.0.0-beta.11"),
        ("1.0.0-rc.1", "1.0.0"),
        ("1.0rc1", "1.0"),
        ("v1.2", "1.2.1"),
        ("1.2.9", "1.2.10+build.5"),
    ],
)
def test_versions_are_in_order(smaller: str, larger: str) -> None:
    first, second = version_key(smaller), version_key(larger)
    assert first is not None
    assert second is not None
    assert first < second


def test_versions_that_are_equal_and_that_are_none() -> None:
    assert version_key("1.0") == version_key("1.0.0+x")
    assert [version_key(word) for word in ("", "latest", "1..2", "1" * 300, "git+x")] == [None] * 5


@pytest.mark.parametrize(
    ("expression", "listed", "met"),
    [
        ("MIT", "MIT", True),
        ("mit", "MIT", True),
        ("MIT", "Zlib", False),
        ("MIT OR Apache-2.0", "Apache-2.0", True),
        ("MIT/Apache-2.0", "Apache-2.0", True),
        ("MIT AND Zlib", "MIT", False),
        ("MIT AND Zlib", "[MIT, Zlib]", True),
        ("(MIT OR GPL-3.0-only) AND Unicode-3.0", "[MIT, Unicode-3.0]", True),
        ("(MIT OR GPL-3.0-only) AND Unicode-3.0", "MIT", False),
        ("MIT OR GPL-3.0-only AND Zlib", "MIT", True),
        ("Apache-2.0 WITH LLVM-exception", "Apache-2.0", False),
        ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception", True),
        ("Apache-2.0", "Apache-2.0 WITH LLVM-exception", False),
        ("Apache-2.0 WITH LLVM-exception OR MIT", "MIT", True),
        ("GPL-2.0-or-later", "GPL-2.0-only", True),
        ("GPL-2.0+", "GPL-2.0-or-later", True),
        ("GPL-3.0", "GPL-3.0-only", True),
        ("GPL-2.0-only", "GPL-2.0-or-later", False),
        ("Apache-2.0+", "Apache-2.0", True),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", True),
        (None, "MIT", False),
        (None, "unknown", True),
        ("", "unknown", True),
        ("NOASSERTION", "unknown", True),
        ("See LICENSE", "unknown", True),
        ("BSD", "BSD-3-Clause", False),
        ("BSD", "unknown", True),
        ("MIT WITH Nothing", "MIT", False),
        ("MIT WITH Nothing", "unknown", True),
        ("LLVM-exception", "unknown", True),
        ("MIT", "unknown", False),
        ("MIT AND Strange", "[MIT, unknown]", True),
        ("MIT AND Strange", "unknown", False),
        ("MIT OR Strange", "unknown", True),
        ("LicenseRef-ours", "LicenseRef-ours", True),
        ("LicenseRef-ours", "unknown", True),
        ("LicenseRef-MIT-Bootstrap", "MIT", False),
        ("(MIT", "unknown", True),
        ("(" * 5000 + "MIT", "unknown", True),
        ("MIT AND " * 300 + "MIT", "MIT", True),
    ],
)
def test_licences(expression: str | None, listed: str, met: bool) -> None:
    found = finding(domain=Domain.LICENSES, package=package(license=expression))
    assert meets(f"{{license: {listed}}}", found) is met
    assert meets(f"{{license_not: {listed}}}", found) is not met


# --- when a rule speaks


RULES = """
  - {id: critical, match: {severity: critical}, verdict: block}
  - {id: high, match: {severity: high}, max: 2, verdict: review}
  - {id: rest, match: {domain: dependencies}, verdict: pass}
"""


def highs(count: int) -> list[Finding]:
    return [finding(number, severity=Severity.HIGH) for number in range(count)]


def test_a_rule_speaks_when_more_than_max_belong_to_it() -> None:
    given_policy = policy(RULES)
    assert decide(given_policy).verdict is Verdict.PASS
    two = decide(given_policy, *highs(2))
    assert two.verdict is Verdict.PASS
    assert [(reason.verdict, reason.rule, reason.count, reason.max) for reason in two.reasons] == [
        (Verdict.PASS, "high", 2, 2)
    ]
    three = decide(given_policy, *highs(3))
    assert three.verdict is Verdict.REVIEW
    assert three.reasons[0].message == "3 findings belong to 'high', which allows at most 2"
    assert {ruling.verdict for ruling in three.rulings} == {Verdict.REVIEW}
    worst = decide(given_policy, *highs(3), finding(9, severity=Severity.CRITICAL))
    assert worst.verdict is Verdict.BLOCK
    assert worst.reasons[0].message == "1 finding belongs to 'critical', which allows none"


def test_equal_identities_count_each() -> None:
    assert decide(policy(RULES), *[finding(1)] * 3).verdict is Verdict.REVIEW


def test_a_finding_belongs_to_the_first_rule_that_matches() -> None:
    rules = "[{id: a, match: {path: 'tests/**'}, verdict: pass}, {id: b, match: {}, verdict: block}]"
    decision = decide(policy(rules), finding(1, path="tests/x.rs"), finding(2, path="src/x.rs"))
    assert [(ruling.rule, ruling.verdict) for ruling in decision.rulings] == [("a", Verdict.PASS), ("b", Verdict.BLOCK)]


def test_what_no_rule_matches_gets_the_default() -> None:
    rules = "[{id: a, match: {domain: secrets}, verdict: block}]"
    assert decide(policy(rules), finding()).verdict is Verdict.PASS
    decision = decide(policy(rules, "default: review"), finding())
    assert decision.verdict is Verdict.REVIEW
    assert (decision.rulings[0].rule, decision.rulings[0].verdict) == ("default", Verdict.REVIEW)
    assert decision.reasons[0].message == "1 finding matches no rule of the policy, whose default is review"


def test_the_rule_s_description_stands_in_the_reason() -> None:
    rules = "[{id: a, description: what it is, match: {}, verdict: block}]"
    assert (
        decide(policy(rules), finding()).reasons[0].message
        == "1 finding belongs to 'a' (what it is), which allows none"
    )


def test_the_decision_names_its_policy() -> None:
    made = load_policy("strict", root=None, cache=None)
    decision = decide(made)
    assert (decision.policy, decision.policy_digest) == ("strict", made.digest)


# --- the shipped policies


def shipped(name: str) -> Policy:
    return load_policy(name, root=None, cache=None)


@pytest.mark.parametrize(
    ("policy_name", "found", "verdict"),
    [
        ("magray", [finding(severity=Severity.CRITICAL)], Verdict.BLOCK),
        ("magray", highs(2), Verdict.PASS),
        ("magray", highs(3), Verdict.REVIEW),
        ("magray", [finding(severity=Severity.UNKNOWN)], Verdict.REVIEW),
        ("magray", [finding(n, severity=Severity.MEDIUM) for n in range(50)], Verdict.PASS),
        ("magray", [finding(domain=Domain.SECRETS, confidence=Confidence.LOW)], Verdict.BLOCK),
        ("magray", [finding(domain=Domain.CODE, severity=Severity.CRITICAL)], Verdict.PASS),
        ("magray", [finding(domain=Domain.LICENSES, package=package(license="MIT OR GPL-3.0-only"))], Verdict.PASS),
        ("magray", [finding(domain=Domain.LICENSES, package=package(license="MPL-2.0"))], Verdict.BLOCK),
        ("magray", [finding(domain=Domain.LICENSES, package=package(license=None))], Verdict.BLOCK),
        ("default", [finding(severity=Severity.CRITICAL)], Verdict.BLOCK),
        ("default", highs(2), Verdict.PASS),
        ("default", highs(3), Verdict.REVIEW),
        ("default", [finding(domain=Domain.SECRETS)], Verdict.BLOCK),
        ("default", [finding(domain=Domain.SECRETS, confidence=Confidence.LOW)], Verdict.REVIEW),
        ("default", [finding(domain=Domain.CODE, severity=Severity.HIGH)], Verdict.REVIEW),
        ("default", [finding(domain=Domain.CODE, severity=Severity.MEDIUM)], Verdict.PASS),
        ("default", [finding(n, domain=Domain.UNSAFE) for n in range(10)], Verdict.PASS),
        ("default", [finding(n, domain=Domain.UNSAFE) for n in range(11)], Verdict.REVIEW),
        ("default", [finding(domain=Domain.LICENSES, package=package(license="MIT AND Zlib"))], Verdict.PASS),
        ("default", [finding(domain=Domain.LICENSES, package=package(license="MIT AND Strange"))], Verdict.REVIEW),
        ("default", [finding(domain=Domain.LICENSES, package=package(license=None))], Verdict.REVIEW),
        ("default", [finding(domain=Domain.LICENSES, package=package(license="GPL-3.0-only"))], Verdict.BLOCK),
        (
            "default",
            [finding(domain=Domain.LICENSES, package=package(license="Strange AND GPL-3.0-only"))],
            Verdict.BLOCK,
        ),
        ("default", [finding(domain=Domain.LICENSES, package=package(license="GPL-3.0-only OR ISC"))], Verdict.PASS),
        ("strict", highs(1), Verdict.BLOCK),
        ("strict", [finding(severity=Severity.UNKNOWN)], Verdict.REVIEW),
        ("strict", [finding(domain=Domain.SECRETS, confidence=Confidence.LOW)], Verdict.BLOCK),
        ("strict", [finding(domain=Domain.CODE, severity=Severity.UNKNOWN)], Verdict.REVIEW),
        ("strict", [finding(domain=Domain.LICENSES, package=package(license=None))], Verdict.BLOCK),
        ("advisory", [finding(severity=Severity.CRITICAL), finding(domain=Domain.SECRETS)], Verdict.REVIEW),
        ("advisory", [finding(severity=Severity.LOW)], Verdict.PASS),
    ],
)
def test_the_shipped_policies_by_example(policy_name: str, found: list[Finding], verdict: Verdict) -> None:
    assert decide(shipped(policy_name), *found).verdict is verdict


# --- what was not looked at


REQUIRED = "[dependencies, secrets]"


def test_an_item_gap_of_a_required_domain_is_incomplete() -> None:
    decision = decide(policy(require=REQUIRED), gaps=(item_gap(),))
    assert not decision.complete
    assert decision.verdict is Verdict.PASS
    assert decision.gaps[0].effect == "incomplete"
    assert decision.reasons[0].message == (
        "dependencies: no scanner of this version looks at package-lock.json for dependencies"
    )
    assert decision.reasons[0].incomplete


def test_an_item_gap_of_another_domain_is_noted() -> None:
    decision = decide(policy(require=REQUIRED), gaps=(item_gap(Domain.LICENSES),))
    assert decision.complete
    assert decision.gaps[0].effect == "noted"
    assert decision.reasons == ()


def test_an_item_gap_of_no_domain_counts_as_required() -> None:
    assert not decide(policy(), gaps=(item_gap(None),)).complete


def test_a_policy_may_have_item_gaps_reviewed_and_file_gaps_be_incomplete() -> None:
    made = policy("[]", "gaps: {item: review, file: incomplete}", REQUIRED)
    reviewed = decide(made, gaps=(item_gap(),))
    assert (reviewed.verdict, reviewed.complete, reviewed.gaps[0].effect) == (Verdict.REVIEW, True, "review")
    incomplete = decide(made, gaps=(file_gap(),))
    assert (incomplete.verdict, incomplete.complete, incomplete.gaps[0].effect) == (Verdict.PASS, False, "incomplete")


def test_a_file_gap_asks_for_review_whatever_its_domain() -> None:
    decision = decide(policy(), gaps=tuple(file_gap(f"src/{n}.rs") for n in range(5)))
    assert (decision.verdict, decision.complete) == (Verdict.REVIEW, True)
    assert [reason.message for reason in decision.reasons] == [
        "5 files were not looked at in full: src/0.rs, src/1.rs, src/2.rs and 2 more"
    ]
    assert decision.reasons[0].count == 5


@pytest.mark.parametrize(("outcome", "how"), [(Outcome.FAILED, "failed"), (Outcome.TIMED_OUT, "timed out")])
def test_a_run_that_broke_is_incomplete_whatever_its_domain(outcome: Outcome, how: str) -> None:
    broke = run("zizmor", outcome, (Domain.WORKFLOWS,), reason="exit 101")
    gap = Gap(kind=GapKind.ITEM, scanner="zizmor", reason="exit 101")
    for gaps in ((), (gap,), (gap, item_gap(Domain.WORKFLOWS, "workflows:.github/workflows", "zizmor"))):
        decision = decide(policy("[]", "gaps: {item: review}"), runs=(broke,), gaps=gaps)
        assert not decision.complete
        assert decision.reasons[0].message.startswith(f"zizmor {how}: exit 101")
        assert len(decision.reasons) == 1
        assert {ruling.effect for ruling in decision.gaps} <= {"incomplete"}
    assert decision.reasons[0].message.endswith("; not looked at: .github/workflows")


def test_a_required_scanner_that_did_not_run_is_incomplete() -> None:
    made = policy("[]", "require_scanners: [zizmor, cargo-audit]")
    assert [reason.message for reason in decide(made).reasons] == ["zizmor, which the policy requires, did not run"]
    missing = decide(made, runs=(run(), run("zizmor", Outcome.MISSING, reason="not installed")))
    assert [reason.message for reason in missing.reasons] == [
        "zizmor, which the policy requires, did not run: not installed"
    ]
    for outcome in (Outcome.COMPLETED, Outcome.PARTIAL, Outcome.NOT_APPLICABLE):
        assert decide(made, runs=(run(), run("zizmor", outcome))).complete


def test_a_scanner_that_is_missing_and_not_required_is_no_gap() -> None:
    assert decide(policy(require=REQUIRED), runs=(run(), run("trivy", Outcome.MISSING))).complete


def test_a_required_domain_without_items_is_satisfied_and_said() -> None:
    decision = decide(policy(require=REQUIRED), runs=(), not_applicable=frozenset(ALL))
    assert decision.complete
    assert decision.not_applicable == (Domain.DEPENDENCIES, Domain.SECRETS)


def test_a_required_domain_that_nobody_speaks_of_is_incomplete() -> None:
    decision = decide(policy(require=REQUIRED), runs=(run(domains=(Domain.SECRETS,)),))
    assert not decision.complete
    assert [reason.message for reason in decision.reasons] == ["dependencies: no scanner looked at it"]


ACCEPT = "accept:\n  - {%s, reason: known, owner: '@sec', expires: 2026-06-15}"


@pytest.mark.parametrize(
    ("accept", "gap", "fits"),
    [
        ("path: package-lock.json", item_gap(), True),
        ("item: package-lock.json", item_gap(), True),
        ("item: 'lockfile:package-lock.json'", item_gap(), True),
        ("item: 'lockfile:*'", item_gap(), True),
        ("item: yarn.lock", item_gap(), False),
        ("scanner: cargo-audit", item_gap(), False),
        ("scanner: cargo-audit", item_gap(scanner="cargo-audit"), True),
        ("scanner: cargo-audit, item: other", item_gap(scanner="cargo-audit"), False),
        ("path: 'src/**'", file_gap(), True),
        ("path: ['docs/**', '*.rs']", file_gap(), True),
        ("path: 'docs/**'", file_gap(), False),
        ("path: 'src/**', scanner: regex-rules", file_gap(), True),
        ("path: 'src/**', scanner: zizmor", file_gap(), False),
    ],
)
def test_a_gap_is_accepted_by_what_names_it(accept: str, gap: Gap, fits: bool) -> None:
    decision = decide(policy("[]", ACCEPT % accept, REQUIRED), gaps=(gap,))
    assert (decision.gaps[0].effect == "accepted") is fits
    assert (decision.complete and decision.verdict is Verdict.PASS) is fits
    if fits:
        assert decision.gaps[0].accepted_because == "known (@sec, until 2026-06-15)"
        assert [note.partition(" ends ")[2] for note in decision.notes] == ["on 2026-06-15, today"]
    else:
        assert len(decision.notes) == 1
        assert decision.notes[0].endswith("is unused: there is no such gap")
        assert "(p.yaml:5, owner @sec)" in decision.notes[0]


def test_an_acceptance_holds_through_its_last_day() -> None:
    made = policy("[]", ACCEPT % "item: package-lock.json", REQUIRED)
    assert decide(made, gaps=(item_gap(),), today=date(2026, 6, 15)).complete
    after = decide(made, gaps=(item_gap(),), today=date(2026, 6, 16))
    assert not after.complete
    assert after.notes == (
        "acceptance of item package-lock.json (p.yaml:5, owner @sec) expired on 2026-06-15: 1 gap counts again",
    )
    (note,) = decide(made, today=date(2026, 6, 16)).notes
    assert note.endswith("expired on 2026-06-15 and fits no gap: remove it")


def test_a_failed_scanner_is_accepted_by_its_name_alone() -> None:
    broke = run("zizmor", Outcome.FAILED, (Domain.WORKFLOWS,), reason="exit 101")
    gaps = (
        Gap(kind=GapKind.ITEM, scanner="zizmor", reason="exit 101"),
        item_gap(Domain.WORKFLOWS, "workflows:.github/workflows", "zizmor"),
    )
    accepted = decide(policy("[]", ACCEPT % "scanner: zizmor"), runs=(broke,), gaps=gaps)
    assert accepted.complete
    assert {ruling.effect for ruling in accepted.gaps} == {"accepted"}
    narrower = decide(policy("[]", ACCEPT % "scanner: zizmor, path: '.github/**'"), runs=(broke,), gaps=gaps)
    assert not narrower.complete


def test_a_required_scanner_that_did_not_run_may_be_accepted() -> None:
    made = policy("[]", "require_scanners: [zizmor]\n" + ACCEPT % "scanner: zizmor")
    assert decide(made).complete


# --- the age of the advisory database


def database(age: int | None, *, chosen: bool = False) -> Database:
    day = None if age is None else TODAY - timedelta(days=age)
    return Database(path="/db", date=day, advisories=700, chosen_by_user=chosen)


@pytest.mark.parametrize(
    ("limit", "age", "chosen", "complete"),
    [
        (None, 30, False, True),
        (None, 31, False, False),
        (None, None, False, False),
        (None, -3, False, True),
        (None, 4000, True, True),
        (None, None, True, True),
        (7, 7, False, True),
        (7, 8, False, False),
        (7, 8, True, False),
        (7, None, True, False),
        (0, 0, True, True),
    ],
)
def test_the_age_of_the_database(limit: int | None, age: int | None, chosen: bool, complete: bool) -> None:
    more = "" if limit is None else f"database: {{max_age_days: {limit}}}"
    decision = decide(policy("[]", more, REQUIRED), database=database(age, chosen=chosen))
    assert decision.complete is complete
    assert [reason.rule for reason in decision.reasons] == ([] if complete else ["database-age"])


def test_the_age_is_said_in_a_sentence() -> None:
    decision = decide(shipped("strict"), database=database(8, chosen=True), not_applicable=frozenset({Domain.LICENSES}))
    (reason,) = decision.reasons
    assert reason.message == "dependencies: the advisory database is 8 days old; the policy wants at most 7 days"


def test_the_database_does_not_matter_where_dependencies_do_not() -> None:
    assert decide(policy(require="[secrets]"), database=database(99)).complete
    assert decide(policy(require=REQUIRED), database=database(99), not_applicable=frozenset(ALL)).complete


def test_an_old_database_can_be_accepted() -> None:
    made = policy("[]", ACCEPT % "item: advisory-database", REQUIRED)
    assert decide(made, database=database(99)).complete


# --- exit codes


def decision_of(verdict: Verdict, *, complete: bool = True) -> Decision:
    return Decision(verdict=verdict, complete=complete)


@pytest.mark.parametrize(
    ("verdict", "complete", "codes"),
    [
        (Verdict.PASS, True, (0, 0, 0)),
        (Verdict.REVIEW, True, (0, 1, 0)),
        (Verdict.BLOCK, True, (1, 1, 0)),
        (Verdict.PASS, False, (3, 3, 0)),
        (Verdict.REVIEW, False, (3, 1, 0)),
        (Verdict.BLOCK, False, (1, 1, 0)),
    ],
)
def test_exit_codes(verdict: Verdict, complete: bool, codes: tuple[int, int, int]) -> None:
    made = decision_of(verdict, complete=complete)
    assert (exit_code(made, "block"), exit_code(made, "review"), exit_code(made, "never")) == codes
    with pytest.raises(ValueError, match="no such verdict"):
        exit_code(made, "nothing")


# --- properties

EVERYTHING = parse_policy(
    """\
version: 1
require: [dependencies, secrets]
require_scanners: [cargo-audit]
rules:
  - {id: a, match: {domain: dependencies, severity: ">=high", path: ["*.lock", "tests/**"]}, max: 1, verdict: block}
  - {id: b, match: {score: ">=4.0,<9.0", fix: available}, max: 2, verdict: review}
  - {id: c, match: {domain: licenses, license_not: [MIT, unknown]}, verdict: block}
  - {id: d, match: {package: [rsa, "pkg:cargo/x"], version: ">=0.1,<2"}, verdict: pass}
  - {id: e, match: {branch: main, state: new, verified: false, cwe: CWE-79}, verdict: review}
  - {id: f, match: {tool: gitleaks, dependency_kind: [dev, unknown], lockfile: "*"}, verdict: block}
  - {id: g, match: {confidence: ">=medium", severity: unknown}, max: 1, verdict: review}
default: review
database: {max_age_days: 10}
accept:
  - {scanner: gitleaks, reason: r, owner: o, expires: 2026-06-15}
  - {path: "*.rs", reason: r, owner: o, expires: 2020-01-01}
waivers:
  - {match: {rule: CVE-1}, reason: r, owner: o, expires: 2026-06-15}
  - {match: {path: "a/**"}, reason: r, owner: o, expires: 2026-06-14}
""",
    file="e.yaml",
)
LENIENT = parse_policy(
    """version: 1
require: [code, dependencies]
rules: [{id: a, match: {severity: [high, critical]}, max: 3, verdict: review}]
gaps: {item: review, file: incomplete}
accept: [{item: "lockfile:*", reason: r, owner: o, expires: 2026-07-01}]
""",
    file="l.yaml",
)
STRICTER = parse_policy(
    """version: 1
require: [{domain: code, on_incomplete: review}, {domain: dependencies, on_incomplete: block}, {domain: licenses, on_incomplete: warn}, secrets]
on_incomplete: warn
require_scanners: [gitleaks]
gaps: {file: incomplete}
rules:
  - {id: a, match: {domain: dependencies}, when: {event: [pull_request, push], path: "*.lock"}, verdict: review}
  - {id: b, match: {severity: ">=low"}, when: {branch: main}, max: 1, verdict: block}
default: review
licenses:
  allow: [MIT, Zlib]
  review: [MPL-2.0]
  exceptions: [{package: x, version: "<3", allow: [unknown], reason: r}]
  clarify: [{package: rsa, license: GPL-3.0-only, reason: r}]
waiver_limits: {critical: 30d, high: 10d}
waivers:
  - {match: {rule: CVE-1}, reason: r, owner: o, created: 2026-06-01, expires: 2026-07-15, until_fixed: true}
  - {match: {path: "a/**"}, reason: r, owner: o, expires: 2026-12-14}
""",
    file="s.yaml",
)
VEXED = Policy(
    **{name: getattr(EVERYTHING, name) for name in EVERYTHING.__slots__}
    | {
        "vex": tuple(
            Statement(
                names=("cve-1", "b"),
                products=products,
                status=status,
                author="a",
                written=datetime(2026, 1, day, tzinfo=UTC),
                file="v.json",
                line=day,
            )
            for day, status, products in (
                (1, "not_affected", ("pkg:cargo/rsa", "pkg:cargo/x@2.0.0")),
                (3, "affected", ("pkg:cargo/x",)),
                (2, "fixed", ("pkg:cargo/y",)),
            )
        )
    }
)
SHIPPED = tuple(load_policy(name, root=None, cache=None) for name in ("magray", "default", "strict", "advisory"))
POLICIES = (EVERYTHING, LENIENT, STRICTER, VEXED, *SHIPPED)

_few = st.sampled_from
PACKAGES = (
    None,
    package("rsa", "1.5.0"),
    package("x", "2.0.0", fixed_versions=("3",)),
    package("y", "?", license="MIT"),
)
findings = st.builds(
    finding,
    st.integers(0, 4),
    st.sampled_from(Domain),
    _few(("a", "b")),
    st.sampled_from(Severity),
    _few(("Cargo.lock", "tests/x.rs", "a/b", "\udcff")),
    _few(PACKAGES),
    aliases=_few(((), ("CVE-1",))),
    confidence=st.sampled_from(Confidence),
    score=_few((None, 3.0, 5.0, 9.8)),
    state=st.sampled_from(State),
    tool=_few(("gitleaks", "cargo-audit")),
    cwe=_few(((), ("CWE-79",))),
)
gaps = st.one_of(
    st.builds(
        item_gap, st.none() | st.sampled_from(Domain), _few(("", "lockfile:a")), _few(("", "gitleaks", "broken"))
    ),
    st.builds(file_gap, _few(("x.rs", "y.py")), _few(("", "gitleaks", "broken"))),
)
runs = st.builds(
    run,
    _few(("cargo-audit", "gitleaks", "other")),
    st.sampled_from(Outcome),
    _few((ALL, (Domain.SECRETS,), (Domain.WORKFLOWS,))),
    _few(("", "why")),
)


@st.composite
def scans(draw, findings=findings, gaps=gaps, runs=runs) -> dict[str, object]:
    return {
        "findings": tuple(draw(st.lists(findings, max_size=5))),
        "gaps": tuple(draw(st.lists(gaps, max_size=4))),
        "runs": tuple(draw(st.lists(runs, max_size=4))),
        "not_applicable": draw(st.frozensets(st.sampled_from(Domain), max_size=2)),
        "database": draw(st.none() | st.builds(database, st.none() | st.integers(-5, 50), chosen=st.booleans())),
        "policy": draw(st.sampled_from(POLICIES)),
        "today": TODAY,
        "branch": draw(st.none() | st.sampled_from(("main", "x"))),
        "event": draw(st.none() | st.sampled_from(("push", "schedule"))),
    }


@settings(max_examples=25, deadline=None)
@given(scans(strategies.findings(), strategies.gaps, strategies.tool_runs))
def test_every_scan_gets_a_decision(scan) -> None:
    decision = judge(**scan)
    assert [ruling.identity for ruling in decision.rulings] == [found.identity for found in scan["findings"]]
    assert len(decision.gaps) >= len(scan["gaps"])
    assert decision.verdict is max((reason.verdict for reason in decision.reasons), default=Verdict.PASS)
    assert decision.complete is not any(reason.incomplete for reason in decision.reasons)
    assert judge(**scan) == decision


@settings(max_examples=100, deadline=None)
@given(scans(), findings)
def test_one_more_finding_never_helps(scan, extra) -> None:
    before = judge(**scan)
    after = judge(**scan | {"findings": (*scan["findings"], extra)})
    assert after.verdict.at_least(before.verdict)
    assert after.complete is before.complete
    for fail_on in ("block", "review"):
        assert exit_code(before, fail_on) == 0 or exit_code(after, fail_on) != 0


@settings(max_examples=100, deadline=None)
@given(scans(), gaps)
def test_one_more_gap_never_helps(scan, extra) -> None:
    before = judge(**scan)
    after = judge(**scan | {"gaps": (*scan["gaps"], extra)})
    if extra not in {ruling.gap for ruling in after.gaps if ruling.effect == "accepted"}:
        assert after.verdict.at_least(before.verdict)
        assert before.complete or not after.complete


@settings(max_examples=100, deadline=None)
@given(scans(), runs, st.sampled_from((Outcome.FAILED, Outcome.TIMED_OUT)))
def test_a_scanner_that_broke_never_gives_exit_0(scan, some_run, outcome) -> None:
    broke = ToolRun(adapter="broken", domains=some_run.domains, outcome=outcome, reason=some_run.reason)
    decision = judge(**scan | {"runs": (*scan["runs"], broke)})
    assert not decision.complete
    assert exit_code(decision, "block") in (1, 3)


@settings(max_examples=100, deadline=None)
@given(scans(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_judged_does_not_matter(scan, random) -> None:
    shuffled = dict(scan)
    for name in ("findings", "gaps", "runs"):
        entries = list(scan[name])
        random.shuffle(entries)
        shuffled[name] = tuple(entries)
    before, after = judge(**scan), judge(**shuffled)
    assert (after.verdict, after.complete, after.reasons) == (before.verdict, before.complete, before.reasons)
    assert (after.gaps, after.waivers, after.notes) == (before.gaps, before.waivers, before.notes)
    assert sorted(map(repr, after.rulings)) == sorted(map(repr, before.rulings))


@settings(max_examples=100, deadline=None)
@given(scans(), st.integers(0, 4))
def test_a_waiver_less_never_helps(scan, index) -> None:
    made = scan["policy"]
    fewer = Policy(**{name: getattr(made, name) for name in made.__slots__} | {"waivers": made.waivers[index:]})
    assert judge(**scan | {"policy": fewer}).verdict.at_least(judge(**scan).verdict)


@settings(max_examples=100, deadline=None)
@given(scans(), st.integers(0, 2))
def test_a_statement_that_waives_less_never_helps(scan, index) -> None:
    made = VEXED
    left = tuple(one for number, one in enumerate(made.vex) if number != index or not one.waives)
    fewer = Policy(**{name: getattr(made, name) for name in made.__slots__} | {"vex": left})
    before = judge(**scan | {"policy": made})
    assert judge(**scan | {"policy": fewer}).verdict.at_least(before.verdict)


def test_an_accepted_gap_of_an_uncovered_domain_is_the_one_that_helps() -> None:
    """Why the property above leaves accepted gaps out: acceptance is the policy's own word that a domain may be open."""
    made = policy("[]", ACCEPT % "scanner: cargo-audit", "[dependencies]")
    assert not decide(made, runs=()).complete
    assert decide(made, runs=(), gaps=(item_gap(scanner="cargo-audit"),)).complete


def test_a_hundred_rules_and_many_findings() -> None:
    rules = "".join(
        f"\n  - {{id: r{n}, match: {{severity: low, path: 'src/m{n}/**'}}, verdict: review}}" for n in range(100)
    )
    made = policy(rules)
    found = [finding(n, severity=Severity.LOW, path=f"src/m{n % 200}/x.rs") for n in range(4000)]
    decision = decide(made, *found)
    assert sum(ruling.rule == "default" for ruling in decision.rulings) == 2000
    assert len(decision.reasons) == 101

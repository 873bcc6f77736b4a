"""Same problem, several tools: one finding with all witnesses, in whatever order they come."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from magray_sec.correlate import correlate, names
from magray_sec.model.finding import Finding, Location, Package, Region, Rule, Witness
from magray_sec.model.scale import Confidence, Domain, Severity


def vulnerability(
    tool: str,
    advisory: str,
    *aliases: str,
    severity: Severity = Severity.HIGH,
    lockfile: str = "Cargo.lock",
    **changes: object,
) -> Finding:
    return Finding(
        identity=f"v1:{advisory}",
        also_known_as=tuple(sorted(f"v1:{alias}" for alias in aliases)),
        domain=Domain.DEPENDENCIES,
        rule=Rule(id=f"dependencies/{advisory}", domain=Domain.DEPENDENCIES, title=advisory),
        severity=severity,
        severity_source=tool,
        confidence=Confidence.HIGH,
        message=f"{advisory} in idna",
        location=Location(path=lockfile, region=Region(start_line=12)),
        package=Package(purl="pkg:cargo/idna@0.4.0", name="idna", version="0.4.0", lockfile=lockfile),
        aliases=tuple(sorted(aliases)),
        witnesses=(Witness(tool=tool, native_rule=advisory),),
    ).replace(**changes)


def secret(
    tool: str, rule: str, column: int = 9, confidence: Confidence = Confidence.HIGH, path: str = "a.env"
) -> Finding:
    return Finding(
        identity="v1:token",
        domain=Domain.SECRETS,
        rule=Rule(id=f"secrets/{rule}", domain=Domain.SECRETS, title=rule),
        severity=Severity.CRITICAL,
        severity_source=tool,
        confidence=confidence,
        message=rule,
        location=Location(path=path, region=Region(start_line=3, start_column=column, end_line=3, end_column=40)),
        witnesses=(Witness(tool=tool, native_rule=rule),),
    )


def pattern(tool: str, column: int, rule: str = "code/sql-injection", line: int = 7) -> Finding:
    return Finding(
        identity="v1:code",
        domain=Domain.CODE,
        rule=Rule(id=rule, domain=Domain.CODE, title=rule),
        severity=Severity.HIGH,
        severity_source=tool,
        confidence=Confidence.MEDIUM,
        message=rule,
        location=Location(path="a.rs", region=Region(start_line=line, start_column=column)),
        witnesses=(Witness(tool=tool, native_rule=rule),),
    )


def test_one_flaw_under_three_ids_is_one_finding_with_three_witnesses() -> None:
    three = [
        vulnerability("cargo-audit", "RUSTSEC-2024-0421", "CVE-2024-12224", "GHSA-h97m-ww89-6jmq"),
        vulnerability("osv-scanner", "GHSA-h97m-ww89-6jmq", "CVE-2024-12224", severity=Severity.CRITICAL),
        vulnerability("trivy", "CVE-2024-12224", severity=Severity.MEDIUM),
    ]
    for order in itertools.permutations(three):
        (finding,) = correlate(order)
        assert finding.rule.id == "dependencies/RUSTSEC-2024-0421"
        assert [witness.tool for witness in finding.witnesses] == ["cargo-audit", "osv-scanner", "trivy"]
        assert (finding.severity, finding.severity_source) == (Severity.CRITICAL, "osv-scanner")
        assert finding.identities == {"v1:RUSTSEC-2024-0421", "v1:CVE-2024-12224", "v1:GHSA-h97m-ww89-6jmq"}
        assert names(finding) == {"RUSTSEC-2024-0421", "CVE-2024-12224", "GHSA-H97M-WW89-6JMQ"}


def test_two_rustsec_ids_are_never_one_even_through_a_shared_alias() -> None:
    first = vulnerability("cargo-audit", "RUSTSEC-2020-0001", "CVE-2020-1")
    second = vulnerability("cargo-audit", "RUSTSEC-2020-0002", "CVE-2020-1")
    third = vulnerability("trivy", "CVE-2020-1")
    for order in itertools.permutations((first, second, third)):
        found = correlate(order)
        assert [finding.rule.id for finding in found] == [
            "dependencies/RUSTSEC-2020-0001",
            "dependencies/RUSTSEC-2020-0002",
        ]
        assert sum(len(finding.witnesses) for finding in found) == 3


def test_same_advisory_in_two_lock_files_is_two() -> None:
    pair = [vulnerability("a", "CVE-1"), vulnerability("a", "CVE-1", lockfile="fuzz/Cargo.lock")]
    assert len(correlate(pair)) == 2


def test_one_token_seen_by_three_rules_is_one_finding_named_by_the_surest() -> None:
    seen = [
        secret("gitleaks", "generic-api-key", confidence=Confidence.MEDIUM),
        secret("regex-rules", "github-pat"),
        secret("regex-rules", "generic-api-key", confidence=Confidence.LOW),
    ]
    for order in itertools.permutations(seen):
        (finding,) = correlate(order)
        assert finding.rule.id == "secrets/github-pat"
        assert finding.confidence is Confidence.HIGH
        assert len(finding.witnesses) == 3


def test_two_tokens_on_a_line_are_two() -> None:
    assert len(correlate([secret("a", "x"), secret("a", "x", column=60), secret("b", "y", column=60)])) == 2


def test_two_flaws_of_one_rule_on_a_line_pair_up_across_tools() -> None:
    found = correlate([pattern("ours", 5), pattern("ours", 50), pattern("semgrep", 1), pattern("semgrep", 45)])
    assert [len(finding.witnesses) for finding in found] == [2, 2]


def test_domains_never_merge() -> None:
    same_place = secret("a", "x", path="a.rs").replace(location=pattern("a", 5).location)
    assert len(correlate([same_place, pattern("a", 5)])) == 2


FINDINGS = st.lists(
    st.one_of(
        st.builds(
            vulnerability,
            st.sampled_from(["cargo-audit", "osv", "trivy"]),
            st.sampled_from(["RUSTSEC-2020-0001", "RUSTSEC-2020-0002", "CVE-1", "GHSA-1"]),
            st.sampled_from(["CVE-1", "CVE-2", "GHSA-1"]),
            severity=st.sampled_from(Severity),
        ),
        st.builds(
            secret,
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from(["x", "y"]),
            st.sampled_from([1, 20]),
            st.sampled_from(Confidence),
        ),
        st.builds(pattern, st.sampled_from(["a", "b"]), st.sampled_from([1, 20, 40])),
    ),
    max_size=9,
)


@given(findings=FINDINGS, data=st.data())
def test_order_free_idempotent_and_loses_no_witness(findings: list[Finding], data: st.DataObject) -> None:
    once = correlate(findings)
    assert correlate(data.draw(st.permutations(findings))) == once
    assert correlate(once) == once
    before = {(f.domain, witness) for f in findings for witness in f.witnesses}
    assert {(f.domain, witness) for f in once for witness in f.witnesses} == before
    assert all(
        len({name for name in names(finding) if name.startswith("RUSTSEC-")}) <= 1
        for finding in once
        if finding.domain is Domain.DEPENDENCIES
    )

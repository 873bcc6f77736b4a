"""Reports of others that are taken in: SBOMs, and what GitHub and GitLab found. Each odd one gives the right number of
findings, or says what is wrong with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from command_line import magray_sec, scan, surroundings
from magray_sec import adapters, datafiles
from magray_sec.adapters import _codeql_rules, _forge_rules, _formats
from magray_sec.correlate import correlate
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Interpretation, Step, StepOutput
from magray_sec.model.finding import Finding
from magray_sec.model.run import File, Inventory, Item, ItemKind, RawOutput, Target
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity
from magray_sec.normalize import normalize
from magray_sec.regex.examples import fill
from magray_sec.regex.pack import load_packs
from memory import MemorySource
from trees import write

TOKEN = fill("ghp_{{alnum:36}}", "imports")
LOCK = """\
version = 4

[[package]]
name = "app"
version = "0.1.0"
dependencies = [
 "serde 1.0.200",
]

[[package]]
name = "serde"
version = "1.0.200"
source = "registry+https://github.com/rust-lang/crates.io-index"
"""
SERDE = {"type": "library", "name": "serde", "version": "1.0.200", "purl": "pkg:cargo/serde@1.0.200", "bom-ref": "s"}


def lock(path: str = "Cargo.lock", ecosystem: str = "cargo") -> Item:
    domains = frozenset({Domain.LICENSES, Domain.DEPENDENCIES})
    return Item(kind=ItemKind.LOCKFILE, name=path, ecosystem=ecosystem, domains=domains)


def take_in(
    name: str,
    data: Any,
    source: Mapping[str, bytes] | None = None,
    items: tuple[Item, ...] = (),
    *,
    commit: str | None = None,
    file: str = "report.json",
) -> Interpretation:
    """What the steps make of a report: bytes, or a value as JSON."""
    adapter, source = adapters.load(name), source or {}
    target = Target(root="/target", name="target", commit=commit)
    files = tuple(File(path=path, size=len(text)) for path, text in sorted(source.items()))
    assert adapter.imported
    command = adapter.imported(target, Inventory(files=files, items=items))
    command = type(command)(argv=(), claims=command.claims, inputs=command.inputs, facts=command.facts, subject=file)
    raw = RawOutput(
        command=command,
        stdout=data if isinstance(data, bytes) else json.dumps(data).encode(),
        inputs={f"/target/{path}": text for path, text in source.items()},
    )
    step = Step(adapter=adapter, claims=command.claims, commands=(command,))
    output = StepOutput(
        step=step, version=None, outputs=(raw,), started=datetime(2026, 1, 1, tzinfo=UTC), duration_s=0.0
    )
    assert adapter.parse
    return interpret(output, adapter.parse, is_import=True)


def found(heard: Interpretation, source: Mapping[str, bytes] | None = None) -> tuple[Finding, ...]:
    assert heard.run.outcome is Outcome.COMPLETED, heard.run.reason
    known = {name: adapters.load(name) for name in (heard.run.adapter,)}
    return correlate(normalize([heard], MemorySource(source or {}), known, anchor="README.md").findings)


def bom(*components: Any, **more: Any) -> dict[str, Any]:
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": list(components), **more}


def licence(*choices: Any, **more: Any) -> str | None:
    """The licence that a component with these choices is found to be under."""
    (finding,) = found(take_in("cyclonedx", bom({**SERDE, "licenses": list(choices), **more})))
    assert finding.package
    return finding.package.license


# --- what is not the report ------------------------------------------------------------------------------------------

IMPORTS = ("cyclonedx", "spdx", "github-secrets", "gitlab-report")
OTHERS: Mapping[str, Any] = {
    "sarif": {"$schema": "x", "version": "2.1.0", "runs": []},
    "cyclonedx": bom(),
    "spdx": {"spdxVersion": "SPDX-2.3", "name": "x", "packages": []},
    "gitlab-report": {"version": "15.0.0", "vulnerabilities": [], "scan": {"type": "sast"}},
    "cargo-audit": {"database": {}, "lockfile": {}},
    "github-secrets": [{"number": 1, "secret_type": "x"}],
    "pip-licenses": [{"Name": "a", "Version": "1", "License": "MIT"}],
    "gitleaks": [{"RuleID": "x", "StartLine": 1, "Secret": TOKEN}],
    "hadolint": [{"code": "DL3002", "file": "Dockerfile", "level": "warning", "line": 1}],
}


@pytest.mark.parametrize("name", IMPORTS)
@pytest.mark.parametrize("other", OTHERS)
def test_the_report_of_another_tool_is_named(name: str, other: str):
    if other == name:
        return
    run = take_in(name, OTHERS[other]).run
    assert run.outcome is Outcome.FAILED
    assert f"--input {other}=FILE" in run.reason
    assert TOKEN not in run.reason


@pytest.mark.parametrize("name", IMPORTS)
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"\xff\xfe\x00", "neither whole UTF-16 nor UTF-8"),
        (b"<?xml version='1.0'?><bom/>", "it is XML or HTML"),
        (b"{", "breaks off"),
        (b"hello", "text stands where its JSON should begin"),
        (b'{"a": ' * 100_000, "nested too deeply"),
        (b"{}", "it is not "),
        (b"{} {}", ""),
        (b"[1, 2]", "it is not "),
        (b'{"message": "Bad credentials", "documentation_url": "x"}', "an answer of GitHub that is an error"),
    ],
)
def test_what_is_no_report_at_all_is_said_to_be_none(name: str, data: bytes, says: str):
    run = take_in(name, data).run
    assert run.outcome is Outcome.FAILED
    assert says in run.reason


@pytest.mark.parametrize("name", IMPORTS)
def test_a_report_in_utf_16_is_read(name: str):
    run = take_in(name, json.dumps(OTHERS[name]).encode("utf-16")).run
    assert run.outcome is Outcome.COMPLETED


def test_each_table_names_rules_of_ours_alone():
    packed = load_packs(tuple(datafiles.files("rules/secrets")) + tuple(datafiles.files("rules/code")), None)
    ours = {rule.rule.id for rule in packed.rules}
    tables = (_forge_rules.GITHUB, _codeql_rules.SAME)
    assert not [name for table in tables for name in table.values() if name not in ours]
    linters = [adapters.load(name) for name in ("hadolint", "shellcheck")]
    own = ("code/hadolint.", "code/shellcheck.")
    assert not [
        name for entry in linters for name in entry.canonical.values() if name not in ours and not name.startswith(own)
    ]


def test_every_format_that_is_named_is_one_that_is_read():
    named = {name for name, *_ in (*_formats._OBJECTS, *_formats._RECORDS)} - {""}
    assert named - set(adapters.names()) <= {
        "trivy",
        "npm-audit",
        "osv-scanner",
        "bandit",
        "semgrep",
        "pip-audit",
        "zizmor",
    }


# --- CycloneDX -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "expression"),
    [
        ([{"license": {"id": "MIT"}}], "MIT"),
        ([{"expression": "MIT OR Apache-2.0"}], "Apache-2.0 OR MIT"),
        ([{"license": {"name": "MIT/Apache-2.0"}}], "Apache-2.0 OR MIT"),
        ([{"license": {"name": "Apache Software License 2.0"}}], "Apache-2.0"),
        ([{"license": {"id": "MIT"}}, {"license": {"id": "Zlib"}}], "MIT AND Zlib"),
        ([{"license": {"name": "Some words"}}, {"license": {"id": "Zlib"}}], "unknown"),
        (
            [
                {"license": {"id": "MIT", "acknowledgement": "declared"}},
                {"expression": "ISC", "acknowledgement": "concluded"},
            ],
            "MIT",
        ),
        ([{"license": {"id": "ISC", "acknowledgement": "concluded"}}], "ISC"),
        ([], "unknown"),
    ],
)
def test_a_licence_is_told_in_one_spelling(choices: list[Any], expression: str):
    assert licence(*choices) == expression


def test_a_package_is_found_in_the_lock_file_that_holds_it():
    source = {"Cargo.lock": LOCK.encode(), "other/Cargo.lock": b"version = 4\n", "README.md": b""}
    heard = take_in("cyclonedx", bom(SERDE), source, (lock(), lock("other/Cargo.lock")))
    (finding,) = found(heard, source)
    assert (finding.location.path, finding.location.line) == ("Cargo.lock", 11)
    assert finding.package
    assert finding.package.lockfile == "Cargo.lock"
    assert not heard.run.claims


def test_where_two_lock_files_hold_a_package_it_stands_at_the_sbom():
    source = {"Cargo.lock": LOCK.encode(), "b/Cargo.lock": LOCK.encode(), "sbom/report.json": b"{}", "README.md": b""}
    (finding,) = found(take_in("cyclonedx", bom(SERDE), source, (lock(), lock("b/Cargo.lock"))), source)
    assert (finding.location.path, finding.package and finding.package.lockfile) == ("sbom/report.json", "")


def test_the_licences_of_an_sbom_and_of_its_twin_have_one_identity():
    spdx = {
        "spdxVersion": "SPDX-2.3",
        "packages": [
            {
                "name": "serde",
                "SPDXID": "SPDXRef-a",
                "versionInfo": "1.0.200",
                "licenseDeclared": "MIT OR Apache-2.0",
                "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:cargo/serde@1.0.200"}],
            }
        ],
    }
    twin = bom({**SERDE, "licenses": [{"expression": "Apache-2.0 OR MIT"}]})
    (one,), (other,) = found(take_in("spdx", spdx)), found(take_in("cyclonedx", twin))
    assert one.identity == other.identity


def test_an_sbom_stands_for_the_one_lock_file_that_it_lists_all_of():
    source = {"Cargo.lock": LOCK.encode()}
    assert take_in("cyclonedx", bom(SERDE), source, (lock(),)).run.outcome is Outcome.COMPLETED
    heard = take_in("cyclonedx", bom({**SERDE, "version": "1.0.1", "purl": "pkg:cargo/serde@1.0.1"}), source, (lock(),))
    assert "lacks 1 of its 1 packages (serde 1.0.200)" in heard.run.gaps[0].reason
    heard = take_in("cyclonedx", bom(SERDE), {"yarn.lock": b"x"}, (lock("yarn.lock", "npm"),))
    assert "cannot be held against it" in heard.run.gaps[0].reason


def test_components_in_components_are_packages_and_files_are_none():
    inner = {"type": "library", "name": "b", "version": "2"}
    heard = take_in(
        "cyclonedx",
        bom({"type": "application", "name": "Cargo.lock", "components": [inner]}, {"type": "file", "name": "x"}, inner),
    )
    assert [entry.package and entry.package.name for entry in found(heard)] == ["b"]


def test_a_deep_nest_of_components_is_not_followed_forever():
    nest: dict[str, Any] = {"type": "library", "name": "a", "version": "1"}
    for _ in range(150):
        nest = {"type": "library", "name": "a", "version": "1", "components": [nest]}
    assert "nested too deeply" in take_in("cyclonedx", bom(nest)).run.reason
    assert sys.getrecursionlimit() > 150


def flaws(*given: Any, **more: Any) -> tuple[Finding, ...]:
    return tuple(
        entry
        for entry in found(take_in("cyclonedx", bom(SERDE, vulnerabilities=list(given), **more)))
        if entry.domain is Domain.DEPENDENCIES
    )


def test_a_flaw_has_the_newest_score_and_all_its_names():
    ratings = [
        {"method": "CVSSv31", "score": 9.8, "severity": "critical"},
        {"method": "CVSSv4", "score": 5.3, "severity": "medium", "vector": "CVSS:4.0/x"},
        {"severity": "high"},
    ]
    (flaw,) = flaws(
        {
            "id": "CVE-2026-1000",
            "references": [{"id": "GHSA-AAAA-bbbb-cccc"}, {"id": "https://example.com"}],
            "ratings": ratings,
            "cwes": [79],
            "recommendation": "Upgrade serde to version 1.0.201, 2.0.0",
            "affects": [{"ref": "s"}, {"ref": "s"}],
        }
    )
    assert (flaw.rule.id, flaw.aliases, flaw.rule.cwe) == (
        "dependencies/CVE-2026-1000",
        ("GHSA-aaaa-bbbb-cccc",),
        ("CWE-79",),
    )
    assert (flaw.severity, flaw.score, flaw.score_source) == (Severity.MEDIUM, 5.3, "cvss-4.0")
    assert flaw.package
    assert flaw.package.fixed_versions == ("1.0.201", "2.0.0")


@pytest.mark.parametrize(
    ("flaw", "severity"),
    [
        ({"ratings": [{"severity": "none"}]}, Severity.INFO),
        ({"ratings": [{"severity": "low"}, {"severity": "high"}]}, Severity.HIGH),
        ({"ratings": [{"method": "CVSSv3", "score": 0.0, "severity": "unknown"}]}, Severity.UNKNOWN),
        ({"ratings": [{"method": "OWASP", "score": 9.0, "severity": "low"}]}, Severity.LOW),
        ({}, Severity.UNKNOWN),
    ],
)
def test_no_severity_is_guessed(flaw: dict[str, Any], severity: Severity):
    (one,) = flaws({"id": "CVE-2026-1", "affects": [{"ref": "s"}], **flaw})
    assert (one.severity, one.score) == (severity, None)


@pytest.mark.parametrize("state", ["not_affected", "false_positive", "resolved"])
def test_what_the_analysis_takes_back_is_counted(state: str):
    heard = take_in("cyclonedx", bom(SERDE, vulnerabilities=[{"id": "CVE-2026-1", "analysis": {"state": state}}]))
    assert len(heard.sightings) == 1  # the licence
    assert any(state.replace("_", " ") in entry.message for entry in heard.run.notifications)


def test_a_vulnerability_without_a_name_is_no_report():
    assert "has no id" in take_in("cyclonedx", bom(vulnerabilities=[{"affects": [{"ref": "s"}]}])).run.reason


@pytest.mark.parametrize("version", ["", "2.0", "1", None, 1.5])
def test_another_version_is_not_read(version: Any):
    assert take_in("cyclonedx", bom(SERDE, specVersion=version)).run.outcome is Outcome.FAILED


# --- SPDX ------------------------------------------------------------------------------------------------------------


def packages(*given: Any, **more: Any) -> dict[str, Any]:
    return {"spdxVersion": "SPDX-2.3", "name": "x", "packages": list(given), **more}


def test_what_a_document_is_of_is_no_dependency_of_it():
    root, other = {"name": "x", "SPDXID": "SPDXRef-x"}, {"name": "y", "SPDXID": "SPDXRef-y", "versionInfo": "1"}
    described = [
        {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-x"}
    ]
    assert len(found(take_in("spdx", packages(root, other, relationships=described)))) == 1
    assert len(found(take_in("spdx", packages(root, other, documentDescribes=["SPDXRef-x"])))) == 1
    # A document of packages as such.
    assert len(found(take_in("spdx", packages(root, other, documentDescribes=["SPDXRef-x", "SPDXRef-y"])))) == 2


@pytest.mark.parametrize(
    ("entry", "expression"),
    [
        ({"licenseDeclared": "MIT", "licenseConcluded": "ISC"}, "MIT"),
        ({"licenseDeclared": "NOASSERTION", "licenseConcluded": "ISC"}, "ISC"),
        ({"licenseDeclared": "NONE"}, "unknown"),
        ({"licenseDeclared": "LicenseRef-scancode-x OR MIT"}, "LicenseRef-scancode-x OR MIT"),
        ({}, "unknown"),
    ],
)
def test_what_is_declared_counts_before_what_is_concluded(entry: dict[str, str], expression: str):
    (finding,) = found(take_in("spdx", packages({"name": "y", "versionInfo": "1", **entry})))
    assert finding.package
    assert finding.package.license == expression


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (packages({"versionInfo": "1"}), "its package 1 has no name"),
        (packages("x"), "its packages are no list of objects"),
        ({"spdxVersion": "SPDX-3.0"}, "its version of SPDX is not one that is known"),
        ({"spdxVersion": "SPDX-2.3"}, "it lists no package"),
        ({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}, "it holds no SPDX document"),
        (b"SPDXVersion: SPDX-9\nPackageName: x\n", "its version of SPDX is not one that is known"),
    ],
)
def test_a_document_that_is_none_is_refused(data: Any, says: str):
    assert says in take_in("spdx", data).run.reason


# --- GitHub ----------------------------------------------------------------------------------------------------------

SOURCE = {"a.env": b"# moved down\n\nTOKEN=" + TOKEN.encode() + b"\n", "README.md": b""}
PLACE = {"path": "a.env", "start_line": 1, "end_line": 1, "start_column": 7, "end_column": 47, "commit_sha": "c" * 40}


def alert(**more: Any) -> dict[str, Any]:
    return {
        "number": 1,
        "state": "open",
        "secret_type": "github_personal_access_token",
        "secret_type_display_name": "GitHub Personal Access Token",
        "secret": TOKEN,
        **more,
    }


def test_an_alert_stands_where_its_secret_stands_now():
    (finding,) = found(take_in("github-secrets", [alert(first_location_detected=PLACE)], SOURCE), SOURCE)
    assert (finding.rule.id, finding.location.path, finding.location.line) == ("secrets/github-pat", "a.env", 3)
    assert TOKEN not in repr(finding)


def test_each_place_of_an_alert_is_one_and_the_same_place_is_one():
    commit = {"type": "commit", "details": PLACE}
    again = {"type": "commit", "details": {**PLACE, "commit_sha": "d" * 40}}
    gone = {"type": "commit", "details": {**PLACE, "path": "gone.env"}}
    heard = take_in(
        "github-secrets", [alert(locations=[commit, again, gone, {"type": "wiki_commit", "details": {}}])], SOURCE
    )
    assert [entry.location.path for entry in found(heard, SOURCE)] == ["a.env", "gone.env"]
    assert any("wiki commit" in entry.message for entry in heard.run.notifications)


@pytest.mark.parametrize(
    ("validity", "confidence"),
    [
        ("active", Confidence.HIGH),
        ("inactive", Confidence.LOW),
        ("unknown", Confidence.MEDIUM),
        (None, Confidence.MEDIUM),
    ],
)
def test_what_github_knows_of_a_secret_says_how_sure_it_is(validity: str | None, confidence: Confidence):
    (finding,) = found(take_in("github-secrets", [alert(validity=validity)]))
    assert finding.confidence is confidence


def test_pages_one_after_the_other_are_read_as_one_list():
    data = (
        json.dumps([alert()]) + json.dumps([]) + "\n" + json.dumps([alert(number=2), alert(number=3, state="resolved")])
    )
    heard = take_in("github-secrets", data.encode())
    assert len(heard.sightings) == 2
    assert dict(heard.run.metrics)["alerts"] == 3
    assert take_in("github-secrets", data.encode()[:-9]).run.outcome is Outcome.FAILED
    assert take_in("github-secrets", data.encode() + b"{}").run.outcome is Outcome.FAILED


# --- GitLab ----------------------------------------------------------------------------------------------------------


def report(*entries: Any, kind: str = "secret_detection", **more: Any) -> dict[str, Any]:
    return {"version": "15.0.7", "vulnerabilities": list(entries), "scan": {"type": kind, "status": "success", **more}}


def secret(**more: Any) -> dict[str, Any]:
    return {
        "category": "secret_detection",
        "name": "GitHub token",
        "severity": "Critical",
        "raw_source_code_extract": TOKEN,
        "location": {"file": "a.env", "start_line": 3, "commit": {"sha": "0000000"}},
        "identifiers": [{"type": "gitleaks_rule_id", "name": "x", "value": "github-pat"}],
        **more,
    }


def test_a_secret_of_gitlab_and_an_alert_of_github_are_one_finding():
    alerts = take_in("github-secrets", [alert(first_location_detected=PLACE)], SOURCE)
    other = take_in("gitlab-report", report(secret(), scanner={"name": "Gitleaks"}), SOURCE)
    known = {name: adapters.load(name) for name in ("github-secrets", "gitlab-report")}
    (finding,) = correlate(normalize([alerts, other], MemorySource(SOURCE), known, anchor="README.md").findings)
    assert [witness.tool for witness in finding.witnesses] == ["Gitleaks", "github-secrets"]
    assert finding.severity is Severity.CRITICAL
    assert TOKEN not in repr(finding)


def test_a_report_of_version_14_without_a_scan_is_read():
    old = {"version": "14.0.0", "vulnerabilities": [secret()]}
    (finding,) = found(take_in("gitlab-report", old, SOURCE), SOURCE)
    assert finding.rule.id == "secrets/github-pat"


def test_a_flaw_of_code_is_one_and_a_password_in_code_is_a_secret():
    flaw = {
        "category": "sast",
        "message": "SQL injection",
        "severity": "High",
        "confidence": "Low",
        "location": {"file": "a.py", "start_line": 1, "end_line": 1},
        "identifiers": [{"type": "semgrep_id", "value": "a.b"}, {"type": "cwe", "name": "CWE-89", "value": "89"}],
    }
    password = {
        **flaw,
        "identifiers": [{"type": "bandit_test_id", "value": "B105"}, {"type": "cwe", "value": "CWE-259"}],
    }
    heard = take_in(
        "gitlab-report", report(flaw, password, kind="sast", scanner={"name": "Semgrep"}), {"a.py": b"x = 1\n"}
    )
    first, second = sorted(found(heard, {"a.py": b"x = 1\n"}), key=lambda entry: entry.domain.value)
    assert (first.rule.id, first.rule.cwe, first.severity, first.confidence) == (
        "code/semgrep.a.b",
        ("CWE-89",),
        Severity.HIGH,
        Confidence.LOW,
    )
    assert (second.domain, second.rule.id) == (Domain.SECRETS, "secrets/semgrep.b105")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (report(kind="container_scanning"), "a GitLab report of container scanning"),
        (report(status="failure"), "its scan ended with failure"),
        (report(secret(identifiers=[], name="")), "neither an identifier nor a name"),
        ({**report(), "vulnerabilities": {}}, "no list of objects"),
        ({"version": "15.0.0", "vulnerabilities": []}, "a kind that it does not name"),
    ],
)
def test_a_report_that_is_no_whole_one_is_refused(data: Any, says: str):
    assert says in take_in("gitlab-report", data).run.reason


def test_an_error_of_the_scanner_is_a_gap():
    heard = take_in("gitlab-report", report(messages=[{"level": "fatal", "value": "no memory"}]))
    assert heard.run.outcome is Outcome.PARTIAL
    assert "no memory" in heard.run.reason


# --- CodeQL ----------------------------------------------------------------------------------------------------------


def codeql(query: str, path: str, line: int) -> dict[str, Any]:
    """A report as CodeQL writes it: rules in an extension, the way of the data in a code flow."""
    place = {
        "physicalLocation": {"artifactLocation": {"uri": path, "uriBaseId": "%SRCROOT%"}, "region": {"startLine": line}}
    }
    rule = {
        "id": query,
        "name": query,
        "properties": {"tags": ["security"], "security-severity": "8.8", "precision": "high"},
    }
    flow = {"threadFlows": [{"locations": [{"location": place}, {"location": place}]}]}
    result = {
        "ruleId": query,
        "rule": {"id": query, "index": 0, "toolComponent": {"index": 0}},
        "message": {"text": "This depends on a [user-provided value](1)."},
        "locations": [place],
        "relatedLocations": [{"id": 1, **place}],
        "codeFlows": [flow],
        "partialFingerprints": {"primaryLocationLineHash": "x:1"},
    }
    tool = {"driver": {"name": "CodeQL", "rules": []}, "extensions": [{"name": "codeql/queries", "rules": [rule]}]}
    return {"version": "2.1.0", "runs": [{"tool": tool, "results": [result], "columnKind": "utf16CodeUnits"}]}


@pytest.mark.parametrize(
    ("query", "path", "rule"),
    [
        ("py/sql-injection", "a.py", "code/sql-injection"),
        ("js/sql-injection", "a.js", "code/sql-injection"),
        ("py/command-line-injection", "a.py", "code/command-injection"),
        ("rust/path-injection", "a.rs", "code/path-traversal"),
        ("java/unsafe-deserialization", "A.java", "code/unsafe-deserialization"),
        ("actions/unpinned-tag", ".github/workflows/ci.yml", "workflows/unpinned-action"),
        ("py/some-query-of-theirs", "a.py", "code/codeql.py-some-query-of-theirs"),
    ],
)
def test_a_query_of_codeql_is_our_rule_where_it_means_the_same(query: str, path: str, rule: str):
    source = {path: b"one\ntwo\n"}
    (finding,) = found(take_in("sarif", codeql(query, path, 2), source), source)
    assert (finding.rule.id, finding.location.line, finding.score) == (rule, 2, 8.8)
    assert [witness.native_rule for witness in finding.witnesses] == [query]


# --- the command line ------------------------------------------------------------------------------------------------


def test_an_sbom_is_taken_in_by_the_command_line(tmp_path):
    target, home = tmp_path / "target", tmp_path / "home"
    write(target, {"Cargo.toml": '[package]\nname = "app"\nversion = "0.1.0"\n', "Cargo.lock": LOCK})
    write(tmp_path, {"bom.json": json.dumps(bom({**SERDE, "licenses": [{"license": {"id": "GPL-3.0-only"}}]}))})
    home.mkdir()
    scanned = scan(
        target,
        "--input",
        f"cyclonedx={tmp_path / 'bom.json'}",
        "--offline",
        environment=surroundings(home),
        reports=tmp_path / "reports",
    )
    assert scanned.json, scanned.said
    (finding,) = [entry for entry in scanned.json["findings"] if entry["domain"] == "licenses"]
    assert (finding["rule"], finding["location"]["path"]) == ("licenses/copyleft", "Cargo.lock")
    assert scanned.run("cyclonedx")["outcome"] == "completed"
    near = magray_sec("scan", target, "--input", "cyclonedex=x", environment=surroundings(home))
    assert "did you mean 'cyclonedx'?" in near.said

"""Any tool's SARIF through `--input sarif=FILE`: what it says is taken for what it says, and a report that is damaged, of
a failed run or of another commit never looks like a clean one."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from command_line import git, magray_sec, scan, surroundings
from magray_sec import identity
from magray_sec.adapters.sarif import ADAPTER
from magray_sec.correlate import correlate
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Interpretation, Step, StepOutput
from magray_sec.model.finding import Finding, Place, Sighting
from magray_sec.model.run import (
    File,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    Level,
    RawOutput,
    Target,
)
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity
from magray_sec.normalize import normalize
from magray_sec.policy.judge import judge
from magray_sec.policy.types import Policy
from magray_sec.regex.examples import fill
from memory import MemorySource
from planting import DATABASE, found, plant, sample, token
from trees import write

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCE = {
    "src/a.py": b"import os\n\nos.system(command)  # \xf0\x9f\x98\x80 run\n",
    "src/with space.py": b"x = 1\n",
    "frontend/src/app.js": b"eval(x)\n",
    ".github/workflows/ci.yml": b"on: push\n",
    "Cargo.lock": b"version = 4\n",
    "README.md": b"hello\n",
}
CARGO = Item(kind=ItemKind.LOCKFILE, name="Cargo.lock", ecosystem="cargo", domains=frozenset({Domain.DEPENDENCIES}))


def place(uri: str, line: int | None = 3, **region: int) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if line is not None:
        physical["region"] = {"startLine": line, **region}
    return {"physicalLocation": physical}


def result(rule: str = "R1", uri: str = "src/a.py", **more: Any) -> dict[str, Any]:
    return {"ruleId": rule, "message": {"text": f"{rule} speaks"}, "locations": [place(uri)], **more}


def run(*results: dict[str, Any], rules: Any = (), name: str = "CodeQL", **more: Any) -> dict[str, Any]:
    return {"tool": {"driver": {"name": name, "rules": list(rules)}}, "results": list(results), **more}


def log(*runs: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"version": "2.1.0", "runs": list(runs), **more}).encode()


def take_in(data: bytes, commit: str | None = None, source: Mapping[str, bytes] = SOURCE) -> Interpretation:
    """What the steps make of a report."""
    target = Target(root="/target", name="target", commit=commit)
    files = tuple(File(path=path, size=len(text)) for path, text in sorted(source.items()))
    assert ADAPTER.imported
    command = ADAPTER.imported(target, Inventory(files=files, items=(CARGO,) if "Cargo.lock" in source else ()))
    step = Step(adapter=ADAPTER, claims=command.claims, commands=(command,))
    output = StepOutput(
        step=step,
        version=None,
        outputs=(RawOutput(command=command, stdout=data),),
        started=datetime(2026, 1, 1, tzinfo=UTC),
        duration_s=0.0,
    )
    assert ADAPTER.parse
    return interpret(output, ADAPTER.parse, is_import=True)


def sightings(*runs: dict[str, Any], commit: str | None = None, source: Mapping[str, bytes] = SOURCE) -> list[Sighting]:
    heard = take_in(log(*runs), commit, source)
    assert heard.run.outcome is Outcome.COMPLETED, heard.run.reason
    return list(heard.sightings)


def one(*results: dict[str, Any], **more: Any) -> Sighting:
    (sighting,) = sightings(run(*results, **more))
    return sighting


def findings(*runs: dict[str, Any], source: Mapping[str, bytes] = SOURCE) -> tuple[Finding, ...]:
    heard = take_in(log(*runs), source=source)
    return correlate(normalize([heard], MemorySource(source), {"sarif": ADAPTER}, anchor="README.md").findings)


# --- whose finding it is ---------------------------------------------------------------------------------------------


def test_the_witness_is_the_tool_and_not_the_reader():
    made, other = findings(run(result()), run(result("R1", "frontend/src/app.js"), name="My Scanner 2"))
    assert {witness.tool for finding in (made, other) for witness in finding.witnesses} == {"CodeQL", "My Scanner 2"}
    assert {made.rule.id, other.rule.id} == {"code/codeql.r1", "code/my-scanner-2.r1"}
    assert all(witness.imported for finding in (made, other) for witness in finding.witnesses)


@pytest.mark.parametrize(
    ("driver", "tool"),
    [("Semgrep OSS", "semgrep"), ("Semgrep PRO", "semgrep"), ("Opengrep OSS", "opengrep"), ("Snyk Code", "Snyk Code")],
)
def test_a_tool_is_called_the_same_whichever_of_its_names_it_gives(driver, tool):
    assert one(result(), name=driver).tool == tool


def test_a_rule_that_means_the_same_as_ours_is_ours():
    made = one(result("betterleaks.github-pat"), name="kingfisher")
    assert made.rule is not None
    assert made.rule.id == "secrets/github-pat"
    made = one(result("hm-unheard-of"), name="gitleaks")
    assert made.rule is not None
    assert made.rule.id == "secrets/gitleaks.hm-unheard-of"


def test_the_rules_our_table_names_are_rules_we_have():
    from magray_sec import datafiles
    from magray_sec.adapters import _sarif_words

    packs = [Path(path).read_text(encoding="utf-8") for path in datafiles.files("rules")]
    ours = {f"secrets/{name}" for pack in packs for name in re.findall(r"(?m)^  - id: (\S+)$", pack)}
    named = {f"secrets/{name}" for name in (*_sarif_words._SAME, *_sarif_words._OTHERWISE.values())}
    assert named <= ours


def test_a_rule_s_words_are_kept():
    rule = {
        "id": "R1",
        "shortDescription": {"text": "Short"},
        "fullDescription": {"text": "Full"},
        "help": {"text": "plain", "markdown": "**bold**"},
        "helpUri": "https://example.com/r1",
        "properties": {"tags": ["security", "external/cwe/cwe-078"], "precision": "low"},
    }
    made = one(result(ruleIndex=0), rules=[rule])
    assert made.rule is not None
    assert (made.rule.title, made.rule.description, made.rule.help) == ("Short", "Full", "**bold**")
    assert (made.rule.cwe, made.rule.references) == (("CWE-78",), ("https://example.com/r1",))
    assert made.confidence is Confidence.LOW


# --- which rule ------------------------------------------------------------------------------------------------------

RULES = [{"id": "A", "shortDescription": {"text": "rule A"}}, {"id": "B", "shortDescription": {"text": "rule B"}}]


@pytest.mark.parametrize(
    ("named", "title"),
    [
        ({"ruleId": "B"}, "rule B"),
        ({"ruleIndex": 1}, "rule B"),
        ({"ruleId": "B", "ruleIndex": 1}, "rule B"),
        ({"ruleId": "B", "ruleIndex": 0}, "rule B"),
        ({"ruleId": "B", "ruleIndex": 7}, "rule B"),
        ({"ruleId": "B", "ruleIndex": -1}, "rule B"),
        ({"rule": {"id": "B"}}, "rule B"),
        ({"rule": {"index": 1}}, "rule B"),
        ({"ruleId": "B/part/2"}, "rule B"),
        ({"ruleId": "C", "rule": {"index": 0, "toolComponent": {"index": 0}}}, "rule C"),
        ({"rule": {"index": 0, "toolComponent": {"name": "pack"}}}, "rule C"),
        ({"rule": {"guid": "11111111-1111-1111-1111-111111111111"}}, "rule C"),
        ({"ruleId": "C"}, "rule C"),
        ({"ruleId": "nowhere"}, "codeql.nowhere"),
    ],
)
def test_the_rule_is_found_by_every_way_to_name_it(named, title):
    made = run({"message": {"text": "m"}, "locations": [place("src/a.py")], **named}, rules=RULES)
    guid = "11111111-1111-1111-1111-111111111111"
    pack = {"name": "pack", "rules": [{"id": "C", "guid": guid, "shortDescription": {"text": "rule C"}}]}
    made["tool"]["extensions"] = [pack]
    (sighting,) = sightings(made)
    assert sighting.rule is not None
    assert sighting.rule.title == title


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"text": "as it is"}, "as it is"),
        ({"text": "braces {0} stay", "markdown": "x"}, "braces {0} stay"),
        ({"id": "of-rule", "arguments": ["ONE", "TWO"]}, "ONE then TWO, {not} and {9}"),
        ({"id": "of-tool"}, "the tool's"),
        ({"text": "a [value](1) of [the \\[user\\]](2), see [docs](https://example.com)"}, "a value of the [user], see [docs](https://example.com)"),
        ({"markdown": "only *this*"}, "only *this*"),
        ({"id": "unheard of"}, "Title"),
        (None, "Title"),
    ],
)  # fmt: skip
def test_a_message_is_filled_in(message, text):
    rule = {
        "id": "R1",
        "shortDescription": {"text": "Title"},
        "messageStrings": {"of-rule": {"text": "{0} then {1}, {{not}} and {9}"}},
    }
    made = run(result(message=message), rules=[rule])
    made["tool"]["driver"]["globalMessageStrings"] = {"of-tool": {"text": "the tool's"}}
    (sighting,) = sightings(made)
    assert sighting.message == text


# --- which domain ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "tags", "driver", "uri", "domain"),
    [
        ("py/sql-injection", ["security", "external/cwe/cwe-089"], "CodeQL", "src/a.py", Domain.CODE),
        ("py/hardcoded-credentials", ["security", "external/cwe/cwe-798"], "CodeQL", "src/a.py", Domain.SECRETS),
        ("hardcoded", ["CWE-259: Use of Hard-coded Password"], "Semgrep OSS", "src/a.py", Domain.SECRETS),
        ("AVD-1", ["secret", "security", "HIGH"], "Trivy", "src/a.py", Domain.SECRETS),
        ("anything", [], "gitleaks", ".github/workflows/ci.yml", Domain.SECRETS),
        ("CVE-2021-44228", ["vulnerability", "security"], "Trivy", "pom.xml", Domain.DEPENDENCIES),
        ("GHSA-jf85-cpcp-j695-lodash", [], "Grype", "package-lock.json", Domain.DEPENDENCIES),
        ("CVE-2020-1", ["external/cwe/cwe-798"], "x", "src/a.py", Domain.SECRETS),
        ("CVE-2020-12345", ["external/cwe/cwe-798"], "x", "src/a.py", Domain.DEPENDENCIES),
        ("SNYK-JS-LODASH-567746", ["security"], "Snyk Open Source", "package.json", Domain.DEPENDENCIES),
        ("yanked", ["security"], "cargo-audit", "Cargo.lock", Domain.DEPENDENCIES),
        ("a:unsound", ["security"], "cargo-deny", "Cargo.toml", Domain.DEPENDENCIES),
        ("l:rejected", [], "cargo-deny", "Cargo.toml", Domain.LICENSES),
        ("b:banned", [], "cargo-deny", "Cargo.toml", Domain.SUPPLY_CHAIN),
        ("GPL-3.0", ["license"], "Trivy", "Cargo.lock", Domain.LICENSES),
        ("actions/untrusted-checkout", ["security"], "CodeQL", ".github/workflows/ci.yml", Domain.WORKFLOWS),
        ("zizmor/unpinned-uses", ["security"], "zizmor", "anywhere.yml", Domain.WORKFLOWS),
        ("BranchProtectionID", ["supply-chain"], "Scorecard", "no file", Domain.SUPPLY_CHAIN),
        ("no-unused-vars", [], "ESLint", "src/a.js", Domain.CODE),
        ("unsafe/rust-unsafe.block", [], "magray-sec", "src/a.rs", Domain.UNSAFE),
    ],
)
def test_domain(rule, tags, driver, uri, domain):
    assert (
        one(result(rule, uri, ruleIndex=0), rules=[{"id": rule, "properties": {"tags": tags}}], name=driver).domain
        is domain
    )


@pytest.mark.parametrize("where", ["taxa", "relationships", "properties"])
def test_a_weakness_is_read_wherever_it_stands(where):
    taxon = {"id": "CWE-798" if where == "taxa" else "798", "toolComponent": {"name": "CWE"}}
    rule: dict[str, Any] = {"id": "R1"}
    more: dict[str, Any] = {}
    if where == "taxa":
        more["taxa"] = [taxon]
    elif where == "relationships":
        rule["relationships"] = [{"target": taxon, "kinds": ["superset"]}]
    else:
        rule["properties"] = {"cwe": ["CWE-798: Use of Hard-coded Credentials"]}
    assert one(result(**more), rules=[rule]).domain is Domain.SECRETS


# --- how bad ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_rule", "of_result", "severity", "score", "native"),
    [
        ({"properties": {"security-severity": "9.8"}}, {}, Severity.CRITICAL, 9.8, "warning, security-severity 9.8"),
        ({"properties": {"security-severity": 5.5}}, {"level": "error"}, Severity.MEDIUM, 5.5, "error, security-severity 5.5"),
        ({"properties": {"security-severity": "9.8"}}, {"properties": {"security-severity": "3.1"}}, Severity.LOW, 3.1, "warning, security-severity 3.1"),
        ({"properties": {"security-severity": "0.0"}}, {"level": "note"}, Severity.LOW, None, "note"),
        ({"properties": {"security-severity": "99"}}, {"level": "error"}, Severity.HIGH, None, "error"),
        ({"properties": {"security-severity": "High"}}, {}, Severity.HIGH, None, "warning, High"),
        ({"properties": {"tags": ["CRITICAL"]}}, {"level": "error"}, Severity.CRITICAL, None, "error, CRITICAL"),
        ({}, {"level": "error", "properties": {"zizmor/severity": "Low"}}, Severity.LOW, None, "error, Low"),
        ({}, {"level": "error"}, Severity.HIGH, None, "error"),
        ({}, {}, Severity.MEDIUM, None, "warning"),
        ({"defaultConfiguration": {"level": "note"}}, {}, Severity.LOW, None, "note"),
        ({"defaultConfiguration": {"level": "note"}}, {"level": "warning"}, Severity.MEDIUM, None, "warning"),
        ({}, {"kind": "review"}, Severity.UNKNOWN, None, "none"),
        ({}, {"kind": "review", "level": "error"}, Severity.HIGH, None, "error"),
        ({}, {"level": "blocker"}, Severity.UNKNOWN, None, "blocker"),
    ],
)  # fmt: skip
def test_severity(of_rule, of_result, severity, score, native):
    made = one(result(**of_result), rules=[{"id": "R1", **of_rule}])
    assert (made.severity, made.score, made.native_severity) == (severity, score, native)


def test_the_level_of_a_flaw_in_a_dependency_is_no_severity():
    assert one(result("CVE-2021-44228", level="error")).severity is Severity.UNKNOWN


# --- what is no problem, or is suppressed ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said", "level"),
    [
        ({"kind": "pass"}, "there is no problem", Level.NOTE),
        ({"kind": "notApplicable"}, "there is no problem", Level.NOTE),
        ({"kind": "informational"}, "there is no problem", Level.NOTE),
        ({"baselineState": "absent"}, "no longer there", Level.NOTE),
        ({"suppressions": [{"kind": "external"}]}, "suppressed", Level.WARNING),
        ({"suppressions": [{"kind": "external", "status": "accepted"}]}, "suppressed", Level.WARNING),
    ],
)
def test_what_is_left_out_is_counted(more, said, level):
    heard = take_in(log(run(result(), result("R2", **more), result("R2", **more))))
    assert [sighting.native_rule for sighting in heard.sightings] == ["R1"]
    assert any(
        entry.level is level and "CodeQL: 2 results are left out" in entry.message and said in entry.message
        for entry in heard.run.notifications
    )


@pytest.mark.parametrize(
    ("suppressions", "hidden"),
    [
        ([{"kind": "inSource", "justification": "the folder is ours"}], "suppressed in the source, says CodeQL (the folder is ours)"),
        ([{"kind": "inSource"}, {"kind": "external"}], "suppressed in the source, says CodeQL"),
        ([{"kind": "inSource", "status": "rejected"}], ""),
        ([{"kind": "external", "status": "underReview"}], ""),
        ([{"kind": "external", "state": "rejected"}], ""),
        ([{"kind": "external"}, {"kind": "external", "status": "rejected"}], ""),
        ([], ""),
        (None, ""),
    ],
)  # fmt: skip
def test_what_the_source_suppresses_is_reported_and_marked(suppressions, hidden):
    assert one(result(suppressions=suppressions)).hidden_by == hidden


@pytest.mark.parametrize("state", ["new", "unchanged", "updated", None])
def test_what_is_there_still_counts(state):
    assert one(result(baselineState=state))


# --- how the run went ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("invocation", "says"),
    [
        ({"executionSuccessful": False}, "CodeQL says of its run that it failed"),
        ({"executionSuccessful": False, "exitCode": 32}, "it failed with exit code 32"),
        ({"executionSuccessful": True, "exitSignalName": "SIGSEGV"}, "ended by a signal"),
        ({"executionSuccessful": True, "processStartFailureMessage": "no such file"}, "could not be started"),
    ],
)
def test_a_run_that_failed_is_a_failed_run_and_keeps_what_it_found(invocation, says):
    heard = take_in(log(run(result(), invocations=[{"executionSuccessful": True}, invocation]), run(result("R2"))))
    assert heard.run.outcome is Outcome.FAILED
    assert says in heard.run.reason
    assert len(heard.sightings) == 2


def test_a_run_that_says_nothing_of_how_it_went_is_taken_at_its_word():
    assert take_in(log(run(result()))).run.outcome is Outcome.COMPLETED
    assert (
        take_in(log(run(result(), invocations=[{"executionSuccessful": True, "exitCode": 1}]))).run.outcome
        is Outcome.COMPLETED
    )


@pytest.mark.parametrize("key", ["toolExecutionNotifications", "toolConfigurationNotifications"])
def test_an_error_of_the_tool_is_a_gap_of_the_file_or_of_all(key):
    said = [
        {"level": "error", "message": {"text": "cannot parse"}, "locations": [place("src/a.py", None)]},
        {"level": "error", "message": {"text": "a rule is broken"}},
    ]
    heard = take_in(log(run(result(), invocations=[{"executionSuccessful": True, key: said}])))
    assert heard.run.outcome is Outcome.PARTIAL
    assert [(gap.kind, gap.path) for gap in sorted(heard.run.gaps, key=lambda gap: gap.path)] == [
        (GapKind.ITEM, ""),
        (GapKind.FILE, "src/a.py"),
    ]


def test_a_file_that_semgrep_read_in_part_is_a_gap():
    said = [
        {"descriptor": {"id": "Syntax error"}, "level": "warning", "message": {"text": "Syntax error at line src/a.py:1:\n `x` was unexpected"}},
        {"descriptor": {"id": "Syntax error"}, "level": "warning", "message": {"text": "Syntax error at line gone.py:1"}},
    ]  # fmt: skip
    heard = take_in(
        log(run(name="Semgrep OSS", invocations=[{"executionSuccessful": True, "toolExecutionNotifications": said}]))
    )
    assert [(gap.kind, gap.path) for gap in heard.run.gaps] == [(GapKind.FILE, "src/a.py")]
    assert any("gone.py" in entry.message for entry in heard.run.notifications)


def test_warnings_of_the_tool_are_said_and_their_number_is_bounded():
    said = [{"message": {"text": f"careful {number}"}} for number in range(50)]
    said += [{"level": "note", "message": {"text": "extracted"}}] * 1000
    heard = take_in(log(run(invocations=[{"executionSuccessful": True, "toolExecutionNotifications": said}])))
    assert heard.run.outcome is Outcome.COMPLETED
    warnings = [entry.message for entry in heard.run.notifications if entry.level is Level.WARNING]
    assert len(warnings) == 21
    assert "CodeQL warns of 30 more things" in warnings[-1]


@pytest.mark.parametrize(
    ("revision", "commit", "outcome"),
    [
        (COMMIT, COMMIT, Outcome.COMPLETED),
        (COMMIT.upper(), COMMIT, Outcome.COMPLETED),
        (COMMIT[:12], COMMIT, Outcome.COMPLETED),
        ("f" * 40, COMMIT, Outcome.PARTIAL),
        ("f" * 40, None, Outcome.COMPLETED),
        ("refs/heads/main", COMMIT, Outcome.COMPLETED),
        (None, COMMIT, Outcome.COMPLETED),
    ],
)
def test_the_report_of_another_commit_is_a_gap(revision, commit, outcome):
    heard = take_in(
        log(run(result(), versionControlProvenance=[{"repositoryUri": "https://x", "revisionId": revision}])), commit
    )
    assert heard.run.outcome is outcome
    assert heard.sightings
    if outcome is Outcome.PARTIAL:
        (gap,) = heard.run.gaps
        assert gap.kind is GapKind.ITEM
        assert gap.reason == f"the report of CodeQL is of commit {'f' * 12}, the target stands at {COMMIT[:12]}"
    if commit is None:
        assert any("could be compared" in entry.message for entry in heard.run.notifications)


def test_a_report_speaks_for_no_domain_that_nothing_looked_at():
    heard = take_in(log(run(result())))
    policy = Policy(name="p", require=(Domain.CODE,))
    decision = judge(
        findings=(),
        gaps=(),
        runs=(heard.run,),
        not_applicable=frozenset(),
        database=None,
        policy=policy,
        today=date(2026, 1, 1),
    )
    assert not decision.complete
    assert "no scanner looked at it" in decision.reasons[0].message


def test_results_of_files_that_are_not_there_are_said():
    heard = take_in(log(run(result(uri="gone.py"), result(uri="gone.py"), result())))
    (said,) = [entry.message for entry in heard.run.notifications if entry.level is Level.WARNING]
    assert said == "CodeQL: 2 results are of files that the target does not hold, such as gone.py"


def test_our_own_report_of_a_scan_that_did_not_look_everywhere():
    coverage = run(
        {"ruleId": "coverage/item-gap", "level": "error", "message": {"text": "The lock file was not looked at."}},
        {"ruleId": "coverage/file-gap", "level": "warning", "message": {"text": "A file."}, "locations": [place("src/a.py")]},
        name="magray-sec",
        automationDetails={"id": "magray-sec/coverage/"},
    )  # fmt: skip
    heard = take_in(log(run(result("secrets/github-pat"), name="magray-sec"), coverage))
    assert heard.run.outcome is Outcome.PARTIAL
    assert {(gap.kind, gap.path) for gap in heard.run.gaps} == {(GapKind.ITEM, ""), (GapKind.FILE, "src/a.py")}
    (sighting,) = heard.sightings
    assert sighting.rule is not None
    assert sighting.rule.id == "secrets/github-pat"


# --- where it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("src/a.py", "src/a.py"),
        ("./src/a.py", "src/a.py"),
        ("src/../src/a.py", "src/a.py"),
        ("../../src/a.py", "src/a.py"),
        ("src\\a.py", "src/a.py"),
        ("src/with%20space.py", "src/with space.py"),
        ("src/with space.py", "src/with space.py"),
        ("src/a.py#L3", "src/a.py"),
        ("file:///target/src/a.py", "src/a.py"),
        ("file:///home/runner/work/app/app/frontend/src/app.js", "frontend/src/app.js"),
        ("file:///C:/agent/work/src/with%20space.py", "src/with space.py"),
        ("C:\\agent\\work\\src\\a.py", "src/a.py"),
        ("/github/workspace/src/a.py", "src/a.py"),
        ("file://localhost/x/src/a.py", "src/a.py"),
        ("file://src/a.py", "src/a.py"),
        ("https://example.com/o/r/blob/main/src/a.py", "src/a.py"),
        ("gone/b%20c.py", "gone/b c.py"),
        ("file:///home/someone/gone.py", "home/someone/gone.py"),
        ("100%.py", "100%.py"),
    ],
)
def test_an_address_is_a_path_of_the_target(uri, path):
    found = one(result(uri=uri)).place
    assert found is not None
    assert found.path == path


@pytest.mark.parametrize(
    ("bases", "path"),
    [
        ({"ROOT": {"uri": "file:///home/runner/app/frontend/"}}, "frontend/src/app.js"),
        ({"ROOT": {"uri": "file:///home/runner/app/frontend"}}, "frontend/src/app.js"),
        ({"ROOT": {"uri": "frontend/", "uriBaseId": "TOP"}, "TOP": {"uri": "file:///x/"}}, "frontend/src/app.js"),
        ({"ROOT": {"uri": "frontend/"}}, "frontend/src/app.js"),
        ({"ROOT": {"description": {"text": "the root"}}}, "src/app.js"),
        ({"ROOT": {"uri": "a/", "uriBaseId": "ROOT"}}, "src/app.js"),
        ({}, "src/app.js"),
    ],
)
def test_bases_are_followed(bases, path):
    location = {"physicalLocation": {"artifactLocation": {"uri": "src/app.js", "uriBaseId": "ROOT"}}}
    found = one(result(locations=[location]), originalUriBaseIds=bases).place
    assert found is not None
    assert found.path == path


def test_a_file_may_be_named_by_its_number():
    location = {"physicalLocation": {"artifactLocation": {"index": 1}, "region": {"startLine": 2}}}
    artifacts = [{"location": {"uri": "README.md"}}, {"location": {"uri": "src/a.py"}}]
    assert one(result(locations=[location]), artifacts=artifacts).place == Place(path="src/a.py", start_line=2)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ({"startLine": 3, "startColumn": 1, "endColumn": 10}, {"start_line": 3, "start_column": 1, "end_column": 10}),
        ({"startLine": 3, "startColumn": 0, "endColumn": 9}, {"start_line": 3, "start_column": 1, "end_column": 9}),
        ({"startLine": 3, "startColumn": 4, "endColumn": 4}, {"start_line": 3, "start_column": 4, "end_column": 5}),
        ({"startLine": 3, "endLine": 2, "startColumn": 4, "endColumn": 9}, {"start_line": 3, "start_column": 4}),
        ({"startLine": 3, "endLine": 4}, {"start_line": 3, "end_line": 4}),
        ({"startLine": 3, "endColumn": 4}, {"start_line": 3}),
        ({"startLine": 3, "byteOffset": 1, "byteLength": 2}, {"start_line": 3}),
        ({"byteOffset": 1, "byteLength": 2}, {"span": (1, 3)}),
        ({"byteOffset": 0, "byteLength": 0}, {}),
        ({"charOffset": 4, "charLength": 2}, {}),
        ({"startLine": 0}, {}),
        ({"startLine": -3}, {}),
        ({"startLine": 10**20}, {}),
        ({}, {}),
    ],
)
def test_region(region, expected):
    location = {"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}, "region": region}}
    assert one(result(locations=[location])).place == Place(path="src/a.py", **expected)


def test_columns_are_counted_as_the_report_counts_them():
    # `#` stands at column 21; the emoji is one code point and two UTF-16 units, so that `run` starts at 25 or at 26.
    wide = {"startLine": 3, "startColumn": 26, "endColumn": 29}
    narrow = {"startLine": 3, "startColumn": 25, "endColumn": 28}
    for region, kind in ((wide, "utf16CodeUnits"), (narrow, "unicodeCodePoints"), (wide, None)):
        location = {"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}, "region": region}}
        (finding,) = findings(run(result(locations=[location]), columnKind=kind))
        found = finding.location.region
        assert found is not None
        assert (found.start_column, found.end_column) == (26, 29), kind


@pytest.mark.parametrize(
    "locations", [None, [], [{}], [{"logicalLocations": [{"fullyQualifiedName": "a.b"}]}], [place("")]]
)
def test_a_result_without_a_file_is_about_the_repository(locations):
    (finding,) = findings(run(result(locations=locations)))
    assert finding.location.path == "README.md"


def test_the_first_file_is_the_place_where_several_are_named():
    assert one(result(locations=[{}, place("src/a.py"), place("README.md")])).place == Place(
        path="src/a.py", start_line=3
    )


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_the_message_of_a_secret_is_not_passed_on():
    raw = fill("{{alnum:30}}", "sarif-import")
    rule = {"id": "generic-thing", "shortDescription": {"text": "A token"}}
    made = run(
        result("generic-thing", uri="elsewhere.env", message={"text": f"found {raw}"}), rules=[rule], name="gitleaks"
    )
    made["results"][0]["locations"][0]["physicalLocation"]["region"]["snippet"] = {"text": raw}
    (finding,) = findings(made)
    assert finding.message == "A token"
    assert raw not in repr(finding)


@pytest.mark.parametrize(
    "region",
    [{}, {"startColumn": 9, "endColumn": 49}, {"startColumn": 8, "endColumn": 47}, {"startColumn": 1, "endColumn": 49}],
)
def test_a_secret_is_the_same_whichever_way_a_tool_counts_its_columns(region):
    text = f'token: "{token("columns")}"  # {"x" * 60}\n'.encode()
    source = {"a.yaml": text}
    exact = run(
        result("github-pat", "a.yaml", locations=[place("a.yaml", 1, startColumn=9, endColumn=49)]), name="gitleaks"
    )
    other = run(result("Github", "a.yaml", locations=[place("a.yaml", 1, **region)]), name="trufflehog")
    (finding,) = findings(exact, other, source=source)
    assert {witness.tool for witness in finding.witnesses} == {"gitleaks", "trufflehog"}
    assert finding.location.region is not None
    assert finding.location.region.start_column == 9


def test_a_secret_of_the_history_is_not_looked_for_in_the_tree():
    old = result("github-pat", "src/a.py", partialFingerprints={"commitSha": "f" * 40})
    now = result("github-pat", "src/a.py", partialFingerprints={"commitSha": COMMIT})
    then, present = sightings(run(old, now, name="gitleaks"), commit=COMMIT)
    assert then.place is not None
    assert then.place.commit == "f" * 40
    assert present.place is not None
    assert present.place.commit is None
    finding, _ = findings(run(old, result("github-pat", "src/a.py"), name="gitleaks"))
    assert finding.line_hash is None or finding.location.commit is None


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ('password = "hunter2" # not this one', "hunter2"),
        ("DATABASE_URL=postgres://user:secret@host/db", "postgres://user:secret@host/db"),
        ('{"name": "x", "token": "abcdefgh"}', "abcdefgh"),
        ("token: abcdefgh  # and a much longer word: incomprehensible", "incomprehensible"),
        ("Authorization abcdefghijklmnop", "abcdefghijklmnop"),
        ("    ", "    "),
    ],
)
def test_without_a_column_the_likeliest_part_of_the_line_is_meant(line, meant):
    data = f"first\n{line}\nlast".encode()
    start, end = identity.likeliest(data, 6, 6 + len(line))
    assert data[start:end].decode() == meant


# --- dependencies ----------------------------------------------------------------------------------------------------


def dependency(driver: str, rule: dict[str, Any], **more: Any) -> Sighting:
    return one(result(rule["id"], more.pop("uri", "Cargo.lock"), ruleIndex=0, **more), rules=[rule], name=driver)


@pytest.mark.parametrize(
    ("driver", "rule", "more", "package", "names"),
    [
        (
            "Trivy",
            {"id": "CVE-2021-25900", "properties": {"tags": ["vulnerability", "security", "CRITICAL"], "security-severity": "9.8"}},
            {"message": {"text": "Package: smallvec\nInstalled Version: 1.6.0\nVulnerability CVE-2021-25900\nSeverity: CRITICAL\nFixed Version: 0.6.14, 1.6.1\nLink: [CVE](https://x)"}},
            ("pkg:cargo/smallvec@1.6.0", ("0.6.14", "1.6.1")),
            ("CVE-2021-25900",),
        ),
        (
            "osv-scanner",
            {"id": "CVE-2021-25900", "deprecatedIds": ["CVE-2021-25900", "GHSA-43w2-9j62-hq99", "RUSTSEC-2021-0003"]},
            {"message": {"text": "Package 'smallvec@1.6.0' is vulnerable to 'CVE-2021-25900' (also known as 'GHSA-43w2-9j62-hq99')."}},
            ("pkg:cargo/smallvec@1.6.0", ()),
            ("CVE-2021-25900", "GHSA-43w2-9j62-hq99", "RUSTSEC-2021-0003"),
        ),
        (
            "Grype",
            {"id": "GHSA-43w2-9j62-hq99-smallvec", "properties": {"purls": ["pkg:cargo/smallvec@1.6.0"]}},
            {"uri": "/Cargo.lock", "message": {"text": "A critical vulnerability in rust-crate package: smallvec, version 1.6.0 was found at: /Cargo.lock"}},
            ("pkg:cargo/smallvec@1.6.0", ()),
            ("GHSA-43w2-9j62-hq99",),
        ),
        (
            "cargo-deny",
            {"id": "a:vulnerability"},
            {"uri": "/lab/ws/Cargo.toml", "partialFingerprints": {"cargo-deny/advisory-id": "RUSTSEC-2021-0003", "cargo-deny/krate": "smallvec@1.6.0"}},
            ("pkg:cargo/smallvec@1.6.0", ()),
            ("RUSTSEC-2021-0003",),
        ),
    ],
)  # fmt: skip
def test_the_package_and_the_names_of_its_flaw(driver, rule, more, package, names):
    made = dependency(driver, rule, **more)
    assert made.package is not None
    assert (made.package.purl, made.package.fixed_versions) == package
    assert made.package.lockfile == "Cargo.lock"
    assert made.aliases == tuple(sorted(names))
    assert made.rule is not None
    assert made.rule.id == f"dependencies/{names[0]}"
    assert made.kind == "vulnerability"


def test_a_flaw_without_a_package_is_a_finding_all_the_same():
    made = dependency("Snyk Open Source", {"id": "SNYK-JS-LODASH-567746"}, uri="package.json")
    assert (made.domain, made.package) == (Domain.DEPENDENCIES, None)


def test_what_is_not_maintained_is_no_vulnerability():
    (sighting,) = sightings(
        run(
            result("RUSTSEC-2024-0375", "Cargo.lock", message={"text": "atty 0.2.14 has a unmaintained warning: x"}),
            name="cargo-audit",
        )
    )
    assert (sighting.kind, sighting.severity) == ("unmaintained", Severity.LOW)


def test_two_scanners_names_for_one_flaw_are_one_finding():
    rule = {"id": "CVE-2021-25900", "deprecatedIds": ["RUSTSEC-2021-0003"]}
    osv = run(
        result("CVE-2021-25900", "Cargo.lock", message={"text": "Package 'smallvec@1.6.0' is vulnerable to 'CVE-2021-25900'."}),
        rules=[rule],
        name="osv-scanner",
    )  # fmt: skip
    audit = run(
        result("RUSTSEC-2021-0003", "Cargo.lock", message={"text": "smallvec 1.6.0 is vulnerable to RUSTSEC-2021-0003 (x)"}),
        name="cargo-audit",
    )  # fmt: skip
    (finding,) = findings(osv, audit)
    assert finding.rule.id == "dependencies/RUSTSEC-2021-0003"
    assert [witness.tool for witness in finding.witnesses] == ["cargo-audit", "osv-scanner"]


# --- damaged ---------------------------------------------------------------------------------------------------------

WHOLE = log(
    run(
        result(ruleIndex=0, level="error", kind="fail"),
        result("R2", taxa=[{"id": "79", "toolComponent": {"name": "CWE"}}]),
        rules=[{"id": "R1", "shortDescription": {"text": "one"}}, {"id": "R2"}],
        invocations=[{"executionSuccessful": True, "toolExecutionNotifications": []}],
        artifacts=[{"location": {"uri": "src/a.py"}}],
        originalUriBaseIds={"ROOT": {"uri": "file:///x/"}},
        columnKind="utf16CodeUnits",
        versionControlProvenance=[{"repositoryUri": "https://example.com", "revisionId": COMMIT}],
    ),
    run(name="Other"),
)

DAMAGED: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "it printed nothing"),
    "blank": (lambda: b" \n\t ", "it printed nothing"),
    "prose": (lambda: b"Scanning...\n" + WHOLE, "where its JSON should begin"),
    "HTML": (lambda: b"<!DOCTYPE html><title>Sign in</title>", "where its JSON should begin"),
    "zip": (lambda: b"PK\x03\x04" + WHOLE, "where its JSON should begin"),
    "cut": (lambda: WHOLE[: len(WHOLE) // 2], "breaks off"),
    "cut at the last brace": (lambda: WHOLE[:-1], "breaks off"),
    "two documents": (lambda: WHOLE + b"\n" + WHOLE, "more text stands behind"),
    "text behind": (lambda: WHOLE + b"\nDone.", "more text stands behind"),
    "a list": (lambda: b"[]", "not of the known shape"),
    "other JSON": (lambda: b'{"findings": []}', "it is not SARIF"),
    "no version": (lambda: b'{"runs": []}', "does not say that it is SARIF 2.1.0"),
    "version 1": (lambda: json.dumps({"version": "1.0.0", "runs": [run()]}).encode(), "it is version 1.0.0"),
    "version 2.0": (lambda: json.dumps({"version": "2.0.0-csd.2.beta", "runs": [run()]}).encode(), "it is version 2.0.0"),
    "version as a number": (lambda: json.dumps({"version": 2.1, "runs": [run()]}).encode(), "does not say"),
    "no runs": (lambda: b'{"version": "2.1.0"}', "no list of runs"),
    "null runs": (lambda: b'{"version": "2.1.0", "runs": null}', "no list of runs"),
    "runs that are none": (lambda: b'{"version": "2.1.0", "runs": {}}', "no list of runs"),
    "empty runs": (log, "holds no run"),
    "a run that is null": (lambda: b'{"version": "2.1.0", "runs": [null]}', "not of the known shape"),
    "no tool": (lambda: b'{"version": "2.1.0", "runs": [{"results": []}]}', "`tool`"),
    "no name": (lambda: log(run(name=" ")), "does not name its tool"),
    "no results": (lambda: log({"tool": {"driver": {"name": "x"}}}), "no list of results"),
    "null results": (lambda: log({"tool": {"driver": {"name": "x"}}, "results": None}), "no list of results"),
    "a result that is a word": (lambda: log(run("x")), "not of the known shape"),  # type: ignore[arg-type]
    "a line that is a word": (lambda: log(run(result(locations=[place("a", "3")]))), "startLine"),  # type: ignore[arg-type]
    "a result of nothing": (lambda: log(run({})), "neither a rule nor a message"),
    "a rule that is not there": (lambda: log(run({"ruleIndex": 3, "message": {"text": "m"}})), "rule 3 of 0"),
    "an extension that is not there": (
        lambda: log(run({"rule": {"index": 0, "toolComponent": {"index": 2}}, "message": {"text": "m"}})),
        "extension 2 of 0",
    ),
    "a file that is not there": (
        lambda: log(run(result(locations=[{"physicalLocation": {"artifactLocation": {"index": 5}}}]))),
        "file 5 of 0",
    ),
    "success that is a word": (lambda: log(run(invocations=[{"executionSuccessful": "no"}])), "executionSuccessful"),
    "results elsewhere": (
        lambda: log(run(externalPropertyFileReferences={"results": [{"location": {"uri": "r.json"}}]})),
        "lie in other files",
    ),
    "results outside": (lambda: log(run(), inlineExternalProperties=[{"results": [result()]}]), "outside its runs"),
    "deep": (lambda: b'{"version": "2.1.0", "runs": ' + b"[" * 200_000, "nested too deeply"),
    "deep and whole": (
        lambda: b'{"version": "2.1.0", "runs": [{"x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}]}",
        "nested too deeply",
    ),
    "not a number": (lambda: b'{"version": "2.1.0", "runs": [], "x": NaN}', "a number that is none"),
    "half of UTF-16": (lambda: WHOLE.decode().encode("utf-16")[:-1], "neither whole UTF-16"),
    "UTF-16 without its mark": (lambda: WHOLE.decode().encode("utf-16-le"), "broken"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_report_is_a_failed_run_with_a_clear_reason(name):
    make, says = DAMAGED[name]
    heard = take_in(make())
    assert heard.run.outcome is Outcome.FAILED
    assert says in heard.run.reason, heard.run.reason
    assert heard.run.reason.startswith("the report is not that of a finished run: ")


def test_bytes_that_are_no_text_are_lost_and_said():
    heard = take_in(WHOLE.replace(b"R1 speaks", b"R1 sp\xff\xfeks"))
    assert heard.run.outcome is Outcome.PARTIAL
    assert len(heard.sightings) == 2
    assert "bytes that are no text" in heard.run.reason


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_marks_that_windows_writes_are_read(encoding):
    heard = take_in(WHOLE.decode().encode(encoding))
    assert (heard.run.outcome, len(heard.sightings)) == (Outcome.COMPLETED, 2)


def test_null_is_as_good_as_absent_where_nothing_has_to_stand():
    document = json.loads(WHOLE)
    made = document["runs"][0]["results"][0]
    made |= dict.fromkeys(
        ("level", "kind", "suppressions", "rule", "properties", "partialFingerprints", "taxa", "codeFlows")
    )
    document["runs"][0]["tool"]["driver"]["rules"][0] |= dict.fromkeys(("help", "helpUri", "fullDescription", "name"))
    document["runs"][0]["invocations"] = None
    heard = take_in(json.dumps(document).encode())
    assert (heard.run.outcome, len(heard.sightings)) == (Outcome.COMPLETED, 2)


RECORDED = [WHOLE, *sorted(case.folder.joinpath("raw.0.stdout").read_bytes() for case in cases("sarif"))]


@settings(max_examples=150, deadline=None)
@given(data=st.sampled_from(RECORDED), cut=st.floats(0, 1, exclude_max=True))
def test_no_report_that_is_cut_off_is_a_whole_one(data, cut):
    data = data.rstrip()
    assert take_in(data[: int(len(data) * cut)]).run.outcome is Outcome.FAILED


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_bytes_at_all_are_a_report(data):
    assert take_in(data).run.outcome is Outcome.FAILED


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def spots(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every value inside a JSON value."""
    found = [way] if way else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found += spots(inner, (*way, key))
    return found


@settings(max_examples=400, deadline=None)
@given(
    data=st.data(),
    base=st.sampled_from([entry for entry in RECORDED if len(entry) < 40_000]),
    seed=st.integers(0, 2**32),
)
def test_a_report_with_anything_changed_is_never_a_crash_and_never_loses_a_result_unsaid(data, base, seed):
    try:
        document = json.loads(base)
    except ValueError:
        return
    chosen = random.Random(seed)
    results = sum(len(entry["results"]) for entry in document["runs"])
    changed = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 3))):
        ways = spots(changed)
        if not ways:
            break
        *way, key = chosen.choice(ways)
        holder = changed
        for step in way:
            holder = holder[step]
        holder[key] = data.draw(junk)
    heard = take_in(json.dumps(changed).encode(), COMMIT)
    assert "could not be read (" not in heard.run.reason, heard.run.reason
    normalized = normalize([heard], MemorySource(SOURCE), {"sarif": ADAPTER}, anchor="README.md")
    for finding in correlate(normalized.findings):
        assert finding.location.uri
    if heard.run.outcome is Outcome.COMPLETED:
        stated = sum(len(entry["results"]) for entry in changed["runs"])
        left_out = sum(
            int(entry.message.partition(": ")[2].split()[0])
            for entry in heard.run.notifications
            if " left out: " in entry.message
        )
        assert len(heard.sightings) + left_out == stated
        assert stated or not results or changed["runs"] != document["runs"]


def test_many_results_are_all_read():
    source = {f"src/d{number % 97}/f{number}.py": b"x = 1\n" for number in range(500)}
    paths = sorted(source)
    made = [result("R1", f"file:///home/someone/work/repo/{paths[number % 500]}") for number in range(5000)]
    heard = take_in(log(run(*made, rules=[{"id": f"R{number}"} for number in range(500)])), source=source)
    assert len(heard.sightings) == 5000
    assert all(sighting.place and sighting.place.path in source for sighting in heard.sightings)


def test_an_address_that_no_path_could_have_costs_nothing():
    made = one(result(uri="file:///" + "a/" * 500_000))
    assert made.place is not None
    assert len(made.place.path) <= 4096


# --- through the command line ----------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_one_secret_of_two_scanners_and_an_import_and_one_flaw_of_three_names_are_two_findings(
    tmp_path, home, warm_cache
):
    target = sample(tmp_path / "target")
    planted = plant(target)
    secret = run(result("Github", str(planted), locations=[place(str(planted), 1)]), name="trufflehog")
    flaw = run(
        result("GHSA-43w2-9j62-hq99", "/github/workspace/Cargo.lock", message={"text": "Package: smallvec\nInstalled Version: 1.6.0\n"}),
        rules=[{"id": "GHSA-43w2-9j62-hq99", "properties": {"aliases": ["CVE-2021-25900"]}}],
        name="Trivy",
    )  # fmt: skip
    write(tmp_path, {"theirs.sarif": log(secret), "more.sarif": log(flaw)})
    environment = surroundings(home, XDG_CACHE_HOME=str(warm_cache))
    inputs = ["--input", f"sarif={tmp_path / 'theirs.sarif'}", "--input", f"sarif={tmp_path / 'more.sarif'}"]
    alone = scan(target, *DATABASE, environment=environment, reports=tmp_path / "alone")
    both = scan(target, *DATABASE, *inputs, environment=environment, reports=tmp_path / "both")
    (before,) = [
        entry for entry in found(alone.json, "secrets/github-pat") if entry["location"]["path"] == str(planted)
    ]
    (after,) = [entry for entry in found(both.json, "secrets/github-pat") if entry["location"]["path"] == str(planted)]
    assert {"regex-rules", "trufflehog"} <= {witness["tool"] for witness in after["witnesses"]}
    assert before["identity"] == after["identity"]
    flaws = [
        entry
        for entry in both.json["findings"]
        if "GHSA-43w2-9j62-hq99" in (entry["rule"].rpartition("/")[2], *entry.get("aliases", ()))
    ]
    known = [entry for entry in alone.json["findings"] if entry["identity"] in {flaw["identity"] for flaw in flaws}]
    assert len(flaws) == max(1, len(known))
    assert any(witness["tool"] == "Trivy" for witness in flaws[0]["witnesses"])
    assert len(both.json["findings"]) == len(alone.json["findings"]) + len(flaws) - len(known)
    assert not [entry for entry in alone.json["runs"] if entry["adapter"] == "sarif"]
    assert [entry["outcome"] for entry in both.json["runs"] if entry["adapter"] == "sarif"] == [
        "completed",
        "completed",
    ]


def test_what_only_an_import_saw_counts_and_is_not_uploaded(tmp_path, home, warm_cache):
    target = write(
        tmp_path / "target",
        {"Cargo.toml": '[package]\nname = "a"\nversion = "1.0.0"\n', "src/lib.rs": "\n", "run.sh": "eval x\n"},
    )
    write(tmp_path, {"theirs.sarif": log(run(result("R9", "run.sh", level="error", locations=[place("run.sh", 1)])))})
    scanned = scan(
        target,
        *("--offline", "--input", f"sarif={tmp_path / 'theirs.sarif'}"),
        environment=surroundings(home, XDG_CACHE_HOME=str(warm_cache)),
        reports=tmp_path / "reports",
    )
    (finding,) = found(scanned.json, "code/codeql.r9")
    assert finding["witnesses"] == [
        {"tool": "CodeQL", "native_rule": "R9", "native_severity": "error", "imported": True}
    ]
    assert finding["verdict"] == "review"
    github = [entry["ruleId"] for made in (scanned.sarif or {"runs": []})["runs"] for entry in made["results"]]
    assert "code/codeql.r9" not in github
    assert "code/codeql.r9" in [entry["ruleId"] for made in scanned.full["runs"] for entry in made["results"]]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (WHOLE[:300], "breaks off"),
        (log(run(invocations=[{"executionSuccessful": False}])), "CodeQL says of its run that it failed"),
        (log(run(versionControlProvenance=[{"revisionId": "f" * 40}])), "is of commit ffffffffffff"),
    ],
    ids=["damaged", "failed", "another commit"],
)
def test_a_report_that_cannot_be_relied_on_makes_the_scan_incomplete(data, says, tmp_path, home, warm_cache):
    target = write(tmp_path / "target", {"README.md": "hello\n"})
    git(target, "init", "-q")
    git(target, "add", "-A")
    git(target, "commit", "-qm", "first")
    write(tmp_path, {"theirs.sarif": data})
    scanned = scan(
        target,
        *("--input", f"sarif={tmp_path / 'theirs.sarif'}", "--offline"),
        environment=surroundings(home, XDG_CACHE_HOME=str(warm_cache)),
        reports=tmp_path / "reports",
    )
    assert scanned.code == 3, scanned.said
    assert says in scanned.out
    assert any(says in entry["reason"] for entry in scanned.json["gaps"])
    assert any(says in message for message in scanned.coverage())


def test_a_policy_that_requires_the_import_is_not_satisfied_without_one(tmp_path, home, warm_cache):
    target = write(tmp_path / "target", {"README.md": "hello\n"})
    write(tmp_path, {"policy.yaml": "version: 1\nrequire: []\nrequire_scanners: [sarif]\nrules: []\ndefault: pass\n"})
    environment = surroundings(home, XDG_CACHE_HOME=str(warm_cache))
    options = ["--policy", tmp_path / "policy.yaml", "--offline"]
    without = scan(target, *options, environment=environment, reports=tmp_path / "without")
    assert without.code == 3, without.said
    write(tmp_path, {"theirs.sarif": log(run())})
    given_ = scan(
        target,
        *options,
        "--input",
        f"sarif={tmp_path / 'theirs.sarif'}",
        environment=environment,
        reports=tmp_path / "with",
    )
    assert given_.code == 0, given_.said


def test_the_verbs_say_that_it_takes_in_reports(home):
    environment = surroundings(home)
    (line,) = [
        line
        for line in magray_sec("list", "scanners", environment=environment).out.splitlines()
        if line.startswith("sarif ")
    ]
    assert "--input sarif=FILE" in line


def test_it_only_imports():
    assert ADAPTER.only_imports

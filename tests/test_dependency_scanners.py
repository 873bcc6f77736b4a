"""osv-scanner, npm audit, pip-audit and Trivy: what is asked of them, and reports of other versions and makers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from magray_sec import adapters
from magray_sec.adapters import npm_audit, osv_scanner, pip_audit, trivy
from magray_sec.adapters._flaws import Flaw, LockFile, base_score, purl, sighting
from magray_sec.correlate import correlate
from magray_sec.discover import discover
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Adapter, Interpretation, ParseError, Step, StepOutput
from magray_sec.model.finding import Finding
from magray_sec.model.run import Command, Gap, Inventory, Limits, RawOutput, ScanContext, Target
from magray_sec.model.scale import Domain, Outcome, Severity
from magray_sec.normalize import normalize
from magray_sec.source import TreeSource
from trees import write

NPM_LOCK = json.dumps(
    {
        "name": "web",
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "web", "dependencies": {"lodash": "4.17.15"}},
            "node_modules/lodash": {"version": "4.17.15"},
            "node_modules/old/node_modules/lodash": {"version": "3.10.1"},
        },
    },
    indent=2,
)
CARGO_LOCK = '[[package]]\nname = "smallvec"\nversion = "1.6.0"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\n'
VECTOR = "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H"


def looked_at(root: Path, files: Mapping[str, str]) -> tuple[Target, Inventory]:
    return discover(str(write(root, files)), Limits())


def context(inventory: Inventory, work: str, *, offline: bool = False, cache: str | None = None) -> ScanContext:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return ScanContext(today=now.date(), started=now, work=work, cache=cache, offline=offline, inventory=inventory)


def asked(adapter: Adapter, root: Path, files: Mapping[str, str], **options: Any) -> list[Command | Gap]:
    target, inventory = looked_at(root, files)
    assert adapter.commands is not None
    made = adapter.commands(target, adapter.claims(inventory), context(inventory, f"{root}-work", **options))
    return list(made)


def taken_in(adapter: Adapter, report: Any, target: Target, inventory: Inventory) -> Interpretation:
    """A report made elsewhere, as `--input` takes it in."""
    assert adapter.imported is not None
    assert adapter.parse is not None
    command = adapter.imported(target, inventory)
    data = report if isinstance(report, bytes) else json.dumps(report).encode()
    inputs = {path: Path(path).read_bytes() for path in command.inputs if Path(path).is_file()}
    raw = RawOutput(command=command, stdout=data, inputs=inputs)
    step = Step(adapter=adapter, claims=command.claims, commands=(command,))
    output = StepOutput(step=step, version=None, outputs=(raw,), started=datetime.now(UTC), duration_s=0.0)
    return interpret(output, adapter.parse, is_import=True)


def findings(target: Target, *interpretations: Interpretation) -> tuple[Finding, ...]:
    known = {entry.run.adapter: adapters.load(entry.run.adapter) for entry in interpretations}
    return correlate(normalize(interpretations, TreeSource(target.root), known, anchor="").findings)


NPM_7 = {
    "auditReportVersion": 2,
    "vulnerabilities": {
        "lodash": {
            "name": "lodash",
            "severity": "high",
            "via": [
                {
                    "source": 1,
                    "name": "lodash",
                    "title": "Command Injection",
                    "url": "https://github.com/advisories/GHSA-35jh-r3h4-6jhm",
                    "severity": "high",
                    "cwe": ["CWE-94"],
                    "cvss": {"score": 7.2, "vectorString": VECTOR},
                    "range": "<4.17.21",
                }
            ],
            "nodes": ["node_modules/lodash", "node_modules/old/node_modules/lodash"],
        },
        "old": {"name": "old", "severity": "high", "via": ["lodash"], "nodes": ["node_modules/old"]},
    },
    "metadata": {"vulnerabilities": {"high": 2, "total": 2}, "dependencies": {"total": 3}},
}
NPM_6 = {
    "actions": [],
    "advisories": {
        "1673": {
            "id": 1673,
            "module_name": "lodash",
            "title": "Command Injection",
            "severity": "moderate",
            "cves": ["CVE-2021-23337"],
            "cwe": "CWE-94",
            "url": "https://npmjs.com/advisories/1673",
            "patched_versions": ">=4.17.21",
            "findings": [
                {"version": "4.17.15", "paths": ["lodash", "a>lodash"]},
                {"version": "3.10.1", "paths": ["x"]},
            ],
        },
        "2": {"id": 2, "module_name": "y", "severity": "low", "findings": [], "patched_versions": "<0.0.0"},
    },
    "metadata": {"vulnerabilities": {"moderate": 3}, "totalDependencies": 9},
}
OSV = {
    "results": [
        {
            "source": {"path": "/home/someone/web/package-lock.json", "type": "lockfile"},
            "packages": [
                {
                    "package": {"name": "lodash", "version": "4.17.15", "ecosystem": "npm"},
                    "vulnerabilities": [
                        {"id": "GHSA-35jh-r3h4-6jhm", "aliases": ["CVE-2021-23337"], "summary": "Command Injection"},
                    ],
                    "groups": [{"ids": ["GHSA-35jh-r3h4-6jhm"]}],
                }
            ],
        }
    ]
}
TRIVY = {
    "SchemaVersion": 2,
    "ArtifactName": ".",
    "Results": [
        {
            "Target": "package-lock.json",
            "Class": "lang-pkgs",
            "Type": "npm",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2021-23337",
                    "VendorIDs": ["GHSA-35jh-r3h4-6jhm"],
                    "PkgName": "lodash",
                    "InstalledVersion": "4.17.15",
                    "FixedVersion": "4.17.21",
                    "Severity": "HIGH",
                    "SeveritySource": "ghsa",
                    "CVSS": {"ghsa": {"V3Vector": VECTOR, "V3Score": 7.2}, "nvd": {"V2Vector": "AV:N", "V2Score": 6.5}},
                }
            ],
        }
    ],
}
PIP = {
    "dependencies": [
        {"name": "Jinja2", "version": "2.10", "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}]},
        {"name": "requests", "version": "2.31.0", "vulns": []},
    ],
    "fixes": [],
}

IMPORTS: Mapping[str, tuple[Adapter, Any, int]] = {
    "npm 7 and later": (npm_audit.ADAPTER, NPM_7, 2),
    "npm 6": (npm_audit.ADAPTER, NPM_6, 3),
    "npm 7, clean": (
        npm_audit.ADAPTER,
        {**NPM_7, "vulnerabilities": {}, "metadata": {"vulnerabilities": {"total": 0}}},
        0,
    ),
    "osv-scanner": (osv_scanner.ADAPTER, OSV, 1),
    "osv-scanner 1, clean": (osv_scanner.ADAPTER, {"results": []}, 0),
    "pip-audit": (pip_audit.ADAPTER, PIP, 1),
    "pip-audit before 2.5": (pip_audit.ADAPTER, PIP["dependencies"], 1),
    "trivy": (trivy.ADAPTER, TRIVY, 1),
    "trivy, clean": (trivy.ADAPTER, {"SchemaVersion": 2, "ArtifactName": "."}, 0),
    "trivy, no result": (trivy.ADAPTER, {"SchemaVersion": 2, "ArtifactName": ".", "Results": None}, 0),
    "trivy before 0.20": (trivy.ADAPTER, TRIVY["Results"], 1),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_a_report_made_elsewhere_gives_as_many_findings_as_it_tells(name: str, tmp_path: Path) -> None:
    adapter, report, count = IMPORTS[name]
    taken = taken_in(adapter, report, *looked_at(tmp_path, {"package-lock.json": NPM_LOCK}))
    assert (taken.run.outcome, len(taken.sightings)) == (Outcome.COMPLETED, count), taken.run.reason


def test_versions_of_an_npm_report_come_from_the_lock_file(tmp_path: Path) -> None:
    target, inventory = looked_at(tmp_path, {"package-lock.json": NPM_LOCK})
    found = findings(target, taken_in(npm_audit.ADAPTER, NPM_7, target, inventory))
    assert {(entry.package.version, entry.location.line) for entry in found if entry.package} == {
        ("4.17.15", 11),
        ("3.10.1", 14),
    }
    assert {entry.severity for entry in found} == {Severity.HIGH}
    old = taken_in(npm_audit.ADAPTER, NPM_7, *looked_at(tmp_path / "none", {"a.txt": ""}))
    assert [entry.package.version for entry in old.sightings if entry.package] == [""]


def test_one_advisory_seen_by_three_under_their_own_names_is_one_finding(tmp_path: Path) -> None:
    target, inventory = looked_at(tmp_path, {"package-lock.json": NPM_LOCK})
    seen = [
        taken_in(adapter, report, target, inventory)
        for adapter, report in ((npm_audit.ADAPTER, NPM_7), (osv_scanner.ADAPTER, OSV), (trivy.ADAPTER, TRIVY))
    ]
    found = [entry for entry in findings(target, *seen) if entry.package and entry.package.version == "4.17.15"]
    assert len(found) == 1
    assert [witness.tool for witness in found[0].witnesses] == ["npm-audit", "osv-scanner", "trivy"]
    assert found[0].rule.id == "dependencies/GHSA-35jh-r3h4-6jhm"
    assert found[0].location.path == "package-lock.json"
    alone = {entry.identity for one in seen for entry in findings(target, one)}
    assert found[0].identity in alone


BROKEN: Mapping[str, tuple[Adapter, Any, str]] = {
    "npm, the registry is away": (npm_audit.ADAPTER, {"error": {"code": "ENOTFOUND", "summary": "x"}}, "ENOTFOUND"),
    "npm, no lock file": (npm_audit.ADAPTER, {"error": {"code": "ENOLOCK", "summary": "secret"}}, "ENOLOCK"),
    "npm, refused": (npm_audit.ADAPTER, {"message": "no", "statusCode": 403, "error": {}}, "answered 403"),
    "npm, cut short": (
        npm_audit.ADAPTER,
        {**NPM_7, "metadata": {"vulnerabilities": {"total": 5}}},
        "states 5 flawed packages and lists 2",
    ),
    "osv-scanner, no results": (osv_scanner.ADAPTER, {"results": None}, "no list of results"),
    "osv-scanner, another's": (osv_scanner.ADAPTER, {"runs": []}, "known shape"),
    "pip-audit, another's": (pip_audit.ADAPTER, {"results": []}, "no list of dependencies"),
    "trivy, another's": (trivy.ADAPTER, {"results": []}, "no report of Trivy's"),
    "trivy, an empty list": (trivy.ADAPTER, [], "no report of Trivy's"),
    "trivy, no JSON": (trivy.ADAPTER, b"Report Summary\n", "text stands"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_report_is_said_to_be_none(name: str, tmp_path: Path) -> None:
    adapter, report, says = BROKEN[name]
    run = taken_in(adapter, report, *looked_at(tmp_path, {"a.txt": ""})).run
    assert run.outcome is Outcome.FAILED
    assert says in run.reason
    assert "secret" not in run.reason


def test_pip_audit_is_given_names_and_versions_and_never_the_file(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "--index-url https://example.org/x\n-r more.txt\nJinja2==2.10\nflask>=2\n",
        "more.txt": "requests==2.31.0\nbad==1.0; import os\n",
        "uv.lock": 'version = 1\n[[package]]\nname = "urllib3"\nversion = "1.26.4"\n',
        "empty-requirements.txt": "# none\n",
    }
    made = asked(pip_audit.ADAPTER, tmp_path / "t", files)
    given = {entry.subject: entry.stdin for entry in made if isinstance(entry, Command)}
    assert given == {"requirements.txt": b"jinja2==2.10\nrequests==2.31.0\n", "uv.lock": b"urllib3==1.26.4\n"}
    assert all(f"{tmp_path / 't'}/" not in word for e in made if isinstance(e, Command) for word in e.argv)
    assert all(entry.network for entry in made if isinstance(entry, Command))
    gaps = {(entry.path, entry.reason) for entry in made if isinstance(entry, Gap)}
    assert ("requirements.txt", "1 of its requirements name no exact version: flask") in gaps
    assert ("empty-requirements.txt", "it holds no package") in gaps


def test_pip_audit_that_was_not_given_all_of_a_file_is_no_audit() -> None:
    facts = {"root": "/t", "pins": json.dumps([["jinja2", "2.10", 1, "a.txt"]]), "open": ""}
    raw = RawOutput(command=Command(argv=("x",), facts=facts), exit_code=0, stdout=b'{"dependencies": []}')
    with pytest.raises(ParseError, match="1 of the packages that it was given are not in it"):
        list(pip_audit.parse(raw))


def test_npm_sees_no_settings_of_the_target(tmp_path: Path) -> None:
    files = {"web/package.json": "{}", "web/package-lock.json": NPM_LOCK, "web/.npmrc": "registry=x", "yarn.lock": ""}
    (command,) = asked(npm_audit.ADAPTER, tmp_path / "t", files)
    assert isinstance(command, Command)
    assert command.farm is not None
    assert ".npmrc" in command.farm.leave_out
    assert command.farm.source == str(tmp_path / "t" / "web")
    assert command.argv[-1] == command.farm.at
    assert "--package-lock-only" in command.argv


def test_osv_scanner_is_told_the_kind_of_each_lock_file(tmp_path: Path) -> None:
    files = {
        "a:b/Cargo.lock": CARGO_LOCK,
        "requirements-dev.txt": "x==1\n",
        "pom.xml": "<project/>",
        "package.json": "{}",
    }
    made = [entry for entry in asked(osv_scanner.ADAPTER, tmp_path / "t", files) if isinstance(entry, Command)]
    root = str(tmp_path / "t")
    assert {entry.argv[-1] for entry in made} == {
        f"Cargo.lock:{root}/a:b/Cargo.lock",
        f"requirements.txt:{root}/requirements-dev.txt",
    }
    assert all(entry.argv[entry.argv.index("--config") + 1] == os.devnull for entry in made)


def trivy_commands(tmp_path: Path, *, database: bool) -> list[Command | Gap]:
    cache = tmp_path / "cache"
    if database:
        write(cache, {"trivy/db/trivy.db": "x"})
    files = {"Cargo.lock": CARGO_LOCK, "Dockerfile": "FROM x\n"}
    return asked(trivy.ADAPTER, tmp_path / "t", files, offline=True, cache=str(cache))


def test_trivy_offline_uses_the_database_that_is_there(tmp_path: Path) -> None:
    flaws, others = trivy_commands(tmp_path, database=True)
    assert isinstance(flaws, Command)
    assert isinstance(others, Command)
    assert "--skip-db-update" in flaws.argv
    assert not flaws.network
    assert not others.network
    assert {claim.domain for claim in others.claims} == {Domain.CODE}


def test_trivy_offline_without_a_database_says_so_and_looks_at_all_else(tmp_path: Path) -> None:
    gap, others = trivy_commands(tmp_path, database=False)
    assert isinstance(gap, Gap)
    assert "no database of Trivy" in gap.reason
    assert isinstance(others, Command)
    assert others.stdin.startswith(b"disable-allow-rules")


def test_trivy_tells_nothing_of_what_git_ignores(tmp_path: Path) -> None:
    facts = {"root": str(tmp_path), "files": "a.env", "locks": "", "part": "all else"}
    secret = {"RuleID": "github-pat", "StartLine": 1, "EndLine": 1, "Match": "A=****", "Offset": 2}
    report = {
        "SchemaVersion": 2,
        "ArtifactName": ".",
        "Results": [{"Target": path, "Class": "secret", "Secrets": [secret]} for path in ("a.env", "target/a.env")],
    }
    raw = RawOutput(command=Command(argv=("x",), facts=facts), exit_code=0, stdout=json.dumps(report).encode())
    places = [entry.place.path for entry in trivy.parse(raw) if hasattr(entry, "place") and entry.place]
    assert places == ["a.env"]


@pytest.mark.parametrize("native", ["DS-0001", "AVD-DS-0001", "DS001"])
def test_a_check_of_trivy_is_the_same_by_each_of_its_numbers(native: str) -> None:
    assert trivy.ADAPTER.canonical[native] == "code/docker-image-latest"


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (("CVE-2021-1", "GHSA-aaaa-bbbb-cccc", "RUSTSEC-2021-0003"), "RUSTSEC-2021-0003"),
        (("PYSEC-2019-217", "CVE-2019-1"), "CVE-2019-1"),
        (("npm-1673",), "npm-1673"),
    ],
)
def test_a_flaw_goes_by_its_best_known_name(ids: tuple[str, ...], expected: str) -> None:
    assert Flaw(ids=ids).id == expected


def test_a_flaw_without_a_name_is_none() -> None:
    with pytest.raises(ParseError, match="id is none"):
        assert Flaw(ids=("", "a b")).id


def test_the_highest_score_counts_and_version_2_does_not() -> None:
    high = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
    four = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N"
    found = base_score([VECTOR, high, four, "nonsense", "AV:N/AC:L/Au:N/C:P/I:P/A:P"])
    assert found is not None
    assert (found.value, found.source) == (9.8, "cvss-3.1")
    assert base_score(["AV:N/AC:L/Au:N/C:P/I:P/A:P", ""]) is None


@pytest.mark.parametrize(
    ("ecosystem", "name", "expected"),
    [
        ("npm", "@scope/name", "pkg:npm/%40scope/name@1.0"),
        ("maven", "org.acme:core", "pkg:maven/org.acme/core@1.0"),
        ("golang", "github.com/acme/x", "pkg:golang/github.com/acme/x@1.0"),
        ("pypi", "jinja2", "pkg:pypi/jinja2@1.0"),
    ],
)
def test_package_urls(ecosystem: str, name: str, expected: str) -> None:
    assert purl(ecosystem, name, "1.0") == expected


Look = Callable[[str, str], int | None]


@pytest.mark.parametrize(
    ("path", "ecosystem", "data", "name", "version", "line"),
    [
        (
            "go.mod",
            "golang",
            "module x\n\nrequire (\n\tgolang.org/x/text v0.3.7\n)\n",
            "golang.org/x/text",
            "v0.3.7",
            4,
        ),
        ("yarn.lock", "npm", '# x\n\nlodash@^4:\n  version "4.17.15"\n', "lodash", "4.17.15", 3),
        ("Gemfile.lock", "gem", "GEM\n  specs:\n    rack-test (1.0)\n    rack (2.0.1)\n", "rack", "2.0.1", 4),
        ("pom.xml", "maven", "<a>\n<artifactId>core</artifactId>\n<version>1.2</version>", "org.acme:core", "1.2", 2),
        ("uv.lock", "pypi", '[[package]]\nname = "jinja2"\nversion = "2.10"\n', "Jinja2", "2.10", 2),
        ("Cargo.lock", "cargo", CARGO_LOCK, "smallvec", "1.6.0", 2),
        ("mix.lock", "hex", "nothing", "plug", "1.0", None),
    ],
)
def test_a_package_is_shown_at_its_line(
    path: str, ecosystem: str, data: str, name: str, version: str, line: int | None
) -> None:
    lock = LockFile(path=path, ecosystem=ecosystem, data=data.encode())
    found = sighting(Flaw(ids=("CVE-2020-1",)), lock, name, version)
    assert found.place is not None
    assert (found.place.path, found.place.start_line) == (path, line)
    assert found.package is not None
    assert found.package.lockfile == path

"""One problem, one finding: whoever sees it, however they name it, and whichever of them is there."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from command_line import ADVISORY_DB, SAMPLE, magray_sec, read, surroundings
from magray_sec.regex.examples import fill

SECRET = fill("{{github-crc32:ghp_}}", "one finding")
CVE, GHSA, RUSTSEC = "CVE-2024-12224", "GHSA-h97m-ww89-6jmq", "RUSTSEC-2024-0421"


def sarif(tool: str, rule: str, path: str, line: int, **properties: Any) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": path}, "region": {"startLine": line}}
    descriptor = {"id": rule, "shortDescription": {"text": rule}, "properties": {"tags": properties.pop("tags", [])}}
    result = {
        "ruleId": rule,
        "level": "error",
        "message": {"text": "see the rule"},
        "locations": [{"physicalLocation": place}],
        "properties": properties,
    }
    run = {"tool": {"driver": {"name": tool, "rules": [descriptor]}}, "results": [result]}
    return {"version": "2.1.0", "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "runs": [run]}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with a secret, and three reports of other tools beside it."""
    folder = tmp_path_factory.mktemp("one")
    shutil.copytree(SAMPLE, folder / "target")
    (folder / "target" / "deploy.env").write_text(f"# deploy\nTOKEN={SECRET}\n")
    lock = (folder / "target" / "Cargo.lock").read_text().splitlines()
    line = lock.index('name = "idna"') + 1
    reports = {
        "leaks": sarif("gitleaks", "github-pat", "deploy.env", 2, tags=["external/cwe/cwe-798"]),
        "osv": sarif("osv-scanner", CVE, "Cargo.lock", line, purl="pkg:cargo/idna@0.4.0", tags=["vulnerability"]),
        "trivy": sarif("Trivy", GHSA, "Cargo.lock", line, purl="pkg:cargo/idna@0.4.0", aliases=[CVE]),
    }
    for name, report in reports.items():
        (folder / f"{name}.sarif").write_text(json.dumps(report))
    return folder


def found(repository: Path, tmp_path: Path, cache: Path, *options: str) -> dict[str, list[dict[str, Any]]]:
    """The secret's and the package's findings of a scan with these options."""
    stored = tmp_path / "report.json"
    environment = surroundings(tmp_path, XDG_CACHE_HOME=str(cache))
    database = ("--advisory-db", ADVISORY_DB, "--offline")
    ended = magray_sec("scan", repository / "target", *database, *options, "--json", stored, environment=environment)
    assert SECRET not in ended.said + stored.read_text()
    findings = read(stored)["findings"]
    return {
        "secret": [entry for entry in findings if entry["domain"] == "secrets"],
        "advisory": [entry for entry in findings if (entry.get("package") or {}).get("name") == "idna"],
    }


def inputs(repository: Path, *names: str) -> list[str]:
    return [word for name in names for word in ("--input", f"sarif={repository / name}.sarif")]


def names(finding: dict[str, Any]) -> set[str]:
    return {finding["identity"], *finding.get("also_known_as", ())}


def test_one_secret_and_one_advisory_are_two_findings_with_all_witnesses(
    repository: Path, tmp_path: Path, warm_cache: Path
) -> None:
    seen = found(repository, tmp_path, warm_cache, *inputs(repository, "leaks", "osv", "trivy"))
    (secret,) = seen["secret"]
    assert {witness["tool"] for witness in secret["witnesses"]} >= {"regex-rules", "detect-secrets", "gitleaks"}
    assert secret["rule"] == "secrets/github-pat"
    (advisory,) = seen["advisory"]
    assert {witness["tool"] for witness in advisory["witnesses"]} == {"cargo-audit", "osv-scanner", "Trivy"}
    assert advisory["rule"] == f"dependencies/{RUSTSEC}"


def test_no_set_of_scanners_changes_a_name(repository: Path, tmp_path: Path, warm_cache: Path) -> None:
    whole = found(repository, tmp_path, warm_cache, *inputs(repository, "leaks", "osv", "trivy"))
    native = ("regex-rules", "detect-secrets", "cargo-audit")
    for left_out in itertools.chain.from_iterable(itertools.combinations(native, count) for count in (1, 2)):
        options = [word for name in left_out for word in ("--skip-tool", name)]
        seen = found(repository, tmp_path, warm_cache, *options, *inputs(repository, "leaks", "osv"))
        (secret,), (advisory,) = seen["secret"], seen["advisory"]
        assert secret["identity"] == whole["secret"][0]["identity"]
        assert names(advisory) & names(whole["advisory"][0])

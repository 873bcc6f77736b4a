"""One problem, one finding: whoever sees it, however they name it, and whichever of them is there.

A secret that five tools see, an advisory that four see under three ids, and an injection that three see. What the tools
say is what they were recorded to say of such a thing, of this repository in place of their fixture.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cases import shared_cache
from command_line import ADVISORY_DB, magray_sec, read, surroundings
from magray_sec import adapters, worker
from magray_sec.correlate import correlate
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Adapter, Interpretation, Step, StepOutput
from magray_sec.model.finding import Finding
from magray_sec.model.run import Command, Limits, RawOutput, ScanContext
from magray_sec.normalize import normalize
from magray_sec.regex.examples import fill
from magray_sec.scopes import Wanted, look
from replays import NOWHERE, case_of, programs

SEED = "one finding"
CVE, GHSA, RUSTSEC = "CVE-2024-12224", "GHSA-h97m-ww89-6jmq", "RUSTSEC-2024-0421"
WITNESSES = {
    "secret": ("regex-rules", "detect-secrets", "gitleaks", "kingfisher", "trufflehog"),
    "advisory": ("cargo-audit", "cargo-deny", "osv-scanner", "trivy"),
    "injection": ("regex-rules", "semgrep", "bandit"),
}
RULES = {"secret": "secrets/gitlab-pat", "advisory": f"dependencies/{RUSTSEC}", "injection": "code/sql-injection"}
TOOLS = tuple(dict.fromkeys(itertools.chain.from_iterable(WITNESSES.values())))
REPORTED = tuple(name for name in TOOLS if adapters.load(name).executable)


def recorded(adapter: str, case: str = "one", command: int = 0) -> str:
    """What a tool printed, with our secret where there was one."""
    text = (case_of(adapter, case).folder / f"raw.{command}.stdout").read_text(encoding="utf-8")
    return fill(text, SEED)


def retold(root: Path) -> Iterator[tuple[str, str]]:
    """Each tool's report on the repository at `root`."""
    for name in ("gitleaks", "kingfisher", "trufflehog", "semgrep", "bandit"):
        yield name, recorded(name)
    audit = json.loads(recorded("cargo-audit", "many", 1))
    hits = [hit for hit in audit["vulnerabilities"]["list"] if hit["advisory"]["id"] == RUSTSEC]
    audit["vulnerabilities"] |= {"list": hits, "count": len(hits)}
    yield "cargo-audit", json.dumps(audit | {"warnings": {}})
    lines = [json.loads(line) for line in recorded("cargo-deny", "many", 1).splitlines()]
    ours = [e for e in lines if e["type"] != "diagnostic" or (e["fields"].get("advisory") or {}).get("id") == RUSTSEC]
    for entry in ours:
        if entry["type"] == "summary":
            entry["fields"] = {"advisories": {"errors": 1, "warnings": 0, "notes": 0, "helps": 0}}
    yield "cargo-deny", "".join(json.dumps(entry) + "\n" for entry in ours)
    osv = json.loads(recorded("osv-scanner"))
    (package,) = osv["results"][0]["packages"]
    osv["results"][0]["source"]["path"] = f"{root}/Cargo.lock"
    package["package"] = {"name": "idna", "version": "0.4.0", "ecosystem": "crates.io"}
    package["groups"] = [{"ids": [GHSA], "aliases": [CVE, GHSA]}]
    package["vulnerabilities"][0] |= {"id": GHSA, "aliases": [CVE], "affected": []}
    yield "osv-scanner", json.dumps(osv)
    trivy = json.loads(recorded("trivy"))
    result = next(entry for entry in trivy["Results"] if entry.get("Vulnerabilities"))
    named = {"PkgName": "idna", "PkgID": "idna@0.4.0", "InstalledVersion": "0.4.0"}
    named |= {"PkgIdentifier": {"PURL": "pkg:cargo/idna@0.4.0"}}
    result["Vulnerabilities"] = [result["Vulnerabilities"][0] | named | {"VulnerabilityID": CVE}]
    result |= {"Target": "Cargo.lock", "Type": "cargo", "Packages": []}
    yield "trivy", json.dumps(trivy | {"Results": [result], "ArtifactName": str(root)})


@dataclass(frozen=True, kw_only=True)
class Repository:
    """The target, and the folder of the reports on it."""

    root: Path
    reports: Path

    def inputs(self, *names: str) -> list[str]:
        """The options that take in these tools' reports."""
        return [word for name in names for word in ("--input", f"{name}={self.reports / name}")]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("one")
    root = folder / "target"
    shutil.copytree(case_of("cargo-audit").folder / "input", root)
    shutil.copy(case_of("bandit", "one").folder / "input" / "app.py", root)
    settings = (case_of("gitleaks", "one").folder / "input" / "settings.env").read_text(encoding="utf-8")
    (root / "settings.env").write_text(fill(settings, SEED))
    (folder / "reports").mkdir()
    for name, text in retold(root):
        (folder / "reports" / name).write_text(text.replace("{target}", str(root)))
    return Repository(root=root, reports=folder / "reports")


Named = Mapping[str, list[Finding]]


@pytest.fixture(scope="module")
def heard(repository: Repository) -> Mapping[str, Any]:
    """What interprets each tool's word anew: a secret is destroyed where it is used."""
    scene = look(str(repository.root), Limits(), Wanted())
    now = datetime.now(UTC)

    def output(adapter: Adapter) -> Interpretation:
        if adapter.inspect:
            context = ScanContext(today=now.date(), started=now, work="/nonexistent", cache=shared_cache())
            claims = adapter.claims(scene.inventory)
            command = Command(argv=("worker",), claims=claims)
            said = "".join(f"{line}\n" for line in worker.frames(adapter.inspect(scene.source, claims, context)))
            raw, parse = RawOutput(command=command, exit_code=0, stdout=said.encode()), worker.parse
        else:
            assert adapter.imported
            assert adapter.parse
            command = adapter.imported(scene.target, scene.inventory)
            inputs = {path: Path(path).read_bytes() for path in command.inputs if Path(path).is_file()}
            data = (repository.reports / adapter.id).read_bytes()
            raw, parse = RawOutput(command=command, stdout=data, inputs=inputs), adapter.parse
        step = Step(adapter=adapter, claims=command.claims, commands=(command,))
        ended = StepOutput(step=step, version=None, outputs=(raw,), started=now, duration_s=0.0)
        return interpret(ended, parse, is_import=adapter.inspect is None)

    in_process = {name: output(adapters.load(name)) for name in TOOLS if adapters.load(name).inspect}
    return {name: in_process.get(name) or (lambda name=name: output(adapters.load(name))) for name in TOOLS}


def together(repository: Repository, heard: Mapping[str, Any], tools: Iterable[str]) -> Named:
    """The three problems as these tools see them."""
    interpretations = [entry() if callable(entry := heard[name]) else entry for name in tools]
    source = look(str(repository.root), Limits(), Wanted()).source
    known = {name: adapters.load(name) for name in TOOLS}
    findings = correlate(normalize(interpretations, source, known, anchor="").findings)
    return {
        "secret": [entry for entry in findings if entry.location.path == "settings.env"],
        "advisory": [entry for entry in findings if entry.package and entry.package.name == "idna"],
        "injection": [entry for entry in findings if entry.location.path == "app.py"],
    }


def test_three_problems_are_three_findings_with_all_witnesses(repository: Repository, heard: Mapping[str, Any]) -> None:
    for problem, (finding, *more) in together(repository, heard, TOOLS).items():
        assert not more, problem
        assert {witness.tool for witness in finding.witnesses} == set(WITNESSES[problem])
        assert finding.rule.id == RULES[problem]


@pytest.mark.parametrize("problem", WITNESSES)
def test_no_set_of_tools_changes_a_name(problem: str, repository: Repository, heard: Mapping[str, Any]) -> None:
    """Every set of those that see it. An advisory that goes by another id is known by what all its names have in common."""
    (whole,) = together(repository, heard, WITNESSES[problem])[problem]
    known = {whole.identity, *whole.also_known_as}
    sets = [
        subset
        for count in range(1, len(WITNESSES[problem]) + 1)
        for subset in itertools.combinations(WITNESSES[problem], count)
    ]
    for tools in sets:
        (finding,) = together(repository, heard, tools)[problem]
        assert {witness.tool for witness in finding.witnesses} == set(tools)
        if problem == "advisory":
            assert {finding.identity, *finding.also_known_as} & known, tools
        else:
            assert finding.identity == whole.identity, tools
            assert finding.rule.id == whole.rule.id, tools


def test_ids_that_nobody_ties_together_are_two_findings(repository: Repository, heard: Mapping[str, Any]) -> None:
    """The other way round: what is one is so since somebody says that the ids are one."""
    assert len(together(repository, heard, ("trivy",))["advisory"]) == 1
    names = {
        tool: {e.identity for f in together(repository, heard, (tool,))["advisory"] for e in (f,)}
        for tool in WITNESSES["advisory"]
    }
    assert len(set().union(*names.values())) == 3


# Through the command line.


def scanned(repository: Repository, folder: Path, cache: Path, *options: str) -> dict[str, list[dict[str, Any]]]:
    """The findings of a scan with these options, by problem; no program is there."""
    home, stored = folder / "home", folder / "report.json"
    (home / ".config" / "magray-sec").mkdir(parents=True, exist_ok=True)
    tools = programs(folder / "none", lambda *_: Path(NOWHERE))
    settings = json.dumps({"version": 1, "tools": tools})
    (home / ".config" / "magray-sec" / "config.yaml").write_text(settings)
    environment = surroundings(home, XDG_CACHE_HOME=str(cache))
    database = ("--advisory-db", ADVISORY_DB, "--offline")
    ended = magray_sec("scan", repository.root, *database, *options, "--json", stored, environment=environment)
    assert stored.exists(), ended.said
    assert fill("glpat-{{alnum:20#a}}", SEED) not in ended.said + stored.read_text()
    findings = read(stored)["findings"]
    return {
        "secret": [entry for entry in findings if entry["location"]["path"] == "settings.env"],
        "advisory": [entry for entry in findings if (entry.get("package") or {}).get("name") == "idna"],
        "injection": [entry for entry in findings if entry["location"]["path"] == "app.py"],
    }


def test_a_scan_tells_each_once(repository: Repository, tmp_path: Path, warm_cache: Path) -> None:
    seen = scanned(repository, tmp_path, warm_cache, *repository.inputs(*REPORTED))
    for problem, (finding, *more) in seen.items():
        assert not more, problem
        assert {witness["tool"] for witness in finding["witnesses"]} == set(WITNESSES[problem])
        assert finding["rule"] == RULES[problem]
        assert all(witness["native_rule"] for witness in finding["witnesses"])
    fewer = scanned(
        repository,
        tmp_path,
        warm_cache,
        *("--skip-tool", "regex-rules", "--skip-tool", "detect-secrets"),
        *repository.inputs("trufflehog", "trivy", "osv-scanner", "bandit"),
    )
    for problem, (finding,) in fewer.items():
        assert len(finding["witnesses"]) == (2 if problem == "advisory" else 1)
        names = {finding["identity"], *finding.get("also_known_as", ())}
        (whole,) = seen[problem]
        assert names & {whole["identity"], *whole.get("also_known_as", ())}
        assert problem == "advisory" or finding["identity"] == whole["identity"]

"""Short ways to say a policy, a finding, a gap and a run, for the tests of the policy."""

from __future__ import annotations

from datetime import date
from typing import Any

from magray_sec.model.decision import Decision
from magray_sec.model.finding import Finding, Location, Package, Rule, Witness
from magray_sec.model.run import Gap, GapKind, ToolRun
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity
from magray_sec.policy.judge import judge
from magray_sec.policy.load import parse_policy
from magray_sec.policy.types import Policy

TODAY = date(2026, 6, 15)
ALL = (Domain.DEPENDENCIES, Domain.SECRETS, Domain.CODE)


def policy(rules: str = "[]", more: str = "", require: str = "[]") -> Policy:
    """A policy by its rules (YAML flow), further lines, and what it requires."""
    return parse_policy(f"version: 1\nrequire: {require}\nrules: {rules}\n{more}\n", file="p.yaml")


def identity(number: int) -> str:
    return f"v1:{number:032x}"


def finding(
    number: int = 1,
    domain: Domain = Domain.DEPENDENCIES,
    rule: str = "RUSTSEC-2024-0001",
    severity: Severity = Severity.HIGH,
    path: str = "Cargo.lock",
    package: Package | None = None,
    **more: Any,
) -> Finding:
    tool = more.pop("tool", "cargo-audit")
    cwe = more.pop("cwe", ())
    settings: dict[str, Any] = {
        "identity": identity(number),
        "domain": domain,
        "rule": Rule(id=f"{domain.value}/{rule}", domain=domain, title=rule, cwe=cwe),
        "severity": severity,
        "confidence": Confidence.MEDIUM,
        "message": "something",
        "location": Location(path=path),
        "package": package,
        "witnesses": (Witness(tool=tool, native_rule=rule),),
    }
    return Finding(**(settings | more))


def package(name: str = "rsa", version: str = "0.9.6", **more: Any) -> Package:
    settings = {"purl": f"pkg:cargo/{name}@{version}", "name": name, "version": version, "lockfile": "Cargo.lock"}
    return Package(**(settings | more))


def item_gap(
    domain: Domain | None = Domain.DEPENDENCIES,
    item: str = "lockfile:package-lock.json",
    scanner: str = "",
    reason: str = "no scanner of this version looks at package-lock.json for dependencies",
) -> Gap:
    return Gap(kind=GapKind.ITEM, domain=domain, item=item, scanner=scanner, reason=reason)


def file_gap(path: str = "src/broken.rs", scanner: str = "regex-rules", domain: Domain | None = Domain.CODE) -> Gap:
    return Gap(kind=GapKind.FILE, domain=domain, path=path, scanner=scanner, reason="does not parse")


def run(
    adapter: str = "cargo-audit",
    outcome: Outcome = Outcome.COMPLETED,
    domains: tuple[Domain, ...] = ALL,
    reason: str = "",
) -> ToolRun:
    return ToolRun(adapter=adapter, domains=domains, outcome=outcome, reason=reason)


def decide(given: Policy, *findings: Finding, **more: Any) -> Decision:
    """The decision on a scan whose scanners all completed, unless said otherwise."""
    settings: dict[str, Any] = {
        "findings": findings,
        "gaps": (),
        "runs": (run(),),
        "not_applicable": frozenset(),
        "database": None,
        "policy": given,
        "today": TODAY,
    }
    return judge(**(settings | more))

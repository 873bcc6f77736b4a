"""Rules as GitHub reads them: severity, precision and tags live on the rule, never on a result."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from magray_sec.model.finding import Finding, Rule
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.report import _sarif_objects as sarif

LEVELS = ("note", "warning", "error")
"""Levels of results, least first."""

_PRECISION = {
    Confidence.VERIFIED: "very-high",
    Confidence.HIGH: "high",
    Confidence.MEDIUM: "medium",
    Confidence.LOW: "low",
}
# GitHub's bands are "over 9.0", "7.0 to 8.9" ...: one number well inside each.
_BANDS = {Severity.CRITICAL: 9.5, Severity.HIGH: 8.0, Severity.MEDIUM: 5.5, Severity.LOW: 2.0}
_RANK = {member: rank for scale in (Severity, Confidence) for rank, member in enumerate(scale)}
_PROBLEM = {"error": "error", "warning": "warning", "note": "recommendation"}
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|])")
_CWE = re.compile(r"CWE-(\d{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What a domain is, for those of its rules that do not say, and the rule that stands in a run without findings."""

    what: str
    title: str
    address: str


_ABOUT = {
    Domain.DEPENDENCIES: _About(
        what="Packages with known vulnerabilities, or that nobody maintains",
        title="A dependency with a known problem",
        address="https://rustsec.org/",
    ),
    Domain.SECRETS: _About(
        what="Credentials in the files of the repository",
        title="A secret in the repository",
        address="https://cwe.mitre.org/data/definitions/798.html",
    ),
    Domain.CODE: _About(
        what="Dangerous patterns in code", title="A dangerous pattern in code", address="https://cwe.mitre.org/"
    ),
    Domain.UNSAFE: _About(
        what="Code that the compiler cannot check for memory safety",
        title="Unsafe code",
        address="https://doc.rust-lang.org/nomicon/",
    ),
    Domain.LICENSES: _About(
        what="Packages under licences that the policy has to rule on",
        title="A licence to look at",
        address="https://spdx.org/licenses/",
    ),
    Domain.SUPPLY_CHAIN: _About(
        what="Where code and packages come from",
        title="A weak link of the supply chain",
        address="https://slsa.dev/",
    ),
    Domain.WORKFLOWS: _About(
        what="Continuous integration workflows that others could abuse",
        title="A workflow that can be abused",
        address="https://docs.github.com/en/actions/security-for-github-actions",
    ),
}


def about(domain: Domain) -> str:
    """What a domain's run is about, one sentence."""
    return f"{_ABOUT[domain].what}."


def descriptor(rule: Rule, seen: Iterable[tuple[Finding, str]]) -> sarif.Object:
    """A rule with what its findings of this run, each with its level, say of it."""
    seen = tuple(seen)
    level = max((level for _, level in seen), key=LEVELS.index, default="note")
    security = _security_severity([finding for finding, _ in seen]) if rule.domain is not Domain.LICENSES else None
    properties: dict[str, Any] = {
        "tags": _tags(rule),
        "precision": _PRECISION[
            min((finding.confidence for finding, _ in seen), key=_RANK.__getitem__, default=Confidence.MEDIUM)
        ],
        "problem.severity": _PROBLEM[level],
    }
    if security is not None:
        properties["security-severity"] = security
    addresses = [entry for entry in rule.references if sarif.is_web_address(entry)]
    weaknesses = [(cwe, f"https://cwe.mitre.org/data/definitions/{match[1]}.html")
                  for cwe in rule.cwe if (match := _CWE.fullmatch(cwe))]  # fmt: skip
    fallback = weaknesses[0][1] if weaknesses else _ABOUT[rule.domain].address
    full = _first_paragraph(rule.description) or rule.title or about(rule.domain)
    return sarif.rule(
        rule_id=rule.id,
        title=rule.title,
        full=full,
        level=level,
        help_uri=addresses[0] if addresses else fallback,
        help_text=_plain(rule, full, weaknesses, addresses),
        help_markdown=_markdown(rule, weaknesses, addresses),
        properties=properties,
    )


def stand_in(domain: Domain) -> sarif.Object:
    """The rule that a run without findings names: a run has to name one."""
    entry = _ABOUT[domain]
    rule = Rule(id=f"{domain.value}/any", domain=domain, title=entry.title, description=f"{entry.what}.")
    return descriptor(rule, ())


def _security_severity(findings: list[Finding]) -> str | None:
    """The worst of a rule's findings, as a number in a string; None where none is known."""
    worst = max((_points(finding) for finding in findings), default=0.0)
    if worst <= 0.0:
        return None
    text = f"{worst:.1f}"
    # Exactly 9.0 is neither "over 9.0" nor "7.0 to 8.9" in GitHub's table; CVSS calls it critical.
    return {"9.0": "9.1", "0.0": "0.1"}.get(text, text)


def _points(finding: Finding) -> float:
    band = _BANDS.get(finding.severity, 0.0)
    if finding.score is None or not 0.0 < finding.score <= 10.0:
        return band
    # Another scanner may call it worse than its score does; the merged severity is what the policy judged.
    return finding.score if _RANK[Severity.from_score(finding.score)] >= _RANK[finding.severity] else band


def _tags(rule: Rule) -> list[str]:
    tags = ["compliance" if rule.domain is Domain.LICENSES else "security", rule.domain.value]
    tags += [f"external/cwe/cwe-{match[1]:0>3}" for cwe in rule.cwe if (match := _CWE.fullmatch(cwe))]
    return list(dict.fromkeys(tags))[: sarif.MOST_TAGS]  # a set, says the standard


def _first_paragraph(text: str) -> str:
    """What a description says before its first blank line, without the marks of a Markdown heading."""
    return text.strip().partition("\n\n")[0].lstrip("# ")


def _plain(rule: Rule, full: str, weaknesses: list[tuple[str, str]], addresses: list[str]) -> str:
    parts = [rule.description or full] if (rule.description or full) not in rule.help else []
    parts += [rule.help] if rule.help else []
    if weaknesses:
        parts.append("Weakness: " + ", ".join(name for name, _ in weaknesses))
    if addresses:
        parts.append("See " + ", ".join(addresses[:10]))
    return "\n\n".join(parts)


def _markdown(rule: Rule, weaknesses: list[tuple[str, str]], addresses: list[str]) -> str:
    parts = [f"## {_escaped(rule.title or rule.id)}"]
    if rule.description and rule.description != rule.title and rule.description not in rule.help:
        parts.append(rule.description)
    parts += [rule.help] if rule.help else []
    rows = [f"| Rule | `{rule.id.replace('`', '')}` |"] if "|" not in rule.id else []
    if rule.score is not None:
        rows.append(f"| CVSS score | {rule.score:.1f} |")
    if weaknesses:
        rows.append("| Weakness | " + ", ".join(f"[{name}]({address})" for name, address in weaknesses) + " |")
    if rows:
        parts.append("\n".join(["| | |", "|---|---|", *rows]))
    if addresses:
        parts.append("\n".join(f"- <{address}>" for address in addresses[:10]))
    return "\n\n".join(parts)


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))

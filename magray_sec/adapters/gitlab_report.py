"""gitlab-report: a report of a GitLab scanner, taken in with `--input gitlab-report=FILE`: secrets, and flaws of code.

https://docs.gitlab.com/development/integrations/secure/

`gl-secret-detection-report.json` and `gl-sast-report.json`, of versions 14 and 15 and of older ones that look the same.
A finding is its scanner's (`Gitleaks`, `Semgrep`), as bad as the report says. A report of a run that failed is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from magray_sec.adapters import _formats, _secret_reports
from magray_sec.adapters._forge_rules import GITLAB
from magray_sec.adapters._secret_reports import Seen, number_of, text_of, value_of
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.finding import Place, Rule, Sighting
from magray_sec.model.run import Claim, Command, Gap, GapKind, Inventory, Level, Notification, RawOutput, Target
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.model.text import clean, slug

_WANTED = "a GitLab report of secret detection or SAST"
_SECRETS, _CODE = "secret_detection", "sast"
_CREDENTIALS = frozenset({"CWE-798", "CWE-259", "CWE-321", "CWE-522"})
_SEVERITIES = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "low": Severity.LOW,
    "info": Severity.INFO,
}
_CONFIDENCES = {"confirmed": Confidence.HIGH, "high": Confidence.HIGH, "low": Confidence.LOW}
_COMMIT = re.compile(r"(?!0+\Z)[0-9a-f]{7,64}\Z")
_FALSE = "flagged-as-likely-false-positive"


def claims(inventory: Inventory) -> tuple[Claim, ...]:  # noqa: ARG001 - it looks at reports, not at the target
    """Nothing."""
    return ()


def imported(target: Target, inventory: Inventory) -> Command:
    """A report covers nothing: it names only the files that something was found in."""
    command = _secret_reports.imported(target, inventory)
    return replace(command, facts={**command.facts, "commit": target.commit or ""})


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each vulnerability. ParseError where it is no whole report of a run that came to its end."""
    value, notes = _formats.read(raw.stdout, _WANTED)
    if not isinstance(value, dict) or not isinstance(value.get("version"), str) or "vulnerabilities" not in value:
        raise _formats.refuse(value, _WANTED)
    if _formats.seems(value)[0] not in ("", "gitlab-report"):
        raise _formats.refuse(value, _WANTED)
    entries = value["vulnerabilities"]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ParseError("its vulnerabilities are no list of objects")
    scan = value["scan"] if isinstance(value.get("scan"), dict) else {}
    if text_of(scan, "status") not in ("", "success"):
        raise ParseError(f"it says that its scan ended with {clean(text_of(scan, 'status'), limit=40)}")
    yield from notes
    kinds = {text_of(entry, "category") or text_of(scan, "type") for entry in entries} | {text_of(scan, "type")}
    strange = sorted(kinds - {_SECRETS, _CODE, ""})
    if strange or not any(kinds):
        what = clean(strange[0].replace("_", " "), limit=40) if strange else "a kind that it does not name"
        raise ParseError(f"it is a GitLab report of {what}, and those of secret detection and SAST alone are read")
    yield from _messages(scan)
    ours = _name(scan.get("scanner")) or _name(scan.get("analyzer"))
    kind = text_of(scan, "type")
    secrets = [entry for entry in entries if (text_of(entry, "category") or kind) == _SECRETS]
    flaws = [entry for entry in entries if (text_of(entry, "category") or kind) != _SECRETS]
    stated = iter(secrets)
    for said in _secret_reports.report(raw, [_seen(entry, raw) for entry in secrets]):
        yield _rated(said, next(stated), ours) if isinstance(said, Sighting) else said
    yield from (_flaw(entry, ours) for entry in flaws)
    yield Metric(name="vulnerabilities", value=len(entries))


def _messages(scan: Mapping[str, Any]) -> Iterator[Said]:
    """What the scanner had to say of its run."""
    given = scan.get("messages")
    for entry in given if isinstance(given, list) else ():
        if isinstance(entry, dict):
            level, text = text_of(entry, "level"), clean(text_of(entry, "value"), limit=300)
            if level in ("error", "fatal"):
                yield Gap(kind=GapKind.ITEM, reason=f"the scanner reports an error: {text}")
            elif level.startswith("warn"):
                yield Notification(level=Level.WARNING, message=f"the scanner warns: {text}")


def _name(tool: Any) -> str:
    return text_of(tool, "name", "id") if isinstance(tool, dict) else ""


def _identifiers(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    given = entry.get("identifiers")
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def _native(entry: Mapping[str, Any]) -> str:
    """The rule's own name: the first identifier that is no CWE's or the like."""
    own = [one for one in _identifiers(entry) if text_of(one, "type") not in ("cwe", "owasp", "cve", "cwe_top_25")]
    return next((text_of(one, "value", "name") for one in own), "") or text_of(entry, "name", "message")


def _location(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    location = entry.get("location")
    return location if isinstance(location, dict) else {}


def _seen(entry: Mapping[str, Any], raw: RawOutput) -> Seen:
    location = _location(entry)
    stated = location.get("commit")
    commit = text_of(stated, "sha") if isinstance(stated, dict) else ""
    date = _secret_reports.date_of(text_of(stated, "date")) if isinstance(stated, dict) else ""
    is_other = bool(_COMMIT.match(commit)) and commit != raw.command.facts.get("commit")
    native = _native(entry)
    if not native:
        raise ParseError("a vulnerability of it has neither an identifier nor a name")
    return Seen(
        rule=native,
        title=text_of(entry, "name", "message") or native,
        path=text_of(location, "file"),
        line=number_of(location, "start_line"),
        value=value_of(text_of(entry, "raw_source_code_extract")),
        by_header=text_of(entry, "raw_source_code_extract").startswith("-----BEGIN"),
        confidence=_confidence(entry),
        commit=commit if is_other else "",
        date=date if is_other else "",
    )


def _confidence(entry: Mapping[str, Any]) -> Confidence:
    flags = entry.get("flags")
    if isinstance(flags, list) and any(isinstance(one, dict) and one.get("type") == _FALSE for one in flags):
        return Confidence.LOW
    return _CONFIDENCES.get(text_of(entry, "confidence").lower(), Confidence.MEDIUM)


def _severity(entry: Mapping[str, Any]) -> Severity:
    return _SEVERITIES.get(text_of(entry, "severity").lower(), Severity.UNKNOWN)


def _tool(entry: Mapping[str, Any], ours: str) -> str:
    return clean(_name(entry.get("scanner")) or ours, limit=60) or "gitlab"


def _rated(sighting: Sighting, entry: Mapping[str, Any], ours: str) -> Sighting:
    return replace(
        sighting,
        severity=_severity(entry),
        native_severity=text_of(entry, "severity"),
        tool=_tool(entry, ours),
    )


def _flaw(entry: Mapping[str, Any], ours: str) -> Sighting:
    native, location, tool = _native(entry), _location(entry), _tool(entry, ours)
    if not native:
        raise ParseError("a vulnerability of it has neither an identifier nor a name")
    cwe = tuple(sorted({f"CWE-{number}" for one in _identifiers(entry) for number in _weaknesses(one)}))
    domain = Domain.SECRETS if _CREDENTIALS & set(cwe) else Domain.CODE
    title = text_of(entry, "name", "message") or native
    links = entry.get("links")
    urls = [text_of(one, "url") for one in links if isinstance(one, dict)] if isinstance(links, list) else []
    urls += [text_of(one, "url") for one in _identifiers(entry)]
    rule = Rule(
        id=f"{domain.value}/{slug(tool)}.{slug(native)}",
        domain=domain,
        title=title,
        description=text_of(entry, "description"),
        help=text_of(entry, "solution"),
        cwe=cwe,
        references=tuple(dict.fromkeys(filter(None, urls))),
        severity=_severity(entry),
    )
    line, last = number_of(location, "start_line"), number_of(location, "end_line")
    path = text_of(location, "file")
    place = Place(
        path=path,
        start_line=line if line and line > 0 else None,
        end_line=last if line and last and last >= line > 0 else None,
    )
    return Sighting(
        native_rule=native,
        domain=domain,
        # What is said of a secret may hold the secret.
        message=title if domain is Domain.SECRETS else text_of(entry, "message", "description") or title,
        rule=rule,
        native_severity=text_of(entry, "severity"),
        severity=_severity(entry),
        confidence=_confidence(entry),
        place=place if path else None,
        url=next((url for url in urls if url), ""),
        tool=tool,
    )


def _weaknesses(identifier: Mapping[str, Any]) -> Iterator[str]:
    if text_of(identifier, "type").lower() == "cwe":
        match = re.search(r"\d{1,5}", text_of(identifier, "value", "name"))
        if match:
            yield str(int(match[0]))


ADAPTER = Adapter(
    id="gitlab-report",
    title="Reports of GitLab's secret detection and SAST",
    domains=frozenset({Domain.SECRETS, Domain.CODE}),
    claims=claims,
    imported=imported,
    parse=parse,
    canonical=GITLAB,
)

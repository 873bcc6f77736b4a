"""Whose report a file seems to be, for the message that it is not the one that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from magray_sec.adapters._read import decode, document
from magray_sec.model.adapter import ParseError
from magray_sec.model.run import Notification

_OURS = "take it in with --input {name}=FILE"


def _spdx_3(value: Mapping[str, Any]) -> bool:
    return "@graph" in value and "spdx" in str(value.get("@context", "")).lower()


# Told apart by what no other has; the first that fits counts.
_OBJECTS: tuple[tuple[str, str, Callable[[Mapping[str, Any]], bool]], ...] = (
    ("cyclonedx", "a CycloneDX SBOM", lambda value: value.get("bomFormat") == "CycloneDX"),
    ("spdx", "an SPDX document", lambda value: "spdxVersion" in value or _spdx_3(value)),
    ("sarif", "SARIF", lambda value: "runs" in value and ("$schema" in value or "version" in value)),
    ("gitlab-report", "a GitLab report", lambda value: "vulnerabilities" in value and "scan" in value),
    ("cargo-audit", "cargo-audit's report", lambda value: {"database", "lockfile"} <= value.keys()),
    ("cargo-licenses", "the output of cargo metadata", lambda value: "workspace_members" in value),
    ("detect-secrets", "a report of detect-secrets", lambda value: {"plugins_used", "results"} <= value.keys()),
    ("shellcheck", "a report of ShellCheck", lambda value: "comments" in value),
    ("trivy", "trivy's report", lambda value: "ArtifactName" in value or "SchemaVersion" in value),
    ("npm-audit", "npm audit's report", lambda value: "auditReportVersion" in value),
    ("osv-scanner", "osv-scanner's report", lambda value: "experimental_config" in value),
    ("bandit", "bandit's report", lambda value: {"generated_at", "metrics", "results"} <= value.keys()),
    ("semgrep", "semgrep's report", lambda value: {"paths", "results"} <= value.keys()),
    ("pip-audit", "pip-audit's report", lambda value: {"dependencies", "fixes"} <= value.keys()),
    ("", "grype's report", lambda value: {"matches", "source"} <= value.keys()),
    ("", "syft's report", lambda value: "artifactRelationships" in value),
    ("", "an answer of GitHub that is an error", lambda value: "documentation_url" in value and "message" in value),
)
_RECORDS: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("github-secrets", "a list of GitHub's secret scanning alerts", frozenset({"secret_type"})),
    ("gitleaks", "a report of gitleaks", frozenset({"RuleID", "StartLine"})),
    ("pip-licenses", "a report of pip-licenses", frozenset({"Name", "License"})),
    ("zizmor", "a report of zizmor", frozenset({"ident", "determinations"})),
    ("hadolint", "a report of hadolint", frozenset({"code", "file", "level", "line"})),
    ("trufflehog", "a report of trufflehog", frozenset({"DetectorName", "SourceMetadata"})),
)


def seems(value: Any) -> tuple[str, str]:
    """The adapter that reads such a report (empty: none) and what it is in words; both empty where nothing tells."""
    if isinstance(value, dict):
        for name, words, fits in _OBJECTS:
            if fits(value):
                return name, words
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, dict):
        for name, words, keys in _RECORDS:
            if keys <= first.keys():
                return name, words
    return "", ""


def refuse(value: Any, wanted: str) -> ParseError:
    """What to say of a JSON value that is not `wanted` (`a CycloneDX SBOM`)."""
    name, words = seems(value)
    if not words:
        return ParseError(f"it is not {wanted}")
    return ParseError(f"it is {words}, not {wanted}" + (f": {_OURS.format(name=name)}" if name else ""))


def read(data: bytes, wanted: str) -> tuple[Any, tuple[Notification, ...]]:
    """The one JSON value of a report that is to be `wanted`. ParseError where it holds none, or more than that."""
    text = decode(data).lstrip("\ufeff \t\r\n")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            data = data.decode("utf-16").encode("utf-8")
        except UnicodeError:
            raise ParseError("it is neither whole UTF-16 nor UTF-8") from None
        text = decode(data)
    if not text.strip():
        raise ParseError("the file is empty")
    if text.startswith("<"):
        raise ParseError(f"it is XML or HTML, not {wanted} in JSON")
    value, notes = document(data, object)
    if notes:
        raise ParseError("more text stands behind its end: two reports in one file, or a damaged one")
    return value, notes

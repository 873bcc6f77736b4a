"""What the words of other tools' SARIF reports mean here: of which domain a result is, how bad, about which package.

| a result is of ... | where                                                                                          |
|--------------------|------------------------------------------------------------------------------------------------|
| dependencies       | its rule's id is an advisory's, its package has a flaw, or its tool is for that |
| licenses           | it is tagged so, or is a `l:` rule of cargo-deny                                               |
| secrets            | CWE-798, 259, 321 or 522, tagged so, or of a tool that looks for nothing else                  |
| workflows          | it is in `.github/workflows` or an `action.yml`, or of a tool that looks for nothing else      |
| supply-chain       | tagged so, a `b:` or `s:` rule of cargo-deny, or of OpenSSF Scorecard                          |
| code               | else                                                                                           |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from magray_sec.adapters import _codeql_rules
from magray_sec.adapters._rustsec import KIND_SEVERITY
from magray_sec.adapters._sarif import Reference, Result, Rule, tags
from magray_sec.model.scale import Confidence, Domain, Severity

_DEPENDENCIES, _SECRETS, _WORKFLOWS = Domain.DEPENDENCIES, Domain.SECRETS, Domain.WORKFLOWS

# By the name a tool gives itself, in lower case: what it is called here, and the domain of all it finds.
_TOOLS: Mapping[str, tuple[str, Domain | None]] = {
    "actionlint": ("actionlint", _WORKFLOWS),
    "betterleaks": ("betterleaks", _SECRETS),
    "bundler-audit": ("bundler-audit", _DEPENDENCIES),
    "cargo-audit": ("cargo-audit", _DEPENDENCIES),
    "cargo-deny": ("cargo-deny", None),
    "codeql command-line toolchain": ("CodeQL", None),
    "dependency-check": ("dependency-check", _DEPENDENCIES),
    "detect-secrets": ("detect-secrets", _SECRETS),
    "ggshield": ("ggshield", _SECRETS),
    "gitleaks": ("gitleaks", _SECRETS),
    "govulncheck": ("govulncheck", _DEPENDENCIES),
    "grype": ("grype", _DEPENDENCIES),
    "kingfisher": ("kingfisher", _SECRETS),
    "noseyparker": ("noseyparker", _SECRETS),
    "octoscan": ("octoscan", _WORKFLOWS),
    "opengrep oss": ("opengrep", None),
    "osv-scanner": ("osv-scanner", _DEPENDENCIES),
    "poutine": ("poutine", _WORKFLOWS),
    "scorecard": ("scorecard", Domain.SUPPLY_CHAIN),
    "secretlint": ("secretlint", _SECRETS),
    "semgrep oss": ("semgrep", None),
    "semgrep pro": ("semgrep", None),
    "snyk open source": ("snyk", _DEPENDENCIES),
    "trufflehog": ("trufflehog", _SECRETS),
    "zizmor": ("zizmor", _WORKFLOWS),
}
_OURSELVES = "magray-sec"
_CODEQL = "CodeQL"
_CARGO_DENY = {"a": _DEPENDENCIES, "l": Domain.LICENSES, "b": Domain.SUPPLY_CHAIN, "s": Domain.SUPPLY_CHAIN}
_CREDENTIALS = frozenset({"CWE-798", "CWE-259", "CWE-321", "CWE-522"})
_SECRET_TAGS = frozenset({"secret", "secrets", "credential", "credentials", "hardcoded-credentials"})
_LICENSE_TAGS = frozenset({"license", "licenses", "licence", "licences", "license-compliance"})
_FLAW_TAGS = frozenset({"vulnerability", "vulnerabilities", "vulnerable-dependency", "sca"})
_CHAIN_TAGS = frozenset({"supply-chain", "supplychain"})
_WORKFLOW_PATH = re.compile(r"(?:\A|/)(?:\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml|action\.ya?ml)\Z")

_ADVISORY = re.compile(
    r"(?:CVE-\d{4}-\d{4,9}|GHSA(?:-[0-9a-z]{4}){3}|RUSTSEC-\d{4}-\d{4}|PYSEC-\d{4}-\d{1,6}|GO-\d{4}-\d{4,6}"
    r"|MAL-\d{4}-\d{1,9}|OSV-\d{4}-\d{1,6}|SNYK-[A-Z]{2,12}-[A-Z0-9]+(?:-[A-Z0-9]+)*-\d{3,9})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_ALIAS_KEYS = ("aliases", "cve", "cves", "cveId", "ghsa", "identifiers")
_CWE = re.compile(r"(?:\A|[/\s])CWE[-:_ ]?0*(\d{1,5})(?!\d)", re.IGNORECASE)
_DIGITS = re.compile(r"0*(\d{1,5})")

_WORDS = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "low": Severity.LOW,
    "informational": Severity.INFO,
    "info": Severity.INFO,
}
_LEVELS = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW}
_TRUST = {
    "very-high": Confidence.HIGH,
    "high": Confidence.HIGH,
    "medium": Confidence.MEDIUM,
    "low": Confidence.LOW,
}
_CONFIDENCE_TAG = re.compile(r"(HIGH|MEDIUM|LOW) CONFIDENCE\Z")

_PURL = re.compile(r"pkg:([a-z][a-z0-9.+-]*)/([^@?#\s]+)@([^?#\s]+)")
_PURL_KEYS = ("purl", "purls", "packageUrl", "packageURL")
_STATEMENTS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\APackage: (?P<name>\S+)\s+Installed Version: (?P<version>\S+)",  # trivy
        r"\APackage '(?P<name>[^'\s]+)@(?P<version>[^'@\s]+)' is vulnerable to",  # osv-scanner
        r"\bpackage: (?P<name>\S+), version (?P<version>\S+) was found at: ",  # grype
        r"\A(?P<name>[\w-]+) (?P<version>\d\S*) (?:is vulnerable to|has an? (?P<kind>\w+) warning)",  # cargo-audit
    )
)
_ALSO = re.compile(r"\(also known as ((?:'[^']{1,60}'(?:, )?){1,40})\)")
_FIXED = re.compile(r"\bFixed Version: ([^\n]+)")

_LEAKS = ("betterleaks.", "gitleaks.")
# Rules of other secret scanners that mean the same as one of ours.
_SAME = frozenset(
    {
        "adobe-client-secret",
        "age-secret-key",
        "alibaba-access-key-id",
        "anthropic-api-key",
        "atlassian-api-token",
        "azure-ad-client-secret",
        "cloudflare-global-api-key",
        "cloudflare-origin-ca-key",
        "digitalocean-access-token",
        "facebook-access-token",
        "fastly-api-token",
        "gcp-api-key",
        "generic-api-key",
        "github-app-token",
        "github-fine-grained-pat",
        "github-pat",
        "github-refresh-token",
        "gitlab-deploy-token",
        "gitlab-feed-token",
        "gitlab-pat",
        "gitlab-pat-routable",
        "grafana-api-key",
        "heroku-api-key",
        "jwt",
        "linear-api-key",
        "mailchimp-api-key",
        "netlify-access-token",
        "npm-access-token",
        "openai-api-key",
        "perplexity-api-key",
        "private-key",
        "slack-app-token",
        "slack-bot-token",
        "slack-legacy-token",
        "slack-user-token",
        "slack-webhook-url",
        "sourcegraph-access-token",
        "square-access-token",
        "twilio-api-key",
        "twitter-bearer-token",
    }
)
_OTHERWISE = {
    "1password-service-account-token": "onepassword-service-account-token",
    "clojars-api-token": "clojars-deploy-token",
    "doppler-api-token": "doppler-token",
    "github-oauth": "github-oauth-token",
    "gitlab-cicd-job-token": "gitlab-ci-job-token",
    "gitlab-ptt": "gitlab-pipeline-trigger-token",
    "microsoft-teams-webhook": "microsoft-teams-webhook-url",
    "npmtoken": "npm-access-token",
    "postman-api-token": "postman-api-key",
    "privatekey": "private-key",
    "pulumi-api-token": "pulumi-access-token",
    "pypi-upload-token": "pypi-api-token",
    "rubygems-api-token": "rubygems-api-key",
    "sendgrid-api-token": "sendgrid-api-key",
    "slackwebhook": "slack-webhook-url",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """How bad a result is, by its tool's words."""

    severity: Severity = Severity.UNKNOWN
    score: float | None = None
    native: str = ""
    """The words: `error, security-severity 8.1`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A package that a result is about. `type` is the purl's, where the result says it."""

    name: str
    version: str
    type: str = ""
    kind: str = "vulnerability"
    fixed: tuple[str, ...] = ()


def tool(name: str) -> tuple[str, Domain | None]:
    """A tool's name as it is told here, and the domain of all that it finds (None: of several)."""
    return _TOOLS.get(name.strip().lower(), (name.strip(), None))


def level(result: Result, rule: Rule) -> str:
    """The level of a result, by the standard's own order: its own, its rule's, `warning`."""
    if result.level:
        return result.level
    if (result.kind or "fail") != "fail":
        return "none"
    configured = rule.default_configuration.level if rule.default_configuration else None
    return configured or "warning"


def rate(result: Result, rule: Rule, domain: Domain, kind: str) -> Rating:
    """How bad it is: by a score (`security-severity`), by a word that is a severity's, or by the SARIF level.

    For a dependency the level says what the tool makes of a flaw, not how bad the flaw is, and counts for nothing; one
    that is `unmaintained` or the like (`kind`) is as bad as everywhere here.
    """
    stated = level(result, rule)
    for bag in (result.properties, rule.properties):
        value = (bag or {}).get("security-severity")
        score = _score(value)
        if score is not None:
            native = f"{stated}, security-severity {value}"
            return Rating(severity=Severity.from_score(score), score=score, native=native)
        if isinstance(value, str) and value.strip().lower() in _WORDS:
            return Rating(severity=_WORDS[value.strip().lower()], native=f"{stated}, {value.strip()}")
    words = (*_named(result.properties, "severity"), *_named(rule.properties, "severity"), *tags(rule.properties))
    word = next((word for word in words if word.lower() in _WORDS), None)
    if word is not None:
        return Rating(severity=_WORDS[word.lower()], native=f"{stated}, {word}")
    if domain is _DEPENDENCIES:
        return Rating(severity=KIND_SEVERITY.get(kind, Severity.UNKNOWN), native=stated)
    return Rating(severity=_LEVELS.get(stated, Severity.UNKNOWN), native=stated)


def trust(result: Result, rule: Rule) -> Confidence:
    """How sure the tool is; medium where it does not say."""
    if result.kind == "open":
        return Confidence.LOW
    words = [*_named(result.properties, "confidence"), *_named(result.properties, "precision")]
    words += [*_named(rule.properties, "confidence"), *_named(rule.properties, "precision")]
    words += [match[1] for tag in tags(rule.properties) if (match := _CONFIDENCE_TAG.match(tag))]
    return next((_TRUST[word.lower()] for word in words if word.lower() in _TRUST), Confidence.MEDIUM)


def _named(bag: Mapping[str, Any] | None, name: str) -> Iterator[str]:
    """The words of properties of that name: `confidence`, `issue_confidence`, `zizmor/confidence`."""
    for key, value in (bag or {}).items():
        if isinstance(value, str) and re.split(r"[/_.]", key)[-1].lower() == name:
            yield value.strip()


def _score(value: Any) -> float | None:
    """A CVSS score; 0.0 and what is out of range are none, as GitHub has it."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    if isinstance(value, str) and not re.fullmatch(r"\s*\d{1,2}(?:\.\d{1,6})?\s*", value):
        return None
    try:
        score = float(value)
    except OverflowError:
        return None
    return score if 0.0 < score <= 10.0 else None


def weaknesses(result: Result, rule: Rule) -> tuple[str, ...]:
    """The CWEs that tags, properties and taxonomies name, sorted."""
    found = set()
    for bag in (result.properties, rule.properties):
        stated = [
            entry for key, value in (bag or {}).items() if key.lower() in ("cwe", "cwes") for entry in _texts(value)
        ]
        found |= {f"CWE-{match[1]}" for text in (*tags(bag), *stated) if (match := _CWE.search(text))}
    related = (entry.target for entry in rule.relationships or ())
    for reference in (*(result.taxa or ()), *related):
        found |= set(_taxon(reference))
    return tuple(sorted(found))


def _taxon(reference: Reference | None) -> Iterator[str]:
    component = reference.tool_component if reference else None
    if reference and reference.id and component and (component.name or "").upper() == "CWE":
        match = _DIGITS.fullmatch(reference.id.upper().removeprefix("CWE-"))
        if match:
            yield f"CWE-{match[1]}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, str))


def advisories(native: str, result: Result, rule: Rule, message: str) -> tuple[str, ...]:
    """The advisory that a result is of, first, and its other names; empty where it is of none."""
    fingerprints = result.partial_fingerprints or {}
    stated = [native, *_texts(fingerprints.get("cargo-deny/advisory-id"))]
    own = next((match[0] for text in stated if (match := _ADVISORY.match(text))), None)
    if own is None:
        return ()
    others = [*(rule.deprecated_ids or ())]
    for bag in (result.properties, rule.properties):
        others += [text for key in _ALIAS_KEYS for text in _texts((bag or {}).get(key))]
    known = _ALSO.search(message)
    others += known[1].replace("'", "").split(", ") if known else []
    names = [_cased(own), *(_cased(match[0]) for text in others if (match := _ADVISORY.fullmatch(text.strip())))]
    return tuple(dict.fromkeys(names))


def _cased(name: str) -> str:
    scheme, _, rest = name.partition("-")
    return f"GHSA-{rest.lower()}" if scheme.upper() == "GHSA" else name.upper()


def package(native: str, result: Result, rule: Rule, message: str) -> Named | None:
    """The package that a result is about, where its fingerprints, properties or message name one with its version."""
    kind = native.partition(":")[2] if native.startswith("a:") else native
    kind = kind if kind in KIND_SEVERITY else "vulnerability"
    fixed = _FIXED.search(message)
    fixes = tuple(part.strip() for part in fixed[1].split(",") if part.strip()) if fixed else ()
    fingerprints = result.partial_fingerprints or {}
    crate = next(_texts(fingerprints.get("cargo-deny/krate")), "").rpartition("@")
    if crate[0]:
        return Named(name=crate[0], version=crate[2], type="cargo", kind=kind)
    for bag in (result.properties, rule.properties):
        for match in (_PURL.match(text) for key in _PURL_KEYS for text in _texts((bag or {}).get(key))):
            if match:
                return Named(name=unquote(match[2]), version=unquote(match[3]), type=match[1], kind=kind, fixed=fixes)
    for pattern in _STATEMENTS:
        match = pattern.search(message)
        if match:
            said = match.groupdict().get("kind") or ""
            kind = said if said in KIND_SEVERITY else kind
            return Named(name=match["name"], version=match["version"], kind=kind, fixed=fixes)
    return None


def purl(named: Named, ecosystem: str) -> str:
    """The package's URL; of type `generic` where nothing tells the ecosystem."""
    kind = named.type or ecosystem or "generic"
    name = named.name.lower().replace("_", "-") if kind == "pypi" else named.name
    return f"pkg:{kind}/{quote(name, safe='/:')}@{quote(named.version, safe=':')}"


def domain(
    native: str,
    *,
    of_tool: Domain | None,
    driver: str,
    labels: Iterable[str],
    cwe: Iterable[str],
    path: str,
    is_advisory: bool,
    is_of_package: bool,
) -> Domain:
    """The domain of a result: see the table at the head of this module."""
    words = {label.strip().lower() for label in labels}
    prefix = native.partition("/")[0]
    if driver == _OURSELVES and prefix in {entry.value for entry in Domain}:
        return Domain(prefix)
    if driver == "cargo-deny" and native[1:2] == ":" and native[0] in _CARGO_DENY:
        return _CARGO_DENY[native[0]]
    if is_advisory or (is_of_package and words & _FLAW_TAGS):
        return _DEPENDENCIES
    if words & _LICENSE_TAGS:
        return Domain.LICENSES
    if _CREDENTIALS & set(cwe) or words & _SECRET_TAGS or of_tool is _SECRETS:
        return _SECRETS
    if of_tool is not None:
        return of_tool
    if _WORKFLOW_PATH.search(path):
        return _WORKFLOWS
    return Domain.SUPPLY_CHAIN if words & _CHAIN_TAGS else Domain.CODE


def same_as_ours(native: str, found: Domain, driver: str) -> str:
    """Our own rule that means the same, by its canonical id; empty where none does."""
    if driver == _OURSELVES and native.startswith(f"{found.value}/"):
        return native
    if driver == _CODEQL:
        name = _codeql_rules.SAME.get(native, "")
        return name if name.startswith(f"{found.value}/") else ""
    if found is not _SECRETS:
        return ""
    name = native.lower()
    for prefix in _LEAKS:
        name = name.removeprefix(prefix)
    name = _OTHERWISE.get(name, name)
    return f"{_SECRETS.value}/{name}" if name in _SAME or name in _OTHERWISE.values() else ""

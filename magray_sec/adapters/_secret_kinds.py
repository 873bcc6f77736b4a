"""What the secret types of detect-secrets are called here, how bad each is, and how far a match of it can be believed.

detect-secrets states neither severity nor confidence; both are this table's. A format that only one provider uses is
`medium`, one that other things share (a URL with a password in it, 44 letters after the word `key`) is `low`, and so
is a match that fails a check or is a part of a longer word. A match that cannot be a secret is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from magray_sec.model.finding import Rule
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.regex.checks import CHECKS
from magray_sec.regex.doubt import entropy, made_up, no_value

_AROUND = 300
"""Bytes before and behind a token that tell what it is."""
_PEM_TAIL = 2000
_MARK = b"\0"
_LEAST_ENTROPY = 2.5
"""Bits a character of a password in a URL: what has less is a word, as in every example of a URL."""
_DATABASES = (
    rb"(?i:postgres(?:ql)?|mysqlx?|mariadb|mongodb|rediss?|valkey|amqps?|mssql|sqlserver|oracle|clickhouse|cockroachdb|nats"
    rb"|mqtts?|couchdbs?|neo4j|bolt|kafka|influxdb|cassandra|memcached|surrealdb)[\w+]*://[^\0\s]*\0[^\0]*\0"
)
_LOCAL = rb"@(?:[A-Za-z0-9_-]{1,60}|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-fA-F:]{2,40}\])(?:[^A-Za-z0-9_.-]|\Z)"
_PEM_BODY = (
    rb"\0-----(?:(?:\\[nr]|[\s\"'+,;\\])*[A-Za-z-]{2,40}: [^\n\\]*(?:\\[nr]|\s))*"
    rb"(?:\\[nr]|[\s\"'+,;\\])*[A-Za-z0-9+/]{16}"
)
_HELP = """\
**Decide whether it is real.** If so: revoke it where it was issued, issue a new one, and hand that to the program
through the environment or a secret store. Then take it out of the file; the history of the repository keeps it, which
is why revoking comes first.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of secret, finer than the type where a type holds several."""

    type: str
    """The plugin's words."""
    where: re.Pattern[bytes]
    """Found in what stands around a token that is of this kind; the token itself stands between two zero bytes."""
    name: str
    """The canonical id without its domain."""
    title: str
    severity: Severity
    confidence: Confidence
    preview: str = ""
    cwe: tuple[str, ...] = ("CWE-798",)
    must: re.Pattern[bytes] | None = None
    """Found around each real one."""
    should: str = ""
    """The check that a real one passes."""

    @property
    def rule(self) -> Rule:
        """The kind as a canonical rule."""
        return Rule(
            id=f"{Domain.SECRETS.value}/{self.name}",
            domain=Domain.SECRETS,
            title=self.title,
            description="Its form is one that this kind of secret has.",
            help=_HELP,
            cwe=self.cwe,
            severity=self.severity,
        )


def _kind(
    type_: str,
    where: bytes,
    name: str,
    title: str,
    severity: Severity,
    confidence: Confidence = Confidence.MEDIUM,
    *,
    preview: str = "",
    cwe: tuple[str, ...] = ("CWE-798",),
    must: bytes = b"",
    should: str = "",
) -> Kind:
    return Kind(
        type=type_,
        where=re.compile(where),
        name=name,
        title=title,
        severity=severity,
        confidence=confidence,
        preview=preview,
        cwe=cwe,
        must=re.compile(must) if must else None,
        should=should,
    )


_CRITICAL, _HIGH, _MEDIUM, _SLIGHT = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW
_LOW = Confidence.LOW
_KEY_CWE = ("CWE-321", "CWE-798")

KINDS: tuple[Kind, ...] = (
    _kind("AWS Access Key", rb"\0.{20}\0", "aws-access-key-id", "AWS access key ID", _HIGH, preview="AKIA"),
    _kind("AWS Access Key", b"", "aws-secret-access-key", "AWS secret access key", _CRITICAL, should="not-hex"),
    _kind("Artifactory Credentials", b"", "artifactory-token", "JFrog Artifactory API key or password", _HIGH, _LOW),
    _kind(
        "Azure Storage Account access key",
        b"",
        "azure-storage-account-key",
        "Azure storage account key",
        _CRITICAL,
    ),
    _kind(
        "Basic Auth Credentials",
        _DATABASES + _LOCAL,
        "database-url-local-password",
        "Password in a connection string for a local host",
        _SLIGHT,
        _LOW,
        cwe=("CWE-259", "CWE-798"),
    ),
    _kind(
        "Basic Auth Credentials",
        _DATABASES,
        "database-url-password",
        "Password in a connection string",
        _CRITICAL,
        _LOW,
        cwe=("CWE-259", "CWE-798"),
    ),
    _kind(
        "Basic Auth Credentials",
        b"",
        "url-credentials",
        "Password in a URL",
        _HIGH,
        _LOW,
        cwe=("CWE-522", "CWE-798"),
    ),
    _kind("Cloudant Credentials", b"", "detect-secrets.cloudant-credentials", "Cloudant credential", _HIGH, _LOW),
    _kind("Discord Bot Token", b"", "discord-bot-token", "Discord bot token", _HIGH),
    _kind(
        "GitHub Token",
        rb"\0ghp_",
        "github-pat",
        "GitHub personal access token",
        _CRITICAL,
        preview="ghp_",
        should="github-crc32",
    ),
    _kind(
        "GitHub Token",
        rb"\0gho_",
        "github-oauth-token",
        "GitHub OAuth access token",
        _CRITICAL,
        preview="gho_",
        should="github-crc32",
    ),
    _kind("GitHub Token", rb"\0ghr_", "github-refresh-token", "GitHub refresh token", _CRITICAL, preview="ghr_"),
    _kind("GitHub Token", b"", "github-app-token", "GitHub App token", _HIGH, preview="gh", should="github-crc32"),
    _kind(
        "GitLab Token",
        rb"\0glpat-",
        "gitlab-pat",
        "GitLab personal, project or group access token",
        _CRITICAL,
        preview="glpat-",
    ),
    _kind("GitLab Token", rb"\0gldt-", "gitlab-deploy-token", "GitLab deploy token", _HIGH, preview="gldt-"),
    _kind("GitLab Token", rb"\0glrt-", "gitlab-runner-token", "GitLab runner token", _HIGH, preview="glrt-"),
    _kind("GitLab Token", rb"\0GR1348941", "gitlab-runner-token", "GitLab runner token", _HIGH),
    _kind("GitLab Token", rb"\0glcbt-", "gitlab-ci-job-token", "GitLab CI/CD job token", _SLIGHT, preview="glcbt-"),
    _kind(
        "GitLab Token",
        rb"\0glptt-",
        "gitlab-pipeline-trigger-token",
        "GitLab pipeline trigger token",
        _HIGH,
        preview="glptt-",
    ),
    _kind(
        "GitLab Token",
        rb"\0glagent-",
        "gitlab-agent-token",
        "GitLab agent for Kubernetes token",
        _HIGH,
        preview="glagent-",
    ),
    _kind(
        "GitLab Token",
        rb"\0gloas-",
        "gitlab-oauth-application-secret",
        "GitLab OAuth application secret",
        _HIGH,
        preview="gloas-",
    ),
    _kind(
        "GitLab Token",
        b"",
        "gitlab-feed-token",
        "GitLab feed, incoming mail, SCIM or feature flag token",
        _MEDIUM,
        preview="gl",
    ),
    _kind("IBM COS HMAC Credentials", b"", "detect-secrets.ibm-cos-hmac-credentials", "IBM COS HMAC key", _HIGH, _LOW),
    _kind("IBM Cloud IAM Key", b"", "detect-secrets.ibm-cloud-iam-key", "IBM Cloud IAM key", _HIGH, _LOW),
    _kind("JSON Web Token", b"", "jwt", "JSON Web Token", _MEDIUM, _LOW, preview="eyJ"),
    _kind("Mailchimp Access Key", b"", "mailchimp-api-key", "Mailchimp API key", _HIGH),
    _kind("NPM tokens", rb"\0npm_", "npm-access-token", "npm access token", _CRITICAL, preview="npm_"),
    _kind("NPM tokens", b"", "npmrc-auth", "Credential in an .npmrc file", _CRITICAL, cwe=("CWE-260", "CWE-798")),
    _kind("OpenAI Token", b"", "openai-api-key", "OpenAI API key", _CRITICAL, preview="sk-"),
    _kind(
        "Private Key",
        rb"\0PuTTY-",
        "putty-private-key",
        "PuTTY private key",
        _HIGH,
        cwe=_KEY_CWE,
        must=rb"\0: [\w@.-]+\s+Encryption: ",
    ),
    _kind(
        "Private Key",
        rb"\0BEGIN PGP ",
        "pgp-private-key",
        "PGP private key",
        _HIGH,
        cwe=_KEY_CWE,
        must=_PEM_BODY,
        should="pem",
    ),
    _kind(
        "Private Key",
        rb"\0[^\0]*\0-----.{1,8}Proc-Type: ?4,ENCRYPTED|ENCRYPTED PRIVATE KEY\0",
        "encrypted-private-key",
        "Private key protected by a passphrase",
        _SLIGHT,
        cwe=("CWE-312",),
        must=_PEM_BODY,
        should="pem",
    ),
    _kind("Private Key", b"", "private-key", "Private key", _CRITICAL, cwe=_KEY_CWE, must=_PEM_BODY, should="pem"),
    _kind("PyPI Token", b"", "pypi-api-token", "PyPI API token", _CRITICAL, preview="pypi-"),
    _kind("SendGrid API Key", b"", "sendgrid-api-key", "SendGrid API key", _HIGH, preview="SG."),
    _kind("Slack Token", rb"\0(?i:https:)", "slack-webhook-url", "Slack webhook URL", _MEDIUM),
    _kind("Slack Token", rb"\0(?i:xoxb)", "slack-bot-token", "Slack bot token", _HIGH, preview="xoxb-"),
    _kind("Slack Token", rb"\0(?i:xoxp)", "slack-user-token", "Slack user token", _CRITICAL, preview="xoxp-"),
    _kind(
        "Slack Token",
        b"",
        "slack-legacy-token",
        "Slack legacy, configuration or refresh token",
        _HIGH,
        preview="xox",
    ),
    _kind("SoftLayer Credentials", b"", "detect-secrets.softlayer-credentials", "SoftLayer credential", _HIGH, _LOW),
    _kind("Square OAuth Secret", b"", "square-access-token", "Square access token or application secret", _CRITICAL),
    _kind(
        "Stripe Access Key",
        rb"\0sk_",
        "stripe-live-secret-key",
        "Stripe live secret key",
        _CRITICAL,
        preview="sk_live_",
    ),
    _kind("Stripe Access Key", b"", "stripe-live-secret-key", "Stripe live secret key", _CRITICAL),
    _kind("Telegram Bot Token", b"", "telegram-bot-token", "Telegram bot token", _HIGH, must=rb"\0\d+:AA"),
    _kind(
        "Twilio API Key",
        rb"\0SK",
        "twilio-api-key",
        "Twilio API key",
        _MEDIUM,
        _LOW,
        preview="SK",
        must=rb"\0SK[0-9a-f]+\0",
    ),
    _kind(
        "Twilio API Key",
        b"",
        "detect-secrets.twilio-account-sid",
        "Twilio account SID",
        _SLIGHT,
        _LOW,
        preview="AC",
        must=rb"\0AC[0-9a-f]+\0",
    ),
)
"""In order: a token is of the first kind of its type that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A token that may be a secret."""

    kind: Kind | None
    """None: a type that this table does not know."""
    confidence: Confidence


def canonical() -> Mapping[str, str]:
    """The canonical rule of each type; of the last of its kinds where there are several."""
    return {kind.type: kind.rule.id for kind in KINDS}


def judge(type_: str, text: bytes, span: tuple[int, int]) -> Judged | None:
    """What a token of a text is, or None where it cannot be a secret: a placeholder, an example, a mere name."""
    start, end = span
    token = text[start:end]
    around = _MARK.join((text[max(0, start - _AROUND) : start], token, text[end : end + _AROUND]))
    kind = next((kind for kind in KINDS if kind.type == type_ and kind.where.search(around)), None)
    if kind is None:
        return None if made_up(token) else Judged(kind=None, confidence=Confidence.LOW)
    if kind.must is not None and not kind.must.search(around):
        return None
    if kind.should == "pem" or kind.type == "Private Key":
        believed = not kind.should or CHECKS["pem"](text[max(0, start - 5) : end + _PEM_TAIL])
        return Judged(kind=kind, confidence=kind.confidence if believed else Confidence.LOW)
    body = token.removeprefix(kind.preview.encode())
    if made_up(body or token):
        return None
    if kind.type == "Basic Auth Credentials" and (
        no_value(token, is_quoted=True, context=b"") or entropy(token) < _LEAST_ENTROPY
    ):
        return None
    check: Callable[[bytes], bool] | None = CHECKS[kind.should] if kind.should else None
    is_part = text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()
    believed = not is_part and (check is None or check(token))
    return Judged(kind=kind, confidence=kind.confidence if believed else Confidence.LOW)

"""Which of CodeQL's queries look for the same as one of our rules, so that what both see is one finding.

https://codeql.github.com/codeql-query-help/

Query -> the name of our rule. A query that is wider than any rule of ours keeps its own name.
"""

from __future__ import annotations

from collections.abc import Mapping

_LANGUAGES = ("cpp", "cs", "go", "java", "js", "py", "rb", "rust", "swift")


def _table(text: str) -> Mapping[str, str]:
    """Each line: our rule, then the queries; `*/x` stands for the query `x` of every language."""
    queries: dict[str, str] = {}
    for line in text.split("\n"):
        rule, *names = line.split() or [""]
        for name in names:
            language, _, query = name.partition("/")
            for one in _LANGUAGES if language == "*" else (language,):
                queries[f"{one}/{query}"] = rule
    return queries


_CODE = _table(
    """
    all-interfaces py/bind-socket-all-network-interfaces
    archive-path-traversal */zipslip js/zip-slip cs/zipslip go/zipslip py/tarslip go/unsafe-unzip-symlink rb/zip-slip
    autoescape-disabled py/jinja2/autoescape-false
    cleartext-sensitive-url js/non-https-url rust/non-https-url java/non-https-url py/non-https-url
    code-injection */code-injection js/unsafe-code-construction cs/code-injection rb/unsafe-code-construction
    command-injection */command-line-injection go/command-injection rust/command-line-injection
    command-injection js/shell-command-injection-from-environment cpp/command-line-injection
    command-injection js/indirect-command-line-injection java/concatenated-command-line java/exec-tainted-environment
    command-injection py/shell-command-constructed-from-input js/shell-command-constructed-from-input
    command-injection rb/shell-command-constructed-from-input go/unsafe-quoting
    cors-credentials-any-origin js/cors-misconfiguration-for-credentials go/cors-misconfiguration
    cors-permissive js/cors-permissive-configuration py/cors-misconfiguration-with-credentials js/cors-misconfiguration
    cross-site-scripting js/reflected-xss js/stored-xss js/xss-through-exception go/reflected-xss go/stored-xss
    cross-site-scripting java/xss py/reflective-xss rb/reflected-xss rb/stored-xss cs/web/xss cs/web/stored-xss rust/xss
    csrf-protection-disabled py/csrf-protection-disabled java/spring-disabled-csrf-protection
    csrf-protection-disabled js/missing-token-validation rb/csrf-protection-disabled
    debug-mode-enabled py/flask-debug cs/web/debug-binary
    electron-isolation-disabled js/disabling-electron-websecurity js/enabling-electron-insecure-content
    electron-node-integration js/enabling-electron-renderer-node-integration
    expression-injection java/ognl-injection java/spel-expression-injection java/mvel-expression-injection
    expression-injection java/jexl-expression-injection java/server-side-template-injection-el
    clickjacking-protection-disabled js/missing-x-frame-options cs/web/missing-x-frame-options
    content-security-policy-disabled js/insecure-helmet-configuration
    code-injection java/groovy-injection java/beanshell-injection
    header-injection java/http-response-splitting py/http-response-splitting js/http-response-splitting
    host-check-disabled js/host-header-forgery-in-email-generation
    html-from-values js/html-constructed-from-input js/unsafe-html-expansion rb/html-constructed-from-input
    html-from-variable js/xss js/xss-through-dom js/unsafe-jquery-plugin
    http-download js/insecure-download rb/insecure-download
    insecure-cookie */insecure-cookie js/clear-text-cookie js/client-exposed-cookie go/cookie-httponly-not-set
    insecure-cookie go/cookie-secure-not-set java/insecure-cookie py/insecure-cookie cs/web/cookie-secure-not-set
    insecure-cookie cs/web/cookie-httponly-not-set java/sensitive-cookie-not-httponly py/client-exposed-cookie
    insecure-cookie rust/insecure-cookie
    insecure-random */insecure-randomness java/insecure-randomness go/insecure-randomness java/predictable-seed
    insecure-temporary-file js/insecure-temporary-file java/local-temp-file-or-directory-information-disclosure
    jndi-injection java/jndi-injection
    jwt-verification-disabled js/jwt-missing-verification java/missing-jwt-signature-check
    jwt-verification-disabled go/missing-jwt-signature-check
    jwt-verification-disabled py/jwt-missing-verification rb/jwt-missing-verification
    ldap-injection */ldap-injection java/ldap-injection cs/ldap-injection
    nosql-injection py/nosql-injection
    open-redirect go/unvalidated-url-redirection java/unvalidated-url-redirection py/url-redirection rb/url-redirection
    open-redirect js/server-side-unvalidated-url-redirection cs/web/unvalidated-url-redirection
    open-redirect js/client-side-unvalidated-url-redirection
    predictable-temp-name py/insecure-temporary-file
    program-from-input java/relative-path-command py/exec-tainted-path
    prototype-pollution js/prototype-pollution js/prototype-polluting-assignment js/prototype-pollution-utility
    reflection-from-request java/unsafe-reflection js/unsafe-dynamic-method-access rb/unsafe-unsafe-reflection
    request-path-traversal go/path-injection java/path-injection
    path-traversal js/path-injection py/path-injection rust/path-injection cs/path-injection rb/path-injection
    secret-in-log */clear-text-logging */cleartext-logging py/clear-text-logging-sensitive-data
    secret-in-log java/sensitive-log go/clear-text-logging rb/clear-text-logging-sensitive-data
    server-side-request-forgery */request-forgery go/request-forgery py/full-ssrf py/partial-ssrf java/ssrf
    server-side-request-forgery cs/request-forgery rust/request-forgery
    sql-injection */sql-injection go/sql-injection py/sql-injection java/concatenated-sql-query
    sql-injection cs/second-order-sql-injection cpp/sql-injection rust/sql-injection
    ssh-host-key-unchecked py/paramiko-missing-host-key-validation go/insecure-hostkeycallback
    tar-extraction-unfiltered py/tarslip-extended
    template-injection py/template-injection java/server-side-template-injection js/server-side-template-injection
    template-injection rb/server-side-template-injection
    timing-unsafe-compare java/timing-attack-against-signature py/possible-timing-attack-against-hash
    timing-unsafe-compare py/timing-attack-against-hash py/timing-attack-sensitive-info go/timing-attack
    tls-certificate-verification-disabled go/disabled-certificate-check js/disabling-certificate-validation
    tls-certificate-verification-disabled py/request-without-cert-validation java/insecure-trustmanager
    tls-certificate-verification-disabled rb/request-without-cert-validation rust/disabled-certificate-check
    tls-hostname-verification-disabled java/unsafe-hostname-verification
    tls-outdated-version go/insecure-tls py/insecure-protocol py/insecure-default-protocol cs/insecure-tls-version
    token-in-web-storage js/clear-text-storage-of-sensitive-data
    unsafe-deserialization */unsafe-deserialization py/unsafe-deserialization
    weak-cipher */weak-cryptographic-algorithm java/weak-cryptographic-algorithm
    weak-cipher go/weak-crypto-algorithm cs/weak-encryption
    weak-cipher rust/weak-cryptographic-algorithm cs/ecb-encryption java/potentially-weak-cryptographic-algorithm
    weak-hash */weak-sensitive-data-hashing py/weak-sensitive-data-hashing rust/weak-sensitive-data-hashing
    weak-key-size */insufficient-key-size */weak-crypto-key go/weak-crypto-key py/weak-crypto-key
    weak-password-hash js/insufficient-password-hash go/weak-password-hashing
    world-writable-permissions py/overly-permissive-file cpp/world-writable-file-creation
    xml-external-entities */xxe java/xxe cs/xml/insecure-dtd-handling py/xxe
    xpath-injection */xpath-injection java/xml/xpath-injection cs/xml/xpath-injection
    """
)
_WORKFLOWS = {
    "actions/code-injection/critical": "workflows/template-injection",
    "actions/code-injection/medium": "workflows/template-injection",
    "actions/envvar-injection/critical": "workflows/environment-file-injection",
    "actions/envvar-injection/medium": "workflows/environment-file-injection",
    "actions/envpath-injection/critical": "workflows/environment-file-injection",
    "actions/envpath-injection/medium": "workflows/environment-file-injection",
    "actions/excessive-secrets-exposure": "workflows/all-secrets-exposed",
    "actions/missing-workflow-permissions": "workflows/excessive-permissions",
    "actions/secrets-in-artifacts": "workflows/persisted-credentials",
    "actions/unpinned-tag": "workflows/unpinned-action",
    "actions/untrusted-checkout/critical": "workflows/dangerous-trigger",
    "actions/untrusted-checkout/high": "workflows/dangerous-trigger",
    "actions/untrusted-checkout/medium": "workflows/dangerous-trigger",
}
SAME: Mapping[str, str] = {**{query: f"code/{rule}" for query, rule in _CODE.items()}, **_WORKFLOWS}
"""Query -> canonical id."""

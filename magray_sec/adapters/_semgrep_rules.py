"""What rules of semgrep mean here: our own by their id, those of its registry by the last part of theirs.

https://github.com/semgrep/semgrep-rules

The id of a rule of the registry is its path there (`python.lang.security.audit.eval-detected.eval-detected`); before it
stands whatever folder it was loaded from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_OWN = re.compile(r"(?:\A|\.)code\.([a-z0-9-]+)\.(?:go|javascript|python|rust)\Z")

# Our rule (of the domain code) -> the names that the registry's rules of it end with.
_REGISTRY: Mapping[str, str] = {
    "all-interfaces": "avoid-bind-to-all-interfaces avoid_app_run_with_bad_host",
    "archive-path-traversal": "zip-slip tarslip path-traversal-zip-slip",
    "code-injection": "eval-injection exec-injection code-string-concat user-eval user-exec user-eval-format-string "
    "user-exec-format-string eval-nodejs-injection express-vm-injection vm-runincontext-context-injection",
    "command-injection": "subprocess-injection os-system-injection dangerous-subprocess-use-tainted-env-args "
    "dangerous-system-call-tainted-env-args command-injection-os-system child-process-exec-injection "
    "dangerous-command-write command-injection-process-builder tainted-os-command",
    "cors-permissive": "wildcard-cors cors-misconfiguration",
    "cross-site-scripting": "raw-html-format direct-response-write directly-returned-format-string "
    "no-fprintf-to-responsewriter no-direct-write-to-responsewriter reflected-data-httpresponse "
    "insecure-document-method tainted-html-string express-res-sendfile-xss",
    "csrf-protection-disabled": "no-csrf-exempt flask-wtf-csrf-disabled",
    "debug-mode-enabled": "debug-enabled active-debug-code-printstacktrace",
    "deserialization-of-request": "insecure-deserialization tainted-pickle",
    "dynamic-code": "eval-detected exec-detected detect-eval-with-expression",
    "header-injection": "header-injection crlf-injection-logs",
    "html-from-variable": "insecure-innerhtml",
    "insecure-cookie": "secure-set-cookie cookie-missing-secure cookie-missing-httponly session-cookie-missing-secure "
    "session-cookie-missing-httponly",
    "insecure-random": "math-random-used weak-random",
    "jwt-algorithm-none": "jwt-python-none-alg jwt-none-alg jwt-go-none-algorithm java-jwt-none-alg jwt-exploit",
    "jwt-verification-disabled": "unverified-jwt-decode jwt-go-parse-unverified java-jwt-decode-without-verify "
    "jwt-decode-without-verify",
    "ldap-injection": "tainted-ldapi-from-http-request ldap-injection",
    "nosql-injection": "express-mongo-nosqli nodejs-mongodb-nosqli",
    "open-redirect": "open-redirect express-open-redirect open-redirect-pathname",
    "predictable-temp-name": "mktemp-created-file tempfile-without-flush",
    "program-from-input": "dangerous-exec-command dangerous-exec-cmd detect-child-process spawn-shell-true",
    "react-dangerous-html": "react-dangerouslysetinnerhtml",
    "request-path-traversal": "path-traversal-open path-traversal-join path-traversal-file-name "
    "express-path-join-resolve-traversal express-res-sendfile path-join-resolve-traversal filepath-clean-misuse "
    "httpservlet-path-traversal",
    "server-side-request-forgery": "ssrf-requests ssrf-injection-requests ssrf-injection-urllib tainted-url-host "
    "express-ssrf",
    "shell-command-from-variable": "subprocess-shell-true dangerous-system-call dangerous-subprocess-use "
    "dangerous-os-exec dangerous-spawn-process",
    "sql-injection": "sql-injection-db-cursor-execute formatted-sql-query sqlalchemy-execute-raw-query "
    "string-formatted-query tainted-sql-string gosql-sqli psycopg-sqli asyncpg-sqli aiopg-sqli pg8000-sqli pgx-sqli "
    "pg-sqli pg-orm-sqli node-postgres-sqli node-mysql-sqli node-mssql-sqli knex-sqli sequelize-injection-express "
    "express-sequelize-injection formatted-sql-string jdbc-sqli tainted-sql-from-http-request rust-sqli",
    "ssh-host-key-unchecked": "paramiko-implicit-trust-host-key avoid-ssh-insecure-ignore-host-key",
    "template-injection": "render-template-string express-insecure-template-usage",
    "tls-certificate-verification-disabled": "disabled-cert-validation bypass-tls-verification unverified-ssl-context "
    "reqwest-accept-invalid ssl-verify-none rustls-dangerous tls-with-insecure-cipher-verify",
    "tls-outdated-version": "ssl-wrap-socket-is-deprecated weak-ssl-version missing-ssl-minversion ssl-v3-is-insecure",
    "unsafe-deserialization": "avoid-pickle avoid-marshal avoid-jsonpickle avoid-dill avoid-shelve avoid-cpickle "
    "pickles-in-pytorch express-third-party-object-deserialization object-deserialization marshal-usage",
    "weak-cipher": "use-of-des use-of-rc4 use-of-des-ecb insecure-cipher-algorithm-des insecure-cipher-algorithm-rc4 "
    "insecure-cipher-algorithm-rc2 insecure-cipher-algorithm-blowfish insecure-cipher-mode-ecb use-of-aes-ecb "
    "des-is-deprecated desede-is-deprecated use-of-DES use-of-rc2 use-of-blowfish create-de-cipher-no-iv",
    "weak-hash": "insecure-hash-algorithm-md5 insecure-hash-algorithm-sha1 insecure-hash-algorithms-md5 use-of-md5 "
    "use-of-sha1 insecure-hashes insecure-hash-function insecure-hash-algorithms md5-used-as-password-hash",
    "weak-key-size": "use-of-weak-rsa-key insufficient-rsa-key-size insufficient-dsa-key-size insufficient-ec-key-size "
    "use-of-weak-rsa-key-size",
    "world-writable-permissions": "insecure-file-permissions incorrect-default-permission",
    "xml-external-entities": "use-defused-xml use-defused-xml-parse express-libxml-noent express-expat-xxe "
    "documentbuilderfactory-disallow-doctype-decl-missing parsing-external-entities-enabled",
    "yaml-unsafe-load": "avoid-pyyaml-load",
}
_BY_NAME = {name.lower(): f"code/{rule}" for rule, names in _REGISTRY.items() for name in names.split()}


def own(check_id: str) -> str:
    """Our canonical rule that a rule of our own packs is; empty for one of others."""
    match = _OWN.search(check_id)
    return f"code/{match[1]}" if match else ""


def canonical(check_id: str) -> str:
    """Our canonical rule that a rule means; empty where none does."""
    return own(check_id) or _BY_NAME.get(check_id.rpartition(".")[2].lower(), "")

"""What bandit's tests mean here: the canonical rule of each and its title; hygiene keeps a name of its own.

https://bandit.readthedocs.io/en/latest/plugins/index.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_DESERIALIZATION = ("code/unsafe-deserialization", "Deserialization that can run code")
_HASH = ("code/weak-hash", "Weak hash function")
_CIPHER = ("code/weak-cipher", "Weak cipher")
_PASSWORD = ("secrets/generic-password", "Hard-coded password")
_XML = ("code/xml-parser-defaults", "XML parser with its default settings")
_CLEARTEXT = ("code/cleartext-protocol", "Protocol without encryption")
_TLS = ("code/tls-certificate-verification-disabled", "TLS certificates are not verified")
_OLD_TLS = ("code/tls-outdated-version", "Outdated TLS version")
_SQL = ("code/sql-injection", "SQL built by formatting and executed")
_STATEMENT = ("code/sql-statement-formatting", "SQL statement built by formatting")
_COMMAND = ("code/command-injection", "Shell command built by formatting")
_SHELL = ("code/shell-command-from-variable", "Shell command taken from a variable")
_HTML = ("code/html-from-values", "HTML built from values without escaping")
_DYNAMIC = ("code/dynamic-code", "Variable run as code")

_TESTS: Mapping[str, tuple[str, str]] = {
    "B102": _DYNAMIC,
    "B103": ("code/world-writable-permissions", "File that everyone may write"),
    "B104": ("code/all-interfaces", "Server listens on every interface"),
    "B105": _PASSWORD,
    "B106": _PASSWORD,
    "B107": _PASSWORD,
    "B108": ("code/insecure-temporary-file", "Temporary file with a fixed name"),
    "B201": ("code/debug-mode-enabled", "Debug mode switched on"),
    "B202": ("code/tar-extraction-unfiltered", "Tar archive unpacked without a filter"),
    "B301": _DESERIALIZATION,
    "B302": _DESERIALIZATION,
    "B303": _HASH,
    "B304": _CIPHER,
    "B305": _CIPHER,
    "B306": ("code/predictable-temp-name", "Temporary name made without its file"),
    "B307": _DYNAMIC,
    "B308": _HTML,
    "B312": _CLEARTEXT,
    **{f"B{number}": _XML for number in range(313, 321)},
    "B321": _CLEARTEXT,
    "B323": _TLS,
    "B324": _HASH,
    "B325": ("code/predictable-temp-name", "Temporary name made without its file"),
    "B501": _TLS,
    "B502": _OLD_TLS,
    "B503": _OLD_TLS,
    "B505": ("code/weak-key-size", "Key that is too short"),
    "B506": ("code/yaml-unsafe-load", "YAML loaded with a loader that can run code"),
    "B507": ("code/ssh-host-key-unchecked", "SSH host key is not checked"),
    "B601": _SHELL,
    "B608": _SQL,
    "B611": _SQL,
    "B614": _DESERIALIZATION,
    "B701": ("code/autoescape-disabled", "Templates without escaping"),
    "B703": _HTML,
    "B704": _HTML,
}
# Tests that look for a way of writing, not for a flaw.
_TITLES: Mapping[str, str] = {
    "B101": "assert, which is left out of optimized code",
    "B109": "Password setting that is not marked secret",
    "B110": "Every exception passed over",
    "B111": "Command run as root",
    "B112": "Every exception passed over in a loop",
    "B113": "Request without a timeout",
    "B309": "HTTPS connection of an old Python",
    "B310": "Address that may be of any scheme opened",
    "B311": "Random numbers that are not for secrets",
    "B322": "input of Python 2, which runs code",
    "B401": "telnetlib imported",
    "B402": "ftplib imported",
    "B403": "Module imported that can run code when it reads",
    "B404": "subprocess imported",
    "B405": "xml.etree imported",
    "B406": "xml.sax imported",
    "B407": "xml.expat imported",
    "B408": "xml.minidom imported",
    "B409": "xml.pulldom imported",
    "B410": "lxml imported",
    "B411": "xmlrpc imported",
    "B412": "CGI handler imported",
    "B413": "pyCrypto imported, which nobody maintains",
    "B414": "pyCryptodome imported",
    "B415": "IPMI module imported",
    "B504": "TLS version left to the default",
    "B508": "SNMP without encryption",
    "B509": "SNMP with weak encryption",
    "B602": "Shell started with a fixed command",
    "B603": "Program started",
    "B604": "Function called with shell=True",
    "B605": "Shell started with a fixed command",
    "B606": "Program started without a shell",
    "B607": "Program started by its name alone",
    "B609": "Wildcard in a shell command",
    "B610": "SQL given to Django's extra()",
    "B612": "Logging configuration taken from a socket",
    "B613": "Characters that turn the direction of text",
    "B615": "Model downloaded without a pinned revision",
    "B702": "Mako template, which does not escape",
}
_BY_NAME = frozenset({"B105", "B106", "B107"})
"""The name of a variable alone makes a password of its text."""

# How a text is put together: an f-string, `%`, `+` beside a quote, `.format(`.
_FORMATTING = re.compile(r"\b[rR]?[fF][rR]?[\"'][^\n]*\{|[\"']\s*[%+]|\+\s*[\"']|\.format\(|\.join\(")


def meaning(test: str, *, severity: str, confidence: str, code: str) -> tuple[str, str]:
    """The canonical rule and its title. Of some tests bandit's own rating, or the code that it prints, tells whether it
    is the flaw or only looks like it."""
    if test == "B608" and confidence == "LOW":
        # Not seen to be executed.
        return _STATEMENT
    if test in ("B602", "B605") and severity == "HIGH":
        # Its words for a command that is not a fixed text.
        return _COMMAND if _FORMATTING.search(code) else _SHELL
    return _TESTS.get(test, (f"code/bandit.{test.lower()}", _TITLES.get(test, "")))


def is_guess(test: str) -> bool:
    """Whether the name of a variable is all that the test goes by."""
    return test in _BY_NAME

"""The one filter that every foreign string passes before it is stored or shown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

# C0 and C1 controls, DEL, bidirectional overrides, zero-width characters, BOM and line separators: all of them can
# move a terminal's cursor, forge a line of a report or hide text from a reader.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_SURROGATE = re.compile("[\ud800-\udfff]")
# A log line of a GitHub runner that starts with `::` is a command to it, and so is `##[` anywhere. Only a word's
# start is touched: `crate::error::Error` stays as it is.
_WORKFLOW_COMMAND = re.compile(r"(?:^|(?<=\s))::(?=[A-Za-z])|##(?=\[)")
_USER_INFO = re.compile(r"(?<=://)[^/\s@'\"<>]+@")

REDACTED = "[REDACTED]"


def clean(text: str, *, secrets: Iterable[str] = (), limit: int = 2000) -> str:
    """`text` as one harmless line: no control characters, escapes, workflow commands, URL user info, sealed values.

    Line breaks and tabs become spaces. Longer than `limit` characters: cut as by `cut`, marked by an ellipsis.
    """
    text = _ANSI.sub("", text)
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, REDACTED)
    text = _SURROGATE.sub("\ufffd", text)
    text = _CONTROL.sub("", text.replace("\r", " ").replace("\n", " ").replace("\t", " "))
    text = _USER_INFO.sub("", text)
    text = _WORKFLOW_COMMAND.sub(lambda match: " ".join(match[0]), text)
    text = " ".join(text.split())
    return text if len(text) <= limit else cut(text, limit - 1).rstrip() + "\u2026"


def cut(text: str, limit: int) -> str:
    """At most `limit` characters of a text, up to the end of a word where it has several: half a secret is none that a
    filter of whole ones knows."""
    if len(text) <= limit:
        return text
    kept = text[:limit]
    if text[limit].isspace():
        return kept
    end = max(kept.rfind(space) for space in " \n\t")
    return kept[:end] if end > 0 else kept


def clean_block(text: str, *, secrets: Iterable[str] = (), limit: int = 20_000) -> str:
    """`text` with its lines kept, each cleaned as by `clean`, leading indentation preserved; for help in Markdown."""
    hidden = tuple(secrets)
    for secret in hidden:
        if secret in text:
            text = text.replace(secret, REDACTED)
    lines = []
    for line in cut(text, limit).replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        body = line.lstrip(" \t")
        indent = line[: len(line) - len(body)].replace("\t", "    ")
        lines.append((indent + clean(body, limit=4000)).rstrip())
    return "\n".join(lines).strip("\n")


def slug(text: str) -> str:
    """A foreign name as a part of a canonical rule id: lower case, anything but letters, digits and `._` as `-`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-").lower() or "unnamed"


def shown_path(path: str) -> str:
    """A path as it may be printed, on one line: undecodable bytes and control characters as backslash escapes."""
    decoded = os.fsencode(path).decode("utf-8", "backslashreplace")
    escaped = _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", decoded.replace("\n", "\\n").replace("\t", "\\t"))
    escaped = escaped.replace("##[", "#\\x23[")
    return "\\x3a" + escaped[1:] if escaped.startswith("::") else escaped

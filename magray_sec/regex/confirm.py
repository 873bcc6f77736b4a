"""Whether what a rule's pattern matched is what the rule is about; if not, why not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from magray_sec.regex.checks import CHECKS
from magray_sec.regex.doubt import Reason, entropy, made_up, no_value
from magray_sec.regex.pack import PatternRule

Span: TypeAlias = tuple[int, int]

# How far a line is read for keywords and the like, each way: a minified file is one line.
_LINE = 512
# A key block's check reads on behind what the pattern matched: its first lines decide.
_PEM_TAIL = 2000
_QUOTES = b"\"'`"
# What begins a comment: an address holds `//`, a glob `/*`, and a word may hold `#`. A line of a block comment begins
# with a star.
_COMMENTS = {"//": re.compile(rb"(?<!:)//|(?<![\"'`*\w])/\*|^[ \t]*\*[ \t]"), "#": re.compile(rb"(?:^|\s)#")}
# What encloses a made-up token that the pattern matched the inside of.
_OPEN_PLACEHOLDER = re.compile(rb"(?:\$\{|\{\{ ?|<|%\(|\$\(|#\{)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """It is a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """It is none."""

    reason: Reason
    detail: str = ""
    """What exactly: the check that failed, the entropy that was found. Never a part of the token."""


_CONFIRMED = Confirmed()


def confirm(rule: PatternRule, data: bytes, match: Span, token: Span) -> Confirmed | Rejected:
    """What becomes of a match in a file's bytes. `token`: the group that the rule is about, inside `match`."""
    if rule.keywords and not _has_keyword(rule, data, match):
        return Rejected(reason=Reason.NO_KEYWORD)
    start, end = token
    if rule.comments and _COMMENTS[rule.comments].search(data[_line_start(data, match[0]) : match[0]]):
        return Rejected(reason=Reason.COMMENT)
    value = data[start:end]
    for name in rule.checks:
        checked = data[start : end + _PEM_TAIL] if name == "pem" else value
        if not CHECKS[name](checked):
            return Rejected(reason=Reason.CHECK, detail=name)
    if rule.placeholders:
        reason = _placeholder(rule, data, value, start, end)
        if reason is not None:
            return Rejected(reason=reason)
    if rule.is_generic:
        is_quoted = start > 0 and data[start - 1] in _QUOTES
        context = data[match[0] : _line_end(data, end)]
        reason = no_value(
            value,
            is_quoted=is_quoted,
            is_literal=_is_enclosed(data, start, end),
            context=context,
            before=data[_line_start(data, match[0]) : match[0]],
        )
        if reason is not None:
            return Rejected(reason=reason)
    if rule.entropy:
        found = entropy(value)
        if found < rule.entropy:
            return Rejected(reason=Reason.LOW_ENTROPY, detail=f"{found:.2f} bits a character")
    return _CONFIRMED


def _placeholder(rule: PatternRule, data: bytes, value: bytes, start: int, end: int) -> Reason | None:
    if b"-----BEGIN" in value[:200]:
        return None
    if _OPEN_PLACEHOLDER.search(data, max(0, start - 3), start) and data[end : end + 1] in (b"}", b">", b")", b" "):
        return Reason.TEMPLATE
    prefix = rule.preview.encode()
    body = value.removeprefix(prefix) if prefix else value
    return made_up(body or value, whole=value if prefix else b"")


def _is_enclosed(data: bytes, start: int, end: int) -> bool:
    """Whether what is from `start` to `end` is no word of a program: it is in an address or between two tags, or the
    line opens a quote before it that is closed behind it.
    """
    around = data[start - 1 : start], data[end : end + 1]
    if around in ((b":", b"@"), (b">", b"<")):
        return True
    open_quote = 0
    for byte in data[_line_start(data, start) : start]:
        if byte in _QUOTES:
            open_quote = 0 if byte == open_quote else open_quote or byte
    return open_quote != 0 and data.find(open_quote, end, _line_end(data, end)) >= 0


def _has_keyword(rule: PatternRule, data: bytes, match: Span) -> bool:
    lines = data[_line_start(data, match[0]) : _line_end(data, match[1])].lower()
    return any(word.encode() in lines for word in rule.keywords)


def _line_start(data: bytes, at: int) -> int:
    """Where the line of `at` starts, or `_LINE` bytes before it."""
    floor = max(0, at - _LINE)
    return max(floor, data.rfind(b"\n", floor, at) + 1)


def _line_end(data: bytes, at: int) -> int:
    """Where the line of `at` ends, or `_LINE` bytes behind it."""
    found = data.find(b"\n", at, at + _LINE)
    return min(len(data), at + _LINE) if found < 0 else found

"""Comments in the target that allow a finding: `magray-sec: allow RULE reason`, read from a file's bytes.

No language is parsed: what looks like a comment is one, inside a string too, so that formats without comments have a
way to say it. One inside a pair of backticks is code that somebody writes about, and does not count.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

MARK = b"magray-sec:"
"""What a file with such a comment holds."""
START = f"{MARK.decode()} allow"
"""How one begins."""
PATTERN = r"magray-sec:[ \t]{0,8}allow\b"
"""The start of one, as the rule engine looks for it in every text file."""
MOST = 10_000
"""How many of them are read in a file."""

_START = re.compile(rb"magray-sec:[ \t]{0,8}allow(?![\w-])")
_LINE_BREAK = re.compile(rb"[\r\n]")
_TICKS = re.compile(rb"`+")
# How far from a mark its line is looked at: back for the opener of the comment, on for rules and reason.
_BACK = 1000
_ON = 4096

# Of a comment that begins right before the mark, and of one with words in between. Repeats have an end, as all here: a
# file may be made to be slow.
_DIRECT = re.compile(rb"(?:<!--|/\*{1,2}!?|\{#-?|\{-|\(\*|<%--|<%#|--\[\[|\"\"\"|'''|//[/!]?|#!?|--|;|%|\"|')\Z")
_EARLIER = re.compile(rb"(?:<!--|/\*{1,2}|\{#|\(\*|(?<![\w:&])(?://[/!]?|#{1,6}|--|;{1,4}|%))(?=[ \t])")
_AT_START = re.compile(rb"\*+|!+|\.\.|dnl|rem|::|\\\"", re.IGNORECASE)
_WHOLE_LINE = (b"#", b"//", b"--", b";", b"%")
_CLOSERS = {
    b"<!-": b"-->",
    b"/*": b"*/",
    b"*": b"*/",
    b"{#": b"#}",
    b"{-": b"-}",
    b"(*": b"*)",
    b"<%": b"%>",
    b"--[": b"]]",
    b'"""': b'"""',
    b"'''": b"'''",
    b'"': b'"',
    b"'": b"'",
}
_TRAILING = (b"*/", b"-->", b"#}", b"-}", b"*)", b"%>", b"]]", b'"""', b"'''")
_MOST_CLOSERS = 3
_BETWEEN = b" \t;,#/*-%<!({\"'"
# What may stand before a string on a line of its own: the key that it is the value of.
_KEY = re.compile(rb"\"[^\"]*\"|'[^']*'|[\w.-]*")
_RULES = re.compile(rb"[ \t]+([^\s,]+(?:[ \t]*,[ \t]*[^\s,]+)*)[ \t,]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """A comment as it is written; it counts where it names a rule and gives a reason."""

    line: int
    """From 1."""
    rules: tuple[str, ...]
    """As written, unchecked."""
    reason: str
    """As written: it may hold anything, a secret too. At least one word, or empty."""
    is_alone: bool
    """Nothing but this comment stands on its line: it speaks for the line below, too."""

    @property
    def counts(self) -> bool:
        """Whether it may allow anything."""
        return bool(self.rules and self.reason)


def allowances(data: bytes) -> tuple[Allowance, ...]:
    """The comments in a text (as `regex.encoding.readable` gives it), in order, those that do not count too; at most
    `MOST`."""
    return tuple(itertools.islice(_read(data), MOST)) if MARK in data else ()


def _read(data: bytes) -> Iterator[Allowance]:
    line, counted = 1, 0
    spans = (mark.span() for mark in _START.finditer(data))
    for (start, end), (follower, _) in itertools.pairwise(itertools.chain(spans, ((len(data), 0),))):
        line += _breaks(data, counted, start)
        counted = start
        low = max(0, start - _BACK)
        begin = 1 + max(data.rfind(b"\n", low, start), data.rfind(b"\r", low, start))
        before = data[begin or low : start]
        rest = data[end : min(end + _ON, follower)]
        stop = _LINE_BREAK.search(rest)
        is_cut = stop is None and end + _ON < follower
        is_followed = stop is None and end + len(rest) == follower < len(data)
        rest = rest[: stop.start()] if stop else rest.rstrip(_BETWEEN) if is_followed else rest
        opened = _opened(before)
        if opened is None or _is_quoted_code(before, rest):
            continue
        prefix, opener = opened
        text, tail = _closed(rest, opener)
        rules, reason = _said(text, is_cut=is_cut)
        is_whole = (begin > 0 or low == 0) and (stop is not None or end + len(rest) == len(data))
        is_alone = is_whole and _is_alone(prefix, opener, tail)
        yield Allowance(line=line, rules=rules, reason=reason, is_alone=is_alone)


def _breaks(data: bytes, start: int, end: int) -> int:
    """How many line breaks a stretch holds; one of two bytes is never divided by its ends."""
    feeds, returns = data.count(b"\n", start, end), data.count(b"\r", start, end)
    return feeds + returns - (data.count(b"\r\n", start, end) if returns else 0)


def _opened(before: bytes) -> tuple[bytes, bytes] | None:
    """What stands before the comment on its line, and what opens it; None where nothing does."""
    text = before.rstrip(b" \t")
    direct = _DIRECT.search(text, max(0, len(text) - 8))
    if direct is None:
        earlier = list(_EARLIER.finditer(before))
        direct = earlier[-1] if earlier else None
    if direct is None:
        first = _AT_START.fullmatch(text.lstrip(b" \t"))
        return (b"", first[0]) if first else None
    prefix, opener = before[: direct.start()], direct[0]
    quote = prefix[-1:]
    if quote in (b'"', b"'") and prefix.count(quote) % 2 == 1:
        # A comment that is the whole of a string ends where that does.
        return prefix[:-1], quote
    return prefix, opener


def _is_quoted_code(before: bytes, rest: bytes) -> bool:
    return len(_TICKS.findall(before)) % 2 == 1 and b"`" in rest


def _closed(rest: bytes, opener: bytes) -> tuple[bytes, bytes]:
    """The comment's text, and what follows its end on the line."""
    closer = next((_CLOSERS[opener[:size]] for size in (3, 2, 1) if opener[:size] in _CLOSERS), b"")
    at = rest.find(closer) if closer else -1
    while closer == b"'" and at >= 0 and rest[at + 1 : at + 2].isalnum():
        at = rest.find(closer, at + 1)
    if at >= 0:
        return rest[:at].rstrip(b" \t*-"), rest[at + len(closer) :]
    # What closes a comment around this one.
    text = rest.rstrip(b" \t")
    for _ in range(_MOST_CLOSERS):
        closer = next((end for end in _TRAILING if text.endswith(end)), b"")
        text = text.removesuffix(closer).rstrip(b" \t*-") if closer else text
    return text, b""


def _is_alone(prefix: bytes, opener: bytes, tail: bytes) -> bool:
    before = prefix.lstrip(b" \t\f\v\xef\xbb\xbf")
    if opener in (b'"', b"'"):
        before = before.lstrip(b" \t[{(,").rstrip(b" \t")
        key = before[:-1].rstrip(b" \t") if before.endswith((b":", b"=")) else before
        return _KEY.fullmatch(key) is not None and not tail.strip(b" \t\f\v,;)]}")
    is_comment = any(opener.startswith(mark) and before.startswith(mark) for mark in _WHOLE_LINE)
    return (not before or is_comment) and not tail.strip()


def _said(text: bytes, *, is_cut: bool) -> tuple[tuple[str, ...], str]:
    """The rules and the reason."""
    found = _RULES.match(text)
    if found is None:
        return (), ""
    names = (name.strip().strip(":") for name in found[1].decode("utf-8", "replace").split(","))
    reason = text[found.end() :].decode("utf-8", "replace").strip(" \t:;-\u2013\u2014")
    if is_cut:
        # Half a word may be half a secret, which nothing would hide.
        reason = reason.rpartition(" ")[0]
    return tuple(dict.fromkeys(filter(None, names))), reason if re.search(r"\w", reason) else ""

"""What a rule's own list says of a match: in which files it counts, and what is no finding though it matches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from magray_sec.model.text import clean
from magray_sec.regex.doubt import Reason

Span: TypeAlias = tuple[int, int]

NEAR = 50_000
"""How far from a match, in bytes each way, a keyword counts that may stand anywhere in the file."""
# How far a line is read, each way: a minified file is one line.
_LINE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """Matches that are no findings. Each kind of condition that is given counts by itself, or all of them together."""

    token: tuple[str, ...] = ()
    """Regular expressions in RE2 syntax, on UTF-8, one of which is found in the group that the rule is about."""
    match: tuple[str, ...] = ()
    """The same for the whole match."""
    line: tuple[str, ...] = ()
    """The same for the match's lines."""
    words: tuple[str, ...] = ()
    """Texts in lower case, one of which stands in the group, in any case."""
    paths: tuple[str, ...] = ()
    """Regular expressions, one of which is found in the file's path."""
    every: bool = False
    """Only where all kinds of conditions hold that are given."""


class Exempt:
    """A rule's exemptions, made ready."""

    def __init__(self, exemptions: Sequence[Exemption], matching: Sequence[str], keywords: Sequence[str]) -> None:
        self._exemptions = tuple(_Ready(entry) for entry in exemptions)
        self._matching = _either(matching)
        self._keywords = tuple(word.encode() for word in keywords)

    def reason(self, path: str, data: bytes, match: Span, token: Span) -> Reason | None:
        """Why the match is no finding; None where nothing is said against it."""
        if self._matching is not None and self._matching.search(_bytes(path)) is None:
            return Reason.OTHER_FILE
        if self._keywords:
            near = data[max(0, match[0] - NEAR) : match[1] + NEAR].lower()
            if not any(word in near for word in self._keywords):
                return Reason.NO_KEYWORD
        if any(entry.holds(path, data, match, token) for entry in self._exemptions):
            return Reason.EXEMPT
        return None


class _Ready:
    def __init__(self, exemption: Exemption) -> None:
        self._regexes = tuple(_either(regexes) for regexes in (exemption.token, exemption.match, exemption.line))
        self._words = tuple(word.encode() for word in exemption.words)
        self._paths = _either(exemption.paths)
        self._every = exemption.every

    def holds(self, path: str, data: bytes, match: Span, token: Span) -> bool:
        answers = self._answers(path, data, match, token)
        return all(answers) if self._every else any(answers)

    def _answers(self, path: str, data: bytes, match: Span, token: Span) -> Iterable[bool]:
        if self._paths is not None:
            yield self._paths.search(_bytes(path)) is not None
        if self._words:
            value = data[slice(*token)].lower()
            yield any(word in value for word in self._words)
        for regex, span in zip(self._regexes, (token, match, _lines(data, match)), strict=True):
            if regex is not None:
                yield regex.search(data[slice(*span)]) is not None


def check(regex: str) -> str:
    """What RE2 has against a regular expression on UTF-8; empty: nothing."""
    import re2  # noqa: PLC0415

    try:
        _compiled(regex.encode())
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        return clean(reason, limit=200)
    return ""


def _either(regexes: Sequence[str]) -> Any:
    return _compiled("|".join(f"(?:{regex})" for regex in regexes).encode()) if regexes else None


def _compiled(regex: bytes) -> Any:
    import re2  # noqa: PLC0415

    options = re2.Options()
    options.log_errors = False
    return re2.compile(regex, options)


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _lines(data: bytes, match: Span) -> Span:
    floor = max(0, match[0] - _LINE)
    start = max(floor, data.rfind(b"\n", floor, match[0]) + 1)
    end = data.find(b"\n", match[1], match[1] + _LINE)
    return start, min(len(data), match[1] + _LINE) if end < 0 else end

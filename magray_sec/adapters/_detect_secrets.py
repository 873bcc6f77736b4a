"""The plugins of detect-secrets over a file's bytes: what they report, where it stands, what would have hidden it.

Only plugins that know a provider's format are used. Each is a handful of regular expressions and, for some, a check of
what they matched; both are asked directly, so nothing of the package's global settings, its network verification or its
own reading of files is in force. Hyperscan tells first which expressions can match in a file at all.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from magray_sec import _kept as kept

LEFT_OUT = frozenset({"Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector", "IPPublicDetector"})
"""Plugins that are not used: those that guess by entropy or by a variable's name, and public addresses."""

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
# What a plugin that guesses takes for a value: in quotes, assigned, or by itself.
_VALUES = (
    re.compile(rb"\"([^\"\r\n]+)\""),
    re.compile(rb"'([^'\r\n]+)'"),
    re.compile(rb"[=:]\s*([^\s=:,;\"'][^\s,;\"']*)"),
    re.compile(rb"([^\s,;\"'`=:<>(){}\[\]]+)"),
)
# A longer line is gone through in pieces that overlap by half, which bounds what its expressions can cost; a secret
# is found whole up to half a piece.
_PIECE = 8192
# Expressions with three neighbouring runs of spaces in them take cubic time on a long one.
_SPACES = re.compile(r" {65,}")
_KEPT_SPACES = 32
_BLANKS = re.compile(r"\s{2,}")
_QUOTE = r"[\'\"]"
_TOKEN_CHARACTER = re.compile(r"[A-Za-z0-9_-]")
_NAME = re.compile(r"[A-Za-z]{3,20}=(?=[^=])")
_EDGES = " \t=:\"'"
_SHORT_GROUP = 8
# Formats in which the package's own readers put the quotes that one of its expressions asks for.
_UNQUOTED = frozenset({"YAML", "CONFIG", "INI", "PROPERTIES", "OTHER"})
_ASSIGNED = re.compile(r"\s*(?:- +)?([\w.-]+)\s*[:=]\s*([^\s\"'#]+)\s*(?:[#;].*)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A secret that a plugin reports."""

    type: str
    """The plugin's own words for it."""
    span: tuple[int, int]
    """The bytes of the whole token, whichever part of it the plugin returns."""
    allowed_by: str = ""
    """The allow comment that would have hidden it."""
    digest: str
    """What the package's own baseline files call it: the SHA-1 of the part that the plugin returns."""


class Plugins:
    """The plugins in use, ready to be run. `cache`: the user's cache folder, for Hyperscan's database; or None."""

    def __init__(self, cache: str | None) -> None:
        import hyperscan  # noqa: PLC0415
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class  # noqa: PLC0415
        from detect_secrets.plugins.base import RegexBasedDetector  # noqa: PLC0415

        mapping: Mapping[str, Any] = get_mapping_from_secret_type_to_class()
        used = [
            mapping[name]()
            for name in sorted(mapping)
            if issubclass(mapping[name], RegexBasedDetector) and mapping[name].__name__ not in LEFT_OUT
        ]
        self._expressions: tuple[tuple[Any, re.Pattern[str]], ...] = tuple(
            (plugin, expression) for plugin in used for expression in plugin.denylist
        )
        self.count = len(used)
        """How many plugins there are."""
        self._database = _database([expression for _, expression in self._expressions], cache)
        self._scratch = hyperscan.Scratch(self._database)

    def hits(self, path: str, text: bytes) -> Iterator[Hit]:
        """What the plugins report of a file's bytes, from line to line. `path` tells its format."""
        expected = self._expected(text)
        if not expected:
            return
        quoting = _format(path) in _UNQUOTED
        previous = ""
        for found in _LINE.finditer(text):
            line = _decoded(found[0])
            for start, end, plugin, value in _on_line(line, expected, quoting=quoting):
                first = found.start() + len(_encoded(line[:start]))
                yield Hit(
                    type=plugin.secret_type,
                    span=(first, first + len(_encoded(line[start:end]))),
                    allowed_by=_allowed(path, line, previous),
                    digest=hashlib.sha1(_encoded(value), usedforsecurity=False).hexdigest(),
                )
            previous = line

    def by_digest(self, path: str, text: bytes) -> Mapping[tuple[int, str, str], Hit]:
        """The hits of a file by line (from 1), type and digest, which is how the package's reports name them."""
        starts = [found.end() for found in _LINE.finditer(text)]
        return {
            (bisect.bisect_right(starts, hit.span[0]) + 1, hit.type, hit.digest): hit for hit in self.hits(path, text)
        }

    def _expected(self, text: bytes) -> Sequence[tuple[Any, re.Pattern[str]]]:
        """The expressions that can match somewhere in a text."""
        seen: set[int] = set()

        def on_match(number: int, *_: object) -> None:
            seen.add(number)

        if text:
            self._database.scan(text, match_event_handler=on_match, scratch=self._scratch)
        return [self._expressions[number] for number in sorted(seen)]


def token_by_digest(text: bytes, line: int, digest: str) -> tuple[int, int] | None:
    """The bytes on a line (from 1) that a report of the package names by their SHA-1; None where there are none."""
    found = next(itertools.islice(_LINE.finditer(text), line - 1, None), None) if line > 0 else None
    if found is None:
        return None
    for pattern in _VALUES:
        for value in pattern.finditer(text, found.start(), min(found.end(), found.start() + _PIECE)):
            if hashlib.sha1(value[1], usedforsecurity=False).hexdigest() == digest:
                return value.span(1)
    return None


def _database(expressions: Sequence[re.Pattern[str]], cache: str | None) -> Any:
    """Hyperscan's database of the expressions, each reported once a file at most, and never where it cannot match."""
    import hyperscan  # noqa: PLC0415

    from magray_sec.regex.compile import recall  # noqa: PLC0415

    sources, flags = [], []
    for expression in expressions:
        # Quotes are optional: in some formats there are none, see `_quoted`.
        source = expression.pattern.replace(_QUOTE, _QUOTE + "?")
        sources.append((f"(?x){source}" if expression.flags & re.VERBOSE else source).encode("utf-8"))
        # What Hyperscan has no word for (looking around) is left out of the expression, which then matches more.
        flag = hyperscan.HS_FLAG_PREFILTER | hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_MULTILINE
        flags.append(int(flag | hyperscan.HS_FLAG_CASELESS if expression.flags & re.IGNORECASE else flag))
    named = repr((getattr(hyperscan, "__version__", ""), sources, flags)).encode()
    folder, name = f"{cache}/detect-secrets" if cache else None, hashlib.sha256(named).hexdigest()[:40] + ".hsdb"
    known = recall(folder, name)
    if known is not None:
        return known
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=sources, ids=list(range(len(sources))), flags=flags)
    kept.keep(folder, name, hyperscan.dumpb(database))
    return database


def _on_line(
    line: str, expected: Sequence[tuple[Any, re.Pattern[str]]], *, quoting: bool
) -> Iterator[tuple[int, int, Any, str]]:
    """Start and end of each token on a line, the plugin that reports it, and the part of it that the plugin returns."""
    seen: set[tuple[int, int, str]] = set()
    body = _SPACES.sub(_bounded, line.rstrip())
    for plugin, expression in expected:
        for start, end, value in _matches(body, plugin, expression):
            key = (start, end, plugin.secret_type)
            if key not in seen and not _is_left_out(body[start:end], body):
                seen.add(key)
                yield start, end, plugin, value
        quoted = _quoted(body) if quoting and _QUOTE in expression.pattern else None
        for start, end, value in _matches(quoted, plugin, expression) if quoted else ():
            token = quoted[start:end] if quoted else ""
            at = body.find(token)
            key = (at, at + len(token), plugin.secret_type)
            if at >= 0 and key not in seen and not _is_left_out(token, body):
                seen.add(key)
                yield key[0], key[1], plugin, value


def _matches(line: str, plugin: Any, expression: re.Pattern[str]) -> Iterator[tuple[int, int, str]]:
    done = 0
    for low, stop, high in _pieces(len(line)):
        for found in expression.finditer(line, low, high):
            # What starts behind `stop` is found whole in the next piece.
            if found.start() >= stop or found.start() < done:
                continue
            returned = [group for group in (found.groups() or (found[0],)) if group]
            reported = set(plugin.analyze_string(found[0]))
            value = next((group for group in returned if group in reported), None)
            # A group that may be absent makes the package return nothing of a whole token.
            if value is None and not returned and "" in reported:
                value = found[0]
            if value is not None:
                done = found.end()
                yield (*_token(found), value)


def _pieces(length: int) -> Iterator[tuple[int, int, int]]:
    """Where a piece starts, where the next one does, and where it ends."""
    half = _PIECE // 2
    low = 0
    while length - low > _PIECE:
        yield low, low + half, low + _PIECE
        low += half
    yield low, length + 1, length


def _token(found: re.Match[str]) -> tuple[int, int]:
    """Where the secret of a match stands: its group, unless that is only the beginning or the middle of a token."""
    group = next((number for number in range(1, (found.re.groups or 0) + 1) if found[number]), 0)
    start, end = found.span(group)
    if group:
        follows = found.string[end : end + 1] if end < found.end() else ""
        if end - start < _SHORT_GROUP and _TOKEN_CHARACTER.match(follows):
            start, end = found.span()
    else:
        while start < end and found.string[start] in _EDGES:
            start += 1
        while end > start and found.string[end - 1] in " \t\"'":
            end -= 1
        named = _NAME.match(found.string, start, end)
        start = named.end() if named else start
    return start, end


def _is_left_out(token: str, line: str) -> bool:
    """Whether the package's own filters take it for no secret."""
    from detect_secrets.filters import heuristic  # noqa: PLC0415

    # White space of any length is one to the filter, whose expression takes cubic time on much of it.
    is_indirect = len(line) <= 1000 and heuristic.is_indirect_reference(_BLANKS.sub(" ", line))
    return bool(
        is_indirect
        or heuristic.is_sequential_string(token)
        or heuristic.is_potential_uuid(token)
        or heuristic.is_templated_secret(token)
        or heuristic.is_prefixed_with_dollar_sign(token)
        or heuristic.is_not_alphanumeric_string(token)
    )


def _allowed(path: str, line: str, previous: str) -> str:
    """The allow comment that hides a line from the package, by the package's own reading; or nothing."""
    if "pragma" not in line and "pragma" not in previous:
        return ""
    from detect_secrets.filters.allowlist import is_line_allowlisted  # noqa: PLC0415
    from detect_secrets.util.code_snippet import CodeSnippet  # noqa: PLC0415

    own = _BLANKS.sub(" ", line.rstrip())[-_PIECE:]
    above = _BLANKS.sub(" ", previous.rstrip())[:_PIECE]
    if is_line_allowlisted(path, own, CodeSnippet(snippet=["", own], start_line=0, target_index=1)):
        return "pragma: allowlist secret"
    if is_line_allowlisted(path, "", CodeSnippet(snippet=[above, ""], start_line=0, target_index=1)):
        return "pragma: allowlist nextline secret"
    return ""


def _format(path: str) -> str:
    from detect_secrets.util.filetype import determine_file_type  # noqa: PLC0415

    return str(determine_file_type(path).name)


def _quoted(line: str) -> str | None:
    """`key: value` with the value in quotes, as the package's readers of YAML and INI hand it on."""
    found = _ASSIGNED.match(line[:_PIECE])
    return f'{found[1]} = "{found[2]}"' if found else None


def _bounded(found: re.Match[str]) -> str:
    spaces = " " * _KEPT_SPACES
    return spaces + "\t" * (len(found[0]) - 2 * _KEPT_SPACES) + spaces


def _decoded(data: bytes) -> str:
    # Bytes that are no UTF-8 are kept one by one: the package itself gives up on such a file.
    return data.decode("utf-8", "surrogateescape")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

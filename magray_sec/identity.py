"""Identity v1: what a problem is called, for as long as it is the same problem.

Made of what the problem *is*, never of where its line stands or who saw it: inserted lines, re-indenting, another
line ending, another scanner change nothing. Equal identities are a multiset: a copy of a flawed line is one more.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

VERSION = "v1"

# A token is a run of bytes that none of these cuts: white space, quotes, brackets, separators.
_DELIMITERS = frozenset(b"\"'`,;(){}[]<>|\\&") | frozenset(range(33)) | {127}
_PEM_HEADER = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,60}-----")
_PEM_FOOTER = re.compile(rb"-----END [A-Z0-9 ]{0,60}-----")
_PEM_BODY = re.compile(rb"(?:\\n|\\r|[\s\"'+,]|[A-Za-z-]+: [^\n]*\n)*([A-Za-z0-9+/=]{8,76})")
_PEM_MAX = 20_000
# How much of a line counts as the secret's surroundings, in bytes each way: a minified file is one line.
_PEM_REACH = 4096
_CONTEXT = 160
_MARK = b"\x00"
_QUOTED = re.compile(rb"\"[^\"]*\"|'[^']*'|`[^`]*`")
_ASSIGNED = re.compile(rb"(?<=[=:])\s*[^\s,;)}\]\"'`]+")
_RUN = re.compile(rb"[^\x00-\x20\"'`,;(){}\[\]<>|\\&\x7f]+")
_LONG = re.compile(rb"[A-Za-z0-9+/_.\x00-]{12,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A secret as cut from a file's bytes by our own tokenizer, whichever part of it a scanner pointed at."""

    start: int
    """Byte offset of its first byte."""
    end: int
    """Exclusive."""
    is_pem: bool = False


def token_at(data: bytes, start: int, end: int) -> Token:
    """The token that the bytes `start` to `end` of a file belong to.

    A PEM block is one token, its header and body. Else it is the run of bytes between delimiters; a run that is not a
    URL is cut at `=` and `:` (padding stays), and of several parts the last that the span touches is meant.
    """
    # No line is read to its ends: it may be 200 MB, with thousands of tokens.
    low = max(0, start - _PEM_REACH)
    line_start = max(low, data.rfind(b"\n", low, start) + 1)
    line_end = data.find(b"\n", start, start + _PEM_REACH)
    line_end = min(len(data), start + _PEM_REACH) if line_end < 0 else line_end
    for header in _PEM_HEADER.finditer(data, line_start, max(end, line_end)):
        footer = _PEM_FOOTER.search(data, header.end(), header.end() + _PEM_MAX)
        stop = footer.end() if footer else max(end, header.end())
        if header.start() < end and start < stop:
            return Token(start=header.start(), end=stop, is_pem=True)
    end = max(end, start + 1)
    while end - 1 > start and data[end - 1] in _DELIMITERS:
        end -= 1
    stop = end
    while stop < len(data) and data[stop] not in _DELIMITERS and stop - end < 4096:
        stop += 1
    begin = end - 1
    if begin >= len(data) or data[begin] in _DELIMITERS:
        return Token(start=start, end=end)
    while begin > 0 and data[begin - 1] not in _DELIMITERS and end - begin < 65_536:
        begin -= 1
    run = data[begin:stop]
    core = run.rstrip(b"=")
    cuts = [index for index, byte in enumerate(core) if byte == 0x3D or (byte == 0x3A and b"://" not in core)]
    parts = []
    left = 0
    for cut in cuts:
        if cut > left:
            parts.append((begin + left, begin + cut))
        left = cut + 1
    if left < len(run):
        parts.append((begin + left, stop))
    touched = [part for part in parts if part[0] < end and start < part[1]]
    first, last = (touched or parts or [(begin, stop)])[-1]
    return Token(start=first, end=last)


def likeliest(data: bytes, start: int, end: int) -> tuple[int, int]:
    """The bytes of a line (`start` to `end`) that a secret most likely is, for a scanner that names no column: the
    longest value that is quoted or assigned, or else the longest run without a delimiter. The line itself where it
    opens a PEM block.
    """
    line = data[start:end]
    if _PEM_HEADER.search(line):
        return start, end
    values = [match.span() for pattern in (_QUOTED, _ASSIGNED) for match in pattern.finditer(line)]
    runs = [
        (len(run[0]), -(left + run.start()), left, run)
        for left, right in values or [(0, len(line))]
        for run in _RUN.finditer(line[left:right])
    ]
    if not runs:
        return start, end
    _, _, left, run = max(runs, key=lambda entry: entry[:2])
    return start + left + run.start(), start + left + run.end()


def secret(path: str, data: bytes, token: Token) -> str:
    """The identity of a secret: its path, its line with every value masked, and 12 bits of the token.

    12 bits tell two secrets of one line shape apart and leave a guessed password ambiguous.
    """
    raw = data[token.start : token.end]
    if token.is_pem:
        header = _PEM_HEADER.match(raw)
        body = _PEM_BODY.match(raw, header.end()) if header else None
        return _identity("secrets", path, header[0] if header else b"", _tag(body[1] if body else raw))
    return _identity("secrets", path, skeleton(data, token), _tag(raw))


def skeleton(data: bytes, token: Token) -> bytes:
    """The token's surroundings on its line: its own place marked, all other values masked, white space folded."""
    low, high = max(0, token.start - _CONTEXT), token.end + _CONTEXT
    start = max(low, data.rfind(b"\n", low, token.start) + 1, data.rfind(b"\r", low, token.start) + 1)
    stops = [stop for stop in (data.find(b"\n", token.end, high), data.find(b"\r", token.end, high)) if stop >= 0]
    before = data[start : token.start].replace(_MARK, b"")
    after = data[token.end : min(stops, default=high)].replace(_MARK, b"")
    line = before + _MARK + after
    line = _QUOTED.sub(_masked_quote, line)
    line = _ASSIGNED.sub(_masked, line)
    line = _LONG.sub(_masked, line)
    return b" ".join(line.split())


def secret_elsewhere(path: str, rule: str, value: bytes) -> str:
    """The identity of a secret whose bytes do not stand in a file as such (decoded, in an archive)."""
    return _identity("secrets", path, rule.encode(), _tag(value))


def dependency(advisory: str, package: str, version: str, manifest: str) -> str:
    """The identity of an advisory on a package: its id, the package, its semver bucket, the manifest's folder."""
    folder = manifest.rpartition("/")[0]
    return _identity("dependencies", advisory.upper(), package, bucket(version), folder)


def code(rule: str, path: str, text: bytes) -> str:
    """The identity of a flawed stretch of code: its rule, its path, and its lines with white space folded."""
    return _identity("code", rule, path, b" ".join(text.split()))


def license_(package: str, version: str, expression: str) -> str:
    """The identity of a licence: the package, its semver bucket, the expression."""
    return _identity("licenses", package, bucket(version), expression)


def unsafe(crate: str, item: str, kind: str) -> str:
    """The identity of an unsafe site: the crate, the path of the item it stands in, its kind."""
    return _identity("unsafe", crate, item, kind)


def other(domain: str, rule: str, path: str, subject: str) -> str:
    """The identity of anything else: its rule, its path, and what it is about."""
    return _identity(domain, rule, path, subject)


def bucket(version: str) -> str:
    """A version's semver bucket, within which nothing breaks: `1` of 1.4.2, `0.6` of 0.6.10, `0.0.3` of 0.0.3."""
    parts = re.split(r"[.+-]", version.strip().lstrip("vV="), maxsplit=3)
    major, minor, patch = (*parts, "", "", "")[:3]
    if major != "0":
        return major
    return f"0.{minor}" if minor != "0" else f"0.0.{patch}"


def _tag(token: bytes) -> str:
    digest = hashlib.sha256(b"magray-sec/v1/secret\x00" + token).digest()
    return f"{int.from_bytes(digest[:2], 'big') >> 4:03x}"


def _identity(*parts: str | bytes) -> str:
    raw = [part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part for part in parts]
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in raw)
    return f"{VERSION}:{hashlib.sha256(b'magray-sec/v1' + framed).hexdigest()[:32]}"


def _masked(match: re.Match[bytes]) -> bytes:
    return _MARK if _MARK in match[0] else b"*"


def _masked_quote(match: re.Match[bytes]) -> bytes:
    quote = match[0][:1]
    return quote + (_MARK if _MARK in match[0] else b"*") + quote

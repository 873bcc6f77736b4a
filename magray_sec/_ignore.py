"""Patterns in gitignore syntax over a tree's paths: git's own answers, in linear time whatever the patterns are.

Not `pathspec`: Python's `re` takes exponential time on a target's `*a*a*a*b`, its RE2 backend gives up on long lists,
and both let a pattern for a folder speak of what lies deeper, where git asks about each level by itself.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

MOST_BYTES = 1 << 20
"""An ignore file larger than this is not obeyed: it is nobody's list, and compiling it would take long."""

_MOST_AT_ONCE = 2000


class Patterns:
    """Patterns of one place, and of the places above it; the last that matches decides, the nearest place first.

    Paths are relative to the root that all places share. Compiled when first asked.
    """

    __slots__ = ("_above", "_matchers", "_place", "_sources")

    def __init__(self, sources: Iterable[bytes], *, place: str = "", above: Patterns | None = None) -> None:
        """`sources`: ignore files' contents that hold at `place` (a folder; empty: the root), the weakest first."""
        self._sources = tuple(sources)
        self._place = len(place) + 1 if place else 0
        self._above = above
        self._matchers: tuple[_Matcher, ...] | None = None

    def decide(self, path: str, *, is_folder: bool) -> bool | None:
        """True: ignored; False: a `!` pattern takes it back; None: no pattern speaks of it.

        As git does, ask from the top down, and nothing about what lies in a folder that is ignored.
        """
        if self._matchers is None:
            self._matchers = tuple(_Matcher(source) for source in reversed(self._sources))
        if self._matchers:
            raw = os.fsencode(path[self._place :])
            for matcher in self._matchers:
                decision = matcher.decide(raw, is_folder=is_folder)
                if decision is not None:
                    return decision
        return self._above.decide(path, is_folder=is_folder) if self._above else None


class _Matcher:
    """One ignore file, compiled."""

    __slots__ = ("_sets",)

    def __init__(self, source: bytes) -> None:
        parsed = [
            pattern
            for line in source.removeprefix(b"\xef\xbb\xbf").split(b"\n")
            if (pattern := _translate(line.removesuffix(b"\r"))) is not None
        ]
        self._sets: list[tuple[list[tuple[bytes, bool, bool]], Any]] = []
        for start in range(0, len(parsed), _MOST_AT_ONCE):
            self._compile(parsed[start : start + _MOST_AT_ONCE])

    def _compile(self, patterns: list[tuple[bytes, bool, bool]]) -> None:
        # A clean checkout asks nothing.
        import re2  # noqa: PLC0415

        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.dot_nl = True
        options.log_errors = False
        compiled = re2.Set.FullMatchSet(options)
        try:
            for pattern, _, _ in patterns:
                compiled.Add(pattern)
            compiled.Compile()
        except re2.error:
            # RE2's memory is bounded: halve what does not fit. A single pattern that does not is one that git, too,
            # would not match a path of this world with, or not a pattern.
            if len(patterns) > 1:
                self._compile(patterns[: len(patterns) // 2])
                self._compile(patterns[len(patterns) // 2 :])
            return
        self._sets.append((patterns, compiled))

    def decide(self, raw: bytes, *, is_folder: bool) -> bool | None:
        for patterns, compiled in reversed(self._sets):
            for index in sorted(compiled.Match(raw) or (), reverse=True):
                _, is_negated, is_for_folders = patterns[index]
                if is_folder or not is_for_folders:
                    return not is_negated
        return None


def _translate(line: bytes) -> tuple[bytes, bool, bool] | None:
    """A line's regular expression, whether it starts with `!`, whether it is for folders only; None: no pattern."""
    line = _without_trailing_spaces(line)
    if not line or line.startswith(b"#"):
        return None
    is_negated = line.startswith(b"!")
    line = line[is_negated:]
    is_for_folders = line.endswith(b"/")
    line = line[:-1] if is_for_folders else line
    if not line:
        return None
    is_anchored = b"/" in line
    parts = line.removeprefix(b"/").split(b"/")
    found = [b"" if is_anchored else b"(?:.*/)?"]
    for place, part in enumerate(parts):
        is_last = place == len(parts) - 1
        if part == b"**" and is_anchored:
            found.append(b".+" if is_last else b"(?:.*/)?")
            continue
        component = _component(part)
        if component is None:
            return None
        found.append(component if is_last else component + b"/")
    return _without_repeats(found), is_negated, is_for_folders


def _without_repeats(parts: list[bytes]) -> bytes:
    kept = parts[:1]
    kept += [part for before, part in itertools.pairwise(parts) if not part == before == b"(?:.*/)?"]
    return b"".join(kept)


def _without_trailing_spaces(line: bytes) -> bytes:
    stripped = line.rstrip(b" ")
    if stripped == line:
        return line
    backslashes = len(stripped) - len(stripped.rstrip(b"\\"))
    return stripped + b" " if backslashes % 2 else stripped


def _component(part: bytes) -> bytes | None:
    """The regular expression of what stands between two slashes; None for one that can match nothing."""
    found: list[bytes] = []
    position = 0
    while position < len(part):
        byte = part[position : position + 1]
        position += 1
        if byte == b"*":
            if not found or found[-1] != b"[^/]*":
                found.append(b"[^/]*")
        elif byte == b"?":
            found.append(b"[^/]")
        elif byte == b"[":
            group = _group(part, position)
            if group is None:
                return None
            expression, position = group
            found.append(expression)
        elif byte == b"\\":
            if position == len(part):
                return None
            found.append(_literal(part[position]))
            position += 1
        else:
            found.append(_literal(byte[0]))
    return b"".join(found)


def _group(part: bytes, position: int) -> tuple[bytes, int] | None:
    """The class that starts after a `[`, and where it ends; None where it does not."""
    is_negated = part[position : position + 1] in (b"!", b"^")
    position += is_negated
    members: set[int] = set()
    is_first = True
    while True:
        if position >= len(part):
            return None
        byte = part[position]
        if byte == ord("]") and not is_first:
            break
        is_first = False
        if part.startswith(b"[:", position) and (end := part.find(b":]", position + 2)) != -1:
            named = _NAMED.get(part[position + 2 : end])
            if named is None:
                return None
            members |= named
            position = end + 2
            continue
        if byte == ord("\\"):
            position += 1
            if position >= len(part):
                return None
            byte = part[position]
        position += 1
        if part[position : position + 1] == b"-" and part[position + 1 : position + 2] not in (b"", b"]"):
            position += 1
            if part[position] == ord("\\"):
                position += 1
                if position >= len(part):
                    return None
            members |= set(range(byte, part[position] + 1))
            position += 1
        else:
            members.add(byte)
    members = set(range(256)) - members if is_negated else members
    members.discard(ord("/"))
    if not members:
        return None
    return b"[" + b"".join(_literal(byte) for byte in sorted(members)) + b"]", position + 1


def _literal(byte: int) -> bytes:
    return b"\\x%02x" % byte


def _spelt(members: str) -> frozenset[int]:
    return frozenset(byte for byte in range(128) if re.match(f"[{members}]", chr(byte)))


_NAMED = MappingProxyType(
    {
        b"alnum": _spelt("A-Za-z0-9"),
        b"alpha": _spelt("A-Za-z"),
        b"blank": _spelt(r" \t"),
        b"cntrl": _spelt(r"\x00-\x1f\x7f"),
        b"digit": _spelt("0-9"),
        b"graph": _spelt("!-~"),
        b"lower": _spelt("a-z"),
        b"print": _spelt(" -~"),
        b"punct": _spelt(r"!-/:-@\[-`{-~"),
        b"space": _spelt(r" \t-\r"),
        b"upper": _spelt("A-Z"),
        b"xdigit": _spelt("0-9A-Fa-f"),
    }
)

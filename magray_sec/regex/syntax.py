r"""RE2's syntax, read on bytes: how wide a pattern's matches are, and what Hyperscan is asked to look for instead.

Hyperscan speaks PCRE, whose `\s`, `$` and case folding differ from RE2's. So a pattern is parsed here once, by RE2's
rules, and written anew with every class spelled out in bytes. What Hyperscan gets is *wider* than the pattern: repeats
at both ends are cut to their minimum, assertions at the end are not asked for, and of a pattern with repeats without
limit only the most telling stretch between them is. It promises this alone:

    for every match of the pattern from `start` to `end`, Hyperscan reports an offset `hit` such that
    `start < hit <= end`, `hit - start <= before` and `end - hit <= after`

which is what `scan` builds its windows on. Which candidates are matches, RE2 says with the pattern as it was written.
"""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

_ALL = (1 << 256) - 1
_HIGH = _ALL ^ ((1 << 128) - 1)
_NEWLINE = 1 << 10
_MAX_DEPTH = 60
_ENOUGH = 20
_WIDE = 100
_MAX_FORKS = 3
_RUN = 8
# Hyperscan's own limit.
_MAX_EXPRESSION = 16_000


class PatternError(Exception):
    """The pattern is refused; the message says why, `offset` where (in characters)."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What `scan` has to know of a pattern."""

    expression: str
    """For Hyperscan, ASCII, with MULTILINE as its one flag."""
    least: int
    """The length of the shortest match, in bytes."""
    before: int | None
    """How far before a hit its match can start, in bytes; None: any distance."""
    after: int | None
    """How far behind a hit its match can end, in bytes; None: any distance."""
    is_one_line: bool
    """No match holds a line feed."""
    is_barren: bool = False
    """Nothing matches, because a class holds no byte."""


@dataclass(frozen=True, slots=True)
class _Chars:
    """One byte of a set, a bit each."""

    mask: int


@dataclass(frozen=True, slots=True)
class _Seq:
    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Either:
    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    part: _Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class _Assertion:
    kind: str
    """`\\b`, `\\B`, `^` or `$` of a line, `\\A` or `\\z` of the text."""


_Node: TypeAlias = _Chars | _Seq | _Either | _Repeat | _Assertion
_NOTHING = _Seq(())
_ANYTHING = _Repeat(_Chars(_ALL), 0, None)


# What may hold a parenthesis that opens nothing (quoted text, escapes, classes), and what opens a capturing group.
_GROUPS = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|(?P<open>\((?:\?P?<(?P<name>\w+)>|(?!\?)))",
    re.DOTALL,
)


def _mask(characters: Iterable[int]) -> int:
    return functools.reduce(operator.or_, (1 << code for code in characters), 0)


def _range(first: int, last: int) -> int:
    return (1 << (last + 1)) - (1 << first)


_DIGIT = _range(0x30, 0x39)
_UPPER = _range(0x41, 0x5A)
_LOWER = _range(0x61, 0x7A)
_WORD = _DIGIT | _UPPER | _LOWER | _mask(b"_")
_SPACE = _mask(b"\t\n\f\r ")
_PERL = {"d": _DIGIT, "s": _SPACE, "w": _WORD, "D": _ALL ^ _DIGIT, "S": _ALL ^ _SPACE, "W": _ALL ^ _WORD}
_POSIX = {
    "alnum": _DIGIT | _UPPER | _LOWER,
    "alpha": _UPPER | _LOWER,
    "ascii": _range(0, 0x7F),
    "blank": _mask(b"\t "),
    "cntrl": _range(0, 0x1F) | _mask(b"\x7f"),
    "digit": _DIGIT,
    "graph": _range(0x21, 0x7E),
    "lower": _LOWER,
    "print": _range(0x20, 0x7E),
    "punct": _range(0x21, 0x2F) | _range(0x3A, 0x40) | _range(0x5B, 0x60) | _range(0x7B, 0x7E),
    "space": _mask(b"\t\n\v\f\r "),
    "upper": _UPPER,
    "word": _WORD,
    "xdigit": _DIGIT | _range(0x41, 0x46) | _range(0x61, 0x66),
}
_ESCAPES = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_HEXADECIMAL = _DIGIT | _range(0x61, 0x66)
# The alphabets of templates, the largest first.
_ALPHABETS = (
    ("alnum", _DIGIT | _UPPER | _LOWER),
    ("lowernum", _DIGIT | _LOWER),
    ("uppernum", _DIGIT | _UPPER),
    ("base32", _UPPER | _range(0x32, 0x37)),
    ("lower", _LOWER),
    ("upper", _UPPER),
    ("hex", _HEXADECIMAL),
    ("HEX", _DIGIT | _range(0x41, 0x46)),
    ("digit", _DIGIT),
)
_PREFERRED = b"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ \"'=:._-/\n"
# How long a repeat of how many bytes or more is made, for a token that has some entropy.
_TOKEN = 24
_TELLING = 8


def read_pattern(pattern: str, *, ignore_case: bool = False) -> Shape:
    """The shape of a pattern that RE2 takes (with Latin-1, which is bytes). PatternError where it has no meaning on
    bytes, or can match the empty string.
    """
    tree = _Parser(pattern, ignore_case=ignore_case).parse()
    least, most = _width(tree)
    if least == 0:
        raise PatternError("it can match the empty string", 0)
    lead, part = _telling_part(_cut(_without_anchors(tree, first=True), last=True))
    cut = _cut(part, last=True)
    return Shape(
        expression=_written(_without_long_start(_cut(cut, last=False))),
        least=least,
        before=_width(_seq([*lead, cut]))[1],
        after=None if most is None else most - least,
        is_one_line=not _holds_newline(tree),
        is_barren=_is_barren(tree),
    )


def refuse_hopeless(shape: Shape) -> None:
    """PatternError for what Hyperscan is sure to refuse, so that it need not be asked."""
    if shape.is_barren:
        raise PatternError("it can never match: one of its classes holds no byte", 0)
    size = len(shape.expression)
    if size > _MAX_EXPRESSION:
        raise PatternError(f"it is too large: {size:,} characters when written out, of {_MAX_EXPRESSION:,}", 0)


def name_group(pattern: str, number: int) -> tuple[str, int]:
    """A pattern that RE2 takes with its capturing group `number` (from 1; 0: none) and no other called `secret`, and
    how many capturing groups it has.
    """
    parts: list[str] = []
    count = 0
    rest = 0
    for found in _GROUPS.finditer(pattern):
        if not found["open"]:
            continue
        count += 1
        parts.append(pattern[rest : found.start()])
        is_secret = found["name"] == "secret"
        parts.append("(?P<secret>" if count == number else "(" if is_secret else found[0])
        rest = found.end()
    return "".join((*parts, pattern[rest:])), count


def sample(pattern: str, *, ignore_case: bool = False) -> str:
    """A template (see `examples`) of a text that the pattern probably matches; PatternError as for `read_pattern`.

    Of alternatives it is the first, of repeats the least, but long enough for a token to have some entropy.
    """
    runs: list[tuple[int, int]] = []
    for mask, count in _sampled(_Parser(pattern, ignore_case=ignore_case).parse()):
        if runs and runs[-1][0] == mask:
            runs[-1] = (mask, runs[-1][1] + count)
        else:
            runs.append((mask, count))
    text = b""
    for mask, count in runs:
        name = next((name for name, alphabet in _ALPHABETS if count > 1 and mask & alphabet == alphabet), "")
        if name:
            text += f"{{{{{name}:{count}}}}}".encode()
        elif mask:
            preferred = next((entry for entry in _PREFERRED if mask >> entry & 1), (mask & -mask).bit_length() - 1)
            text += bytes([preferred]) * count
    return text.decode("utf-8", "replace")


def _sampled(node: _Node) -> Iterator[tuple[int, int]]:
    match node:
        case _Chars(mask):
            yield mask, 1
        case _Assertion():
            return
        case _Seq(parts):
            for part in parts:
                yield from _sampled(part)
        case _Either(parts):
            yield from _sampled(parts[0])
        case _Repeat(_Chars(mask), least, most):
            is_wide = mask.bit_count() >= _TELLING
            yield mask, max(least, min(_TOKEN if most is None else most, _TOKEN)) if least and is_wide else least
        case _Repeat(part, least, _):
            for _ in range(min(least, _TOKEN)):
                yield from _sampled(part)


class _Parser:
    """Reads a pattern that RE2 has already accepted, so what RE2 refuses is not looked for here."""

    def __init__(self, pattern: str, *, ignore_case: bool) -> None:
        self._text = pattern
        self._at = 0
        self._depth = 0
        self._names: set[str] = set()
        self._flags = frozenset("i" if ignore_case else "")

    def parse(self) -> _Node:
        node = self._either()
        if self._at < len(self._text):
            raise PatternError("unexpected )", self._at)
        return node

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _take(self, text: str) -> bool:
        if self._peek(text):
            self._at += len(text)
            return True
        return False

    def _either(self) -> _Node:
        """Alternatives up to a closing parenthesis or the end. Flags set inside hold to its end."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise PatternError(f"more than {_MAX_DEPTH} groups inside each other", self._at)
        branches: list[_Node] = []
        parts: list[_Node] = []
        while self._at < len(self._text) and not self._peek(")"):
            if self._take("|"):
                branches.append(_seq(parts))
                parts = []
            elif self._take(r"\Q"):
                end = self._text.find(r"\E", self._at)
                end = len(self._text) if end < 0 else end
                while self._at < end:
                    parts += self._literal(repeatable=False)
                self._take(r"\E")
                if parts:
                    parts[-1] = self._repeated(parts[-1])
            else:
                parts += self._atom()
        self._depth -= 1
        branches.append(_seq(parts))
        return branches[0] if len(branches) == 1 else _Either(tuple(branches))

    def _atom(self) -> list[_Node]:
        if self._take("("):
            return self._group()
        node: _Node
        if self._take("["):
            node = _Chars(self._class())
        elif self._take("."):
            node = _Chars(_ALL if "s" in self._flags else _ALL ^ _NEWLINE)
        elif self._take("^"):
            node = _Assertion("^" if "m" in self._flags else r"\A")
        elif self._take("$"):
            node = _Assertion("$" if "m" in self._flags else r"\z")
        elif self._peek("\\") and self._text[self._at + 1 : self._at + 2] in "bBAz":
            node = _Assertion(self._text[self._at : self._at + 2])
            self._at += 2
        elif self._take(r"\C"):
            node = _Chars(_ALL)
        elif self._peek("\\"):
            node = _Chars(self._escape())
        else:
            return self._literal()
        return [self._repeated(node)]

    def _literal(self, *, repeatable: bool = True) -> list[_Node]:
        start, character = self._at, self._text[self._at]
        self._at += 1
        if ord(character) < 128:
            node = _Chars(self._folded(1 << ord(character)))
            return [self._repeated(node) if repeatable else node]
        if "i" in self._flags:
            raise PatternError("a letter beyond ASCII is not matched ignoring case: write both cases", start)
        if self._text[self._at : self._at + 1] in ("*", "+", "?", "{"):
            raise PatternError("on bytes a repeat takes the last byte of the letter alone: put it in a group", start)
        return [_Chars(1 << byte) for byte in character.encode()]

    def _group(self) -> list[_Node]:
        outer = self._flags
        if self._take("?P<") or self._take("?<"):
            start = self._at
            self._at = self._text.index(">", self._at) + 1
            name = self._text[start : self._at - 1]
            if name in self._names:
                raise PatternError(f"two groups are called '{name}'", start)
            self._names.add(name)
        elif self._take("?"):
            on = True
            while not self._peek(":") and not self._peek(")"):
                flag = self._text[self._at]
                self._at += 1
                if flag == "-":
                    on = False
                else:
                    self._flags = self._flags | {flag} if on else self._flags - {flag}
            if self._take(")"):
                return []
            self._at += 1
        node = self._either()
        self._at += 1
        self._flags = outer
        return [self._repeated(node)]

    def _repeated(self, node: _Node) -> _Node:
        while True:
            bounds = self._bounds()
            if bounds is None:
                return node
            self._take("?")
            node = _Repeat(node, *bounds)

    def _bounds(self) -> tuple[int, int | None] | None:
        if self._take("*"):
            return 0, None
        if self._take("+"):
            return 1, None
        if self._take("?"):
            return 0, 1
        if not self._peek("{"):
            return None
        end = self._text.find("}", self._at)
        least, comma, most = self._text[self._at + 1 : max(end, 0)].partition(",")
        if end < 0 or not _is_number(least) or (most and not _is_number(most)):
            return None
        self._at = end + 1
        return int(least), (int(most) if most else None) if comma else int(least)

    def _escape(self) -> int:
        """The set that a backslash and what follows it stand for, in a class or outside."""
        start, letter = self._at, self._text[self._at + 1]
        self._at += 2
        if letter in _PERL:
            return _PERL[letter]
        if letter in "pP":
            raise PatternError("a Unicode class has no meaning on bytes", start)
        return self._folded(1 << self._code(letter), start)

    def _code(self, letter: str) -> int:
        if letter in _ESCAPES:
            return _ESCAPES[letter]
        if letter == "x" and self._take("{"):
            end = self._text.index("}", self._at)
            digits = self._text[self._at : end]
            self._at = end + 1
            return int(digits, 16)
        if letter == "x":
            digits = self._text[self._at : self._at + 2]
            self._at += 2
            return int(digits, 16)
        if letter in "01234567":
            digits = letter
            while len(digits) < 3 and self._text[self._at : self._at + 1] in tuple("01234567"):
                digits += self._text[self._at]
                self._at += 1
            return int(digits, 8) & 0xFF
        return ord(letter)

    def _class(self) -> int:
        negated = self._take("^")
        mask, first = 0, True
        while first or not self._peek("]"):
            first = False
            start = self._at
            if self._take("[:"):
                end = self._text.index(":]", self._at)
                name = self._text[self._at : end]
                self._at = end + 2
                named = self._folded(_POSIX[name.removeprefix("^")])
                mask |= _ALL ^ named if name.startswith("^") else named
                continue
            low = self._member()
            if isinstance(low, str):
                mask |= _PERL[low]
                continue
            high = low
            if self._peek("-") and self._text[self._at + 1 : self._at + 2] != "]":
                self._at += 1
                end_of_range = self._member()
                assert isinstance(end_of_range, int)  # noqa: S101 - RE2 refuses a class as the end of a range
                high = end_of_range
            mask |= self._folded(_range(low, high), start)
        self._at += 1
        return _ALL ^ mask if negated else mask

    def _member(self) -> int | str:
        """A member of a class: its byte, or the letter of a Perl class."""
        start, character = self._at, self._text[self._at]
        if character == "\\":
            letter = self._text[self._at + 1]
            self._at += 2
            if letter in _PERL:
                return letter
            if letter in "pP":
                raise PatternError("a Unicode class has no meaning on bytes", start)
            return self._code(letter)
        if ord(character) > 127:
            raise PatternError("on bytes a letter beyond ASCII is not one member of a class: use (?:a|b)", start)
        self._at += 1
        return ord(character)

    def _folded(self, mask: int, start: int | None = None) -> int:
        if "i" not in self._flags:
            return mask
        if mask & _HIGH and mask & _HIGH != _HIGH:
            raise PatternError("a byte beyond ASCII is not matched ignoring case", self._at if start is None else start)
        return mask | (mask & _UPPER) << 32 | (mask & _LOWER) >> 32


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _seq(parts: list[_Node]) -> _Node:
    return parts[0] if len(parts) == 1 else _Seq(tuple(parts))


def _width(node: _Node) -> tuple[int, int | None]:
    """The lengths of the shortest and of the longest match."""
    match node:
        case _Chars():
            return 1, 1
        case _Assertion():
            return 0, 0
        case _Seq(parts):
            widths = [_width(part) for part in parts]
            return sum(least for least, _ in widths), _sum(most for _, most in widths)
        case _Either(parts):
            widths = [_width(part) for part in parts]
            longest = [most for _, most in widths]
            finite = [most for most in longest if most is not None]
            return min(least for least, _ in widths), max(finite) if len(finite) == len(longest) else None
        case _Repeat(part, fewest, times):
            least, most = _width(part)
            if most == 0 or times == 0:
                return 0, 0
            return least * fewest, None if most is None or times is None else most * times


def _is_barren(node: _Node) -> bool:
    """Whether nothing matches, because a class holds no byte."""
    match node:
        case _Chars(mask):
            return mask == 0
        case _Assertion():
            return False
        case _Seq(parts):
            return any(_is_barren(part) for part in parts)
        case _Either(parts):
            return all(_is_barren(part) for part in parts)
        case _Repeat(part, least, _):
            return least > 0 and _is_barren(part)


def _sum(widths: Iterable[int | None]) -> int | None:
    total = 0
    for width in widths:
        if width is None:
            return None
        total += width
    return total


def _holds_newline(node: _Node) -> bool:
    match node:
        case _Chars(mask):
            return bool(mask & _NEWLINE)
        case _Assertion():
            return False
        case _Seq(parts) | _Either(parts):
            return any(_holds_newline(part) for part in parts)
        case _Repeat(part, _, most):
            return most != 0 and _holds_newline(part)


def _cut(node: _Node, *, last: bool) -> _Node:
    """`node` with the repeats at its end (`last`) or start cut to their minimum.

    Each match of `node` holds one of what is returned, from the same start on (`last`) or up to the same end.
    Assertions at the end go too, since Vectorscan overlooks some at the end of what it scans; at the start they
    stay, with all that follows them, since without them much more would be looked at.
    """
    match node:
        case _Chars():
            return node
        case _Assertion():
            return _NOTHING if last else node
        case _Repeat(part, least, _):
            if least == 0:
                return _NOTHING
            edge = _cut(part, last=last)
            if edge == _NOTHING or least == 1:
                return edge
            if edge == part:
                return _Repeat(part, least, least)
            rest = _Repeat(part, least - 1, least - 1)
            return _Seq((rest, edge) if last else (edge, rest))
        case _Either(parts):
            cut = tuple(_cut(part, last=last) for part in parts)
            return _NOTHING if _NOTHING in cut else _Either(cut)
        case _Seq(parts):
            kept = list(parts if last else reversed(parts))
            while kept:
                edge = _cut(kept.pop(), last=last)
                if edge != _NOTHING:
                    kept.append(edge)
                    break
            return _seq(kept if last else kept[::-1])


def _telling_part(node: _Node, depth: int = 0) -> tuple[list[_Node], _Node]:
    """What stands before the part of `node` to look for, and that part: each match of `node` holds one of it.

    Of the stretches between endless repeats it is that with the most bits, if they are `_ENOUGH`; else all of `node`.
    """
    parts = _flat(node)
    if not any(_is_endless(part) for part in parts):
        return [], node
    best: tuple[list[_Node], _Node] = [], _NOTHING
    start = 0
    for index, part in enumerate([*parts, _ANYTHING]):
        if not _is_endless(part):
            continue
        candidates = [(parts[:start], _seq(parts[start:index]))]
        if isinstance(part, _Either):
            candidates.append(([_ANYTHING], _Either(tuple(_telling_part(branch, depth)[1] for branch in part.parts))))
        elif isinstance(part, _Repeat) and (part.least, part.most) == (0, 1) and depth < _MAX_FORKS:
            before, after = parts[:index], parts[index + 1 :]
            forks = (_seq([*before, part.part, *after]), _seq([*before, *after]))
            candidates.append(([_ANYTHING], _Either(tuple(_telling_part(fork, depth + 1)[1] for fork in forks))))
        for candidate in candidates:
            if not _is_endless(candidate[1]) and _bits(candidate[1]) > _bits(best[1]):
                best = candidate
        start = index + 1
    return best if _bits(best[1]) >= _ENOUGH else ([], node)


def _without_long_start(node: _Node) -> _Node:
    """`node` with a long run of one of many bytes at its start made short, where what follows tells enough.

    Hyperscan would follow such a run through every byte of a text; one like that halves the speed of all rules. Where
    a match starts is RE2's to find.
    """
    parts = _flat(node)
    place = 0
    while place < len(parts) and isinstance(parts[place], _Assertion):
        place += 1
    match parts[place : place + 1]:
        case [_Repeat(_Chars() as run, least, _)] if (
            least >= 2 * _RUN and _bits(_seq(parts[place + 1 :])) >= 2 * _ENOUGH
        ):
            return _seq([_Repeat(run, _RUN, _RUN), *parts[place + 1 :]])
        case _:
            return node


def _is_endless(node: _Node) -> bool:
    """Whether it holds a repeat without limit of most bytes there are.

    In a state that lasts until something comes, Hyperscan is slow, and Vectorscan 5.4.12 overlooks matches.
    """
    match node:
        case _Chars() | _Assertion():
            return False
        case _Seq(parts) | _Either(parts):
            return any(_is_endless(part) for part in parts)
        case _Repeat(part, _, most):
            return _is_endless(part) or (most is None and _is_wide(part))


def _is_wide(node: _Node) -> bool:
    match node:
        case _Chars(mask):
            return mask.bit_count() > _WIDE
        case _Assertion():
            return False
        case _Seq(parts) | _Either(parts):
            return any(_is_wide(part) for part in parts)
        case _Repeat(part, _, most):
            return most != 0 and _is_wide(part)


def _bits(node: _Node) -> float:
    """How much a match tells, at least: 8 for each given byte, less for one of many."""
    match node:
        case _Chars(mask):
            return 8 - math.log2(max(1, mask.bit_count()))
        case _Assertion():
            return 0
        case _Seq(parts):
            return sum(_bits(part) for part in parts)
        case _Either(parts):
            return max(0.0, min(_bits(part) for part in parts) - math.log2(len(parts)))
        case _Repeat(part, least, _):
            return least * _bits(part)


def _flat(node: _Node) -> list[_Node]:
    match node:
        case _Seq(parts):
            return [inner for part in parts for inner in _flat(part)]
        case _Repeat(part, 1, 1):
            return _flat(part)
        case _Repeat(part, least, None) if least > 0:
            return [*_flat(_Repeat(part, least, least)), _Repeat(part, 0, None)]
        case _:
            return [node]


def _without_anchors(node: _Node, *, first: bool) -> _Node:
    """`node` without the ends of lines and texts, and without the `^` that something consumes bytes before (`first` is
    false there), which Hyperscan refuses. An assertion only narrows what matches.
    """
    match node:
        case _Chars():
            return node
        case _Assertion(kind):
            return _NOTHING if kind in ("$", r"\z") or (kind in ("^", r"\A") and not first) else node
        case _Either(parts):
            return _Either(tuple(_without_anchors(part, first=first) for part in parts))
        case _Repeat(part, least, most):
            return _Repeat(_without_anchors(part, first=first and least == most == 1), least, most)
        case _Seq(parts):
            kept = []
            for part in parts:
                kept.append(_without_anchors(part, first=first))
                first = first and _width(part)[1] == 0
            return _seq([part for part in kept if part != _NOTHING])


def _written(node: _Node) -> str:
    match node:
        case _Chars(mask):
            return _class_written(mask)
        case _Assertion(kind):
            return "^" if kind == r"\A" else kind
        case _Seq(parts):
            return "".join(f"(?:{_written(part)})" if isinstance(part, _Either) else _written(part) for part in parts)
        case _Either(parts):
            return "|".join(_written(part) for part in parts)
        case _Repeat(part, least, most):
            if most == 0:
                return ""
            inner = _written(part)
            if not isinstance(part, _Chars):
                inner = f"(?:{inner})"
            if least == most == 1:
                return inner
            return f"{inner}{{{least}}}" if least == most else f"{inner}{{{least},{'' if most is None else most}}}"


def _class_written(mask: int) -> str:
    if mask == 0:
        # Nothing matches: a byte that is at once a letter and not one.
        return r"(?:\b\B)"
    codes = [code for code in range(256) if mask >> code & 1]
    if len(codes) == 1:
        return _byte_written(codes[0])
    ranges: list[tuple[int, int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    inner = "".join(
        _byte_written(low) if low == high else f"{_byte_written(low)}-{_byte_written(high)}" for low, high in ranges
    )
    return f"[{inner}]"


def _byte_written(code: int) -> str:
    return chr(code) if chr(code).isascii() and chr(code).isalnum() else f"\\x{code:02x}"

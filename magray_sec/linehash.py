"""GitHub's `primaryLocationLineHash`: the one fingerprint that code scanning follows an alert by.

Bit for bit what the upload action computes of a file (`src/fingerprints.ts`), so that it finds nothing to complain of.
A line's hash is a polynomial in 37 modulo 2**64 over the 100 UTF-16 units from its start on, blanks left out, followed
by how many lines have had that hash so far. It survives moved and re-indented lines, and another line ending.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from itertools import accumulate, count, islice

_WINDOW = 100
_BASE = 37
# Lines are hashed this many at a time: as one number with a lane of 128 bits a line, which Python multiplies at the
# speed of C. More at a time gains nothing and costs memory.
_LANES = 512
_SMALL = 1 << 16
# So many windows are looked for one by one, which is faster than to hash every line before them.
_FEW = 16
_MOST_TRIES = 500
_FIFTH = 20
_LINE_BREAK = re.compile(rb"\r\n|\r|\n")
_END_OF_FILE = "\uffff"
_FILLING = "\0" * _WINDOW


def line_hash(data: bytes, lines: Iterable[int]) -> dict[int, str]:
    """The hashes of the wanted lines (from 1) of a file with these bytes; a line beyond its end has none."""
    wanted = frozenset(lines)
    if not wanted:
        return {}
    last = max(wanted)
    known = _up_to(data, last)
    found = _found(known, wanted) if len(wanted) <= _FEW else None
    return found if found is not None else dict(_hashed(known, wanted, last))


def line_hashes(data: bytes) -> dict[int, str]:
    """The hashes of all lines (from 1) of a file with these bytes."""
    return dict(_hashed(data, None, None))


def _up_to(data: bytes, last: int) -> bytes:
    """The part of a file that the hashes of its lines up to `last` depend on: not all of a line of 200 MB."""
    if len(data) <= _SMALL:
        return data
    start, size = 0, _SMALL
    for found in islice(_LINE_BREAK.finditer(data), last - 1):
        start = found.end()
    while start + size < len(data) and len(_kept(data[start : start + size])) <= 2 * _WINDOW:
        size *= 4
    return data[: start + size]


def _found(data: bytes, wanted: frozenset[int]) -> dict[int, str] | None:
    """As `_hashed`, for few lines: only windows that have a fifth in common with a wanted one are hashed. None where
    these are many.

    Unequal windows have the same hash where two neighbouring units differ by 1 and by -37, which happens. That this is
    so in three places of a window, or that all of it differs, is chance of one in 2**64, or a text made to that end.
    """
    # Each window stands behind a line feed, and the last ones are full.
    text = f"\n{_kept(data)}{_FILLING}"
    last = max(wanted)
    lengths = [len(line) + 1 for line in text.split("\n", last + 1)[: last + 1]]
    ends = list(accumulate(lengths[:-1]))
    found = {}
    for number in sorted(number for number in wanted if 1 <= number <= len(ends)):
        start = ends[number - 1]
        alike = _alike(text, start)
        if alike is None:
            return None
        value, *others = _polynomials([text[place : place + _WINDOW] for place in (start, *alike)])
        found[number] = f"{value:x}:{others.count(value) + 1}"
    return found


def _alike(text: str, start: int) -> set[int] | None:
    """Where before `start` windows begin that have one of five parts in common with the window there; None: at too many
    places.
    """
    alike = set()
    tries = 0
    for cut in range(0, _WINDOW, _FIFTH):
        end = cut + _FIFTH
        part = text[start + cut : start + end]
        at = text.find(part, cut, start - 1 + end)
        while at >= 0:
            if text[at - cut - 1] == "\n" and at > cut:
                alike.add(at - cut)
            tries += 1
            if tries > _MOST_TRIES:
                return None
            at = text.find(part, at + 1, start - 1 + end)
    return alike


def _hashed(data: bytes, wanted: frozenset[int] | None, last: int | None) -> Iterator[tuple[int, str]]:
    """(line, hash) for each wanted line up to `last`, in order; None: all."""
    seen: dict[int, int] = {}
    numbers = count(1)
    windows = islice(_windows(_kept(data)), last)
    while chunk := list(islice(windows, _LANES)):
        distinct = list(dict.fromkeys(chunk))
        values = dict(zip(distinct, _polynomials(distinct), strict=True))
        for window, number in zip(chunk, numbers):  # noqa: B905 - `numbers` has no end, and is asked last
            value = values[window]
            seen[value] = times = seen.get(value, 0) + 1
            if wanted is None or number in wanted:
                yield number, f"{value:x}:{times}"


def _kept(data: bytes) -> str:
    """The units that count, one character each: no blanks, one line feed a line break, the end mark at the end."""
    text = data.decode("utf-8", "replace")
    # The order matters: a carriage return and a line feed with a blank between them are two line breaks.
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace(" ", "").replace("\t", "")
    if not text.isascii() and len(units := text.encode("utf-16", "surrogatepass")) > 2 * len(text) + 2:
        text = "".join(map(chr, array("H", units)[1:]))
    return text + _END_OF_FILE


def _windows(kept: str) -> Iterator[str]:
    """The units that each line is hashed by. The last window of a file is filled up with NUL."""
    start = 0
    while True:
        yield kept[start : start + _WINDOW].ljust(_WINDOW, "\0")
        start = kept.find("\n", start) + 1
        if not start:
            return


def _polynomials(windows: list[str]) -> list[int]:
    """The sum of `unit[i] * 37**(99 - i)` modulo 2**64 of each window.

    All windows at once, as lanes of one large integer. First four neighbouring units are folded into one of 32 bits
    (65535 * (37**3 + 37**2 + 37 + 1) fits), then the 25 folded columns are taken by Horner's rule.
    """
    lanes = len(windows)
    units = int.from_bytes("".join(windows).encode("utf-32-le", "surrogatepass"), "little")
    units = units * _BASE + (units >> 32)
    units = units * _BASE**2 + (units >> 64)
    folded = memoryview(units.to_bytes(4 * _WINDOW * lanes, "little")).cast("I").tolist()
    low_half = int.from_bytes((b"\xff" * 8 + bytes(8)) * lanes, "little")
    column = array("I", bytes(16 * lanes))
    value = 0
    for start in range(0, _WINDOW, 4):
        column[::4] = array("I", folded[start::_WINDOW])
        value = (value & low_half) * _BASE**4 + int.from_bytes(column, "little")
    return memoryview(value.to_bytes(16 * lanes, "little")).cast("Q").tolist()[::2]

"""The bytes that patterns are matched against and that spans count in, and what can be told of a file by its bytes."""

from __future__ import annotations

import codecs
import io

_SNIFFED = 8000
_CHUNK = 1 << 20
# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARKED = frozenset(mark[:1] for mark, _ in _MARKS)
_MINIFIED_BYTES = 5000
_MINIFIED_LINE = 300
# What a text is made of: no control characters but those that end or indent lines, form feeds and escapes.
_CONTROLS = bytes(sorted(set(range(32)) - {8, 9, 10, 12, 13, 27}))


def readable(data: bytes) -> bytes | None:
    """A file's bytes as text: as they are, without a byte order mark; UTF-16 and UTF-32 as UTF-8. None: it is binary.

    UTF-16 and UTF-32 are known by their byte order mark, UTF-16 also by every other byte being NUL, as it is in text
    of Latin letters. Every span that this package speaks of counts in these bytes. Lines are the same in both.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    for mark, name in _MARKS if data[:1] in _MARKED else ():
        if data.startswith(mark):
            if name.startswith("utf-32") and not _is_text(data[: _SNIFFED // 4 * 4], name):
                continue
            if data[2:4] == b"\0\0" and name.startswith("utf-16"):
                return None
            return _recoded(data, len(mark), name)
    if data.find(0, 0, _SNIFFED) < 0:
        return data
    name = _without_mark(data[:_SNIFFED])
    return _recoded(data, 0, name) if name else None


def is_minified(text: bytes) -> bool:
    """Whether a program wrote it for programs: at least 5,000 bytes, in lines of 300 bytes or more on average."""
    most = len(text) // _MINIFIED_LINE
    # Of what people write the first part tells.
    return len(text) >= _MINIFIED_BYTES and text.count(b"\n", 0, 64 * most) < most and text.count(b"\n") + 1 <= most


def _recoded(data: bytes, start: int, name: str) -> bytes:
    # Piece by piece, so that a large file is in memory once as it was and once as UTF-8.
    decoder = codecs.getincrementaldecoder(name)("replace")
    made = io.BytesIO()
    for at in range(start, len(data), _CHUNK):
        made.write(decoder.decode(data[at : at + _CHUNK], final=at + _CHUNK >= len(data)).encode("utf-8", "replace"))
    return made.getvalue()


def _without_mark(head: bytes) -> str:
    """The UTF-16 that a text without a byte order mark is written in; empty where it is none."""
    head = head[: len(head) // 2 * 2]
    for name, letters, zeros in (("utf-16-le", head[::2], head[1::2]), ("utf-16-be", head[1::2], head[::2])):
        # Nine of ten characters are ASCII, and none is NUL.
        if len(zeros) >= 2 and zeros.count(0) * 10 >= len(zeros) * 9 and 0 not in letters and _is_text(head, name):
            return name
    return ""


def _is_text(head: bytes, name: str) -> bool:
    try:
        text = codecs.getincrementaldecoder(name)("strict").decode(head)
    except UnicodeError:
        return False
    raw = text.encode("utf-8", "replace")
    return len(raw.translate(None, _CONTROLS)) == len(raw)

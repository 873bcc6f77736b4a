"""The bytes that patterns are matched against and that spans count in."""

from __future__ import annotations

import codecs

_SNIFFED = 8000
_UTF_16 = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def readable(data: bytes) -> bytes | None:
    """A file's bytes as text: as they are, and UTF-16 (with a byte order mark) as UTF-8. None: the file is binary.

    Every span that this package speaks of counts in these bytes. Lines are the same in both.
    """
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and data[2:4] != b"\0\0":
        for mark, name in _UTF_16:
            if data.startswith(mark):
                return data[2:].decode(name, "replace").encode("utf-8", "replace")
    return None if data.find(0, 0, _SNIFFED) >= 0 else data

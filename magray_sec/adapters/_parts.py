"""What a scanner of parts needs: the bytes of files and git objects alike, and which of its hits count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from magray_sec.model.finding import Place
from magray_sec.model.run import File, Origin, Source
from magray_sec.regex.encoding import readable

Span = tuple[int, int]


def reader(source: Source) -> Callable[[File], bytes]:
    """Reads a file wherever its bytes are. OSError where they cannot be had."""
    return lambda file: source.read_blob(file.blob) if file.blob else source.read(file.path)


def place(file: File, span: Span) -> Place:
    """The place of a span of a file, which is in a commit where the file is."""
    commit = file.origin.commit if file.origin else None
    return Place(path=file.path, span=span, commit=commit, blob=file.blob)


class Parts:
    """Judges hits in files of which some lines count. Spans count in the bytes of `regex.encoding.readable`."""

    def __init__(self, source: Source, read: Callable[[File], bytes]) -> None:
        self._source = source
        self._read = read
        self._last: tuple[File | None, bytes] = (None, b"")
        self._head: tuple[str, bytes] = ("", b"")

    def counts(self, file: File, span: Span) -> bool:
        """Whether a hit touches a line that counts. True where the file can no longer be read: better said twice."""
        if file.lines is None:
            return True
        text = self._text(file)
        if len(text) < span[1]:
            return True
        first = text.count(b"\n", 0, span[0]) + 1
        last = first + text.count(b"\n", span[0], max(span[0], span[1] - 1))
        return any(low <= last and first <= high for low, high in file.lines)

    def origin(self, file: File, span: Span) -> Origin | None:
        """The commit that brought a hit in, and whether what was found is still in the commit that is checked out."""
        if file.origin is None or not file.head:
            return file.origin
        if file.head == file.blob:
            return replace(file.origin, is_at_head=True)
        if self._head[0] != file.head:
            self._head = (file.head, self._blob(file.head))
        return replace(file.origin, is_at_head=self._text(file)[slice(*span)] in self._head[1])

    def _text(self, file: File) -> bytes:
        if self._last[0] != file:
            try:
                self._last = (file, readable(self._read(file)) or b"")
            except OSError:
                self._last = (file, b"")
        return self._last[1]

    def _blob(self, blob: str) -> bytes:
        try:
            return readable(self._source.read_blob(blob)) or b""
        except OSError:
            return b""

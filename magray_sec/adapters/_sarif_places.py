"""Where the files that a SARIF report speaks of lie in the target: addresses, bases, foreign folders -> paths."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote_to_bytes

from magray_sec.adapters._sarif import ArtifactLocation, Location, Region, Run
from magray_sec.model.adapter import ParseError
from magray_sec.model.finding import Place

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_DRIVE = re.compile(r"/?[A-Za-z]:[/\\]")
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")
# What a path cannot hold, or could not be written down again: NUL, and halves of characters but those that stand for
# bytes that are not UTF-8.
_UNFIT = re.compile("[\x00\ud800-\udc7f\udd00-\udfff]")
_MOST_BASES = 16
_LONGEST = 4096
_LARGEST = 2**31 - 1
_COLUMNS = {"unicodeCodePoints": "characters"}


class Places:
    """The places of one run's results. `root`: the target's folder; `known`: the paths of its files."""

    def __init__(self, run: Run, root: str, known: frozenset[str]) -> None:
        self._artifacts = tuple(run.artifacts or ())
        self._bases = run.original_uri_base_ids or {}
        self._unit = _COLUMNS.get(run.column_kind or "", "utf16")
        self._root = root
        self._known = known
        self._found: dict[str, str] = {}

    def place(self, locations: Sequence[Location] | None, commit: str = "") -> Place | None:
        """The first place that is in a file; None where none is. Lines and columns that cannot be are left out."""
        for location in locations or ():
            physical = location.physical_location
            path = self.path(physical.artifact_location) if physical else ""
            if physical and path:
                return self._stretch(path, physical.region or Region(), commit)
        return None

    def path(self, location: ArtifactLocation | None) -> str:
        """The target's file that is meant; else the path as it is told, without what is of its machine where that can
        be told apart; empty where no file is named. ParseError where the file is a number that there is none of."""
        if location is None:
            return ""
        if not location.uri and location.index is not None and location.index >= 0:
            if location.index >= len(self._artifacts):
                raise ParseError(f"a result names file {location.index} of {len(self._artifacts)}")
            location = self._artifacts[location.index].location or ArtifactLocation()
        uri = location.uri or ""
        if not uri:
            return ""
        base = "" if _is_absolute(uri) else self._base(location.uri_base_id)
        whole = base + uri
        if whole not in self._found:
            self._found[whole] = self._resolved(whole, uri)
        return self._found[whole]

    def holds(self, path: str) -> bool:
        """Whether the target has that file."""
        return path in self._known

    def _resolved(self, whole: str, uri: str) -> str:
        if len(whole) > _LONGEST:
            return _told(uri[:_LONGEST])
        for address in dict.fromkeys((whole, uri)):
            for name in _readings(address):
                found = self._in_target(name)
                if found:
                    return found
        return _told(next(iter(_readings(uri)), ""))

    def _base(self, name: str | None) -> str:
        """What a base stands for, other bases and all; empty where the report does not say."""
        parts: list[str] = []
        for _ in range(_MOST_BASES):
            base = self._bases.get(name or "")
            if base is None:
                break
            uri = base.uri or ""
            parts.insert(0, uri if uri.endswith("/") or not uri else f"{uri}/")
            if _is_absolute(uri):
                break
            name = base.uri_base_id
        return "".join(parts)

    def _in_target(self, name: str) -> str:
        """The path of the target's file that a name means: as it stands, below the root, or (of another machine) the
        longest ending of it that is a file of the target."""
        parts = _parts(name)
        whole = "/".join(parts)
        if not _ABSOLUTE.match(name):
            return whole if whole in self._known else ""
        if name.startswith(f"{self._root}/"):
            inside = "/".join(_parts(name[len(self._root) :]))
            if inside in self._known:
                return inside
        endings = ("/".join(parts[start:]) for start in range(len(parts)))
        return next((ending for ending in endings if ending in self._known), "")

    def _stretch(self, path: str, region: Region, commit: str) -> Place:
        first = _number(region.start_line)
        if first is None:
            start, length = region.byte_offset, region.byte_length
            if start is not None and length is not None and 0 <= start < start + length <= _LARGEST:
                return Place(path=path, span=(start, start + length), commit=commit or None)
            return Place(path=path, commit=commit or None)
        # Some count columns from 0; what belongs to what is told by the file itself.
        left = 1 if region.start_column == 0 else _number(region.start_column)
        last = _number(region.end_line)
        right = _number(region.end_column) if left is not None else None
        if last is not None and last < first:
            last = right = None
        if right is not None and left is not None and last in (None, first) and right <= left:
            right = left + 1
        return Place(
            path=path,
            start_line=first,
            start_column=left,
            end_line=last,
            end_column=right,
            column_unit=self._unit,
            commit=commit or None,
        )


def _number(number: int | None) -> int | None:
    return number if number is not None and 1 <= number <= _LARGEST else None


def _is_absolute(uri: str) -> bool:
    return bool(_ABSOLUTE.match(uri) or _SCHEME.match(uri))


def _readings(uri: str) -> Iterator[str]:
    """The paths that an address may mean, likeliest first: percent-encoded as it should be, or as it stands."""
    uri = _UNFIT.sub("\ufffd", uri)
    scheme = _SCHEME.match(uri)
    if scheme and not _DRIVE.match(uri):
        rest = uri[scheme.end() :]
        if rest.startswith("//"):
            host, slash, way = rest[2:].partition("/")
            # `file://src/a.rs` is written for `src/a.rs`; a drive may stand where a host should.
            rest = f"{host}/{way}" if scheme[1].lower() == "file" and host and not _is_host(host) else slash + way
        rest = rest[1:] if _DRIVE.match(rest) and rest.startswith("/") else rest
        yield from dict.fromkeys((_decoded(rest), _decoded(re.split(r"[?#]", rest, maxsplit=1)[0]), rest))
    if not scheme or scheme[1].lower() != "file":
        bare = uri[1:] if _DRIVE.match(uri) and uri.startswith("/") else uri
        yield from dict.fromkeys((_decoded(bare), bare, _decoded(re.split(r"[?#]", bare, maxsplit=1)[0])))


def _is_host(name: str) -> bool:
    return name == "localhost" or "." in name[1:]


def _decoded(uri: str) -> str:
    if "%" not in uri:
        return uri
    raw = unquote_to_bytes(uri.encode("utf-8", "surrogateescape"))
    return _UNFIT.sub("\ufffd", os.fsdecode(raw))


def _parts(name: str) -> list[str]:
    """The parts of a path, `.` and `..` resolved; one that leads up from where it begins does not."""
    parts: list[str] = []
    for part in re.split(r"[/\\]", name):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", ".", ".."):
            parts.append(part)
    return parts


def _told(name: str) -> str:
    """A path that the target has no file of, as it will stand in the report."""
    return "/".join(_parts(_UNFIT.sub("\ufffd", name)))

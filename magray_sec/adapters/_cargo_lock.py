"""What stands where in a Cargo.lock and a Cargo.toml: the line of a package, who brings it in, who asks for it."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from magray_sec._toml import parse
from magray_sec.model.finding import Place

_BREAK = re.compile(r"\r\n|\r|\n")
_PACKAGE = re.compile(r"[ \t]*\[\[[ \t]*package[ \t]*\]\][ \t]*(?:#.*)?")
_ROOT = re.compile(r"[ \t]*\[[ \t]*root[ \t]*\][ \t]*(?:#.*)?")
_TABLE = re.compile(r"[ \t]*\[")
_NAME = re.compile(r"[ \t]*name[ \t]*=")
_HEADER = re.compile(r"[ \t]*\[(?!\[)(?P<key>.*)\][ \t]*(?:#.*)?")
_DEPENDENCIES = re.compile(
    r"""(?P<workspace>workspace[ \t]*\.[ \t]*)?(?:(?:dev[-_]|build[-_])?dependencies|target[ \t]*\..*\.[ \t]*"""
    r"""(?:dev[-_]|build[-_])?dependencies)(?:[ \t]*\.[ \t]*(?P<name>[^.]+))?"""
)
_KEY = re.compile(r"""[ \t]*(?P<key>"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*[.=]""")

_MOST_BYTES = 16 << 20
"""Lock files of thousands of packages are a tenth of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a file and where its content lies: from 1, columns in UTF-16 units, the end exclusive."""

    number: int
    start_column: int
    end_column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A package of a lock file. `source` is None for one of the repository itself."""

    name: str
    version: str
    source: str | None
    line: Line | None
    """Its `name =` line; None where the file is laid out as cargo never does."""
    brought_by: int | None = None
    """The package, by its place in `Lock.packages`, on the shortest way to it from one without a source."""
    dependencies: tuple[int, ...] = ()
    """What it depends on, by their places in `Lock.packages`; what the file does not tell apart is left out."""
    checksum: str | None = None
    """The SHA-256 of its `.crate`, in hexadecimal."""

    @property
    def label(self) -> str:
        """`name version`."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The packages of a Cargo.lock, in its order."""

    packages: tuple[Locked, ...]

    def find(self, name: str, version: str, source: str | None) -> Locked | None:
        """The package, or None. A source that no entry has stands for the one entry of that name and version."""
        same = [entry for entry in self.packages if entry.name == name and entry.version == version]
        exact = [entry for entry in same if entry.source == source]
        return exact[0] if exact else same[0] if len(same) == 1 else None

    def path_to(self, package: Locked) -> tuple[Locked, ...]:
        """The shortest way from a package of the repository to `package`, both included; it alone where nothing
        leads to it."""
        way = [package]
        while (before := way[-1].brought_by) is not None:
            way.append(self.packages[before])
        return tuple(reversed(way))


def read_lock(data: bytes) -> Lock:
    """The lock file of any version of its format. ValueError, with one line that says why, where it is none."""
    text, tables = _toml(data)
    lines = _BREAK.split(text)
    entries = [_Entry.of(table) for table in _tables(tables.get("package"))]
    places: list[Line | None] = list(_name_lines(lines, _PACKAGE))
    if len(places) != len(entries):  # `[[package]]` inside a string, or packages as an inline array
        places = [None] * len(entries)
    if isinstance(tables.get("root"), dict):  # cargo before 1.17 gave the workspace's package a table of its own
        entries.append(_Entry.of(tables["root"]))
        places.append(next(_name_lines(lines, _ROOT), None))
    asked = _asked(entries)
    checksums = _old_checksums(tables)
    return Lock(
        packages=tuple(
            Locked(
                name=entry.name,
                version=entry.version,
                source=entry.source,
                line=place,
                brought_by=before,
                dependencies=dependencies,
                checksum=entry.checksum or checksums.get(f"{entry.name} {entry.version} ({entry.source})"),
            )
            for entry, place, before, dependencies in zip(
                entries, places, brought_by([entry.source for entry in entries], asked), asked, strict=True
            )
        )
    )


def package_name(manifest: bytes) -> str | None:
    """The name of the package that a Cargo.toml describes; None for a virtual workspace or what is no manifest."""
    try:
        package = _toml(manifest)[1].get("package")
    except ValueError:
        return None
    name = package.get("name") if isinstance(package, dict) else None
    return name if isinstance(name, str) else None


def dependency_line(manifest: bytes, package: str, *, workspace: bytes | None = None) -> Line | None:
    """The line of a Cargo.toml that asks for the package `package`, under whatever name; None where none does.

    `workspace`: the workspace's manifest, which may rename what `manifest` inherits from it. Where `manifest` is the
    workspace's own, its `[workspace.dependencies]` are looked at when its own dependencies do not hold the package.
    """
    try:
        text, tables = _toml(manifest)
        inherited = _shared(_toml(workspace)[1]) if workspace else {}
    except ValueError:
        return None
    renamed = {key for key, value in inherited.items() if _asks_for(key, value) == package}
    own = {
        key
        for table in _dependency_tables(tables)
        for key, value in table.items()
        if _asks_for(key, value) == package or (key in renamed and _is_inherited(value))
    }
    shared = {key for key, value in _shared(tables).items() if _asks_for(key, value) == package}
    lines = list(_keys(_BREAK.split(text)))
    for is_shared, wanted in ((False, own), (True, shared)):
        for in_workspace, key, line in lines:
            if in_workspace is is_shared and key in wanted:
                return line
    return None


def first_line(data: bytes) -> Line:
    """A file's first line."""
    return _line(1, _BREAK.split(data.decode("utf-8", "replace"), maxsplit=1)[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """A lock file of the target, or one that was made for a manifest of it, and where its packages are to be shown."""

    lock: Lock
    path: str
    """The lock file, or the manifest it was made for, relative to the target's root."""
    manifests: Mapping[str, bytes] = field(default_factory=dict)
    """For a lock file that was made: every manifest it may have been made of, by path, the likelier first."""

    def locate(self, name: str, version: str, source: str | None) -> tuple[tuple[str, ...], Place]:
        """`name version` from a package of the repository down to this one, both included (empty where the lock file
        does not hold it), and the line to mend: its own in a lock file, else that of the Cargo.toml that asks for the
        first crate on that way, else the manifest's first."""
        package = self.lock.find(name, version, source)
        way = self.lock.path_to(package) if package else ()
        path, line = self.path, package.line if package else None
        if self.manifests:
            path, line = self._asked_for(way)
        place = Place(path=path)
        if line:
            place = Place(
                path=path,
                start_line=line.number,
                start_column=line.start_column,
                end_line=line.number,
                end_column=line.end_column,
            )
        return tuple(entry.label for entry in way), place

    def _asked_for(self, way: tuple[Locked, ...]) -> tuple[str, Line | None]:
        root = self.manifests.get(self.path, b"")
        if len(way) > 1:
            member, wanted = way[0].name, way[1].name
            for path, data in self.manifests.items():
                if member.encode() in data and package_name(data) == member:
                    line = dependency_line(data, wanted, workspace=root)
                    return (path, line) if line else (self.path, dependency_line(root, wanted) or first_line(root))
        return self.path, first_line(root)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    name: str
    version: str
    source: str | None
    dependencies: tuple[str, ...]
    checksum: str | None

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> _Entry:
        name, version, source = table.get("name"), table.get("version"), table.get("source")
        if not isinstance(name, str) or not isinstance(version, str) or not isinstance(source, str | None):
            raise ValueError("a package without a name and a version")  # noqa: TRY004 - the file is wrong, not a caller
        asked = table.get("dependencies")
        dependencies = tuple(entry for entry in asked if isinstance(entry, str)) if isinstance(asked, list) else ()
        checksum = table.get("checksum")
        return cls(
            name=name,
            version=version,
            source=source,
            dependencies=dependencies,
            checksum=checksum if isinstance(checksum, str) else None,
        )


def _old_checksums(tables: Mapping[str, Any]) -> dict[str, str]:
    """Those of a lock file before its second format, which has them in a table of their own."""
    metadata = tables.get("metadata")
    entries = metadata.items() if isinstance(metadata, dict) else ()
    return {key.removeprefix("checksum "): value for key, value in entries if isinstance(value, str)}


def _asked(entries: list[_Entry]) -> list[tuple[int, ...]]:
    """What each package depends on, by their places."""
    by_name: dict[str, list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        by_name[entry.name].append(index)
    found = ((_resolve(asked, entries, by_name) for asked in entry.dependencies) for entry in entries)
    return [tuple(place for place in places if place is not None) for places in found]


def brought_by(sources: Sequence[str | None], asked: Sequence[tuple[int, ...]]) -> list[int | None]:
    """For each package the one before it on the shortest way from one without a source; None: none is before it."""
    before: list[int | None] = [None] * len(sources)
    waiting = deque(index for index, source in enumerate(sources) if source is None)
    seen = set(waiting)
    while waiting:
        index = waiting.popleft()
        for found in asked[index]:
            if found not in seen:
                seen.add(found)
                before[found] = index
                waiting.append(found)
    return before


def _resolve(dependency: str, entries: list[_Entry], by_name: Mapping[str, list[int]]) -> int | None:
    """The package that `name`, `name version` or `name version (source)` stands for."""
    name, _, rest = dependency.partition(" ")
    version, _, source = rest.partition(" ")
    found = by_name.get(name, [])
    if version:
        found = [index for index in found if entries[index].version == version]
    if source:
        found = [index for index in found if entries[index].source == source.strip("()")] or found
    return found[0] if len(found) == 1 else None


def _toml(data: bytes) -> tuple[str, dict[str, Any]]:
    """A manifest or lock file (a byte order mark is passed over, as cargo does): its text and its table."""
    try:
        return data.decode("utf-8-sig"), parse(data, most_bytes=_MOST_BYTES)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"it is not TOML: {error}") from None


def _tables(value: Any) -> Iterator[dict[str, Any]]:
    yield from (entry for entry in value if isinstance(entry, dict)) if isinstance(value, list) else ()


def _name_lines(lines: list[str], header: re.Pattern[str]) -> Iterator[Line | None]:
    """For each header its table's `name =` line, or None where the table has none."""
    for index, text in enumerate(lines):
        if header.fullmatch(text):
            yield next(_name_line(lines, index + 1), None)


def _name_line(lines: list[str], start: int) -> Iterator[Line]:
    for index in range(start, len(lines)):
        if _TABLE.match(lines[index]):
            return
        if _NAME.match(lines[index]):
            yield _line(index + 1, lines[index])


def _line(number: int, text: str) -> Line:
    body = text.strip(" \t")
    start = len(text) - len(text.lstrip(" \t")) + 1 if body else 1
    return Line(number=number, start_column=start, end_column=start + len(body.encode("utf-16-le")) // 2)


def _dependency_tables(tables: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every table of a manifest that lists dependencies, but not the workspace's."""
    targets = tables.get("target")
    owners: Iterable[Any] = (tables, *(targets.values() if isinstance(targets, dict) else ()))
    for owner in owners:
        for kind in ("", "dev-", "dev_", "build-", "build_"):
            found = owner.get(f"{kind}dependencies") if isinstance(owner, dict) else None
            if isinstance(found, dict):
                yield found


def _shared(tables: Mapping[str, Any]) -> dict[str, Any]:
    workspace = tables.get("workspace")
    found = workspace.get("dependencies") if isinstance(workspace, dict) else None
    return found if isinstance(found, dict) else {}


def _asks_for(key: str, value: Any) -> str:
    package = value.get("package") if isinstance(value, dict) else None
    return package if isinstance(package, str) else key


def _is_inherited(value: Any) -> bool:
    return isinstance(value, dict) and value.get("workspace") is True


def _keys(lines: list[str]) -> Iterator[tuple[bool, str, Line]]:
    """Each dependency of a manifest in its order: whether it is the workspace's, its key, its line."""
    table: bool | None = None
    for number, text in enumerate(lines, 1):
        if _TABLE.match(text):
            header = _HEADER.fullmatch(text)
            match = _DEPENDENCIES.fullmatch(header["key"].strip(" \t")) if header else None
            table = bool(match["workspace"]) if match and not match["name"] else None
            if match and match["name"]:
                yield bool(match["workspace"]), match["name"].strip(" \t\"'"), _line(number, text)
        elif table is not None and (key := _KEY.match(text)):
            yield table, key["key"].strip("\"'"), _line(number, text)

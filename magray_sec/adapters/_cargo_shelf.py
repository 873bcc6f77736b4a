"""Manifests of a graph's packages as they lie on disk: in cargo's caches, vendored in the target, or in a git checkout.

A package from a registry is read out of its `.crate` file, and only where the file is the one whose checksum the lock
file pins: what anyone unpacked, changed or vendored under that name is not believed. Nothing is unpacked or executed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from magray_sec import _toml
from magray_sec.adapters._cargo_lock import Locked
from magray_sec.model.run import Source

_MANIFEST = "Cargo.toml"
_CHECKSUMS = ".cargo-checksum.json"
_BUILD_SCRIPT = "build.rs"
_MOST_BYTES = 4_000_000
"""Of a manifest."""
_MOST_UNPACKED_BYTES = 512_000_000
_MOST_FOLDERS = 20_000
"""Of a git checkout that are looked through for a package."""
_SHORT_COMMIT = 7
_WORD = re.compile(r"[A-Za-z0-9_.+-]+")
"""What a package's name and version are made of: a lock file may hold any text, and paths are made of these."""

_KINDS: Mapping[str, str] = {
    "dependencies": "normal",
    "dev-dependencies": "dev",
    "dev_dependencies": "dev",
    "build-dependencies": "build",
    "build_dependencies": "build",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a package says of itself."""

    license: str | None = None
    license_file: str | None = None
    asks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Name of a package it asks for -> for what: `normal`, `build`, `dev`."""
    has_build_script: bool = False
    is_proc_macro: bool = False
    links: str = ""
    """The native library that it links to, where it says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The places where manifests may lie."""

    source: Source
    homes: tuple[str, ...]
    """CARGO_HOME folders, absolute, the one to be believed first first."""
    vendored: Mapping[tuple[str, str], tuple[tuple[str, str | None], ...]]
    """(name, version) -> the folders of the target that hold a copy, each with the checksum of what it is a copy of."""

    @staticmethod
    def over(source: Source, homes: tuple[str, ...]) -> Shelf:
        """The shelf of a target: what `cargo vendor` left in it is looked for once."""
        vendored: dict[tuple[str, str], list[tuple[str, str | None]]] = defaultdict(list)
        paths = {file.path for file in source.files()}
        for path in sorted(path for path in paths if path.endswith("/" + _CHECKSUMS)):
            folder = path.removesuffix("/" + _CHECKSUMS)
            tables = read_tables(source, f"{folder}/{_MANIFEST}")
            package = _toml.table(tables.get("package")) if tables else {}
            name, version = package.get("name"), package.get("version")
            if isinstance(name, str) and isinstance(version, str):
                vendored[name, version].append((folder, _vendored_checksum(source, path)))
        return Shelf(source=source, homes=homes, vendored={key: tuple(found) for key, found in vendored.items()})

    def find(self, package: Locked, *, with_build_script: bool = False) -> Manifest | None:
        """What a package that is not the repository's own says of itself; None where it is not on disk.

        `with_build_script`: whether a `build.rs` that its manifest does not name is looked for, which takes longer.
        """
        if package.source is None or not (_WORD.fullmatch(package.name) and _WORD.fullmatch(package.version)):
            return None
        if package.source.startswith("git+"):
            found = self._vendored(package) or self._checked_out(package)
        else:
            found = self._cached(package, with_build_script=with_build_script) or self._vendored(package)
        return found

    def _cached(self, package: Locked, *, with_build_script: bool) -> Manifest | None:
        name = f"{package.name}-{package.version}"
        for home in self.homes:
            for folder in _subfolders(os.path.join(home, "registry", "cache")):
                path = os.path.join(folder, f"{name}.crate")
                if not _is_pinned(path, package):
                    continue
                unpacked = os.path.join(home, "registry", "src", os.path.basename(folder), name)
                try:
                    found = _read_crate(path, name, unpacked, with_build_script=with_build_script)
                except (OSError, tarfile.TarError, EOFError, zlib.error, ValueError):
                    continue
                if found:
                    return found
        return None

    def _vendored(self, package: Locked) -> Manifest | None:
        for folder, checksum in self.vendored.get((package.name, package.version), ()):
            if package.checksum is not None and checksum != package.checksum:
                continue
            tables = read_tables(self.source, f"{folder}/{_MANIFEST}")
            if tables:
                paths = (file.path for file in self.source.files())
                return describe(tables, build_script_beside=f"{folder}/{_BUILD_SCRIPT}" in paths)
        return None

    def _checked_out(self, package: Locked) -> Manifest | None:
        commit = (package.source or "").rpartition("#")[2]
        if len(commit) < _SHORT_COMMIT:
            return None
        for home in self.homes:
            for repository in _subfolders(os.path.join(home, "git", "checkouts")):
                for checkout in _subfolders(repository):
                    if commit.startswith(os.path.basename(checkout)):
                        found = _search(checkout, package)
                        if found:
                            return found
        return None


def describe(
    tables: Mapping[str, Any], *, workspace: Mapping[str, Any] | None = None, build_script_beside: bool = False
) -> Manifest:
    """What a parsed manifest says. `workspace`: that of the workspace it may inherit from; `build_script_beside`: a
    `build.rs` lies beside it, which is the build script where it does not say otherwise."""
    package = _toml.table(tables.get("package")) or _toml.table(tables.get("project"))
    shared = _toml.table(_toml.table(workspace).get("workspace"))
    build, links = package.get("build"), _text(package.get("links"))
    return Manifest(
        license=_inherited(package.get("license"), shared, "license"),
        license_file=_inherited(package.get("license-file", package.get("license_file")), shared, "license-file"),
        asks=_asks(tables, _toml.table(shared.get("dependencies"))),
        has_build_script=isinstance(build, str) or build is True or (build is None and build_script_beside),
        is_proc_macro=any(_toml.table(tables.get("lib")).get(key) is True for key in ("proc-macro", "proc_macro")),
        links=links or "",
    )


def dependency_tables(tables: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every table of a manifest that lists dependencies, but not the workspace's, with what they are for."""
    targets = _toml.table(tables.get("target"))
    for owner in (tables, *targets.values()):
        for key, kind in _KINDS.items():
            found = _toml.table(owner).get(key)
            if isinstance(found, Mapping):
                yield kind, found


def read_tables(source: Source, path: str) -> Mapping[str, Any] | None:
    """A manifest of the target, parsed; None where it cannot be read or is none."""
    try:
        return _parse(source.read(path))
    except (OSError, ValueError):
        return None


def _asks(tables: Mapping[str, Any], shared: Mapping[str, Any]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for kind, table in dependency_tables(tables):
        for key, requirement in table.items():
            if _toml.table(requirement).get("workspace") is True:
                requirement = shared.get(key)  # noqa: PLW2901 - what it stands for
            found[_text(_toml.table(requirement).get("package")) or key].add(kind)
    return {name: frozenset(kinds) for name, kinds in found.items()}


def _is_pinned(path: str, package: Locked) -> bool:
    """Whether a `.crate` is the very one that the lock file pins."""
    if package.checksum is None:
        return False
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == package.checksum.lower()
    except OSError:
        return False


def _read_crate(path: str, name: str, unpacked: str, *, with_build_script: bool) -> Manifest | None:
    """The manifest in a `.crate`. Raises what a damaged archive makes the readers raise."""
    tables: Mapping[str, Any] | None = None
    beside: bool | None = None
    if os.path.isfile(os.path.join(unpacked, ".cargo-ok")):
        beside = os.path.isfile(os.path.join(unpacked, _BUILD_SCRIPT))
    seen_bytes = 0
    with tarfile.open(path, "r|gz") as archive:
        for entry in archive:
            seen_bytes += entry.size
            if seen_bytes > _MOST_UNPACKED_BYTES:
                return None
            if entry.name == f"{name}/{_MANIFEST}" and entry.isfile() and entry.size <= _MOST_BYTES:
                file = archive.extractfile(entry)
                tables = _parse(file.read()) if file else None
            if entry.name == f"{name}/{_BUILD_SCRIPT}":
                beside = True
            if tables is not None:
                is_said = "build" in _toml.table(tables.get("package"))
                if not with_build_script or is_said or beside is not None:
                    break
    return describe(tables, build_script_beside=bool(beside)) if tables is not None else None


def _search(checkout: str, package: Locked) -> Manifest | None:
    """The package of a git checkout, wherever in it it lies. Links are not followed."""
    pending, looked = [checkout], 0
    while pending and looked < _MOST_FOLDERS:
        folder = pending.pop()
        looked += 1
        try:
            with os.scandir(folder) as entries:
                listed = [entry for entry in entries if not entry.is_symlink()]
        except OSError:
            continue
        pending += [entry.path for entry in listed if entry.is_dir() and entry.name != ".git"]
        tables = _read_file(os.path.join(folder, _MANIFEST))
        if tables and _toml.table(tables.get("package")).get("name") == package.name:
            beside = os.path.isfile(os.path.join(folder, _BUILD_SCRIPT))
            return describe(tables, workspace=_workspace_of(folder, checkout), build_script_beside=beside)
    return None


def _workspace_of(folder: str, checkout: str) -> Mapping[str, Any] | None:
    while True:
        tables = _read_file(os.path.join(folder, _MANIFEST))
        if tables and "workspace" in tables:
            return tables
        if folder == checkout:
            return None
        folder = os.path.dirname(folder)


def _read_file(path: str) -> Mapping[str, Any] | None:
    try:
        if os.path.islink(path) or os.path.getsize(path) > _MOST_BYTES:
            return None
        with open(path, "rb") as file:
            return _parse(file.read())
    except (OSError, ValueError, RecursionError):
        return None


def _vendored_checksum(source: Source, path: str) -> str | None:
    try:
        package = json.loads(source.read(path)).get("package")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return package if isinstance(package, str) else None


def _subfolders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _parse(data: bytes) -> Mapping[str, Any]:
    return _toml.parse(data, most_bytes=_MOST_BYTES)


def _inherited(value: object, shared: Mapping[str, Any], key: str) -> str | None:
    if _toml.table(value).get("workspace") is True:
        value = _toml.table(shared.get("package")).get(key)
    return _text(value)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None

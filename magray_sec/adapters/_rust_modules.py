"""Which crate a Rust file belongs to, and whether a `mod` declaration leads to it from a library or a program.

An approximation, from manifests and declarations alone: cargo and rustc are not run. Every `#[cfg]` is taken to hold
(save that of tests) and every target to be built; of what macros make, only what is written out in a call is known.
"""

from __future__ import annotations

import enum
import posixpath
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from magray_sec import _toml
from magray_sec.adapters._rust_syntax import Brought

_MANIFEST = "Cargo.toml"
_MOST_MODULES = 400
"""The characters of a module's path, after which deeper modules are called by their ancestor's path."""


class Use(enum.IntEnum):
    """What a file is for, the most used first."""

    USED = 0
    """Part of a library or a program of its crate."""
    BUILT = 1
    """Part of an example or a build script."""
    TEST = 2
    """Part of a test or a benchmark alone."""
    UNREACHED = 3
    """No declaration leads to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The file that a target of a crate starts with."""

    path: str
    use: Use
    module: str = ""
    """What the paths of its items start with: the target's name, empty for a library and for src/main.rs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crate:
    """A package of the target."""

    name: str
    version: str
    folder: str
    """Relative to the target's root, `/`-separated; empty: the root itself."""
    roots: tuple[Root, ...]
    is_dependency: bool = False
    """A copy of somebody else's crate that `cargo vendor` put there."""

    @property
    def key(self) -> tuple[str, str]:
        """What it is sorted by."""
        return self.folder, self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How a file was reached."""

    use: Use
    module: str
    """The path of the module that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crates:
    """The packages of a target, and the manifests that could not be read, each with the reason."""

    crates: tuple[Crate, ...]
    unclear: tuple[tuple[str, str], ...]

    def owners(self) -> Callable[[str], Crate | None]:
        """A function from a file's path to the crate with the nearest manifest above it."""
        known: dict[str, Crate | None] = {crate.folder: crate for crate in self.crates}

        def of_folder(folder: str) -> Crate | None:
            way = []
            while folder not in known:
                way.append(folder)
                if not folder:
                    break
                folder = posixpath.dirname(folder)
            crate = known.get(folder)
            known.update(dict.fromkeys(way, crate))
            return crate

        return lambda path: of_folder(posixpath.dirname(path))


def is_built(path: str, paths: frozenset[str]) -> bool:
    """Whether a file lies in what cargo built: a folder `target` with cargo's mark in it."""
    parts = path.split("/")
    places = ("/".join(parts[: index + 1]) for index, part in enumerate(parts[:-1]) if part == "target")
    return any(f"{place}/CACHEDIR.TAG" in paths for place in places)


def find_crates(paths: frozenset[str], read: Callable[[str], bytes]) -> Crates:
    """The packages that the Cargo.toml files among `paths` describe. `read` may raise OSError."""
    tables: dict[str, Mapping[str, Any]] = {}
    unclear: list[tuple[str, str]] = []
    for path in sorted(path for path in paths if posixpath.basename(path) == _MANIFEST and not is_built(path, paths)):
        try:
            tables[posixpath.dirname(path)] = _toml.parse(read(path))
        except OSError as error:
            unclear.append((path, f"it cannot be read: {error.strerror}"))
        except ValueError:
            unclear.append((path, "it is not TOML"))
    listing = _Listing(paths)
    crates = []
    for folder, table in tables.items():
        package = _toml.table(table.get("package")) or _toml.table(table.get("project"))
        name = package.get("name")
        if isinstance(name, str):
            crate = Crate(
                name=name,
                version=_version(package, folder, tables),
                folder=folder,
                roots=tuple(_roots(table, package, name, folder, listing)),
                is_dependency=_join(folder, ".cargo-checksum.json") in paths and _above(folder, tables) is not None,
            )
            crates.append(crate)
    return Crates(crates=tuple(sorted(crates, key=lambda crate: crate.key)), unclear=tuple(unclear))


class _Listing:
    """The Rust files of the target, as cargo looks for targets that nobody named."""

    def __init__(self, paths: frozenset[str]) -> None:
        self._paths = paths
        self._files: dict[str, list[tuple[str, str]]] = {}
        for path in sorted(paths):
            if not path.endswith(".rs"):
                continue
            folder, name = posixpath.split(path)
            self._files.setdefault(folder, []).append((name.removesuffix(".rs"), path))
            if name == "main.rs":
                above, name = posixpath.split(folder)
                self._files.setdefault(above, []).append((name, path))

    def holds(self, path: str) -> bool:
        return path in self._paths

    def targets(self, folder: str) -> Iterator[tuple[str, str]]:
        """Name and path of `folder/NAME.rs` and `folder/NAME/main.rs`."""
        yield from self._files.get(folder, ())


# Table of the manifest, folder of the targets that nobody named, the switch that turns them off, what they are for.
_TARGETS = (
    ("bin", "src/bin", "autobins", Use.USED),
    ("example", "examples", "autoexamples", Use.BUILT),
    ("test", "tests", "autotests", Use.TEST),
    ("bench", "benches", "autobenches", Use.TEST),
)


def _roots(
    table: Mapping[str, Any], package: Mapping[str, Any], name: str, folder: str, listing: _Listing
) -> Iterator[Root]:
    """The targets of a package, by cargo's rules."""
    library = _toml.table(table.get("lib")).get("path")
    yield from _root(listing, Use.USED, "", _join(folder, library if isinstance(library, str) else "src/lib.rs"))
    is_2015 = package.get("edition", "2015") == "2015"
    for kind, place, switch, use in _TARGETS:
        entries = table.get(kind)
        named = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        for entry in named:
            target, path = entry.get("name"), entry.get("path")
            own = target if isinstance(target, str) else name
            beside = (f"{place}/{own}.rs", f"{place}/{own}/main.rs")
            places = (path,) if isinstance(path, str) else (*beside, "src/main.rs") if kind == "bin" else beside
            candidate = next((place for place in places if listing.holds(_join(folder, place))), "")
            yield from _root(listing, use, "" if candidate == "src/main.rs" else own, _join(folder, candidate))
        if package.get(switch, not (is_2015 and named)):
            if kind == "bin":
                yield from _root(listing, use, "", _join(folder, "src/main.rs"))
            for target, path in listing.targets(_join(folder, place)):
                yield from _root(listing, use, target, path)
    script = package.get("build", "build.rs")
    if isinstance(script, str):
        yield from _root(listing, Use.BUILT, "build", _join(folder, script))


def _root(listing: _Listing, use: Use, module: str, path: str) -> Iterator[Root]:
    if listing.holds(path):
        yield Root(path=path, use=use, module=module)


def reach(crate: Crate, brings: Mapping[str, tuple[Brought, ...]]) -> Mapping[str, Reached]:
    """The files that a crate's targets are made of, each once, as what it is used for most. `brings`: what each Rust
    file of the target brings in, by path."""
    reached: dict[str, Reached] = {}
    starts = [_Visit(path=root.path, use=root.use, module=root.module, inner=None) for root in crate.roots]
    waiting: dict[Use, deque[_Visit]] = {use: deque() for use in Use}
    for visit in starts:
        waiting[visit.use].append(visit)
    for queue in waiting.values():
        while queue:
            visit = queue.popleft()
            if visit.path in reached or visit.path not in brings:
                continue
            reached[visit.path] = Reached(use=visit.use, module=visit.module)
            for entry in brings[visit.path]:
                use = max(visit.use, Use.TEST) if entry.is_test else visit.use
                waiting[use].extend(_visits(visit, entry, use))
    return MappingProxyType(reached)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    path: str
    use: Use
    module: str
    inner: str | None
    """The folder of the modules that it declares; None: that of the file itself."""

    @property
    def folder(self) -> str:
        return posixpath.dirname(self.path) if self.inner is None else self.inner


def _visits(visit: _Visit, entry: Brought, use: Use) -> Iterator[_Visit]:
    """The files that a declaration may mean, whichever of them are there."""
    beside = posixpath.dirname(visit.path)
    if not entry.name:
        for path in entry.paths:
            yield _Visit(path=_join(beside, path), use=use, module=visit.module, inner=visit.inner)
        return
    module = visit.module
    for name in (*entry.inside, entry.name):
        module = _below(module, name)
    inner = posixpath.normpath(posixpath.join(visit.folder, *entry.inside)) if entry.inside else visit.folder
    for path in entry.paths:
        # A file that `#[path]` names looks for its own modules beside itself.
        yield _Visit(path=_join(inner if entry.inside else beside, path), use=use, module=module, inner=None)
    yield _Visit(path=_join(inner, f"{entry.name}.rs"), use=use, module=module, inner=_join(inner, entry.name))
    yield _Visit(path=_join(inner, f"{entry.name}/mod.rs"), use=use, module=module, inner=None)


def unreached(path: str, crate: Crate | None) -> Reached:
    """What can be said of a file by its place alone: tests are in `tests/`, modules are called as their folders."""
    own = path[len(crate.folder) + 1 :] if crate and crate.folder else path
    parts = own.removesuffix(".rs").split("/")
    use = Use.TEST if crate and parts[0] in ("tests", "benches") else Use.UNREACHED
    if parts[0] == "src":
        parts = parts[1:]
    if parts and parts[-1] == "mod":
        parts = parts[:-1]
    module = ""
    for part in parts:
        module = _below(module, part)
    return Reached(use=use, module=module)


def _below(module: str, name: str) -> str:
    if len(module) > _MOST_MODULES:
        return module
    return f"{module}::{name}" if module else name


def _version(package: Mapping[str, Any], folder: str, tables: Mapping[str, Mapping[str, Any]]) -> str:
    """A package's version, which it may inherit from its workspace; cargo takes a missing one for 0.0.0."""
    version = package.get("version", "0.0.0")
    place: str | None = folder
    while isinstance(version, dict) and place is not None:
        shared = _toml.table(_toml.table(tables.get(place, {}).get("workspace")).get("package")).get("version")
        version = shared if isinstance(shared, str) else version
        place = _above(place, tables)
    return version if isinstance(version, str) else "0.0.0"


def _above(folder: str, tables: Mapping[str, object]) -> str | None:
    """The nearest folder above one that has a manifest."""
    while folder:
        folder = posixpath.dirname(folder)
        if folder in tables:
            return folder
    return None


def _join(folder: str, path: str) -> str:
    """A path relative to the target's root; one that leads out of it names no file of the target."""
    return posixpath.normpath(posixpath.join(folder, path))

"""The dependency graph that a Cargo.lock pins, with what its packages say of themselves and who asks for them.

A lock file that is not committed is made by cargo first (`prepare`), and where the scan is online, cargo fetches the
packages, of which the manifests alone are read. Nothing of any package is built or executed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from magray_sec import _toml
from magray_sec.adapters import _cargo
from magray_sec.adapters._cargo_lock import (
    Line,
    Lock,
    Locked,
    dependency_line,
    first_line,
    package_name,
    read_lock,
)
from magray_sec.adapters._cargo_shelf import Manifest, Shelf, dependency_tables, describe, read_tables
from magray_sec.adapters._rustsec import purl
from magray_sec.model.finding import Package, Place, Rule
from magray_sec.model.run import (
    Claim,
    Command,
    Gap,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    Level,
    Notification,
    ScanContext,
    Source,
    Target,
)
from magray_sec.model.scale import Domain, Severity

_MANIFEST = "Cargo.toml"
_MOST_SHOWN = 5
_DIRECT = 2
"""The length of the way to a direct dependency: whose it is, and itself."""


def supply_chain_rule(
    name: str, severity: Severity, *, title: str, description: str, advice: str, reference: str = ""
) -> Rule:
    """A rule of the domain supply-chain."""
    return Rule(
        id=f"supply-chain/{name}",
        domain=Domain.SUPPLY_CHAIN,
        title=title,
        description=description,
        help=f"{description}\n\n### What to do\n\n{advice}",
        cwe=("CWE-1357",),
        references=(reference,) if reference else (),
        severity=severity,
    )


def claims(inventory: Inventory, domain: Domain) -> tuple[Claim, ...]:
    """Every Cargo.lock, and every Cargo.toml that none pins."""
    items = (*inventory.of(ItemKind.LOCKFILE, "cargo"), *inventory.of(ItemKind.MANIFEST, "cargo"))
    return tuple(Claim(domain=domain, item=item.id) for item in items)


def prepare(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """For each manifest a lock file, and for each lock file its packages, where cargo may fetch them."""
    items = {item.id: item for item in (context.inventory or Inventory()).items}
    made: list[Command | Gap] = []
    for claim in claims:
        item = items[claim.item]
        refusal = _cargo.refusal(item, context)
        if item.kind is ItemKind.MANIFEST:
            if refusal:
                reason = f"it has no Cargo.lock, and none can be made: {refusal[0]}"
                made.append(gap(item, claim.domain, reason, refusal[1]))
                continue
            made.append(_cargo.generate_lock(target, claim, item, context)[0])
        if not refusal and not context.offline and _has_manifest(item, context):
            made.append(_cargo.fetch(target, claim, item, context))
    return tuple(made)


def _has_manifest(item: Item, context: ScanContext) -> bool:
    paths = {file.path for file in (context.inventory or Inventory()).files}
    return item.kind is ItemKind.MANIFEST or manifest_of(item) in paths


def manifest_of(item: Item) -> str:
    """The Cargo.toml of a lock file or a manifest, by its path in the target."""
    return posixpath.join(posixpath.dirname(item.name), _MANIFEST)


def gap(item: Item, domain: Domain, reason: str, hint: str) -> Gap:
    """That an item was not, or not all of it, looked at."""
    return Gap(kind=GapKind.ITEM, domain=domain, item=item.id, path=item.name, reason=reason, hint=hint)


def shelf(source: Source, context: ScanContext) -> Shelf:
    """Where the packages' manifests are looked for: our own cargo's cache first, then the operator's."""
    homes = (_cargo.home(context), context.environment.get("CARGO_HOME", ""))
    return Shelf.over(source, tuple(home for home in dict.fromkeys(homes) if home))


class Described(Protocol):
    """What knows the manifests of packages that are not the repository's own."""

    def find(self, package: Locked, *, with_build_script: bool = False) -> Manifest | None:
        """As `Shelf.find`."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """One lock file's packages. What is derived is worked out when it is first asked for, and kept: hence no slots."""

    item: Item
    lock: Lock
    source: Source
    shelf: Described
    generated: str = ""
    """The day it was generated on; empty: it is committed."""

    @cached_property
    def members(self) -> Mapping[str, str]:
        """The packages of the workspace: name -> path of the manifest."""
        listed = [path for path in (self.item.fact("members") or "").split("\n") if path]
        return self._named(listed or [manifest_of(self.item)])

    @cached_property
    def local(self) -> Mapping[str, str]:
        """Every package whose manifest lies in the target, the workspace's before all others."""
        listed = [file.path for file in self.source.files() if posixpath.basename(file.path) == _MANIFEST]
        return {**self._named(listed), **self.members}

    def _named(self, paths: Iterable[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for path in paths:
            name = package_name(self.read(path))
            if name is not None:
                found.setdefault(name, path)
        return found

    def read(self, path: str) -> bytes:
        """A file of the target; nothing where it cannot be read, which `discover` says."""
        try:
            return self.source.read(path)
        except OSError:
            return b""

    def is_own(self, package: Locked) -> bool:
        """Whether it is the repository's own: without a source, and not in a folder outside of it."""
        return package.source is None and package not in self.outside

    @cached_property
    def outside(self) -> frozenset[Locked]:
        """The packages without a source that lie outside of the repository, as the manifests' paths say. What is
        inside and not to be seen was left out of the scan, which is said elsewhere."""
        local = [entry for entry in self.lock.packages if entry.source is None]
        asked = [(entry, self.lock.packages[place]) for entry in local for place in entry.dependencies]
        asked = [(owner, wanted) for owner, wanted in asked if wanted.source is None]
        found = {wanted for owner, wanted in asked if self._leads_out(owner, wanted)}
        while more := {wanted for owner, wanted in asked if owner in found and wanted.name not in self.local} - found:
            found |= more
        return frozenset(found)

    def _leads_out(self, owner: Locked, wanted: Locked) -> bool:
        root, path = manifest_of(self.item), self.local.get(owner.name)
        tables = self.tables(root)
        shared = _toml.table(_toml.table(tables.get("workspace")).get("dependencies"))
        asked = [(root, table) for table in _toml.table(tables.get("patch")).values()]
        for _, table in dependency_tables(self.tables(path)) if path else ():
            inherited = {
                key: shared.get(key) for key, value in table.items() if _toml.table(value).get("workspace") is True
            }
            asked += [(path or root, table), (root, inherited)]
        return any(
            _is_path_out(posixpath.dirname(manifest), _toml.table(requirement).get("path"))
            for manifest, table in asked
            for key, requirement in _toml.table(table).items()
            if _toml.table(requirement).get("package", key) == wanted.name
        )

    def tables(self, path: str) -> Mapping[str, Any]:
        """A manifest of the target, parsed once; empty where it is none."""
        if path not in self._parsed:
            self._parsed[path] = read_tables(self.source, path) or {}
        return self._parsed[path]

    @cached_property
    def _parsed(self) -> dict[str, Mapping[str, Any]]:
        return {}

    @cached_property
    def dependencies(self) -> tuple[Locked, ...]:
        """All packages but the repository's own, in the lock file's order."""
        return tuple(entry for entry in self.lock.packages if not self.is_own(entry))

    @cached_property
    def direct(self) -> frozenset[int]:
        """Those that a package of the repository asks for, by their places in the lock file."""
        packages = self.lock.packages
        asked = {place for entry in packages if self.is_own(entry) for place in entry.dependencies}
        return frozenset(place for place in asked if not self.is_own(packages[place]))

    def describe(self, package: Locked, *, with_build_script: bool = False) -> Manifest | None:
        """What a package's manifest says; None where it is not on disk."""
        if (package, with_build_script) not in self._described:
            self._described[package, with_build_script] = self._describe(package, with_build_script=with_build_script)
        return self._described[package, with_build_script]

    @cached_property
    def _described(self) -> dict[tuple[Locked, bool], Manifest | None]:
        return {}

    def _describe(self, package: Locked, *, with_build_script: bool) -> Manifest | None:
        if not self.is_own(package):
            return self.shelf.find(package, with_build_script=with_build_script)
        path = self.local.get(package.name)
        tables = self.tables(path) if path else None
        if not tables or not path:
            return None
        script = posixpath.join(posixpath.dirname(path), "build.rs")
        beside = any(file.path == script for file in self.source.files())
        return describe(tables, workspace=self.tables(manifest_of(self.item)), build_script_beside=beside)

    def kinds(self, manifests: Mapping[Locked, Manifest | None]) -> Mapping[Locked, str]:
        """What each dependency is needed for: `normal` (in what is shipped), `build` or `dev` (only for that).

        `manifests`: what each dependency says. One that is reached through a package of which nothing is known is
        left out, unless it is known to be shipped all the same.
        """
        packages = self.lock.packages
        known = {entry: manifests.get(entry) or self.describe(entry) for entry in packages if self.is_own(entry)}
        known.update(manifests)
        roots = [place for place, entry in enumerate(packages) if self.is_own(entry)]

        def reached(kinds: frozenset[str], *, doubting: bool) -> set[int]:
            seen, pending = set(roots), list(roots)
            while pending:
                entry = packages[pending.pop()]
                manifest = known.get(entry)
                for place in entry.dependencies:
                    asks = manifest.asks.get(packages[place].name, frozenset()) if manifest else None
                    if place not in seen and (doubting if asks is None else asks & kinds):
                        seen.add(place)
                        pending.append(place)
            return seen

        shipped, perhaps = (reached(frozenset({"normal"}), doubting=doubting) for doubting in (False, True))
        built, maybe = (reached(frozenset({"normal", "build"}), doubting=doubting) for doubting in (False, True))
        every = reached(frozenset({"normal", "build", "dev"}), doubting=True)
        found = {}
        for place in every:
            if place in shipped:
                found[packages[place]] = "normal"
            elif place not in perhaps and place in built:
                found[packages[place]] = "build"
            elif place not in perhaps and place not in maybe:
                found[packages[place]] = "dev"
        return found

    def way(self, package: Locked) -> tuple[Locked, ...]:
        """The shortest way to it from a package of the repository, both included."""
        return self.lock.path_to(package)

    def place(self, package: Locked) -> Place:
        """The line of the Cargo.toml that asks for the first crate on the way to it; where there is none, its own line
        of a committed lock file, else the manifest's first."""
        way = self.way(package)
        if len(way) >= _DIRECT and (found := self.asking_line(way[0].name, way[1].name)):
            return found
        return self.first_line if self.generated else _place(self.item.name, package.line)

    def asking_line(self, owner: str, wanted: str) -> Place | None:
        """The line by which a package of the repository asks for another package; None where none is found."""
        if (owner, wanted) not in self._asked:
            self._asked[owner, wanted] = self._find_line(owner, wanted)
        return self._asked[owner, wanted]

    @cached_property
    def _asked(self) -> dict[tuple[str, str], Place | None]:
        return {}

    def _find_line(self, owner: str, wanted: str) -> Place | None:
        root = manifest_of(self.item)
        shared = self.read(root)
        path = self.members.get(owner) or self.local.get(owner)
        for manifest, data in ((path, self.read(path) if path else b""), (root, shared)):
            line = dependency_line(data, wanted, workspace=shared) if manifest and data else None
            if manifest and line:
                return _place(manifest, line)
        return None

    def line_of(self, path: str, wanted: str) -> Place:
        """The line of one manifest that asks for a package, or the manifest as a whole."""
        data = self.read(path)
        return _place(path, dependency_line(data, wanted) or (first_line(data) if data else None))

    @cached_property
    def first_line(self) -> Place:
        """Where what is said of the whole graph stands: its manifest, or a lock file that has none beside it."""
        for path in (manifest_of(self.item), self.item.name):
            data = self.read(path)
            if data:
                return _place(path, first_line(data))
        return Place(path=self.item.name)

    def package(self, package: Locked, *, license: str | None = None, kind: str | None = None) -> Package:  # noqa: A002 - the field's name
        """The package as findings carry it."""
        return Package(
            purl=purl(package.name, package.version, package.source),
            name=package.name,
            version=package.version,
            path=tuple(entry.label for entry in self.way(package)),
            lockfile=self.item.name,
            lock_is_generated=bool(self.generated),
            license=license,
            dependency_kind=kind,
        )

    def in_words(self, package: Locked) -> str:
        """The package and who brings it in, as a sentence begins."""
        way = self.way(package)
        if len(way) == _DIRECT:
            return f"{package.label}, a direct dependency of {way[0].name},"
        if len(way) > _DIRECT:
            return f"{package.label}, which {way[0].name} gets through {way[1].label},"
        return package.label


def read_graphs(
    claims: tuple[Claim, ...], source: Source, context: ScanContext
) -> Iterator[Graph | Gap | Notification]:
    """The graph of each claimed item, and a gap for one whose lock file is none."""
    items = {item.id: item for item in (context.inventory or Inventory()).items}
    shelved = shelf(source, context)
    for claim in claims:
        item = items[claim.item]
        is_committed = item.kind is ItemKind.LOCKFILE
        try:
            data = source.read(item.name) if is_committed else _read(_cargo.generated_lock(item, context))
            lock = read_lock(data)
        except (OSError, ValueError) as error:
            reason = (error.strerror or "it cannot be read") if isinstance(error, OSError) else str(error)
            what = "this lock file" if is_committed else "the lock file that cargo made for it"
            yield gap(item, claim.domain, f"{what} cannot be read: {reason}", "make it again: cargo generate-lockfile")
            continue
        if not lock.packages:
            yield gap(item, claim.domain, "the lock file holds no package", "make it again: cargo generate-lockfile")
            continue
        if not is_committed:
            day = context.today.isoformat()
            text = f"no Cargo.lock is committed; one was generated on {day}, so that versions are that day's newest"
            yield Notification(level=Level.NOTE, message=text, path=item.name)
        generated = "" if is_committed else context.today.isoformat()
        yield Graph(item=item, lock=lock, source=source, shelf=shelved, generated=generated)


def missing(graph: Graph, packages: Iterable[Locked], context: ScanContext, *, what: str) -> tuple[str, str] | None:
    """Why and of which packages `what` is not known, and what to do; None where there are none."""
    packages = tuple(packages)
    if not packages:
        return None
    labels = [entry.label for entry in packages]
    shown = ", ".join(labels[:_MOST_SHOWN])
    shown += f" and {len(labels) - _MOST_SHOWN} more" if len(labels) > _MOST_SHOWN else ""
    refusal = _cargo.refusal(graph.item, context)
    if refusal:
        why, hint = f": {refusal[0]}", refusal[1].partition(", or commit")[0] + ", or vendor them with `cargo vendor`"
    elif context.offline:
        why, hint = ": the scan is offline", "scan without --offline, or run `cargo fetch` before it"
    elif not graph.members and not graph.read(manifest_of(graph.item)):
        why, hint = ": no Cargo.toml lies beside the lock file", "exclude it where it is a test's input"
    elif _is_out_of_date(graph, packages, context):
        why = ": the lock file does not fit its manifests any more, cargo takes other versions than it pins"
        hint = "bring it up to date: cargo update --workspace"
    else:
        why, hint = "", "see what the report says of its preparation, or run `cargo fetch --locked`"
    few = f"{len(labels)} of its {len(graph.dependencies)} dependencies"
    return f"{what} of {few} are not known, since they are not on disk ({shown}){why}", hint


def _is_out_of_date(graph: Graph, packages: tuple[Locked, ...], context: ScanContext) -> bool:
    """Whether cargo, which was given a copy of the lock file, left all of these packages out of it."""
    try:
        mended = read_lock(_read(_cargo.fetched_lock(graph.item, context)))
    except (OSError, ValueError):
        return False
    return not any(mended.find(entry.name, entry.version, entry.source) for entry in packages)


def age(package: Locked) -> tuple[list[int], str]:
    """What sorts versions, the oldest first, as far as their numbers tell."""
    numbers = package.version.partition("-")[0].partition("+")[0].split(".")
    return [int(number) if number.isdecimal() else 0 for number in numbers], package.version


def wild(tables: Mapping[str, Any]) -> set[str]:
    """The packages that a manifest takes any version of."""
    shared = _toml.table(_toml.table(tables.get("workspace")).get("dependencies"))
    every = [*(table for _, table in dependency_tables(tables)), shared]
    found = set()
    for table in every:
        for key, value in table.items():
            is_table = isinstance(value, Mapping)
            asked = value.get("version") if is_table else value
            renamed = value.get("package") if is_table else None
            is_placed = is_table and ("path" in value or "git" in value)
            if isinstance(asked, str) and asked.strip() == "*" and not is_placed:
                found.add(renamed if isinstance(renamed, str) else key)
    return found


def _is_path_out(folder: str, path: object) -> bool:
    return isinstance(path, str) and posixpath.normpath(posixpath.join(folder, path)).startswith(("../", "/"))


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _place(path: str, line: Line | None) -> Place:
    if line is None:
        return Place(path=path)
    return Place(
        path=path,
        start_line=line.number,
        start_column=line.start_column,
        end_line=line.number,
        end_column=line.end_column,
    )

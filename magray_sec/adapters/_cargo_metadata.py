"""The dependency graph as `cargo metadata --format-version 1` prints it, for a report made elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from magray_sec.adapters import _cargo_graph
from magray_sec.adapters._cargo_graph import Graph
from magray_sec.adapters._cargo_lock import Lock, Locked, brought_by, read_lock
from magray_sec.adapters._cargo_shelf import Manifest
from magray_sec.adapters._read import document
from magray_sec.model.adapter import ParseError
from magray_sec.model.run import (
    Claim,
    Command,
    File,
    Gap,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    Notification,
    RawOutput,
    Target,
)
from magray_sec.model.scale import Domain

_MOST_SHOWN = 5


class _Dependency(msgspec.Struct):
    name: str
    kind: str | None = None


class _Target(msgspec.Struct):
    kind: list[str]


class _Package(msgspec.Struct):
    name: str
    version: str
    id: str
    source: str | None
    dependencies: list[_Dependency]
    targets: list[_Target]
    license: str | None = None
    license_file: str | None = None
    links: str | None = None


class _Dep(msgspec.Struct):
    pkg: str


class _Node(msgspec.Struct):
    id: str
    deps: list[_Dep]


class _Resolve(msgspec.Struct):
    nodes: list[_Node]


class _Metadata(msgspec.Struct):
    packages: list[_Package]
    workspace_members: list[str]
    resolve: _Resolve | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the report says of packages."""

    manifests: Mapping[Locked, Manifest]

    def find(self, package: Locked, *, with_build_script: bool = False) -> Manifest | None:
        """What a package says of itself; the report knows of build scripts in any case."""
        del with_build_script
        return self.manifests.get(package)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The files of the target that came with a report."""

    root: str
    contents: Mapping[str, bytes]

    def files(self) -> tuple[File, ...]:
        """Every file there is."""
        return tuple(File(path=path, size=len(data)) for path, data in sorted(self.contents.items()))

    def read(self, path: str) -> bytes:
        """A file's bytes. OSError where it is not there."""
        if path not in self.contents:
            raise FileNotFoundError(path)
        return self.contents[path]

    def read_blob(self, blob: str) -> bytes:
        """OSError: there are no git objects."""
        raise FileNotFoundError(blob)

    def blob_at(self, commit: str, path: str) -> str:  # noqa: ARG002 - as `Source` has it
        """Empty: there are no git objects."""
        return ""


def imported(target: Target, inventory: Inventory, domain: Domain) -> Command:
    """The command that stands for a report made elsewhere; it covers the target's graph, where there is just one."""
    claims = _cargo_graph.claims(inventory, domain)
    items = {item.id: item for item in inventory.items}
    graphs = [items[claim.item] for claim in claims]
    names = [file.path for file in inventory.files if os.path.basename(file.path) in ("Cargo.toml", "Cargo.lock")]
    told = [[item.kind.value, item.name, item.fact("members") or ""] for item in graphs]
    return Command(
        argv=(),
        claims=claims if len(claims) == 1 else (),
        inputs=tuple(os.path.join(target.root, name) for name in names),
        facts={"root": target.root, "items": json.dumps(told)},
    )


def read_graph(raw: RawOutput) -> Iterator[Graph | Gap | Notification]:
    """The graph of a report, the notes on it, and a gap where it is not that of the item that it is to cover.

    ParseError where it is no such report, or one that leaves the dependencies out.
    """
    report, notes = document(raw.stdout, _Metadata)
    if report.resolve is None:
        raise ParseError("it was made with --no-deps and says nothing of dependencies")
    source = Inputs(root=raw.command.facts["root"], contents=dict(_contents(raw)))
    names = {package.id: package.name for package in report.packages}
    members = {names.get(member, member) for member in report.workspace_members}
    candidates = [_candidate(kind, name, told, source) for kind, name, told in json.loads(raw.command.facts["items"])]
    fitting = [graph for graph in candidates if members == set(graph.members)]
    chosen = (fitting or [_candidate(ItemKind.MANIFEST.value, "Cargo.toml", "", source)])[0]
    committed = _committed(chosen)
    lock, manifests = _lock(report, report.resolve, committed)
    graph = Graph(item=chosen.item, lock=lock, source=source, shelf=Told(manifests=manifests))
    yield from notes
    for claim in raw.command.claims:
        yield from _uncovered(claim, graph, committed, is_fitting=bool(fitting))
    yield graph


def _contents(raw: RawOutput) -> Iterator[tuple[str, bytes]]:
    for path in raw.command.inputs:
        data = raw.input(path)
        if data is not None:
            yield os.path.relpath(path, raw.command.facts["root"]).replace(os.sep, "/"), data


def _candidate(kind: str, name: str, members: str, source: Inputs) -> Graph:
    item = Item(kind=ItemKind(kind), name=name, ecosystem="cargo", facts=(("members", members),))
    return Graph(item=item, lock=Lock(packages=()), source=source, shelf=Told(manifests={}))


def _committed(graph: Graph) -> Lock | None:
    if graph.item.kind is not ItemKind.LOCKFILE:
        return None
    try:
        return read_lock(graph.read(graph.item.name))
    except ValueError:
        return None


def _lock(report: _Metadata, resolve: _Resolve, committed: Lock | None) -> tuple[Lock, Mapping[Locked, Manifest]]:
    """The report's packages in the shape of a lock file, and what each says of itself."""
    packages = sorted(report.packages, key=lambda package: (package.name, package.version, package.source or ""))
    places = {package.id: place for place, package in enumerate(packages)}
    nodes = {node.id: node for node in resolve.nodes}
    unknown = {*(dep.pkg for node in resolve.nodes for dep in node.deps), *nodes, *report.workspace_members} - set(
        places
    )
    if unknown or not packages:
        raise ParseError("it names packages that it does not describe" if unknown else "it holds no package")
    asked = [
        tuple(places[dep.pkg] for dep in nodes[package.id].deps) if package.id in nodes else () for package in packages
    ]
    before = brought_by([package.source for package in packages], asked)
    entries, manifests = [], {}
    for place, package in enumerate(packages):
        known = committed.find(package.name, package.version, package.source) if committed else None
        entry = Locked(
            name=package.name,
            version=package.version,
            source=package.source,
            line=known.line if known else None,
            brought_by=before[place],
            dependencies=asked[place],
        )
        entries.append(entry)
        manifests[entry] = _manifest(package)
    return Lock(packages=tuple(entries)), manifests


def _manifest(package: _Package) -> Manifest:
    asks: dict[str, set[str]] = {}
    for dependency in package.dependencies:
        asks.setdefault(dependency.name, set()).add(dependency.kind or "normal")
    kinds = {kind for target in package.targets for kind in target.kind}
    return Manifest(
        license=package.license,
        license_file=package.license_file,
        asks={name: frozenset(found) for name, found in asks.items()},
        has_build_script="custom-build" in kinds,
        is_proc_macro="proc-macro" in kinds,
        links=package.links or "",
    )


def _uncovered(claim: Claim, graph: Graph, committed: Lock | None, *, is_fitting: bool) -> Iterator[Gap]:
    path = claim.item.partition(":")[2]
    if not is_fitting:
        reason = "the report that was taken in is of other packages than those of this workspace"
        hint = "make it here: cargo metadata --format-version 1 --locked"
        yield Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, path=path, reason=reason, hint=hint)
        return
    known = {(entry.name, entry.version) for entry in graph.lock.packages}
    pinned = committed.packages if committed else ()
    lost = [entry.label for entry in pinned if (entry.name, entry.version) not in known]
    if lost:
        more = f" and {len(lost) - _MOST_SHOWN} more" if len(lost) > _MOST_SHOWN else ""
        shown = ", ".join(lost[:_MOST_SHOWN]) + more
        reason = f"the report that was taken in lacks {len(lost)} of its {len(pinned)} packages ({shown})"
        hint = "make it for all platforms and features: cargo metadata --format-version 1 --locked --all-features"
        yield Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, path=path, reason=reason, hint=hint)

"""Which Cargo.toml files of a tree stand for a dependency graph of their own, by cargo's own rules for workspaces.

Read from the files alone: cargo is not run. A manifest that belongs to a workspace is covered by the workspace's root;
what remains is a root, a package that stands alone, one that cargo would refuse (an orphan), or one that does not
parse.
"""

from __future__ import annotations

import fnmatch
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from magray_sec import _toml
from magray_sec.model.run import Gap, GapKind, Item, ItemKind, Level, Notification
from magray_sec.model.scale import Domain
from magray_sec.model.text import clean, shown_path

MANIFEST = "Cargo.toml"
LOCK = "Cargo.lock"

_MOST_COMPARISONS = 2_000_000
"""Of member patterns with folders, in one tree: a thousand crates in a hundred workspaces stay far below."""

_TABLES = ("dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies")
_CONFIGS = (".cargo/config.toml", ".cargo/config")
_DOMAINS = frozenset({Domain.DEPENDENCIES, Domain.LICENSES, Domain.SUPPLY_CHAIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What the rules are applied to."""

    paths: frozenset[str]
    """Every file, relative to the target's root."""
    read: Callable[[str], bytes]
    """A file's bytes; OSError where it cannot be read or lies outside."""
    is_outside: Callable[[str], bool]
    """Whether a relative path, links resolved, leads out of the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CargoItems:
    """What `survey` found."""

    items: tuple[Item, ...]
    gaps: tuple[Gap, ...]
    notifications: tuple[Notification, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manifest:
    path: str
    data: Mapping[str, Any]
    trouble: str = ""

    @property
    def folder(self) -> str:
        return posixpath.dirname(self.path)

    @property
    def is_root(self) -> bool:
        return "workspace" in self.data

    @property
    def is_package(self) -> bool:
        return "package" in self.data or "project" in self.data

    def workspace(self) -> Mapping[str, Any]:
        return _toml.table(self.data.get("workspace"))

    def package(self) -> Mapping[str, Any]:
        return _toml.table(self.data.get("package")) or _toml.table(self.data.get("project"))


@dataclass(slots=True)
class _Survey:
    tree: Tree
    budget: int
    known: dict[str, _Manifest | None] = field(default_factory=dict)

    def load(self, path: str) -> _Manifest | None:
        """The manifest at `path`, read once; None where there is none."""
        if path not in self.known:
            self.known[path] = _parse(path, self.tree)
        return self.known[path]


def survey(tree: Tree) -> CargoItems:
    """One item for each lock file and for each dependency graph that no lock file pins, with what scanners need.

    Facts: `members` (the manifests of the workspace, its root's first, a line each), `foreign-source` (the first
    dependency that comes from git, from another registry or from outside of the target), `orphan` (the root that does
    not list the package), `unparsed` (the first manifest of it that does not parse).
    """
    every = sorted(path for path in tree.paths if path.rpartition("/")[2] == MANIFEST)
    # `members` is a list of lines.
    broken = [path for path in every if "\n" in path]
    every = [path for path in every if "\n" not in path]
    copies = {path for path in every if _is_copy(path, tree.paths)}
    state = _Survey(tree, budget=_MOST_COMPARISONS)
    manifests = [found for path in every if path not in copies and (found := state.load(path))]
    members = {entry.path: _members(entry, every, state) for entry in manifests if entry.is_root}
    owned = {path for found in members.values() for path in found}
    items = []
    for manifest in manifests:
        if manifest.is_root:
            if not members[manifest.path] and not manifest.is_package and not _has_lock(manifest, tree):
                continue
            items.append(_item(manifest, members[manifest.path], "", state))
        elif manifest.path not in owned:
            items.append(_item(manifest, (manifest.path,), _orphaned_from(manifest, state), state))
    taken = {item.name for item in items}
    locks = sorted(path for path in tree.paths if path.rpartition("/")[2] == LOCK and path not in taken)
    items += [Item(kind=ItemKind.LOCKFILE, name=path, ecosystem="cargo", domains=_DOMAINS) for path in locks]
    gaps = [_unclear(entry.path, f"cannot be understood: {entry.trouble}") for entry in manifests if entry.trouble]
    gaps += [_unclear(path, "lies in a folder whose name holds a line break") for path in broken]
    if state.budget < 0:
        gaps.append(_unclear("", "files name too many workspace members to tell which belongs where"))
    return CargoItems(items=tuple(items), gaps=tuple(gaps), notifications=tuple(_copies_note(sorted(copies))))


def _parse(path: str, tree: Tree) -> _Manifest | None:
    try:
        raw = tree.read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _Manifest(path=path, data={}, trouble=f"it cannot be read ({error.strerror})")
    try:
        data = _toml.parse(raw)
    except ValueError as error:
        return _Manifest(path=path, data={}, trouble=clean(str(error), limit=200))
    found = _Manifest(path=path, data=data)
    if not found.is_root and not found.is_package:
        return _Manifest(path=path, data={}, trouble="it has neither [package] nor [workspace]")
    return found


def _unclear(path: str, trouble: str) -> Gap:
    return Gap(
        kind=GapKind.FILE,
        domain=Domain.DEPENDENCIES,
        path=path,
        reason=f"{'this' if path else 'the'} Cargo.toml {trouble}",
        hint="mend it, or exclude it where it is a template or a test's input",
    )


def _is_copy(path: str, paths: frozenset[str]) -> bool:
    """Whether a manifest is a vendored copy or a build product of what another manifest of the tree stands for."""
    folder = posixpath.dirname(path)
    above = list(_above(folder))
    if f"{folder}/.cargo-checksum.json" in paths:
        return any(_join(place, name) in paths for place in above for name in (MANIFEST, LOCK))
    return any(
        place.rpartition("/")[2] == "target" and _join(place, "CACHEDIR.TAG") in paths for place in (folder, *above)
    )


def _copies_note(copies: list[str]) -> Iterator[Notification]:
    if copies:
        count = len(copies)
        where = sorted({posixpath.dirname(posixpath.dirname(path)) for path in copies})
        shown = ", ".join(f"'{shown_path(place)}'" for place in where[:3]) + (" ..." if len(where) > 3 else "")
        word = "a Cargo.toml that is" if count == 1 else f"{count} Cargo.toml files that are"
        yield Notification(
            level=Level.NOTE, message=f"{word} vendored or built (in {shown}): taken for copies, not looked at alone"
        )


def _has_lock(manifest: _Manifest, tree: Tree) -> bool:
    return _join(manifest.folder, LOCK) in tree.paths


def _item(manifest: _Manifest, members: tuple[str, ...], orphan: str, state: _Survey) -> Item:
    facts = {"members": "\n".join(members)}
    if orphan:
        facts["orphan"] = orphan
    loaded = [found for path in members if (found := state.load(path))]
    broken = [entry.path for entry in (manifest, *loaded) if entry.trouble]
    if broken:
        facts["unparsed"] = broken[0]
    root = manifest if manifest.is_root else None
    foreign = next(_foreign(manifest, root, loaded, state), None)
    if foreign:
        facts["foreign-source"] = clean(foreign, limit=300)
    has_lock = _has_lock(manifest, state.tree)
    return Item(
        kind=ItemKind.LOCKFILE if has_lock else ItemKind.MANIFEST,
        name=_join(manifest.folder, LOCK) if has_lock else manifest.path,
        ecosystem="cargo",
        domains=_DOMAINS,
        facts=tuple(sorted(facts.items())),
    )


def _members(root: _Manifest, every: list[str], state: _Survey) -> tuple[str, ...]:
    """The manifests of a workspace as cargo finds them: the root, what `members` names, and path dependencies within.

    The root's own comes first where it is a package.
    """
    found = [root.path] if root.is_package else []
    pending = list(_path_dependencies(root, root)) if root.is_package else []
    for pattern in _texts(root.workspace().get("members")):
        wanted = _join(root.folder, pattern)
        if not any(char in wanted for char in "*?["):
            pending.append(wanted)
            continue
        state.budget -= len(every)
        if state.budget >= 0:
            parts = _split(wanted)
            pending += [folder for folder in map(posixpath.dirname, every) if _matches(parts, _split(folder))]
    seen = {root.path}
    listed = []
    while pending:
        path = _join(pending.pop(), MANIFEST)
        if path in seen:
            continue
        seen.add(path)
        manifest = state.load(path) if path in state.tree.paths else None
        if manifest is None or _is_excluded(root, manifest.folder):
            continue
        # A path dependency beside the workspace is a member where it says so itself.
        if not _is_below(manifest.folder, root.folder) and _root_of(manifest, state) != root.path:
            continue
        listed.append(path)
        pending += _path_dependencies(manifest, root)
    return (*found, *sorted(listed))


def _orphaned_from(manifest: _Manifest, state: _Survey) -> str:
    """The root that cargo finds for a package which is not one of its members; empty: it stands alone."""
    return (_root_of(manifest, state) or "") if manifest.is_package else ""


def _root_of(manifest: _Manifest, state: _Survey) -> str | None:
    pointer = manifest.package().get("workspace")
    if isinstance(pointer, str):
        return _join(_join(manifest.folder, pointer), MANIFEST)
    for place in _above(manifest.folder):
        path = _join(place, MANIFEST)
        found = state.load(path) if path in state.tree.paths else None
        if found is None:
            continue
        pointer = found.package().get("workspace")
        if found.is_root and not _is_excluded(found, manifest.folder):
            return found.path
        if not found.is_root and isinstance(pointer, str):
            return _join(_join(found.folder, pointer), MANIFEST)
    return None


def _is_excluded(root: _Manifest, folder: str) -> bool:
    excluded = _texts(root.workspace().get("exclude"))
    listed = _texts(root.workspace().get("members"))
    return any(_is_below(folder, _join(root.folder, place)) for place in excluded) and not any(
        _is_below(folder, _join(root.folder, place)) for place in listed
    )


def _foreign(
    manifest: _Manifest, root: _Manifest | None, members: Iterable[_Manifest], state: _Survey
) -> Iterator[str]:
    """What the graph takes from elsewhere than crates.io and the target, the root's own words first."""
    for place in (manifest.folder, *_above(manifest.folder)):
        for name in _CONFIGS:
            if _join(place, name) in state.tree.paths:
                yield from _redirected(_join(place, name), state.tree)
    yield from _patched(manifest, state.tree)
    pending = [*members]
    seen = {entry.path for entry in pending}
    # The path dependencies outside of the workspace are resolved with it.
    while pending:
        current = pending.pop(0)
        for name, requirement, base in _dependencies(current, root):
            if trouble := _elsewhere(requirement, base, state.tree):
                yield f"{shown_path(current.path)}: dependency {name} from {trouble}"
        for folder in _path_dependencies(current, root):
            path = _join(folder, MANIFEST)
            if path not in seen and not state.tree.is_outside(path):
                seen.add(path)
                if found := state.load(path):
                    pending.append(found)


def _redirected(path: str, tree: Tree) -> Iterator[str]:
    try:
        data = _toml.parse(tree.read(path))
    except (OSError, ValueError):
        yield f"{shown_path(path)}: it does not parse, so cargo may be told to take packages from elsewhere"
        return
    for name, source in _toml.table(data.get("source")).items():
        if isinstance(source, Mapping) and "replace-with" in source:
            yield f"{shown_path(path)}: source {name} is replaced by {source['replace-with']}"
    for word in ("patch", "paths"):
        if data.get(word):
            yield f"{shown_path(path)}: [{word}] puts other packages in the place of those asked for"


def _patched(manifest: _Manifest, tree: Tree) -> Iterator[str]:
    patches = [("patch", table) for table in _toml.table(manifest.data.get("patch")).values()]
    patches.append(("replace", manifest.data.get("replace")))
    for word, table in patches:
        for name, requirement in _toml.table(table).items():
            if trouble := _elsewhere(_toml.table(requirement), manifest.folder, tree):
                yield f"{shown_path(manifest.path)}: [{word}] {name} from {trouble}"


def _elsewhere(requirement: Mapping[str, Any], base: str, tree: Tree) -> str:
    if "git" in requirement:
        return f"git {_without_user(str(requirement['git']))}"
    registry = requirement.get("registry", "crates-io")
    if registry != "crates-io":
        return f"registry {registry}"
    if "registry-index" in requirement:
        return f"registry {_without_user(str(requirement['registry-index']))}"
    path = requirement.get("path")
    if isinstance(path, str) and tree.is_outside(_join(base, path)):
        return "a path outside the target"
    return ""


def _without_user(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url.rpartition("@")[2]
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path.partition('?')[0].partition('#')[0]}"


def _dependencies(manifest: _Manifest, root: _Manifest | None) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Each dependency's name, requirement, and the folder its path is relative to; inherited ones looked up."""
    shared = _toml.table(root.workspace().get("dependencies")) if root else {}
    for table in (manifest.data, *_toml.table(manifest.data.get("target")).values()):
        for kind in _TABLES:
            for name, requirement in _toml.table(_toml.table(table).get(kind)).items():
                if not isinstance(requirement, Mapping):
                    continue
                if requirement.get("workspace") is True and root:
                    yield name, _toml.table(shared.get(name)), root.folder
                else:
                    yield name, requirement, manifest.folder


def _path_dependencies(manifest: _Manifest, root: _Manifest | None) -> Iterator[str]:
    """The folders of the packages that a manifest depends on by path, relative to the target's root."""
    for _, requirement, base in _dependencies(manifest, root):
        if isinstance(path := requirement.get("path"), str):
            yield _join(base, path)


def _matches(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """Whether a folder is what a member pattern names; in steps, so that no `**/**` can take long."""
    places = _closed({0}, pattern)
    for part in parts:
        following = set()
        for place in places:
            if place == len(pattern):
                continue
            if pattern[place] == "**":
                following.add(place)
            elif pattern[place] == part or fnmatch.fnmatchcase(part, pattern[place]):
                following.add(place + 1)
        places = _closed(following, pattern)
    return len(pattern) in places


def _closed(places: set[int], pattern: tuple[str, ...]) -> set[int]:
    found = set(places)
    for place in places:
        end = place
        while end < len(pattern) and pattern[end] == "**":
            end += 1
            found.add(end)
    return found


def _above(folder: str) -> Iterator[str]:
    while folder:
        folder = posixpath.dirname(folder)
        yield folder


def _is_below(folder: str, place: str) -> bool:
    return not place or folder == place or folder.startswith(place + "/")


def _join(folder: str, path: str) -> str:
    """A path relative to the target's root; one that leaves it starts with `..` or `/`."""
    joined = posixpath.normpath(posixpath.join(folder, path.replace(os.sep, "/")))
    return "" if joined == "." else joined


def _split(folder: str) -> tuple[str, ...]:
    parts = folder.split("/") if folder else []
    return tuple(part for place, part in enumerate(parts) if not (part == "**" and parts[place - 1 : place] == ["**"]))


def _texts(value: object) -> list[str]:
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []

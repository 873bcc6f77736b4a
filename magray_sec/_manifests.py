"""The lock files and manifests of every ecosystem but cargo, by name and (where a name says little) by content."""

from __future__ import annotations

import fnmatch
import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from magray_sec import _toml
from magray_sec.model.run import Gap, GapKind, Item, ItemKind, Level, Notification
from magray_sec.model.scale import Domain
from magray_sec.model.text import clean

_DOMAINS = frozenset({Domain.DEPENDENCIES, Domain.LICENSES, Domain.SUPPLY_CHAIN})

_LOCKS = MappingProxyType(
    {
        "Cargo.lock": "cargo",
        "package-lock.json": "npm",
        "npm-shrinkwrap.json": "npm",
        "yarn.lock": "npm",
        "pnpm-lock.yaml": "npm",
        "bun.lock": "npm",
        "bun.lockb": "npm",
        "poetry.lock": "pypi",
        "uv.lock": "pypi",
        "Pipfile.lock": "pypi",
        "pdm.lock": "pypi",
        "pylock.toml": "pypi",
        "go.mod": "golang",
        "Gemfile.lock": "gem",
        "gems.locked": "gem",
        "composer.lock": "composer",
        "gradle.lockfile": "maven",
        "pom.xml": "maven",
        "packages.lock.json": "nuget",
        "packages.config": "nuget",
        "mix.lock": "hex",
        "pubspec.lock": "pub",
        "Package.resolved": "swift",
        "conan.lock": "conan",
    }
)

_REQUIREMENTS = re.compile(r"(?:(?:.*[-_.])?requirements(?:[-_.].*)?\.txt|pylock\.[^.]+\.toml)\Z")

_NPM_LOCKS = ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb")
_PYTHON_LOCKS = ("poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "Pipfile.lock")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A manifest that matters where no lock file stands beside it."""

    name: str
    """The file's name, or a pattern of it."""
    ecosystem: str
    locks: tuple[str, ...]
    marker: str = ""
    """A regular expression that its text matches where it asks for any package; empty: the name is enough."""


_KINDS = (
    _Kind(name="package.json", ecosystem="npm", locks=_NPM_LOCKS),
    _Kind(name="pyproject.toml", ecosystem="pypi", locks=_PYTHON_LOCKS),
    _Kind(name="Pipfile", ecosystem="pypi", locks=("Pipfile.lock",), marker=r"(?m)^\[(dev-)?packages\]"),
    _Kind(
        name="setup.py",
        ecosystem="pypi",
        locks=_PYTHON_LOCKS,
        marker=r"(install|setup|tests|extras)_requires?\b",
    ),
    _Kind(
        name="setup.cfg",
        ecosystem="pypi",
        locks=_PYTHON_LOCKS,
        marker=r"(install|setup|tests)_requires\b|options\.extras_require\b",
    ),
    _Kind(name="Gemfile", ecosystem="gem", locks=("Gemfile.lock",), marker=r"(?m)^\s*(gem|gemspec)\b"),
    _Kind(name="gems.rb", ecosystem="gem", locks=("gems.locked",), marker=r"(?m)^\s*(gem|gemspec)\b"),
    _Kind(name="composer.json", ecosystem="composer", locks=("composer.lock",), marker=r'"require(-dev)?"'),
    _Kind(name="build.gradle", ecosystem="maven", locks=("gradle.lockfile",), marker=r"\bdependencies\s*\{"),
    _Kind(name="build.gradle.kts", ecosystem="maven", locks=("gradle.lockfile",), marker=r"\bdependencies\s*\{"),
    _Kind(name="*.csproj", ecosystem="nuget", locks=("packages.lock.json",), marker=r"<PackageReference\b"),
    _Kind(name="*.fsproj", ecosystem="nuget", locks=("packages.lock.json",), marker=r"<PackageReference\b"),
    _Kind(name="*.vbproj", ecosystem="nuget", locks=("packages.lock.json",), marker=r"<PackageReference\b"),
    _Kind(name="mix.exs", ecosystem="hex", locks=("mix.lock",), marker=r"\bdeps\b"),
    _Kind(name="pubspec.yaml", ecosystem="pub", locks=("pubspec.lock",), marker=r"(?m)^(dev_)?dependencies\s*:\s*$"),
    _Kind(name="Package.swift", ecosystem="swift", locks=("Package.resolved",), marker=r"\.package\s*\("),
    _Kind(name="conanfile.txt", ecosystem="conan", locks=("conan.lock",), marker=r"(?m)^\[(build_|tool_)?requires\]"),
    _Kind(name="conanfile.py", ecosystem="conan", locks=("conan.lock",), marker=r"\brequires\b|\.requires\s*\("),
)

_BY_NAME = MappingProxyType({kind.name: kind for kind in _KINDS if "*" not in kind.name})
_BY_PATTERN = tuple(kind for kind in _KINDS if "*" in kind.name)

_COPIES = frozenset({"node_modules", "bower_components", "site-packages", "vendor"})
"""Folders of installed packages: what they hold was asked for by a manifest above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestItems:
    """What `survey` found."""

    items: tuple[Item, ...]
    gaps: tuple[Gap, ...]
    notifications: tuple[Notification, ...]


def is_known(path: str) -> bool:
    """Whether a file's name alone makes it a lock file or a manifest of some ecosystem."""
    name = path.rpartition("/")[2]
    return name == "Cargo.toml" or _lock_ecosystem(path) is not None or _kind(name) is not None


def is_lock(path: str) -> bool:
    """Whether a file's name makes it a lock file of some ecosystem."""
    return _lock_ecosystem(path) is not None


def ecosystem_of(path: str) -> str | None:
    """The purl type of the packages of a lock file, by its name; None where it is none."""
    return _lock_ecosystem(path)


def survey(paths: frozenset[str], read: Callable[[str], bytes]) -> ManifestItems:
    """One item for each lock file, and for each manifest that asks for packages and that no lock file pins.

    `read` gives a path's bytes, or raises OSError.
    """
    items, gaps, copies = [], [], 0
    for path in sorted(paths):
        ecosystem = _lock_ecosystem(path)
        if ecosystem is not None:
            if ecosystem != "cargo":
                items.append(Item(kind=ItemKind.LOCKFILE, name=path, ecosystem=ecosystem, domains=_DOMAINS))
            continue
        kind = _kind(path.rpartition("/")[2])
        if kind is None:
            continue
        if not _COPIES.isdisjoint(path.split("/")[:-1]):
            copies += 1
            continue
        folder = posixpath.dirname(path)
        if any(posixpath.join(folder, lock) in paths for lock in kind.locks):
            continue
        try:
            if _asks_for_packages(kind, read(path)) and not _is_pinned_above(path, kind, paths, read):
                items.append(Item(kind=ItemKind.MANIFEST, name=path, ecosystem=kind.ecosystem, domains=_DOMAINS))
        except (OSError, ValueError, RecursionError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            items.append(
                Item(
                    kind=ItemKind.MANIFEST,
                    name=path,
                    ecosystem=kind.ecosystem,
                    domains=_DOMAINS,
                    facts=(("unparsed", path),),
                )
            )
            gaps.append(
                Gap(
                    kind=GapKind.FILE,
                    domain=Domain.DEPENDENCIES,
                    path=path,
                    reason=f"this {path.rpartition('/')[2]} cannot be understood: {clean(str(reason), limit=200)}",
                    hint="mend it, or exclude it where it is a template or a test's input",
                )
            )
    word = "manifest lies" if copies == 1 else "manifests lie"
    message = f"{copies} {word} in folders of installed packages (vendor, node_modules ...): not looked at alone"
    notes = (Notification(level=Level.NOTE, message=message),) if copies else ()
    return ManifestItems(items=tuple(items), gaps=tuple(gaps), notifications=notes)


def _lock_ecosystem(path: str) -> str | None:
    name = path.rpartition("/")[2]
    if name in _LOCKS:
        return _LOCKS[name]
    if name.endswith((".txt", ".toml")) and (
        _REQUIREMENTS.match(name)
        or (name.endswith(".txt") and posixpath.basename(posixpath.dirname(path)) == "requirements")
    ):
        return "pypi"
    return None


def _kind(name: str) -> _Kind | None:
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name.endswith("proj"):
        return next((kind for kind in _BY_PATTERN if fnmatch.fnmatchcase(name, kind.name)), None)
    return None


def _asks_for_packages(kind: _Kind, raw: bytes) -> bool:
    """ValueError or RecursionError where that cannot be told."""
    if len(raw) > _toml.MOST_BYTES:
        raise ValueError("it is larger than 1 MiB")
    if kind.name == "package.json":
        data = json.loads(raw)
        names = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
        return isinstance(data, dict) and any(data.get(name) for name in names)
    if kind.name == "pyproject.toml":
        return _python_asks(_toml.parse(raw))
    return re.search(kind.marker, raw.decode("utf-8", "replace")) is not None


def _python_asks(data: Mapping[str, Any]) -> bool:
    project, tool = _toml.table(data.get("project")), _toml.table(data.get("tool"))
    poetry = _toml.table(tool.get("poetry"))
    asked = [name for name in _toml.table(poetry.get("dependencies")) if name.lower() != "python"]
    return bool(
        asked
        or project.get("dependencies")
        or project.get("optional-dependencies")
        or data.get("dependency-groups")
        or poetry.get("group")
        or poetry.get("dev-dependencies")
    )


def _is_pinned_above(path: str, kind: _Kind, paths: frozenset[str], read: Callable[[str], bytes]) -> bool:
    """Whether the lock file of a workspace further up speaks of this package."""
    if kind.ecosystem not in ("npm", "pypi"):
        return False
    folder = posixpath.dirname(path)
    for above in _above(folder):
        member = posixpath.relpath(folder, above or ".")
        locks = [lock for lock in kind.locks if posixpath.join(above, lock) in paths]
        if not locks:
            continue
        if kind.name == "package.json" and any(
            _matches(pattern, member) for pattern in _npm_members(posixpath.join(above, "package.json"), paths, read)
        ):
            return True
        quoted = re.escape(member)
        for lock in locks:
            # Both name their members by folder.
            wanted = {"uv.lock": rf'= "{quoted}"', "pnpm-lock.yaml": rf"(?m)^  '?{quoted}'?:"}.get(lock)
            if wanted and re.search(wanted, read(posixpath.join(above, lock)).decode("utf-8", "replace")):
                return True
    return False


def _npm_members(path: str, paths: frozenset[str], read: Callable[[str], bytes]) -> list[str]:
    if path not in paths:
        return []
    try:
        data = json.loads(read(path))
    except (OSError, ValueError, RecursionError):
        return []
    found = data.get("workspaces") if isinstance(data, dict) else None
    found = found.get("packages") if isinstance(found, dict) else found
    return [entry for entry in found if isinstance(entry, str)] if isinstance(found, list) else []


def _matches(pattern: str, member: str) -> bool:
    """A workspace's glob against a folder; `**` stands for any folders at its end, the only place it is used."""
    wanted = [part for part in pattern.split("/") if part not in ("", ".")]
    parts = member.split("/")
    if wanted and wanted[-1] == "**":
        wanted, parts = wanted[:-1], parts[: len(wanted) - 1]
    return len(wanted) == len(parts) and all(
        fnmatch.fnmatchcase(part, want) for part, want in zip(parts, wanted, strict=True)
    )


def _above(folder: str) -> Iterator[str]:
    while folder:
        folder = posixpath.dirname(folder)
        yield folder

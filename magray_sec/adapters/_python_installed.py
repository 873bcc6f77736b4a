"""Python packages as they lie installed in a target, known by their metadata: environments and vendored copies.

Metadata is read as text. No interpreter is asked, and nothing of an environment is imported.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from magray_sec.model.run import Source

ENVIRONMENTS = (".venv", "venv", "env", ".env")
"""Where environments lie by custom, beside what they are of."""

_DISTRIBUTION = re.compile(r"(?P<name>.+?)-(?P<version>[0-9][^-]*)(?:-py[0-9.]+)?\.(?:dist|egg)-info\Z")
_EGG = re.compile(r"(?P<name>.+?)\.egg-info\Z")
_SITE = re.compile(r"python[0-9.]+t?\Z")
_MOST_METADATA_BYTES = 2_000_000
_MOST_TEXT_BYTES = 200_000
_MOST_ENTRIES = 50_000
"""Of a folder of installed packages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A distribution's metadata."""

    name: str
    """As PEP 503 writes it."""
    version: str
    folder: str
    """Of its metadata (or the metadata's file itself), relative to the target's root."""
    metadata: Message

    def asks(self) -> tuple[tuple[str, bool], ...]:
        """The names of what it asks for, extras aside, each with whether it does so on every system."""
        from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415

        found = []
        for line in self.metadata.get_all("Requires-Dist", ()):
            try:
                wanted = Requirement(str(line))
            except InvalidRequirement:
                continue
            if not (wanted.marker and "extra" in str(wanted.marker)):
                found.append((str(canonicalize_name(wanted.name)), wanted.marker is None))
        return tuple(found)


class Environment:
    """All distributions that lie in a target, looked up by name."""

    def __init__(self, source: Source, folders: Iterable[str]) -> None:
        """`folders`: where projects lie, relative to the root; beside them and above, environments are looked for."""
        self._source = source
        self._places: dict[str, list[str]] = defaultdict(list)
        self._read: dict[str, Installed | None] = {}
        for path in _candidates(source, folders):
            name = _name_of(posixpath.basename(path))
            if path not in self._places[name]:
                self._places[name].append(path)

    def find(self, name: str, version: str | None, folder: str) -> tuple[Installed | None, bool]:
        """The distribution of that name and version, the one nearest to `folder` first; and whether one of another
        version is there."""
        found = [
            entry for path in self._places.get(name, ()) if (entry := self._installed(path)) and entry.name == name
        ]
        found.sort(key=lambda entry: (-len(posixpath.commonpath(["/" + folder, "/" + entry.folder])), entry.folder))
        match = next((entry for entry in found if version is None or _is_same(version, entry.version)), None)
        return match, bool(found)

    def licence_texts(self, distribution: Installed) -> Iterator[tuple[str, str]]:
        """The names and texts of the licence files that lie with a distribution's metadata."""
        stated = [str(name) for name in distribution.metadata.get_all("License-File", ())]
        names = dict.fromkeys((*stated, "LICENSE", "LICENSE.txt", "LICENSE.md", "LICENSE.rst", "COPYING", "LICENCE"))
        for name in names:
            inside = posixpath.normpath(name)
            if inside.startswith(("/", "../")):
                continue
            for place in ("licenses", "", "license_files"):
                path = posixpath.join(distribution.folder, place, inside)
                try:
                    data = self._source.read(path)
                except (OSError, ValueError):
                    continue
                yield name, data[:_MOST_TEXT_BYTES].decode("utf-8", "replace")
                break

    def _installed(self, path: str) -> Installed | None:
        if path not in self._read:
            self._read[path] = _describe(self._source, path)
        return self._read[path]


def _describe(source: Source, path: str) -> Installed | None:
    for name in ("METADATA", "PKG-INFO", ""):
        try:
            data = source.read(f"{path}/{name}" if name else path)
        except (OSError, ValueError):
            continue
        if len(data) > _MOST_METADATA_BYTES:
            return None
        metadata = HeaderParser().parsestr(data.decode("utf-8", "replace").lstrip("\ufeff"))
        stated, version = metadata.get("Name"), metadata.get("Version")
        if not stated or not version:
            return None
        return Installed(
            name=canonicalize_name(str(stated)), version=str(version).strip(), folder=path, metadata=metadata
        )
    return None


def _name_of(entry: str) -> str:
    found = _DISTRIBUTION.match(entry) or _EGG.match(entry)
    return canonicalize_name(found["name"]) if found else ""


def _is_same(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False


def _candidates(source: Source, folders: Iterable[str]) -> Iterator[str]:
    """The metadata folders of a target, each once or more."""
    for file in source.files():
        folder, _, name = file.path.rpartition("/")
        if name in ("METADATA", "PKG-INFO") and folder.endswith((".dist-info", ".egg-info")):
            yield folder
        elif name.endswith(".egg-info"):
            yield file.path
    places = dict.fromkeys(place for folder in folders for place in (folder, *_above(folder)))
    for place in places:
        for name in ENVIRONMENTS:
            environment = posixpath.join(place, name)
            if _is_environment(source, environment):
                for site in _sites(source.root, environment):
                    yield from (
                        f"{site}/{entry}"
                        for entry in _names(source.root, site)
                        if entry.endswith((".dist-info", ".egg-info"))
                    )


def _above(folder: str) -> Iterator[str]:
    while folder:
        folder = posixpath.dirname(folder)
        yield folder


def _is_environment(source: Source, folder: str) -> bool:
    try:
        source.read(f"{folder}/pyvenv.cfg")
    except (OSError, ValueError):
        return False
    return True


def _sites(root: str, environment: str) -> Iterator[str]:
    for library in ("lib", "Lib"):
        for entry in _names(root, f"{environment}/{library}"):
            if _SITE.match(entry):
                yield f"{environment}/{library}/{entry}/site-packages"
            elif entry == "site-packages":
                yield f"{environment}/{library}/{entry}"


def _names(root: str, folder: str) -> list[str]:
    """What a folder of the target holds; nothing where it is none, or leads out of the target."""
    real = os.path.realpath(root)
    path = os.path.realpath(os.path.join(real, *folder.split("/")))
    if not path.startswith(real.rstrip(os.sep) + os.sep):
        return []
    try:
        with os.scandir(path) as entries:
            names = sorted(entry.name for entry, _ in zip(entries, range(_MOST_ENTRIES), strict=False))
    except OSError:
        return []
    return names

"""What the packages that an SBOM lists amount to here: their licences, and where in the target they come from.

A package's lock file is the one of the target that holds it, where there is just one of its ecosystem that does; else
the SBOM itself, where that lies in the target. Nothing is looked up anywhere.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from packaging.utils import canonicalize_name

from magray_sec.adapters import _spdx
from magray_sec.adapters._cargo_lock import read_lock
from magray_sec.adapters._python_licences import Words, find_licence
from magray_sec.adapters._python_pins import read_pins
from magray_sec.adapters._spdx import UNKNOWN, Family, Licence, in_words
from magray_sec.model.adapter import Metric, Said
from magray_sec.model.finding import Package, Place, Sighting
from magray_sec.model.run import (
    Claim,
    Command,
    Gap,
    GapKind,
    Inventory,
    ItemKind,
    Level,
    Notification,
    RawOutput,
    Target,
)
from magray_sec.model.scale import Confidence, Domain
from magray_sec.model.text import clean

_MOST_NAMED = 5
_NEAR = 400
"""How far from a package's name its version stands in a lock file, in characters."""
_SILENT = frozenset({"", "NOASSERTION", "UNKNOWN"})
_NO_VERSION = "0"
_NOWHERE = (_NEAR, 0)
_WORD = re.compile(r"\w")
_MAKERS = {"cli": "npm", "npm/cli": "npm"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A package as an SBOM lists it."""

    name: str
    version: str
    purl: str = ""
    expression: str = ""
    """What it says of its licence as an expression."""
    words: tuple[str, ...] = ()
    """Or as names, each of which has to be met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A package in this program's words."""

    name: str
    version: str
    purl: str
    ecosystem: str
    """The purl's type; empty: not known."""
    is_local: bool = False
    """It lies on the disk of whoever made the SBOM: the project's own."""


def name_package(component: Component) -> Named:
    """Its name as its ecosystem writes it, and its purl without what says only where it was downloaded."""
    from packageurl import PackageURL  # noqa: PLC0415

    try:
        parsed = PackageURL.from_string(component.purl) if component.purl else None
    except ValueError:
        parsed = None
    if parsed is None:
        version = component.version or _NO_VERSION
        purl = PackageURL("generic", None, component.name or "unnamed", version).to_string()
        return Named(name=component.name, version=component.version, purl=purl, ecosystem="")
    qualifiers = parsed.qualifiers if isinstance(parsed.qualifiers, dict) else {}
    version = parsed.version or component.version
    mark = ":" if parsed.type == "maven" else "/"
    name = f"{parsed.namespace}{mark}{parsed.name}" if parsed.namespace and parsed.type not in _DISTROS else parsed.name
    if parsed.type == "pypi":
        name = canonicalize_name(name)
    kept: dict[str, str] = {
        str(key): str(qualifiers[key]) for key in ("repository_url", "vcs_url") if key in qualifiers
    }
    purl = PackageURL(parsed.type, parsed.namespace, parsed.name, version or None, kept or None).to_string()
    where = str(qualifiers.get("download_url", "")) + str(qualifiers.get("vcs_url", ""))
    is_local = where.startswith(("file:", "git+file:"))
    return Named(name=name, version=version, purl=purl, ecosystem=parsed.type, is_local=is_local)


_DISTROS = frozenset({"deb", "rpm", "apk", "alpm"})


def find_words(component: Component) -> tuple[Licence, Confidence]:
    """The licence that a component states, and how far its words can be believed to mean it."""
    if component.expression.strip() not in _SILENT:
        return _spdx.read_licence(component.expression), Confidence.HIGH
    words = tuple(dict.fromkeys(word.strip() for word in component.words if word.strip() not in _SILENT))
    found = [_of_word(word) for word in words]
    if not found:
        return _spdx.read_licence(None), Confidence.MEDIUM
    if len(found) == 1:
        return found[0]
    if any(licence.family in (Family.UNKNOWN, Family.FILE_ONLY) for licence, _ in found):
        return Licence(expression=UNKNOWN, family=Family.UNKNOWN, said=clean("; ".join(words), limit=200)), found[0][1]
    # Whether several are a choice is not said, so that each has to be met.
    both = " AND ".join(f"({licence.expression})" for licence, _ in found)
    return _spdx.read_licence(both), Confidence.MEDIUM


def _of_word(word: str) -> tuple[Licence, Confidence]:
    """An id or an expression, or a usual spelling of a name."""
    stated = _spdx.read_licence(word)
    if stated.family is not Family.UNKNOWN:
        return stated, Confidence.HIGH
    spelt = find_licence(Words(field=word, classifiers=(word,)), tuple)
    return (
        (spelt.licence, spelt.confidence) if spelt.licence.family is not Family.UNKNOWN else (stated, spelt.confidence)
    )


# --- the target's lock files


def imported(target: Target, inventory: Inventory) -> Command:
    """An SBOM is held against the target's one lock file, where there is just one; the others say where packages are
    from."""
    locks = inventory.of(ItemKind.LOCKFILE)
    licensed = [lock for lock in locks if Domain.LICENSES in lock.domains]
    claims = (Claim(domain=Domain.LICENSES, item=licensed[0].id),) if len(locks) == len(licensed) == 1 else ()
    return Command(
        argv=(),
        claims=claims,
        inputs=tuple(os.path.join(target.root, lock.name) for lock in locks),
        facts={
            "root": target.root,
            "locks": "\0".join(f"{lock.ecosystem} {lock.name}" for lock in locks),
            "files": "\0".join(file.path for file in inventory.files if file.path.endswith((".json", ".spdx"))),
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lock:
    path: str
    ecosystem: str
    text: str
    lower: str


class Locks:
    """The target's lock files, and the SBOM's own place."""

    def __init__(self, raw: RawOutput) -> None:
        facts = raw.command.facts
        root = facts.get("root", "")
        self._locks = []
        for entry in filter(None, facts.get("locks", "").split("\0")):
            ecosystem, _, path = entry.partition(" ")
            data = raw.input(os.path.join(root, path))
            if data is not None:
                text = data.decode("utf-8", "replace")
                lower = text.lower()
                # Names are compared without case; where that changes the length of the text, as they are.
                lower = lower if len(lower) == len(text) else text
                self._locks.append(_Lock(path=path, ecosystem=ecosystem, text=text, lower=lower))
        name = raw.command.subject
        files = filter(None, facts.get("files", "").split("\0"))
        same = [path for path in files if path.rpartition("/")[2] == name]
        self.own = same[0] if len(same) == 1 else ""
        """The SBOM's path in the target; empty: it does not lie there, or nobody knows where."""

    def find(self, package: Named) -> tuple[str, Place | None]:
        """The lock file that holds a package (empty: none, or several do), and the place to show it at."""
        held = []
        for lock in self._locks:
            if not package.ecosystem or lock.ecosystem == package.ecosystem:
                line = _line(lock, package)
                if line:
                    held.append((lock.path, line))
        if len(held) == 1:
            path, line = held[0]
            return path, Place(path=path, start_line=line)
        return "", Place(path=self.own, start_line=1) if self.own else None


def _line(lock: _Lock, package: Named) -> int:
    """The line of a lock file that names a package nearest to its version; 0 where none does."""
    if not package.version:
        return 0
    names = {package.name, package.name.replace("-", "_"), package.name.rpartition(":")[2]}
    wanted = sorted({name.lower() for name in names} - {""})
    # Where a table of its own names it, that counts before any word of others that need it.
    for form in ('name = "{}"', "{}"):
        best = min((_nearest(lock, form.format(name), package.version) for name in wanted), default=_NOWHERE)
        if best < _NOWHERE:
            return lock.text.count("\n", 0, best[1]) + 1
    return 0


def _nearest(lock: _Lock, wanted: str, version: str) -> tuple[int, int]:
    """How far behind a word a version stands, where it is nearest to it, and where that word stands."""
    best = _NOWHERE
    start = lock.lower.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if _stands_alone(lock.lower, start, end):
            found = _version(lock.text, version, end, end + best[0])
            if found >= 0:
                best = (found - end, start)
        start = lock.lower.find(wanted, end)
    return best


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a name is one, and no part of another: `/` before it belongs to it but in an npm package's folder."""
    before, behind = text[max(0, start - 1) : start], text[end : end + 1]
    if before == "/" and not text.endswith("node_modules/", 0, start):
        return False
    return not (_WORD.match(before) or before in ("@", ".", "-") or _WORD.match(behind) or behind == "-")


def _version(text: str, version: str, start: int, stop: int) -> int:
    """Where a version stands as such; -1 where it does not."""
    found = text.find(version, start, stop)
    while found >= 0:
        before, behind = text[found - 1], text[found + len(version) : found + len(version) + 1]
        if not before.isalnum() and before != "." and not behind.isalnum():
            return found
        found = text.find(version, found + 1, stop)
    return -1


# --- what is said


def licences(components: Iterable[Component], locks: Locks, tool: str) -> Iterator[Said]:
    """A sighting for each package, and figures."""
    counts: Counter[Family] = Counter()
    local = 0
    for component in components:
        package = name_package(component)
        if package.is_local:
            local += 1
            continue
        licence, confidence = find_words(component)
        counts[licence.family] += 1
        yield _sighting(package, component, licence, confidence, locks, tool)
    yield Metric(name="packages", value=counts.total())
    yield from (Metric(name=family.value, value=counts[family]) for family in Family)
    if local:
        some = "1 package is" if local == 1 else f"{local} packages are"
        yield Notification(level=Level.NOTE, message=f"{some} left out: the project's own, from a folder of its maker")


def _sighting(
    package: Named, component: Component, licence: Licence, confidence: Confidence, locks: Locks, tool: str
) -> Sighting:
    rule = _spdx.rule(licence.family)
    lockfile, place = locks.find(package)
    return Sighting(
        native_rule=clean(component.expression or "; ".join(component.words), limit=100) or "NOASSERTION",
        domain=Domain.LICENSES,
        message=_sentence(f"{package.name} {package.version}".strip(), licence),
        rule=rule,
        severity=rule.severity,
        confidence=confidence,
        place=place,
        package=Package(
            purl=package.purl,
            name=package.name,
            version=package.version,
            lockfile=lockfile,
            license=licence.expression,
        ),
        kind=licence.family.value,
        tool=tool,
    )


def _sentence(subject: str, licence: Licence) -> str:
    match licence.family:
        case Family.FILE_ONLY:
            return f"{subject} does not name its licence; what there is, is a text"
        case Family.UNKNOWN if licence.said:
            return f"{subject} names a licence that is not one of the SPDX list: {licence.said}"
        case Family.UNKNOWN:
            return f"the SBOM states no licence of {subject}"
    return f"{subject} is under {in_words(licence)}"


def unlisted(raw: RawOutput, components: Iterable[Component]) -> Iterator[Gap]:
    """A gap for the lock file that the SBOM stands for, where it lacks a package of it or that cannot be told."""
    listed: set[tuple[str, str]] = set()
    entries = (entry.partition(" ") for entry in raw.command.facts.get("locks", "").split("\0") if entry)
    kinds = {path: ecosystem for ecosystem, _, path in entries}
    for package in map(name_package, components):
        listed |= {(_plain(package.name), package.version), (_plain(package.name), "")}
    for claim in raw.command.claims:
        path = claim.item.partition(":")[2]
        data = raw.input(os.path.join(raw.command.facts.get("root", ""), path))
        pinned = _pinned(path, kinds.get(path, ""), data) if data is not None else None
        if pinned is None:
            reason = "the SBOM that was taken in cannot be held against it: no reader of its format says what it pins"
            yield Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, path=path, reason=reason)
            continue
        lost = sorted({entry for entry in pinned if (_plain(entry[0]), entry[1]) not in listed})
        if lost:
            told = ", ".join(f"{name} {version}".strip() for name, version in lost[:_MOST_NAMED])
            more = f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
            reason = f"the SBOM that was taken in lacks {len(lost)} of its {len(pinned)} packages ({told}{more})"
            hint = "make the SBOM again, of this state of the target"
            yield Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, path=path, reason=reason, hint=hint)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _pinned(path: str, ecosystem: str, data: bytes) -> list[tuple[str, str]] | None:
    """The packages (name, version; empty: any) of a lock file that are not the project's own; None: nobody here reads
    it."""
    file = path.rpartition("/")[2]
    try:
        if file == "Cargo.lock":
            return [(entry.name, entry.version) for entry in read_lock(data).packages if entry.source]
        if file in ("package-lock.json", "npm-shrinkwrap.json"):
            return _npm(json.loads(data))
        if ecosystem == "pypi":
            asked = read_pins(path, lambda _: data)
            return None if asked.unread else [(pin.name, pin.version or "") for pin in asked.pins]
    except (OSError, ValueError, RecursionError):
        return None
    return None


def _npm(lock: Any) -> list[tuple[str, str]] | None:
    """Of `packages`, as npm 7 and later write it."""
    packages = lock.get("packages") if isinstance(lock, dict) else None
    if not isinstance(packages, dict):
        return None
    found = []
    for place, entry in packages.items():
        _, mark, name = place.rpartition("node_modules/")
        if mark and isinstance(entry, dict) and not entry.get("link"):
            found.append((str(entry.get("name") or name), str(entry.get("version") or "")))
    return found


def once(components: Iterable[Component]) -> tuple[Component, ...]:
    """Each package once: an SBOM of an image lists one that lies in two places twice."""
    kept: dict[tuple[str, str, str], Component] = {}
    for component in components:
        key = (component.name, component.version, component.purl)
        before = kept.get(key)
        if before is None or not (before.expression or before.words):
            kept[key] = component
    return tuple(kept.values())


def maker(names: Iterable[str], default: str) -> str:
    """Who made an SBOM: the one tool that it names, else `default`."""
    unique = tuple(dict.fromkeys(_MAKERS.get(name, clean(name, limit=60)) for name in names if name.strip()))
    return unique[0] if len(unique) == 1 else default

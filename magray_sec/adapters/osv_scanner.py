"""osv-scanner: known flaws in the packages of lock files of any ecosystem, by the OSV database.

https://google.github.io/osv-scanner/

Names and versions of the packages are sent to api.osv.dev. Each lock file is looked at by itself, so that one that
cannot be read takes no other with it; nothing is resolved, and no code of the target is run. The repository's
osv-scanner.toml is not followed: what it would have hidden is marked.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from magray_sec._toml import parse as parse_toml
from magray_sec.adapters import _flaws
from magray_sec.adapters._flaws import Flaw, LockFile
from magray_sec.adapters._read import document
from magray_sec.adapters._rustsec import KIND_SEVERITY
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.run import (
    Capabilities,
    Claim,
    Command,
    Gap,
    Inventory,
    ItemKind,
    Level,
    Notification,
    RawOutput,
    ScanContext,
    Target,
)
from magray_sec.model.scale import Domain, Severity
from magray_sec.model.text import clean

_KINDS: Mapping[str, str] = MappingProxyType(
    {
        **{
            name: name
            for name in (
                *(
                    "Cargo.lock",
                    "package-lock.json",
                    "yarn.lock",
                    "pnpm-lock.yaml",
                    "bun.lock",
                    "poetry.lock",
                    "uv.lock",
                ),
                *("Pipfile.lock", "pdm.lock", "pylock.toml", "go.mod", "Gemfile.lock", "gems.locked", "composer.lock"),
                *("gradle.lockfile", "packages.lock.json", "packages.config", "mix.lock", "pubspec.lock", "conan.lock"),
            )
        },
        "npm-shrinkwrap.json": "package-lock.json",
        "pylock.*.toml": "pylock.toml",
        "*.txt": "requirements.txt",
    }
)
"""File name -> what osv-scanner calls the kind. Left out is `pom.xml`: without resolving, most of it is not seen."""
_ECOSYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        "crates.io": "cargo",
        "npm": "npm",
        "PyPI": "pypi",
        "Go": "golang",
        "RubyGems": "gem",
        "Packagist": "composer",
        "Maven": "maven",
        "NuGet": "nuget",
        "Hex": "hex",
        "Pub": "pub",
        "ConanCenter": "conan",
        "SwiftURL": "swift",
    }
)
"""OSV's names -> those of purls."""
_SETTINGS = "osv-scanner.toml"


class _Source(msgspec.Struct):
    path: str = ""


class _Package(msgspec.Struct):
    name: str = ""
    version: str = ""
    ecosystem: str = ""
    commit: str = ""


class _Group(msgspec.Struct):
    ids: list[str]
    aliases: list[str] | None = None
    max_severity: str = ""


class _Vulnerability(msgspec.Struct):
    id: str
    aliases: list[str] | None = None
    summary: str = ""
    details: str = ""
    severity: list[dict[str, Any]] | None = None
    affected: list[dict[str, Any]] | None = None
    references: list[dict[str, Any]] | None = None
    database_specific: dict[str, Any] | None = None
    withdrawn: str = ""


class _Found(msgspec.Struct):
    package: _Package
    vulnerabilities: list[_Vulnerability] | None = None
    groups: list[_Group] | None = None


class _Result(msgspec.Struct):
    source: _Source
    packages: list[_Found] | None = None


class _Report(msgspec.Struct):
    results: list[_Result] | None


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """Every lock file of a kind that it reads."""
    return tuple(Claim(domain=Domain.DEPENDENCIES, item=item.id) for item, _ in _flaws.locks(inventory, _KINDS))


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """One command for each lock file, with its kind said: a name like `C:x.lock` would be taken for one."""
    wanted = {claim.item: claim for claim in claims}
    return tuple(
        Command(
            argv=(
                *("{tool}", "scan", "source", "--format", "json", "--all-packages", "--all-vulns", "--no-resolve"),
                *("--config", os.devnull, "--lockfile", f"{kind}:{os.path.join(target.root, item.name)}"),
            ),
            claims=(wanted[item.id],),
            inputs=tuple(os.path.join(target.root, path) for path in (item.name, _settings_of(item.name))),
            network=True,
            subject=item.name,
            facts={"root": target.root, "ecosystem": item.ecosystem},
        )
        for item, kind in _flaws.locks(context.inventory or Inventory(), _KINDS)
        if item.id in wanted
    )


def _settings_of(path: str) -> str:
    return os.path.join(os.path.dirname(path), _SETTINGS)


def reads(path: str) -> bool:
    """Whether what it says depends on a file."""
    return os.path.basename(path) == _SETTINGS or _flaws.kind_of(path, _KINDS) is not None


def imported(target: Target, inventory: Inventory) -> Command:
    """A report made elsewhere says itself which lock files it read; those of the target are shown at their lines."""
    inputs = tuple(os.path.join(target.root, item.name) for item in inventory.of(ItemKind.LOCKFILE))
    return Command(argv=(), inputs=inputs, facts={"root": target.root, "ecosystem": ""})


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each group of names of one flaw and package. ParseError where no packages were looked at."""
    report, notes = document(raw.stdout, _Report)
    yield from notes
    if report.results is None:
        raise ParseError("it holds no list of results")
    packages = [package for result in report.results for package in result.packages or ()]
    if raw.exit_code == 1 and not any(package.vulnerabilities for package in packages):
        raise ParseError("its exit code 1 says that it found something, it does not")
    own = raw.command.facts.get("ecosystem", "")
    if own and not packages:
        raise ParseError("no package was looked at")
    yield Metric(name="packages", value=len(packages))
    hidden = _ignored(raw)
    counted: Counter[str] = Counter()
    for result in report.results:
        locks: dict[str, LockFile] = {}
        for found in result.packages or ():
            ecosystem = _ecosystem(found.package, own)
            lock = locks.get(ecosystem)
            if lock is None:
                lock = locks[ecosystem] = _lock(raw, result.source.path, ecosystem)
                yield from _flaws.unpinned(lock, raw.command.claims)
            if lock.python and not lock.python.is_closed and _is_loose(lock, found.package.name):
                # It takes the least version that would do for the one that is used.
                continue
            for flaw in _known(found):
                hider = next((hidden[name] for name in flaw.ids if name in hidden), "")
                counted.update([hider] if hider else [])
                version = found.package.version or found.package.commit
                yield _flaws.sighting(flaw, lock, found.package.name, version, hidden_by=hider)
    for hider, count in sorted(counted.items()):
        text = f"{hider}: {count} of the findings; it is not followed"
        yield Notification(level=Level.NOTE, message=text, path=raw.command.subject)


def _is_loose(lock: LockFile, name: str) -> bool:
    same = [pin for pin in lock.python.pins if pin.name == name.lower()] if lock.python else []
    return bool(same) and all(pin.version is None for pin in same)


def _ecosystem(package: _Package, own: str) -> str:
    return own or _ECOSYSTEMS.get(package.ecosystem.partition(":")[0], "generic")


def _lock(raw: RawOutput, path: str, ecosystem: str) -> LockFile:
    """The lock file that a result is of: the one asked for, or the target's whose path the report ends with."""
    root = raw.command.facts.get("root", "")
    if raw.command.subject and raw.command.argv:
        name = raw.command.subject
        return LockFile(path=name, ecosystem=ecosystem, data=raw.input(os.path.join(root, name)))
    found = _flaws.same_file(path, root, raw.command.inputs)
    return LockFile(path=found, ecosystem=ecosystem, data=raw.input(os.path.join(root, found)))


def _known(found: _Found) -> Iterator[Flaw]:
    """The flaws of a package: what the groups name together is one."""
    by_id = {entry.id: entry for entry in found.vulnerabilities or () if not entry.withdrawn}
    told: set[str] = set()
    for group in found.groups or ():
        same = [by_id[name] for name in group.ids if name in by_id]
        if same:
            told.update(entry.id for entry in same)
            yield _flaw(same, tuple(group.aliases or ()), group.max_severity, found.package)
    for name, entry in by_id.items():
        if name not in told:
            yield _flaw([entry], (), "", found.package)


def _flaw(same: list[_Vulnerability], aliases: tuple[str, ...], highest: str, package: _Package) -> Flaw:
    ids = dict.fromkeys((*(e.id for e in same), *aliases, *(name for e in same for name in e.aliases or ())))
    # Where a database of the ecosystem and GitHub's tell of one flaw, the words of the one it is called by.
    best = Flaw(ids=tuple(ids)).id
    lead = next((entry for entry in same if entry.id == best), same[0])
    affected = [part for entry in same for part in entry.affected or () if _is_of(part, package)]
    kind = next(
        (k for part in affected if (k := _text(part, "database_specific", "informational")) in KIND_SEVERITY), ""
    )
    vectors = [str(entry.get("score", "")) for vulnerability in same for entry in vulnerability.severity or ()]
    score = _flaws.base_score(vectors)
    words = [word for entry in same if (word := _word(entry))]
    if score:
        severity = Severity.from_score(score.value)
    elif kind:
        severity = KIND_SEVERITY[kind]
    else:
        severity = max((_flaws.word(word) for word in words), default=Severity.UNKNOWN)
    fixed = dict.fromkeys(f">={version}" for part in affected for version in _fixed(part))
    return Flaw(
        ids=tuple(ids),
        title=lead.summary or next((entry.summary for entry in same if entry.summary), ""),
        description=lead.details,
        severity=severity,
        score=score,
        native_severity=highest or next(iter(words), ""),
        kind=kind or "vulnerability",
        cwe=tuple(sorted({cwe for entry in same for cwe in _words((entry.database_specific or {}).get("cwe_ids"))})),
        references=tuple(
            url for entry in same for part in entry.references or () if isinstance(url := part.get("url"), str)
        ),
        fixed=tuple(fixed),
        url=f"https://osv.dev/vulnerability/{clean(lead.id, limit=80)}",
    )


def _is_of(affected: dict[str, Any], package: _Package) -> bool:
    return _text(affected, "package", "name").lower() == package.name.lower()


def _fixed(affected: dict[str, Any]) -> Iterator[str]:
    for part in affected.get("ranges") or ():
        events = part.get("events") if isinstance(part, dict) and part.get("type") != "GIT" else None
        for event in events if isinstance(events, list) else ():
            if isinstance(event, dict) and isinstance(event.get("fixed"), str):
                yield event["fixed"]


def _word(entry: _Vulnerability) -> str:
    stated = (entry.database_specific or {}).get("severity")
    return stated if isinstance(stated, str) else ""


def _text(table: dict[str, Any], *names: str) -> str:
    found: Any = table
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _words(value: Any) -> list[str]:
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def _ignored(raw: RawOutput) -> Mapping[str, str]:
    """The ids that the target's own settings would have left out, each with what says so."""
    root, found = raw.command.facts.get("root", ""), {}
    for path in raw.command.inputs:
        data = raw.input(path) if os.path.basename(path) == _SETTINGS else None
        if data is None:
            continue
        shown = os.path.relpath(path, root).replace(os.sep, "/")
        try:
            entries = parse_toml(data).get("IgnoredVulns")
        except ValueError:
            continue
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("id"), str):
                found[entry["id"]] = f"{shown} ignores {clean(entry['id'], limit=80)}"
    return found


ADAPTER = Adapter(
    id="osv-scanner",
    title="Known flaws in the dependencies of any ecosystem",
    domains=frozenset({Domain.DEPENDENCIES}),
    claims=claims,
    reads=reads,
    needs=Capabilities(network=True),
    versions=">=2.0,<3",
    executable="osv-scanner",
    install="go install github.com/google/osv-scanner/v2/cmd/osv-scanner@latest, or: brew install osv-scanner",
    # With 1 it ends where it found something; what it found in a version that nobody pinned does not count.
    clean_exits=frozenset({0, 1}),
    commands=commands,
    imported=imported,
    parse=parse,
)

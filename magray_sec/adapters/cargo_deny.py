"""cargo-deny: known flaws, licences, crates in several versions and foreign sources of what a Cargo.lock pins.

https://github.com/EmbarkStudios/cargo-deny

Run with settings of our own, in which everything is reported and nothing is forbidden: what is allowed is the policy's
to say. What the repository's deny.toml would have accepted or ignored is said. Over the whole graph, for all platforms
and features, in a farm of links where cargo has fetched every package; nothing is built. Whether a version was yanked
stands in the index of crates.io as cargo has it. Without an advisory database all but the flaws is looked at.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from magray_sec.adapters import _cargo, _cargo_graph, _cargo_tools, _rustsec, _spdx
from magray_sec.adapters._cargo_graph import Graph
from magray_sec.adapters._cargo_lock import Locked, Pins
from magray_sec.adapters._deny_toml import DenyToml, read_deny_toml
from magray_sec.adapters._read import convert, document, records
from magray_sec.adapters._rustsec import DEFAULT_SOURCE, purl, without_user
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.finding import Package, Place, Sighting
from magray_sec.model.run import (
    Capabilities,
    Claim,
    Command,
    Farm,
    Gap,
    Inventory,
    ItemKind,
    Level,
    Notification,
    RawOutput,
    ScanContext,
    Target,
)
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.model.text import clean, shown_path

_DOMAINS = (Domain.DEPENDENCIES, Domain.LICENSES, Domain.SUPPLY_CHAIN)
_DATABASE = "advisory-db-3157b0e258782691"
"""The folder in which cargo-deny keeps the copy of https://github.com/rustsec/advisory-db."""
_SETTINGS = ("deny.toml", ".deny.toml", ".cargo/deny.toml")
_ADVISORIES = frozenset({"vulnerability", "unmaintained", "unsound", "notice", "yanked"})
_UNLICENSED = frozenset({"unlicensed", "parse-error", "empty-license-field"})
_SOURCES = frozenset({"source-not-explicitly-allowed", "git-source-underspecified"})
_SILENT = frozenset(
    {
        *("accepted", "rejected", "no-license-field", "gather-failure", "allowed-source", "allowed-by-organization"),
        *("license-not-encountered", "license-exception-not-encountered", "unmatched-source", "unmatched-organization"),
        *("skipped-private-workspace-crate", "unmatched-skip", "unnecessary-skip", "unused-wrapper", "allowed"),
    }
)
_BANS = frozenset({"banned", "not-allowed"})
_SOLUTION = re.compile(r"Solution: Upgrade to (.+?)(?: \(try `|$)")
_WILDCARDS = re.compile(r"for crate '([^']+)'")
_SEVERITY = {"duplicate": Severity.LOW, "wildcard": Severity.MEDIUM, "git": Severity.MEDIUM, "registry": Severity.LOW}
_MOST_NAMED = 8


class _Krate(msgspec.Struct):
    name: str
    version: str


class _Node(msgspec.Struct):
    krate: _Krate = msgspec.field(name="Krate")
    parents: list[Any] = []


class _Label(msgspec.Struct):
    span: str = ""
    message: str = ""
    line: int = 0


class _Diagnostic(msgspec.Struct):
    severity: str
    message: str = ""
    code: str = ""
    labels: list[_Label] = []
    notes: list[str] = []
    graphs: list[Any] = []
    advisory: _rustsec.Advisory | None = None

    @property
    def node(self) -> _Node | None:
        """The crate that it is about, the first where there are several."""
        for entry in self.graphs:
            if isinstance(entry, dict) and "Krate" in entry:
                return convert(entry, _Node)
        return None


class _Log(msgspec.Struct):
    level: str
    message: str


class _Counts(msgspec.Struct):
    errors: int = 0
    warnings: int = 0
    notes: int = 0
    helps: int = 0


class _Line(msgspec.Struct):
    type: str
    fields: dict[str, Any]


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """Every Cargo.lock, and every Cargo.toml that none pins."""
    items = _cargo_tools.graphs(inventory)
    return tuple(Claim(domain=domain, item=item.id) for domain in _DOMAINS for item in items)


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """One run for each lock file or manifest."""
    inventory = context.inventory or Inventory()
    paths = {file.path for file in inventory.files}
    made: list[Command | Gap] = []
    for item in _cargo_tools.graphs(inventory):
        own = [claim for claim in claims if claim.item == item.id]
        if not own:
            continue
        ready = _cargo_tools.ready(target, item, context, own[0])
        if isinstance(ready, tuple):
            made += [_cargo_tools.gap(claim, item, ready) for claim in own]
            continue
        checks: tuple[str, ...] = ("bans", "licenses", "sources")
        farm, place = None, ""
        if context.database is None:
            told = ("there is no advisory database to compare it with", "get one with `magray-sec db update`")
            made += [_cargo_tools.gap(claim, item, told) for claim in own if claim.domain is Domain.DEPENDENCIES]
            own = [claim for claim in own if claim.domain is not Domain.DEPENDENCIES]
        else:
            checks = ("advisories", *checks)
            place = os.path.join(context.work, "cargo-deny", hashlib.sha256(os.fsencode(item.id)).hexdigest()[:16])
            # It takes a database for stale, or for none, by the age of this file. How old it is, is said elsewhere.
            stamp = ((".git/FETCH_HEAD", b""),)
            farm = Farm(
                source=os.path.realpath(context.database.path),
                at=os.path.join(place, _DATABASE),
                leave_out=frozenset({".git"}),
                files=stamp,
            )
        folder = os.path.dirname(item.name)
        settings = dict.fromkeys(os.path.join(base, name) for base in (folder, "") for name in _SETTINGS)
        theirs = tuple(path for path in settings if path in paths)
        made += [replace(command, claims=tuple(own)) for command in ready.preparations]
        made.append(
            Command(
                argv=(
                    *("{tool}", "--format", "json", "--color", "never", "--offline", "--locked"),
                    *("--manifest-path", ready.manifest, "--workspace", "--config", "/dev/stdin"),
                    *("check", *checks),
                ),
                environment=_cargo_tools.environment(context),
                stdin=_settings(place).encode("utf-8", "surrogateescape"),
                reports_on_stderr=True,
                farm=farm,
                claims=tuple(own),
                inputs=(
                    *_cargo_tools.inputs(ready, context, target),
                    *(os.path.join(target.root, path) for path in theirs),
                ),
                subject=item.name,
                facts={**ready.facts, "settings": "\n".join(theirs), "offline": "yes" if context.offline else ""},
            )
        )
    return tuple(made)


def _settings(databases: str) -> str:
    """Settings in which everything is reported and nothing is allowed or ignored."""
    quoted = databases.replace("\\", "\\\\").replace('"', '\\"')
    place = f'db-path = "{quoted}"\n' if databases else ""
    return f"""[graph]
all-features = true
[advisories]
{place}unmaintained = "all"
unsound = "all"
yanked = "warn"
[bans]
multiple-versions = "warn"
multiple-versions-include-dev = true
wildcards = "warn"
[licenses]
include-build = true
include-dev = true
[sources]
unknown-registry = "warn"
unknown-git = "warn"
"""


def imported(target: Target, inventory: Inventory) -> Command:
    """A report made elsewhere: it covers nothing, and is held against the target's Cargo.lock where there is one."""
    locks = inventory.of(ItemKind.LOCKFILE, "cargo")
    facts = {"root": target.root, "imported": "yes"}
    if len(locks) != 1:
        return Command(argv=(), facts=facts, reports_on_stderr=True)
    known = (file.path for file in inventory.files if os.path.basename(file.path) in ("Cargo.toml", "Cargo.lock"))
    return Command(
        argv=(),
        inputs=tuple(os.path.join(target.root, path) for path in known),
        subject=locks[0].name,
        facts={**facts, "members": locks[0].fact("members") or ""},
        reports_on_stderr=True,
    )


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each advisory and package, licence, and oddity of the graph. ParseError where there is no summary
    at the end, or less than it counts."""
    lines = records(raw.stdout, _Line)
    diagnostics = [convert(line.fields, _Diagnostic) for line in lines.values if line.type == "diagnostic"]
    logs = [convert(line.fields, _Log) for line in lines.values if line.type == "log"]
    summaries = [line.fields for line in lines.values if line.type == "summary"]
    if not summaries:
        raise ParseError(_trouble(raw, [log for log in logs if log.level == "ERROR"], diagnostics))
    yield from _unread(raw, lines.broken, is_cut=lines.is_cut)
    stated = [convert(entry, _Counts) for entry in summaries[-1].values()]
    errors = sum(entry.severity in ("error", "bug") for entry in diagnostics)
    if errors < sum(entry.errors for entry in stated):
        raise ParseError(f"it counts {sum(entry.errors for entry in stated)} errors and prints {errors}")
    for log in logs:
        yield Notification(level=Level.WARNING, message=f"it says: {clean(log.message, limit=300)}")
    graph = _cargo_tools.read_graph(raw)
    settings = []
    for path, file in _theirs(raw):
        if isinstance(file, str):
            yield Notification(level=Level.WARNING, message=f"{path} is not one that cargo-deny would follow: {file}")
        else:
            settings.append(file)
    if not raw.command.facts.get("imported"):
        yield from _cargo_tools.circumstances(raw, graph)
    report = _Report(raw=raw, graph=graph, settings=settings, diagnostics=diagnostics)
    yield from report.advisories()
    yield from report.licences()
    yield from report.duplicates()
    yield from report.wildcards()
    yield from report.sources()
    yield from report.bans()
    yield from report.remarks()


def _trouble(raw: RawOutput, logs: list[_Log], diagnostics: list[_Diagnostic]) -> str:
    """Why there is no summary, as far as it says."""
    said = [entry.message for entry in diagnostics if entry.severity == "error" and not entry.graphs]
    said += [log.message for log in logs]
    if said:
        return f"it gave up: {clean(' / '.join(said[-2:]), limit=400)}"
    # What is wrong with its first line, where that is none.
    document(raw.stdout, dict[str, Any])
    return "it holds no summary"


def _unread(raw: RawOutput, broken: tuple[int, ...], *, is_cut: bool) -> Iterator[Notification]:
    """What was not read. ParseError but where it stands behind the report, or in one that was made elsewhere."""
    if not broken and not is_cut:
        return
    lines = raw.stdout.split(b"\n")
    last = max((number for number, line in enumerate(lines, 1) if b'"summary"' in line), default=0)
    if any(number < last for number in broken) and not raw.command.facts.get("imported"):
        raise ParseError(
            "text stands where its JSON should begin" if broken[0] == 1 else f"line {broken[0]} is no JSON"
        )
    if any(lines[number - 1].lstrip().startswith(b"{") for number in broken):
        raise ParseError(f"line {broken[0]} is no JSON of cargo-deny's")
    text = f"what follows its report ({len(broken) + is_cut} lines) was not read"
    yield Notification(level=Level.WARNING, message=text, path=raw.command.subject)


def _theirs(raw: RawOutput) -> Iterator[tuple[str, DenyToml | str]]:
    """The target's own settings, or why they are none."""
    for path in filter(None, raw.command.facts.get("settings", "").split("\n")):
        data, shown = raw.input(os.path.join(raw.command.facts["root"], path)), shown_path(path)
        if data is not None:
            try:
                yield shown, read_deny_toml(data, path=shown)
            except ValueError as error:
                yield shown, str(error)


@dataclass(slots=True, kw_only=True)
class _Report:
    """What a run printed, and the graph that it was run on."""

    raw: RawOutput
    graph: Graph | None
    settings: list[DenyToml]
    diagnostics: list[_Diagnostic]
    hidden: Counter[str] = field(default_factory=Counter)

    def _of(self, *codes: str) -> Iterator[tuple[_Diagnostic, _Krate]]:
        for entry in self.diagnostics:
            node = entry.node if entry.code in codes else None
            if node is not None:
                yield entry, node.krate

    def _locked(self, krate: _Krate, source: str | None = None) -> Locked | None:
        return self.graph.lock.find(krate.name, krate.version, source) if self.graph else None

    def advisories(self) -> Iterator[Said]:
        """A sighting for each advisory and package."""
        pins, seen = self._pins(), set()
        generated = bool(self.raw.command.facts.get("generated"))
        for entry, krate in self._of(*sorted(_ADVISORIES)):
            source = self._source(entry, krate)
            hit = _rustsec.Hit(
                package=_rustsec.HitPackage(name=krate.name, version=krate.version, source=source),
                advisory=entry.advisory,
                versions=_rustsec.Versions(patched=_patched(entry.notes)),
                kind=entry.code,
            )
            key = (hit.id, krate.name, krate.version, source)
            if key in seen or (entry.advisory is None and entry.code != "yanked"):
                continue
            seen.add(key)
            rating = _rustsec.rate(hit)
            if rating.trouble:
                yield Notification(level=Level.WARNING, message=rating.trouble, path=self.raw.command.subject)
            why = self._hides(hit.id, hit.kind, krate)
            yield _rustsec.sighting(hit, rating, pins, generated=generated, hidden_by=why)

    def _hides(self, advisory: str, kind: str, krate: _Krate) -> str:
        for file in self.settings:
            if why := file.hides(advisory, kind, krate.name, krate.version):
                self.hidden[file.path] += 1
                return why
        return ""

    def _source(self, entry: _Diagnostic, krate: _Krate) -> str:
        """Where a package comes from, by the line of a lock file that a diagnostic shows."""
        for label in entry.labels:
            words = label.span.split()
            if words[:2] == [krate.name, krate.version] and len(words) > 2:
                return words[2]
        found = self._locked(krate)
        return (found.source if found else None) or DEFAULT_SOURCE

    def _pins(self) -> Pins | None:
        graph, facts = self.graph, self.raw.command.facts
        if graph is None:
            return None
        if not graph.generated:
            return Pins(lock=graph.lock, path=graph.item.name)
        listed = [path for path in facts.get("members", "").split("\n") if path]
        known = [file.path for file in graph.source.files() if os.path.basename(file.path) == "Cargo.toml"]
        paths = dict.fromkeys((graph.item.name, *listed, *known))
        return Pins(lock=graph.lock, path=graph.item.name, manifests={path: graph.read(path) for path in paths})

    def licences(self) -> Iterator[Said]:
        """A sighting for each dependency. What stands in no manifest, and was read out of files, is said as such."""
        from_files = {(krate.name, krate.version) for _, krate in self._of("no-license-field")}
        has_files = {(krate.name, krate.version) for _, krate in self._of("gather-failure")}
        found: dict[tuple[str, str], str | None] = {}
        for entry, krate in self._of("accepted", "rejected", *sorted(_UNLICENSED)):
            if self._is_dependency(entry, krate):
                stated = next((label.span for label in entry.labels if label.span), None)
                is_stated = entry.code in ("accepted", "rejected") or stated != krate.name
                found.setdefault((krate.name, krate.version), stated if is_stated else None)
        for (name, version), stated in sorted(found.items()):
            is_file = (name, version) in from_files and (stated is not None or (name, version) in has_files)
            licence = _spdx.read_licence(None if is_file else stated, "its licence file" if is_file else None)
            rule = _spdx.rule(licence.family)
            locked = self._locked(_Krate(name=name, version=version))
            subject = self.graph.in_words(locked) if self.graph and locked else f"{name} {version}"
            words = f"is under {licence.expression}" if licence.expression not in ("unknown", "file-only") else ""
            words = words or ("states its licence in a file alone" if is_file else "states no licence that is known")
            read = f" (which reads like {clean(stated, limit=100)})" if is_file and stated else ""
            yield Sighting(
                native_rule=licence.family.value,
                domain=Domain.LICENSES,
                message=f"{subject} {words}{read}",
                rule=rule,
                severity=rule.severity,
                confidence=Confidence.HIGH,
                place=self._place(locked),
                package=self._package(locked, name, version, license=licence.expression),
                kind=licence.family.value,
            )
        yield Metric(name="packages", value=len(found))

    def _is_dependency(self, entry: _Diagnostic, krate: _Krate) -> bool:
        """Whether it is not the repository's own: by the lock file, or since something asks for it."""
        locked = self._locked(krate)
        if self.graph and locked:
            return not self.graph.is_own(locked)
        return bool(entry.node and entry.node.parents)

    def _place(self, locked: Locked | None) -> Place | None:
        if self.graph is None:
            return None
        return self.graph.place(locked) if locked else self.graph.first_line

    def _package(self, locked: Locked | None, name: str, version: str, *, license: str | None = None) -> Package:  # noqa: A002 - the field's name
        if self.graph and locked:
            return self.graph.package(locked, license=license)
        return Package(purl=purl(name, version, None), name=name, version=version, license=license)

    def duplicates(self) -> Iterator[Sighting]:
        """One for each crate that the repository itself asks for in several versions, and one for all others."""
        others = []
        for entry, krate in self._of("duplicate"):
            versions = [_krate(found) for found in entry.graphs]
            locked = [found for version in versions if version and (found := self._locked(version))]
            asked = self._asked(locked)
            if self.graph and len(asked) > 1:
                first = min(asked, key=_cargo_graph.age)
                listed = ", ".join(package.version for package in sorted(asked, key=_cargo_graph.age))
                message = f"{krate.name} is asked for in {len(asked)} versions that cannot be one: {listed}"
                place, package = self.graph.place(first), self.graph.package(first)
                yield self._oddity("duplicate", message, place, package)
            else:
                others.append((len(versions), krate.name))
        if others:
            ordered = sorted(set(others), key=lambda pair: (-pair[0], pair[1]))
            word = "crate comes" if len(ordered) == 1 else "crates come"
            named = _some([f"{name} in {count}" for count, name in ordered])
            message = f"{len(ordered)} {word} in several versions through other crates: {named}"
            yield self._oddity("duplicate", message, self.graph.first_line if self.graph else None)

    def _asked(self, packages: list[Locked]) -> list[Locked]:
        direct = {self.graph.lock.packages[place] for place in self.graph.direct} if self.graph else set()
        return [package for package in packages if package in direct]

    def wildcards(self) -> Iterator[Sighting]:
        """One for each requirement of a manifest that takes any version. Those of a path are not meant."""
        seen = set()
        for entry in self.diagnostics:
            match = _WILDCARDS.search(entry.message) if entry.code == "wildcard" else None
            if match is None:
                continue
            for path, name in self._wild(match[1]) or [("", match[1])] * self._is_unplaced(entry):
                if (path, name) in seen:
                    continue
                seen.add((path, name))
                message = f"{name} is asked for in any version: the next release is taken, whatever it brings"
                if not path:
                    message = f"{name} asks for a crate in any version: the next release is taken, whatever it brings"
                lockfile = self.graph.item.name if self.graph else ""
                package = Package(purl=f"pkg:cargo/{name}", name=name, version="*", lockfile=lockfile)
                place = self.graph.line_of(path, name) if self.graph and path else None
                yield self._oddity("wildcard", message, place, package)

    def _is_unplaced(self, entry: _Diagnostic) -> bool:
        """Whether it is of a manifest that is not at hand, and not of paths alone."""
        return self.graph is None and any("path" not in label.span for label in entry.labels)

    def _wild(self, crate: str) -> list[tuple[str, str]]:
        if self.graph is None:
            return []
        own, root = self.graph.local.get(crate), _cargo_graph.manifest_of(self.graph.item)
        paths = dict.fromkeys((own, root) if own else (root,))
        return [(path, name) for path in paths for name in sorted(_cargo_graph.wild(self.graph.tables(path)))]

    def sources(self) -> Iterator[Sighting]:
        """One for each git repository and registry besides crates.io."""
        named = {(krate.name, krate.version) for _, krate in self._of(*sorted(_SOURCES))}
        if self.graph is None:
            for name, version in sorted(named):
                message = f"{name} {version} comes from a source that is not crates.io"
                yield self._oddity("registry", message, None, self._package(None, name, version))
            return
        groups: dict[tuple[str, str], list[Locked]] = defaultdict(list)
        for package in self.graph.dependencies:
            if package.source and package.source != DEFAULT_SOURCE and (package.name, package.version) in named:
                kind = "git" if package.source.startswith("git+") else "registry"
                groups[kind, package.source.partition("+")[2] or package.source].append(package)
        for (kind, where), packages in sorted(groups.items()):
            first, names = packages[0], _some([package.label for package in packages])
            what = "git repository" if kind == "git" else "registry"
            shown = without_user(where.partition("#")[0])
            message = f"{len(packages)} crates from the {what} {shown}: {names}"
            hider = next(filter(None, (file.hides_source(where) for file in self.settings)), "")
            sighting = self._oddity(kind, message, self.graph.place(first), self.graph.package(first))
            yield replace(sighting, hidden_by=hider)

    def bans(self) -> Iterator[Sighting]:
        """One for each crate that settings forbid: those of a report that was made elsewhere."""
        for entry, krate in self._of(*sorted(_BANS)):
            locked = self._locked(krate)
            package = self._package(locked, krate.name, krate.version)
            yield self._oddity("banned", clean(entry.message, limit=300), self._place(locked), package)

    def _oddity(self, rule: str, message: str, place: Place | None, package: Package | None = None) -> Sighting:
        return Sighting(
            native_rule=rule,
            domain=Domain.SUPPLY_CHAIN,
            message=message,
            title=_TITLES[rule],
            severity=_SEVERITY.get(rule, Severity.MEDIUM),
            confidence=Confidence.HIGH,
            place=place,
            package=package,
            kind=_CANONICAL[rule].partition("/")[2],
        )

    def remarks(self) -> Iterator[Notification]:
        """What the target's settings would have changed, and what else it said."""
        for file in self.settings:
            told = []
            if self.hidden[file.path]:
                told.append(f"it would have hidden {self.hidden[file.path]} of the findings")
            if file.skipped:
                told.append(f"it accepts {len(file.skipped)} crates in several versions")
            if file.licences:
                told.append(f"it names {file.licences} licences and exceptions")
            if file.removed:
                told.append(f"cargo-deny refuses it for {', '.join(file.removed)}, which it knows no more")
            said = f"{file.path} is not followed, the policy judges" + "".join(f"; {words}" for words in told)
            yield Notification(level=Level.NOTE, message=said, path=self.raw.command.subject)
        if self.raw.command.facts.get("offline"):
            text = "the scan is offline: whether versions were yanked is told by the index of crates.io as it was last"
            yield Notification(level=Level.NOTE, message=text, path=self.raw.command.subject)
        known = _ADVISORIES | _UNLICENSED | _SOURCES | _SILENT | _BANS | {"duplicate", "wildcard"}
        others = Counter(entry.code for entry in self.diagnostics if entry.code not in known)
        for code, count in sorted(others.items()):
            text = next(entry.message for entry in self.diagnostics if entry.code == code)
            said = f"it says {clean(code, limit=60) or 'nothing'} ({count}): {clean(text, limit=200)}"
            yield Notification(level=Level.WARNING, message=said, path=self.raw.command.subject)


def _krate(graph: Any) -> _Krate | None:
    return convert(graph, _Node).krate if isinstance(graph, dict) and "Krate" in graph else None


def _patched(notes: list[str]) -> tuple[str, ...]:
    """The versions that are free of a flaw, which it tells in words alone."""
    match = next(filter(None, (_SOLUTION.search(note) for note in notes)), None)
    return tuple(part.strip() for part in match[1].split(" OR ")) if match else ()


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _reads(path: str) -> bool:
    """Manifests and lock files, and the texts of licences that lie beside vendored packages."""
    return _cargo.reads(path) or os.path.basename(path).upper().startswith(("LICEN", "COPYING", "UNLICEN"))


_CANONICAL = {
    "duplicate": "supply-chain/duplicate-versions",
    "wildcard": "supply-chain/wildcard-version",
    "git": "supply-chain/git-source",
    "registry": "supply-chain/other-registry",
    "banned": "supply-chain/banned-crate",
}
_TITLES = {
    "duplicate": "Crate in several versions",
    "wildcard": "Requirement that takes any version",
    "git": "Dependency from a git repository",
    "registry": "Dependency from another registry than crates.io",
    "banned": "Crate that the project's own settings forbid",
}

ADAPTER = Adapter(
    id="cargo-deny",
    title="Known flaws, licences and sources of Rust dependencies",
    domains=frozenset(_DOMAINS),
    reads=_reads,
    claims=claims,
    needs=Capabilities(advisory_database=True),
    versions=">=0.20,<0.21",
    executable="cargo-deny",
    uses=("cargo",),
    requires=("cargo",),
    install="pip install 'magray-sec[tools]', or: cargo install --locked cargo-deny",
    # The bits of the checks with errors, and 1 where it broke as well: the summary alone tells.
    clean_exits=frozenset(range(16)),
    commands=commands,
    imported=imported,
    parse=parse,
    canonical=_CANONICAL,
)

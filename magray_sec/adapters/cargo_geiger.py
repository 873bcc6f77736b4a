"""cargo-geiger: which dependencies use unsafe Rust; and a second count of what rust-unsafe finds in the target itself.

https://github.com/geiger-rs/cargo-geiger

Builds each package of the target, and so runs the build scripts and procedural macros of all it depends on: with
--allow-build alone, without a network, and unable to write to the target. It tells counts of a crate and no places: a
dependency that uses unsafe code is a finding to know of. Of the target's own crates there are figures alone, since
rust-unsafe finds each site; where the two count differently, that is said (docs/unsafe.md explains why they may).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from magray_sec.adapters import _cargo_tools
from magray_sec.adapters._cargo_graph import Graph
from magray_sec.adapters._cargo_lock import package_name
from magray_sec.adapters._read import decode, document
from magray_sec.adapters._rust_modules import Use, find_crates, reach
from magray_sec.adapters._rust_syntax import Count, Counters, RustFile, RustReader
from magray_sec.adapters._rustsec import purl
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said
from magray_sec.model.finding import Package, Place, Rule, Sighting
from magray_sec.model.run import (
    Capabilities,
    Claim,
    Command,
    Gap,
    GapKind,
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

_LANGUAGE = "rust"
_MANIFEST = "Cargo.toml"
_FAILED = re.compile(r"error: Cargo\((.+)\)\s*$")
_MOST_SHOWN = 5


class _Count(msgspec.Struct):
    safe: int = 0
    unsafe: int = msgspec.field(name="unsafe_", default=0)


class _Counts(msgspec.Struct):
    functions: _Count
    exprs: _Count
    item_impls: _Count
    item_traits: _Count
    methods: _Count

    def counters(self) -> Counters:
        """The same as rust-unsafe calls them."""
        each = (self.functions, self.exprs, self.item_impls, self.item_traits, self.methods)
        functions, expressions, impls, traits, methods = (Count(safe=one.safe, unsafe=one.unsafe) for one in each)
        return Counters(functions=functions, expressions=expressions, impls=impls, traits=traits, methods=methods)


class _Unsafety(msgspec.Struct):
    used: _Counts
    unused: _Counts
    forbids_unsafe: bool = False


class _Id(msgspec.Struct):
    name: str
    version: str
    source: Any = None

    @property
    def is_local(self) -> bool:
        """Whether it comes from a folder, as the target's own do."""
        return isinstance(self.source, dict) and "Path" in self.source


class _PackageInfo(msgspec.Struct):
    id: _Id


class _Entry(msgspec.Struct):
    package: _PackageInfo
    unsafety: _Unsafety | None = None
    """None where it was told to look for `forbid(unsafe_code)` alone."""

    @property
    def used(self) -> Counters:
        """Of the files that the crate is made of."""
        return self.unsafety.used.counters() if self.unsafety else Counters()

    @property
    def unused(self) -> Counters:
        """Of all other Rust files of the package."""
        return self.unsafety.unused.counters() if self.unsafety else Counters()


class _Report(msgspec.Struct):
    packages: list[_Entry]
    packages_without_metrics: list[Any] = []
    used_but_not_scanned_files: list[str] = []


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """The Rust code, where cargo has something to build."""
    if not _cargo_tools.graphs(inventory):
        return ()
    items = (item for item in inventory.of(ItemKind.LANGUAGE) if item.name == _LANGUAGE)
    return tuple(Claim(domain=Domain.UNSAFE, item=item.id) for item in items)


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """A run for each package of each workspace: it can look at one alone."""
    inventory = context.inventory or Inventory()
    made: list[Command | Gap] = []
    for claim in claims:
        for item in _cargo_tools.graphs(inventory):
            ready = _cargo_tools.ready(target, item, context, claim)
            if isinstance(ready, tuple):
                made.append(Gap(kind=GapKind.FILE, domain=claim.domain, path=item.name, reason=ready[0], hint=ready[1]))
                continue
            digest = hashlib.sha256(os.fsencode(item.id)).hexdigest()[:16]
            folder = os.path.dirname(item.name)
            members = [path for path in ready.facts["members"].split("\n") if path]
            made += ready.preparations if members else ()
            for member in members:
                manifest = os.path.normpath(os.path.join(ready.folder, os.path.relpath(member, folder or os.curdir)))
                own = _below(os.path.dirname(member), inventory)
                made.append(
                    Command(
                        argv=(
                            *("{tool}", "geiger", "--output-format", "Json", "--quiet", "--offline"),
                            *("--manifest-path", manifest),
                        ),
                        environment={
                            **_cargo_tools.environment(context),
                            # It cleans the folder it builds in, for each package anew.
                            "CARGO_TARGET_DIR": os.path.join(context.work, "cargo-targets", f"geiger-{digest}"),
                        },
                        claims=(claim,),
                        inputs=(
                            *_cargo_tools.inputs(ready, context, target),
                            *(os.path.join(target.root, path) for path in own),
                        ),
                        subject=item.name,
                        facts={**ready.facts, "member": member},
                    )
                )
    return tuple(made)


def _below(folder: str, inventory: Inventory) -> list[str]:
    """The Rust files in a folder."""
    start = f"{folder}/" if folder else ""
    return [file.path for file in inventory.files if file.path.endswith(".rs") and file.path.startswith(start)]


def imported(target: Target, inventory: Inventory) -> Command:
    """A report made elsewhere covers nothing. The target's manifests tell which crates rust-unsafe looks at."""
    known = (file.path for file in inventory.files if os.path.basename(file.path) in (_MANIFEST, "Cargo.lock"))
    locks = inventory.of(ItemKind.LOCKFILE, "cargo")
    facts = {"root": target.root, "imported": "yes"}
    if len(locks) == 1:
        facts["members"] = locks[0].fact("members") or ""
    inputs = tuple(os.path.join(target.root, path) for path in known)
    return Command(argv=(), inputs=inputs, subject=locks[0].name if len(locks) == 1 else "", facts=facts)


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each dependency that uses unsafe code, and the figures. ParseError where it printed no report,
    and does not say that the code cannot be built."""
    member = raw.command.facts.get("member", "")
    if raw.exit_code == 1 and not raw.stdout.strip() and (why := _failure(raw)):
        reason = f"its package cannot be built, so that nothing is counted in it: {why}"
        hint = "make `cargo check` work without a network"
        yield Gap(kind=GapKind.FILE, domain=Domain.UNSAFE, path=member, reason=reason, hint=hint)
        return
    report, notes = document(raw.stdout, _Report)
    if not report.packages:
        raise ParseError("it holds no package")
    if any(entry.unsafety is None for entry in report.packages):
        raise ParseError("it was made with --forbid-only, and counts nothing")
    yield from notes
    graph = _cargo_tools.read_graph(raw)
    own = _own(raw)
    for entry in report.packages:
        if _has_unsafe(entry.used) and not (entry.package.id.is_local and entry.package.id.name in own):
            yield _sighting(entry.package.id, graph)
    yield from _figures(report, raw, own)
    yield from _unscanned(report, raw)
    if member:
        yield from _compared(report, raw, own[name] if (name := _name(raw, member)) in own else "")
        if graph and member == raw.command.facts["members"].split("\n")[0]:
            yield from _cargo_tools.circumstances(raw, graph)


def _failure(raw: RawOutput) -> str:
    """Why cargo could not build it; empty: it does not say so."""
    found = next(filter(None, map(_FAILED.search, reversed(decode(raw.stderr).splitlines()))), None)
    errors = [line for line in decode(raw.stderr).splitlines() if line.startswith('{"$message_type":"diagnostic"')]
    for line in errors:
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and told.get("level") == "error" and isinstance(told.get("message"), str):
            return clean(told["message"], limit=200)
    return clean(found[1].strip('"'), limit=200) if found else ""


def _own(raw: RawOutput) -> Mapping[str, str]:
    """The packages of the target, which rust-unsafe looks at: name -> manifest."""
    found: dict[str, str] = {}
    for path in raw.command.inputs:
        data = raw.input(path) if os.path.basename(path) == _MANIFEST else None
        if data is not None and (name := package_name(data)):
            found.setdefault(name, os.path.relpath(path, raw.command.facts["root"]).replace(os.sep, "/"))
    return found


def _name(raw: RawOutput, manifest: str) -> str:
    data = raw.input(os.path.join(raw.command.facts["root"], manifest))
    return (package_name(data) if data is not None else None) or ""


def _has_unsafe(counters: Counters) -> bool:
    return any(count.unsafe for _, count in counters.each())


def _sighting(package: _Id, graph: Graph | None) -> Sighting:
    place: Place | None
    locked = graph.lock.find(package.name, package.version, None) if graph else None
    if graph and locked:
        subject, place, found = graph.in_words(locked), graph.place(locked), graph.package(locked)
    else:
        subject, place = f"{package.name} {package.version}", graph.first_line if graph else None
        name = purl(package.name, package.version, None)
        found = Package(purl=name, name=package.name, version=package.version)
    # No figures: they differ with the features that each package of a workspace asks for.
    return Sighting(
        native_rule="dependency",
        domain=Domain.UNSAFE,
        message=f"{subject} uses unsafe code",
        rule=_RULE,
        severity=_RULE.severity,
        confidence=Confidence.HIGH,
        place=place,
        package=found,
        kind="dependency",
    )


def _figures(report: _Report, raw: RawOutput, own: Mapping[str, str]) -> Iterator[Metric]:
    """Of the package that was looked at; of all, in a report that was made elsewhere."""
    member = raw.command.facts.get("member", "")
    name = _name(raw, member) if member else ""
    shown = [entry for entry in report.packages if not member or entry.package.id.name == name]
    for entry in shown:
        label = f"crate {clean(entry.package.id.name, limit=100)}"
        label += "" if member or entry.package.id.name in own else f" {clean(entry.package.id.version, limit=60)}"
        for use, counts in (("used", entry.used), ("unused", entry.unused)):
            for word, count in counts.each():
                if count.unsafe:
                    yield Metric(name=f"{label}: unsafe {word} {use}", value=count.unsafe)
                if count.safe:
                    yield Metric(name=f"{label}: safe {word} {use}", value=count.safe)
    others = [entry for entry in report.packages if entry.package.id.name not in own]
    unsafe = sum(_has_unsafe(entry.used) for entry in others)
    label = f"crate {clean(name, limit=100)}: dependencies" if member else "dependencies"
    yield Metric(name=label, value=len(others))
    yield Metric(name=f"{label} that use unsafe code", value=unsafe)


def _unscanned(report: _Report, raw: RawOutput) -> Iterator[Gap | Notification]:
    """Files that are part of what was built, and that it could not read: they count as nothing."""
    folder = os.path.dirname(raw.command.subject)
    elsewhere, made = [], 0
    for path in sorted(set(report.used_but_not_scanned_files)):
        if not path.endswith(".rs"):
            continue
        inside = None if raw.command.facts.get("imported") else _cargo_tools.outside_in(path, raw.command.facts, folder)
        if inside is not None:
            reason = "cargo-geiger cannot read it as Rust, and counts it as nothing"
            yield Gap(kind=GapKind.FILE, domain=Domain.UNSAFE, path=inside, reason=reason, hint="mend it")
        elif "/out/" in path and "/build/" in path:
            made += 1
        else:
            elsewhere.append("/".join(path.split("/")[-3:]))
    if made:
        text = f"{made} files that build scripts made are not counted"
        yield Notification(level=Level.NOTE, message=text, path=raw.command.facts.get("member", ""))
    if elsewhere:
        more = f" and {len(elsewhere) - _MOST_SHOWN} more" if len(elsewhere) > _MOST_SHOWN else ""
        shown = ", ".join(shown_path(path) for path in elsewhere[:_MOST_SHOWN])
        text = f"files of dependencies that it cannot read count as nothing: {shown}{more}"
        yield Notification(level=Level.WARNING, message=text, path=raw.command.facts.get("member", ""))


def _compared(report: _Report, raw: RawOutput, manifest: str) -> Iterator[Notification]:
    """Where its figures of the package's used files are not those of rust-unsafe."""
    entry = next(
        (entry for entry in report.packages if manifest and entry.package.id.name == _name(raw, manifest)), None
    )
    if entry is None:
        return
    theirs, ours = entry.used, _counted(raw, manifest)
    told = [
        f"{count.unsafe} unsafe of {count.unsafe + count.safe} {name}, not {mine.unsafe} of {mine.unsafe + mine.safe}"
        for (name, count), (_, mine) in zip(theirs.each(), ours.each(), strict=True)
        if count != mine
    ]
    if told:
        crate = clean(entry.package.id.name, limit=100)
        text = f"in crate {crate} it counts {'; '.join(told)} as rust-unsafe does (docs/unsafe.md says why)"
        yield Notification(level=Level.NOTE, message=text, path=manifest)


def _counted(raw: RawOutput, manifest: str) -> Counters:
    """What rust-unsafe counts in the files that a package's library and programs are made of."""
    root = raw.command.facts["root"]
    contents: dict[str, bytes] = {}
    for path in raw.command.inputs:
        data = raw.input(path)
        if data is not None:
            contents[os.path.relpath(path, root).replace(os.sep, "/")] = data
    reader = RustReader()
    files: dict[str, RustFile] = {p: reader.read(data) for p, data in contents.items() if p.endswith(".rs")}
    brings = {path: file.brings for path, file in files.items()}
    total = Counters()
    crates = find_crates(frozenset(contents), lambda path: contents[path])
    for crate in crates.crates:
        if crate.folder == os.path.dirname(manifest):
            for path, reached in reach(crate, brings).items():
                if reached.use is Use.USED and path in files:
                    total += files[path].counters
    return total


_RULE = Rule(
    id="unsafe/dependency",
    domain=Domain.UNSAFE,
    title="Dependency that uses unsafe code",
    description="In what is built of this crate there is unsafe code. That none of it breaks memory safety is its "
    "author's word alone, and that of whoever reviewed it.",
    help="In what is built of this crate there is unsafe code. That none of it breaks memory safety is its author's "
    "word alone, and that of whoever reviewed it.\n\nThis is something to know of, not a flaw: most of what deals with "
    "memory, the system or speed has to have some.\n\n### What to do\n\nPrefer crates that forbid unsafe code where "
    "there is a choice, and those that are widely reviewed where there is none. Known flaws are told by cargo-audit.",
    cwe=("CWE-1357", "CWE-695"),
    references=("https://github.com/geiger-rs/cargo-geiger", "https://doc.rust-lang.org/nomicon/"),
    severity=Severity.INFO,
)

ADAPTER = Adapter(
    id="cargo-geiger",
    title="Unsafe code in Rust dependencies",
    domains=frozenset({Domain.UNSAFE}),
    claims=claims,
    needs=Capabilities(runs_target_code=True),
    versions=">=0.13,<0.15",
    executable="cargo-geiger",
    uses=("cargo",),
    requires=("cargo",),
    install="cargo install --locked cargo-geiger",
    cores=0,
    clean_exits=frozenset({0}),
    partial_exits=frozenset({1}),
    commands=commands,
    imported=imported,
    parse=parse,
)

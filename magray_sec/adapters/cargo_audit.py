"""cargo-audit: known flaws in the crates that a Cargo.lock pins, by the RustSec advisory database.

https://github.com/rustsec/rustsec/tree/main/cargo-audit

Vulnerabilities, and crates that are unmaintained, unsound, carry a notice or were yanked. A manifest without a lock
file is resolved by cargo in a farm of links; its findings stand on the line of the Cargo.toml that asks for the crate.
The repository's audit.toml is not followed: what it would have hidden is marked. Whether a version was yanked stands in
the index of crates.io alone, which cargo brings up to date first (not with --offline).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator

import msgspec

from magray_sec.adapters import _cargo, _rustsec
from magray_sec.adapters._audit_toml import AuditToml, read_audit_toml
from magray_sec.adapters._cargo_lock import Pins, read_lock
from magray_sec.adapters._read import decode, document
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said, Stated
from magray_sec.model.finding import Sighting
from magray_sec.model.run import (
    Capabilities,
    Claim,
    Command,
    Gap,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    Level,
    Notification,
    RawOutput,
    ScanContext,
    Target,
)
from magray_sec.model.scale import Domain
from magray_sec.model.text import clean, shown_path

_AUDIT_TOML = os.path.join(".cargo", "audit.toml")
_INFORMATIONAL = frozenset({"unmaintained", "unsound", "notice"})
_UNKNOWN_YANKED = "couldn't check if the package is yanked"
_WAITING = "is locked, waiting"
"""Another audit reads the same database at the same time; both come to their end."""
_COMPLAINT = re.compile(r"(?:error|warning): (.+)")


class _Database(msgspec.Struct):
    advisories: int = msgspec.field(name="advisory-count")


class _LockFile(msgspec.Struct):
    packages: int = msgspec.field(name="dependency-count")


class _Settings(msgspec.Struct):
    target_arch: list[str]
    target_os: list[str]
    severity: str | None
    ignore: list[str]
    informational_warnings: list[str]


class _Vulnerabilities(msgspec.Struct):
    count: int
    hits: list[_rustsec.Hit] = msgspec.field(name="list")


class _Report(msgspec.Struct):
    database: _Database
    lockfile: _LockFile
    settings: _Settings
    vulnerabilities: _Vulnerabilities
    warnings: dict[str, list[_rustsec.Hit]]


def claims(inventory: Inventory) -> tuple[Claim, ...]:
    """Every Cargo.lock, and every Cargo.toml that none pins."""
    items = (*inventory.of(ItemKind.LOCKFILE, "cargo"), *inventory.of(ItemKind.MANIFEST, "cargo"))
    return tuple(Claim(domain=Domain.DEPENDENCIES, item=item.id) for item in items)


def commands(target: Target, claims: tuple[Claim, ...], context: ScanContext) -> tuple[Command | Gap, ...]:
    """For each lock file: the index brought up to date, and an audit. For each manifest: a lock file, and an audit."""
    inventory = context.inventory or Inventory()
    items = {item.id: item for item in inventory.items}
    paths = {file.path for file in inventory.files}
    made: list[Command | Gap] = []
    for claim in claims:
        item = items[claim.item]
        is_pinned = item.kind is ItemKind.LOCKFILE
        refusal = _cargo.refusal(item, context)
        if context.database is None:
            hint = "get one with `magray-sec db update`, or name one with --advisory-db"
            made.append(_gap(claim, item, "there is no advisory database to compare it with", hint))
            continue
        if refusal and not is_pinned:
            made.append(_gap(claim, item, f"it has no Cargo.lock, and none can be made: {refusal[0]}", refusal[1]))
            continue
        lock = os.path.join(target.root, item.name)
        manifests: tuple[str, ...] = ()
        unchecked = "the scan is offline" if context.offline else refusal[0] if refusal else ""
        if is_pinned and not unchecked and os.path.join(os.path.dirname(item.name), "Cargo.toml") not in paths:
            unchecked = "no Cargo.toml lies beside the lock file, so the index cannot be brought up to date"
        if not is_pinned:
            preparation, lock = _cargo.generate_lock(target, claim, item, context)
            manifests = _manifests(item, inventory)
            made.append(preparation)
        elif not unchecked:
            made.append(_cargo.refresh_index(target, claim, item, context))
        settings = dict.fromkeys(os.path.join(folder, _AUDIT_TOML) for folder in (os.path.dirname(item.name), ""))
        argv = ("{tool}", "audit", "--json", "--no-fetch", "--stale", "--db", context.database.path, "--file", lock)
        generated = "" if is_pinned else context.today.isoformat()
        made.append(
            Command(
                argv=(*argv, "--no-yanked") if unchecked else argv,
                environment={"CARGO_HOME": _cargo.home(context)},
                claims=(claim,),
                inputs=(lock, *(os.path.join(target.root, path) for path in (*settings, *manifests))),
                subject=item.name,
                facts={"root": target.root, "unchecked": unchecked, "generated": generated},
            )
        )
    return tuple(made)


def _gap(claim: Claim, item: Item, reason: str, hint: str) -> Gap:
    return Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, path=item.name, reason=reason, hint=hint)


def _manifests(item: Item, inventory: Inventory) -> tuple[str, ...]:
    """Every manifest that a generated lock file may have been made of: the item, its members, then any other."""
    members = filter(None, (item.fact("members") or "").split("\n"))
    known = (file.path for file in inventory.files if os.path.basename(file.path) == "Cargo.toml")
    return tuple(dict.fromkeys((item.name, *members, *known)))


def imported(target: Target, inventory: Inventory) -> Command:
    """A report made elsewhere is taken to be of the target's Cargo.lock where there is one, and held against it."""
    locks = inventory.of(ItemKind.LOCKFILE, "cargo")
    facts = {"root": target.root, "unchecked": "", "generated": "", "imported": "yes"}
    if len(locks) != 1:
        return Command(argv=(), facts=facts)
    claim = Claim(domain=Domain.DEPENDENCIES, item=locks[0].id)
    lock = os.path.join(target.root, locks[0].name)
    return Command(argv=(), claims=(claim,), inputs=(lock,), subject=locks[0].name, facts=facts)


def parse(raw: RawOutput) -> Iterator[Said]:
    """A sighting for each advisory and package. ParseError where the run compared nothing, or less than all."""
    report, notes = document(raw.stdout, _Report)
    _distrust(report)
    yield from notes
    yield Metric(name="packages", value=report.lockfile.packages)
    yield from _circumstances(raw)
    try:
        pins = _pins(raw, report)
    except ValueError as error:
        pins = None
        yield _note(raw, Level.WARNING, f"lines and paths of its packages are not known: {error}")
        for claim in raw.command.claims if raw.command.facts.get("imported") else ():
            yield Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, reason=f"it was not looked at: {error}")
    configured: list[AuditToml] = []
    for path, data in _declared(raw, "audit.toml"):
        try:
            configured.append(read_audit_toml(data, path=shown_path(path)))
        except ValueError as error:
            yield _note(raw, Level.NOTE, f"{shown_path(path)} is not one that cargo-audit would follow: {error}")
    hits = [*report.vulnerabilities.hits, *(hit for kind in sorted(report.warnings) for hit in report.warnings[kind])]
    seen: dict[tuple[str, ...], Sighting] = {}
    hidden: Counter[str] = Counter()
    for hit in hits:
        key = (hit.id, hit.package.name, hit.package.version, hit.package.source or "")
        if key in seen:
            continue
        rating = _rustsec.rate(hit)
        if rating.trouble:
            yield _note(raw, Level.WARNING, rating.trouble)
        score = rating.score if rating.source.startswith("cvss") else None
        hider = next(((file, why) for file in configured if (why := file.hides(hit, score))), None)
        hidden.update([hider[0].path] if hider else [])
        generated = bool(raw.command.facts.get("generated"))
        seen[key] = _rustsec.sighting(hit, rating, pins, generated=generated, hidden_by=hider[1] if hider else "")
        yield seen[key]
    for path, count in sorted(hidden.items()):
        yield _note(raw, Level.NOTE, f"{path} would have hidden {count} of the findings; it is not followed")
    lost = report.vulnerabilities.count - len(report.vulnerabilities.hits)
    yield Stated(findings=len(seen) + max(lost, 0))


def _distrust(report: _Report) -> None:
    """ParseError where a run that looks clean compared nothing with nothing, or was told to leave something out."""
    if report.database.advisories <= 0:
        raise ParseError("its advisory database holds no advisory")
    if report.lockfile.packages <= 0:
        raise ParseError("the lock file holds no package")
    settings = report.settings
    if settings.ignore or settings.severity is not None or settings.target_arch or settings.target_os:
        raise ParseError("its own settings leave advisories out")
    if not _INFORMATIONAL.issubset(settings.informational_warnings):
        raise ParseError("its own settings leave informational advisories out")


def _circumstances(raw: RawOutput) -> Iterator[Notification]:
    """What the run could not check, and what else it complained of."""
    facts = raw.command.facts
    if facts.get("generated"):
        text = (
            f"no Cargo.lock is committed; one was generated on {facts['generated']}, so that versions are that day's "
        )
        yield _note(raw, Level.NOTE, text + "newest, not those that were built")
    if facts.get("unchecked"):
        yield _note(raw, Level.NOTE, f"yanked versions were not checked: {facts['unchecked']}")
    lines = decode(raw.stderr).splitlines()
    unknown = sum(_UNKNOWN_YANKED in line for line in lines)
    if unknown:
        text = f"yanked versions were not checked for {unknown} packages: the index of crates.io holds nothing of them"
        yield _note(raw, Level.WARNING, text)
    lines = [line for line in lines if _UNKNOWN_YANKED not in line and _WAITING not in line]
    complaints = (match[1] for line in lines if (match := _COMPLAINT.match(line)))
    for complaint in dict.fromkeys(complaints):
        yield _note(raw, Level.WARNING, f"it complains: {clean(complaint, limit=300)}")


def _pins(raw: RawOutput, report: _Report) -> Pins | None:
    """The lock file as it was read; None for a report that was made elsewhere. ValueError where it is none."""
    if not raw.command.inputs:
        return None
    data = raw.input(raw.command.inputs[0])
    if data is None:
        raise ValueError("the lock file could not be read again")
    lock = read_lock(data)
    if len(lock.packages) != report.lockfile.packages:
        if raw.command.facts.get("imported"):
            raise ValueError("it is the report of another Cargo.lock than the target's")
        raise ParseError(f"it read {report.lockfile.packages} packages, the lock file holds {len(lock.packages)}")
    manifests = dict(_declared(raw, "Cargo.toml"))
    return Pins(lock=lock, path=raw.command.subject, manifests=manifests if raw.command.facts["generated"] else {})


def _declared(raw: RawOutput, name: str) -> Iterator[tuple[str, bytes]]:
    """The declared inputs of that file name that are there, by their paths relative to the target's root."""
    for path in raw.command.inputs:
        if os.path.basename(path) == name and (data := raw.input(path)) is not None:
            yield os.path.relpath(path, raw.command.facts["root"]).replace(os.sep, "/"), data


def _note(raw: RawOutput, level: Level, message: str) -> Notification:
    return Notification(level=level, message=message, path=raw.command.subject)


ADAPTER = Adapter(
    id="cargo-audit",
    title="Known flaws in Rust dependencies",
    domains=frozenset({Domain.DEPENDENCIES}),
    reads=_cargo.reads,
    claims=claims,
    needs=Capabilities(advisory_database=True),
    versions=">=0.22,<0.23",
    executable="cargo-audit",
    uses=("cargo",),
    install="pip install 'magray-sec[tools]', or: cargo install --locked cargo-audit",
    clean_exits=frozenset({0}),
    finding_exits=frozenset({1}),
    commands=commands,
    imported=imported,
    parse=parse,
)
